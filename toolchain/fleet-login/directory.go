package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	types "github.com/netauth/protocol"
	rpc "github.com/netauth/protocol/v2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// Person is what the directory says of somebody, checked: whatever fails the checks is no answer.
type Person struct {
	Name    string   `json:"name"`
	Number  int      `json:"number"`
	Primary string   `json:"primary,omitempty"`
	Shell   string   `json:"shell,omitempty"`
	Gecos   string   `json:"gecos,omitempty"`
	Keys    []string `json:"keys,omitempty"`
	Groups  []string `json:"groups,omitempty"`
	Locked  bool     `json:"locked,omitempty"`
	Removed bool     `json:"removed,omitempty"`
}

// errNoAnswer says that nothing was learnt: refused, silent, late, garbage, or not the server that it should be.
var errNoAnswer = errors.New("no answer from the directory")

func noAnswer(format string, words ...any) error {
	return fmt.Errorf("%w: %s", errNoAnswer, fmt.Sprintf(format, words...))
}

// Directory asks the NetAuth servers of a fleet. Every question goes to the first and, where that one takes its time,
// to the others too; the first one that answers decides.
type Directory struct {
	config  *Config
	service string
	links   []*grpc.ClientConn
}

func newDirectory(config *Config, service string) (*Directory, error) {
	roots, err := config.trust()
	if err != nil {
		return nil, noAnswer("%v", err)
	}
	found := &Directory{config: config, service: service}
	for _, server := range config.Servers {
		link, err := grpc.NewClient(
			"passthrough:///"+net.JoinHostPort(server.Name, strconv.Itoa(server.Port)),
			grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{
				ServerName: server.Name, RootCAs: roots, MinVersion: tls.VersionTLS12,
			})),
			grpc.WithContextDialer(dialer(server)),
			grpc.WithConnectParams(grpc.ConnectParams{
				Backoff:           backoff.Config{BaseDelay: 200 * time.Millisecond, Multiplier: 2, MaxDelay: 2 * time.Second},
				MinConnectTimeout: config.deadline(),
			}),
			// No proxy of whoever started us, no settings from a name server.
			grpc.WithNoProxy(), grpc.WithDisableServiceConfig(),
		)
		if err != nil {
			return nil, noAnswer("%v", err)
		}
		found.links = append(found.links, link)
	}
	return found, nil
}

// dialer tries a server's addresses at once: one that swallows packets must not use up the time of the others.
func dialer(server Server) func(context.Context, string) (net.Conn, error) {
	return func(ctx context.Context, _ string) (net.Conn, error) {
		ctx, cancel := context.WithCancel(ctx)
		type reached struct {
			link net.Conn
			err  error
		}
		answers := make(chan reached, len(server.Addresses))
		for _, address := range server.Addresses {
			go func() {
				link, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(address, strconv.Itoa(server.Port)))
				answers <- reached{link, err}
			}()
		}
		var last error
		for range server.Addresses {
			one := <-answers
			if one.err == nil {
				// The others stop at once. What one of them opened all the same ends with this process.
				cancel()
				return one.link, nil
			}
			last = one.err
		}
		cancel()
		return nil, last
	}
}

func (d *Directory) close() {
	for _, link := range d.links {
		link.Close()
	}
}

// ask puts one question to the servers. What they disagree about is decided by who answers first, so each answer must
// be one that an honest server gives: NotFound and Unauthenticated are, all other errors are none.
func ask[A any](ctx context.Context, d *Directory, question func(context.Context, rpc.NetAuth2Client) (A, error)) (A, error) {
	host, _ := os.Hostname()
	ctx, cancel := context.WithCancel(metadata.AppendToOutgoingContext(ctx, "client-name", host, "service-name", d.service))
	defer cancel()
	type answer struct {
		said A
		err  error
	}
	answers := make(chan answer, len(d.links))
	asked, waiting := 0, 0
	next := func() {
		link := d.links[asked]
		asked, waiting = asked+1, waiting+1
		go func() {
			said, err := question(ctx, rpc.NewNetAuth2Client(link))
			answers <- answer{said, err}
		}()
	}
	var nothing A
	next()
	patience := time.NewTicker(d.config.deadline() / time.Duration(2*len(d.links)))
	defer patience.Stop()
	last := error(nil)
	for waiting > 0 {
		select {
		case one := <-answers:
			waiting--
			switch status.Code(one.err) {
			case codes.OK, codes.NotFound, codes.Unauthenticated:
				return one.said, one.err
			}
			last = one.err
			if asked < len(d.links) {
				next()
			}
		case <-patience.C:
			if asked < len(d.links) {
				next()
			}
		}
	}
	return nothing, noAnswer("%s", status.Convert(last).Message())
}

