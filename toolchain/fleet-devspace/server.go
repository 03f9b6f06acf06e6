package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/netip"
	"os"
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

// run answers until it is told to end, and lets whoever is in finish if another process answers from then on.
func (s *Server) run(ctx context.Context) error {
	listener, err := listen(ctx, s.config.Listen)
	if err != nil {
		return err
	}
	web := &http.Server{Addr: s.config.HTTP, Handler: s.web(), ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 2)
	accepted := make(chan struct{})
	go func() { failed <- web.ListenAndServe() }()
	go func() {
		defer close(accepted)
		if err := s.accept(listener); err != nil {
			failed <- err
		}
	}()
	// Whoever may no longer come in is cut while the others finish, too.
	watching, end := context.WithCancel(context.Background())
	defer end()
	go s.watch(watching)
	go s.store.buryAgain(watching)
	log.Printf("answers on %s, files in %s", listener.Addr(), s.config.Data)
	select {
	case <-ctx.Done():
		stopped(listener)
		<-accepted
		s.drain(listener)
	case err = <-failed:
		listener.Close()
	}
	for _, session := range s.sessions() {
		session.cut("the server ends")
	}
	s.ended.Wait()
	web.Close()
	s.store.close()
	return err
}

// drain stops listening and waits for whoever is in, up to the limit. If no other process answers it does not wait:
// nobody could come in until it is gone. The connections that wait at the port are taken first, as they are nobody else's.
func (s *Server) drain(listener *net.TCPListener) {
	if !s.store.retire() {
		listener.Close()
		return
	}
	s.counts.add("devspace_draining", 1)
	for {
		raw, err := waiting(listener)
		if raw == nil {
			if err != nil {
				log.Printf("connections that wait: %v", err)
			}
			break
		}
		s.welcome(raw)
	}
	listener.Close()
	log.Printf("another process answers; whoever is in has %v s to finish", s.config.DrainSeconds)
	ended := make(chan struct{})
	go func() {
		s.ended.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(seconds(s.config.DrainSeconds)):
	}
}

// accept takes connections until it is stopped.
func (s *Server) accept(listener net.Listener) error {
	for {
		raw, err := listener.Accept()
		switch {
		case err == nil:
			s.welcome(raw)
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		default:
			// Out of descriptors, or a client that went away at once: neither ends the server.
			time.Sleep(50 * time.Millisecond)
		}
	}
}

// welcome serves a connection, or turns it away where there are too many.
func (s *Server) welcome(raw net.Conn) {
	from := place(raw.RemoteAddr())
	if reason := s.doors.enter(from); reason != "" {
		s.counts.refused(reason, raw.RemoteAddr().String(), "", "")
		raw.Close()
		return
	}
	s.ended.Add(1)
	go func() {
		defer s.ended.Done()
		s.greet(raw, from)
	}()
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
