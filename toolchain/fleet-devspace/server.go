package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// Server is the running program.
type Server struct {
	config *Config
	ssh    *ssh.ServerConfig
	lookup *Lookup
	doors  *Doors
	counts *Counts
	store  *Store
	front  string

	mu     sync.Mutex
	people map[*Session]bool
	ended  sync.WaitGroup
}

// errNoKey is all that a client hears of why a key opens nothing.
var errNoKey = errors.New("this key opens nothing here")

// theKey is where a connection's permissions hold the key that was proved.
const theKey = "key"

func newServer(config *Config, keys []ssh.Signer) (*Server, error) {
	// Without hard links, which the library would offer.
	if err := sftp.SetSFTPExtensions("posix-rename@openssh.com", "statvfs@openssh.com"); err != nil {
		return nil, err
	}
	store, err := openStore(config)
	if err != nil {
		return nil, err
	}
	s := &Server{
		config: config, lookup: newLookup(config.Login), doors: newDoors(config.Limits), counts: new(Counts),
		store: store, people: map[*Session]bool{}, front: front(keys),
	}
	s.ssh = &ssh.ServerConfig{
		Config:                  ssh.Config{Ciphers: ciphers, KeyExchanges: keyExchanges, MACs: macs},
		PublicKeyAuthAlgorithms: keyKinds,
		MaxAuthTries:            6,
		PublicKeyCallback:       s.mayComeIn,
		ServerVersion:           "SSH-2.0-devspace",
	}
	for _, key := range keys {
		s.ssh.AddHostKey(key)
	}
	return s, nil
}

// mayComeIn says whether a key is among those of the person that the client names.
func (s *Server) mayComeIn(meta ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
	if !good(key) {
		return nil, errNoKey
	}
	ctx, cancel := context.WithTimeout(context.Background(), seconds(s.config.GraceSeconds))
	defer cancel()
	keys, err := s.lookup.keys(ctx, meta.User(), seconds(s.config.Login.FreshSeconds))
	if err != nil {
		s.counts.refused("lookup", meta.RemoteAddr().String(), meta.User(), fmt.Sprintf(" error=%q", err))
		return nil, errNoKey
	}
	wire := string(key.Marshal())
	if !keys[wire] {
		return nil, errNoKey
	}
	return &ssh.Permissions{Extensions: map[string]string{theKey: wire}}, nil
}

// run answers until it is told to end, then cuts whoever is in. What they had not closed is not kept.
func (s *Server) run(ctx context.Context) error {
	listener, err := net.Listen("tcp", s.config.Listen)
	if err != nil {
		return err
	}
	web := &http.Server{Addr: s.config.HTTP, Handler: s.web(), ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 2)
	go func() { failed <- web.ListenAndServe() }()
	go func() { failed <- s.accept(listener) }()
	go s.watch(ctx)
	go s.store.sweepAgain(ctx)
	log.Printf("answers on %s, files in %s", listener.Addr(), s.config.Data)
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	listener.Close()
	web.Close()
	for _, session := range s.sessions() {
		session.cut("the server ends")
	}
	s.ended.Wait()
	s.store.close()
	return err
}

func (s *Server) accept(listener net.Listener) error {
	for {
		raw, err := listener.Accept()
		if err != nil {
			// Out of descriptors, or a client that went away at once: neither ends the server.
			if errors.Is(err, net.ErrClosed) {
				return err
			}
			time.Sleep(50 * time.Millisecond)
			continue
		}
		from := place(raw.RemoteAddr())
		if reason := s.doors.enter(from); reason != "" {
			s.counts.refused(reason, raw.RemoteAddr().String(), "", "")
			raw.Close()
			continue
		}
		s.ended.Add(1)
		go func() {
			defer s.ended.Done()
			s.greet(raw, from)
		}()
	}
}

// greet logs somebody in within the grace, and serves them until they go or are cut.
func (s *Server) greet(raw net.Conn, from netip.Prefix) {
	who := ""
	defer func() { s.doors.leave(from, who) }()
	defer raw.Close()
	at := raw.RemoteAddr().String()
	_ = raw.SetDeadline(time.Now().Add(seconds(s.config.GraceSeconds)))
	connection, channels, requests, err := ssh.NewServerConn(raw, s.ssh)
	if err != nil {
		s.failed(at, err)
		return
	}
	_ = raw.SetDeadline(time.Time{})
	wire := connection.Permissions.Extensions[theKey]
	key, err := ssh.ParsePublicKey([]byte(wire))
	if err != nil {
		return
	}
	person := connection.User()
	if !s.doors.admit(person) {
		s.counts.refused("per_person", at, person, "")
		return
	}
	who = person
	session := &Session{
		server: s, connection: connection, who: who, wire: wire, from: at,
		fingerprint: ssh.FingerprintSHA256(key), heard: time.Now(),
	}
	session.serve(channels, requests)
}

// failed says why nobody came in by a connection. Who only looks whether the port answers is no refusal.
func (s *Server) failed(at string, err error) {
	var auth *ssh.ServerAuthError
	if errors.As(err, &auth) {
		s.counts.refused("no_key", at, "", fmt.Sprintf(" tries=%d", len(auth.Errors)))
		return
	}
	var slow net.Error
	if errors.As(err, &slow) && slow.Timeout() {
		s.counts.refused("grace", at, "", "")
		return
	}
	s.counts.add(`devspace_handshakes_failed_total`, 1)
}

// join makes a session one that is watched.
func (s *Server) join(session *Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.people[session] = true
}

func (s *Server) part(session *Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.people, session)
}

func (s *Server) sessions() []*Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []*Session
	for session := range s.people {
		found = append(found, session)
	}
	return found
}