// person asks for one person. A locked or unknown person is an answer, and no error.
func (d *Directory) person(ctx context.Context, who string) (Person, error) {
	request := &rpc.EntityRequest{Entity: &types.Entity{ID: &who}}
	type both struct {
		groups *rpc.ListOfGroups
		err    error
	}
	// Side by side: the second question costs no second round trip.
	others := make(chan both, 1)
	go func() {
		found, err := ask(ctx, d, func(ctx context.Context, to rpc.NetAuth2Client) (*rpc.ListOfGroups, error) {
			return to.EntityGroups(ctx, request)
		})
		others <- both{found, err}
	}()
	found, err := ask(ctx, d, func(ctx context.Context, to rpc.NetAuth2Client) (*rpc.ListOfEntities, error) {
		return to.EntityInfo(ctx, request)
	})
	if status.Code(err) == codes.NotFound {
		return Person{Name: who, Removed: true}, nil
	}
	if err != nil {
		return Person{}, unanswered(err)
	}
	if len(found.GetEntities()) != 1 || found.GetEntities()[0].GetID() != who {
		return Person{}, noAnswer("it speaks of somebody else")
	}
	said, err := d.read(found.GetEntities()[0])
	if err != nil || said.Locked {
		return said, err
	}
	groups := <-others
	if groups.err != nil {
		return Person{}, unanswered(groups.err)
	}
	for _, group := range groups.groups.GetGroups() {
		if !name.MatchString(group.GetName()) {
			return Person{}, noAnswer("a group is called %q", group.GetName())
		}
		said.Groups = append(said.Groups, group.GetName())
	}
	slices.Sort(said.Groups)
	return said, nil
}

// read checks what a server says of a person.
func (d *Directory) read(entity *types.Entity) (Person, error) {
	meta := entity.GetMeta()
	said := Person{
		Name:    entity.GetID(),
		Number:  int(entity.GetNumber()),
		Primary: meta.GetPrimaryGroup(),
		Shell:   meta.GetShell(),
		Gecos:   meta.GetDisplayName(),
		Locked:  meta.GetLocked(),
	}
	if !name.MatchString(said.Name) {
		return Person{}, noAnswer("somebody is called %q", said.Name)
	}
	if said.Primary != "" && !name.MatchString(said.Primary) {
		said.Primary = ""
	}
	for _, key := range meta.GetKeys() {
		if kind, text, typed := strings.Cut(key, ":"); typed && strings.EqualFold(kind, "ssh") {
			if line, ok := keyLine(text, said.Name); ok && !slices.Contains(said.Keys, line) {
				said.Keys = append(said.Keys, line)
			}
		}
	}
	slices.Sort(said.Keys)
	return said, nil
}

// members asks for everybody in a group. A group that does not exist has none.
func (d *Directory) members(ctx context.Context, group string) ([]Person, error) {
	request := &rpc.GroupRequest{Group: &types.Group{Name: &group}}
	found, err := ask(ctx, d, func(ctx context.Context, to rpc.NetAuth2Client) (*rpc.ListOfEntities, error) {
		return to.GroupMembers(ctx, request)
	})
	if status.Code(err) == codes.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, unanswered(err)
	}
	people := make([]Person, 0, len(found.GetEntities()))
	for _, entity := range found.GetEntities() {
		said, err := d.read(entity)
		if err != nil {
			return nil, err
		}
		people = append(people, said)
	}
	return people, nil
}

// number asks for a group's number; 0: there is no such group.
func (d *Directory) number(ctx context.Context, group string) (int, error) {
	request := &rpc.GroupRequest{Group: &types.Group{Name: &group}}
	found, err := ask(ctx, d, func(ctx context.Context, to rpc.NetAuth2Client) (*rpc.ListOfGroups, error) {
		return to.GroupInfo(ctx, request)
	})
	if status.Code(err) == codes.NotFound {
		return 0, nil
	}
	if err != nil {
		return 0, unanswered(err)
	}
	if len(found.GetGroups()) != 1 || found.GetGroups()[0].GetName() != group {
		return 0, noAnswer("it speaks of another group than %s", group)
	}
	return int(found.GetGroups()[0].GetNumber()), nil
}

// right says whether a password is somebody's. False is an answer: no error.
func (d *Directory) right(ctx context.Context, who, password string) (bool, error) {
	request := &rpc.AuthRequest{Entity: &types.Entity{ID: &who}, Secret: &password}
	_, err := ask(ctx, d, func(ctx context.Context, to rpc.NetAuth2Client) (*rpc.Empty, error) {
		return to.AuthEntity(ctx, request)
	})
	switch status.Code(err) {
	case codes.OK:
		return true, nil
	case codes.Unauthenticated:
		return false, nil
	}
	return false, unanswered(err)
}

// unanswered makes any error one that says that nothing was learnt.
func unanswered(err error) error {
	if errors.Is(err, errNoAnswer) {
		return err
	}
	return noAnswer("%s", status.Convert(err).Message())
}
