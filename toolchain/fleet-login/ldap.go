package main

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/jimlambrt/gldap"
)

// The bridge serves those who speak only LDAP. A person is uid=NAME,ou=entities,BASE; `memberOf` names their groups as
// cn=GROUP,ou=groups,BASE. Only a password opens it, and then one sees people one by one. It keeps nothing: who asks
// here hands out sessions, and each of those needs an answer of this moment.
type bridge struct {
	config    *Config
	people    *regexp.Regexp
	suffix    string
	groups    string
	directory *Directory
	bound     *bindings
}

// filtered is the one question that is answered: who has this name, perhaps among other conditions that all must hold.
var filtered = regexp.MustCompile(`\((?i:uid)=([a-z_][a-z0-9_-]{0,31})\)`)

func runLDAP(ctx context.Context, config *Config, _ []string) error {
	if config.LDAP == nil {
		return errors.New("ldap: this host serves none")
	}
	return serveLDAP(ctx, config)
}

func newBridge(config *Config, directory *Directory) *bridge {
	suffix := "ou=entities," + config.LDAP.Base
	return &bridge{
		config:    config,
		people:    regexp.MustCompile(`^(?i:uid)=([a-z_][a-z0-9_-]{0,31}),(?i:` + regexp.QuoteMeta(suffix) + `)$`),
		suffix:    suffix,
		groups:    "ou=groups," + config.LDAP.Base,
		directory: directory,
		bound:     &bindings{names: map[int]string{}},
	}
}

// serveLDAP answers until the context ends.
func serveLDAP(ctx context.Context, config *Config) error {
	host, _, err := net.SplitHostPort(config.LDAP.Listen)
	if err != nil {
		return err
	}
	if address := net.ParseIP(host); config.LDAP.Certificate == "" && (address == nil || !address.IsLoopback()) {
		return errors.New("ldap: passwords would cross a network in the clear: give a certificate and a key, or listen on loopback")
	}
	directory, err := newDirectory(config, "ldap")
	if err != nil {
		return err
	}
	defer directory.close()
	it := newBridge(config, directory)
	server, err := gldap.NewServer(
		gldap.WithLogger(hclog.NewNullLogger()), gldap.WithReadTimeout(5*time.Minute), gldap.WithWriteTimeout(30*time.Second),
		gldap.WithOnClose(it.bound.forget),
	)
	if err != nil {
		return err
	}
	routes, err := gldap.NewMux()
	if err != nil {
		return err
	}
	if err := errors.Join(routes.Bind(it.bind), routes.Search(it.search), routes.DefaultRoute(it.other)); err != nil {
		return err
	}
	if err := server.Router(routes); err != nil {
		return err
	}
	options := []gldap.Option{}
	if config.LDAP.Certificate != "" {
		pair, err := tls.LoadX509KeyPair(config.LDAP.Certificate, config.LDAP.Key)
		if err != nil {
			return err
		}
		options = append(options, gldap.WithTLSConfig(&tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}))
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Run(config.LDAP.Listen, options...) }()
	say("ldap: %s on %s", it.suffix, config.LDAP.Listen)
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return server.Stop()
	}
}

func (b *bridge) asked() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), 2*b.config.deadline())
}

// bind takes a person's own password. An empty one would be what LDAP calls an unauthenticated bind, which many clients
// take for a login.
func (b *bridge) bind(to *gldap.ResponseWriter, request *gldap.Request) {
	answer := request.NewBindResponse(gldap.WithResponseCode(gldap.ResultInvalidCredentials))
	defer func() { _ = to.Write(answer) }()
	b.bound.forget(request.ConnectionID())
	message, err := request.GetSimpleBindMessage()
	if err != nil {
		answer.SetResultCode(gldap.ResultAuthMethodNotSupported)
		return
	}
	found := b.people.FindStringSubmatch(message.UserName)
	if found == nil || message.Password == "" {
		return
	}
	ctx, cancel := b.asked()
	defer cancel()
	right, err := b.directory.right(ctx, found[1], string(message.Password))
	if err != nil {
		say("ldap: bind of %s: %v", found[1], err)
		answer.SetResultCode(gldap.ResultUnavailable)
		return
	}
	say("ldap: bind of %s: %t", found[1], right)
	if right {
		b.bound.remember(request.ConnectionID(), found[1])
		answer.SetResultCode(gldap.ResultSuccess)
	}
}

// search finds one person, with their groups.
func (b *bridge) search(to *gldap.ResponseWriter, request *gldap.Request) {
	done := request.NewSearchDoneResponse(gldap.WithResponseCode(gldap.ResultSuccess))
	defer func() { _ = to.Write(done) }()
	message, err := request.GetSearchMessage()
	if err != nil {
		done.SetResultCode(gldap.ResultProtocolError)
		return
	}
	if !b.bound.known(request.ConnectionID()) {
		done.SetResultCode(gldap.ResultInsufficientAccessRights)
		return
	}
	who := b.meant(message)
	if who == "" {
		return
	}
	ctx, cancel := b.asked()
	defer cancel()
	person, err := b.directory.person(ctx, who)
	if err != nil {
		say("ldap: search of %s: %v", who, err)
		done.SetResultCode(gldap.ResultUnavailable)
		return
	}
	if person.Removed || person.Locked {
		return
	}
	entry := request.NewSearchResponseEntry("uid=" + who + "," + b.suffix)
	for _, one := range b.attributes(person) {
		if wanted(message.Attributes, one.name) {
			entry.AddAttribute(one.name, one.values)
		}
	}
	_ = to.Write(entry)
}

// meant is the one person that a search can be about.
func (b *bridge) meant(message *gldap.SearchMessage) string {
	if found := b.people.FindStringSubmatch(message.BaseDN); found != nil {
		return found[1]
	}
	base := strings.ToLower(message.BaseDN)
	if base != strings.ToLower(b.suffix) && (base != strings.ToLower(b.config.LDAP.Base) || message.Scope != gldap.WholeSubtree) {
		return ""
	}
	// Only conditions that all must hold: an alternative or a negation may mean anybody.
	if strings.ContainsAny(message.Filter, "|!") {
		return ""
	}
	found := filtered.FindAllStringSubmatch(message.Filter, -1)
	if len(found) != 1 {
		return ""
	}
	return found[0][1]
}

type attribute struct {
	name   string
	values []string
}

func (b *bridge) attributes(person Person) []attribute {
	groups := make([]string, 0, len(person.Groups))
	for _, group := range person.Groups {
		groups = append(groups, "cn="+group+","+b.groups)
	}
	shown := person.Gecos
	if shown == "" {
		shown = person.Name
	}
	found := []attribute{
		{"objectClass", []string{"top", "person", "posixAccount"}},
		{"uid", []string{person.Name}},
		{"cn", []string{shown}},
		{"sn", []string{person.Name}},
		{"uidNumber", []string{strconv.Itoa(person.Number)}},
	}
	if len(groups) > 0 {
		found = append(found, attribute{"memberOf", groups})
	}
	return found
}

func wanted(names []string, one string) bool {
	return len(names) == 0 || slices.ContainsFunc(names, func(name string) bool { return name == "*" || strings.EqualFold(name, one) })
}

func (b *bridge) other(to *gldap.ResponseWriter, request *gldap.Request) {
	_ = to.Write(request.NewResponse(gldap.WithResponseCode(gldap.ResultUnwillingToPerform)))
}
