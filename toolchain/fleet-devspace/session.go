package main

import (
	"errors"
	"fmt"
	"io"
	"log"
	"sync"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// Session is one connection of one person.
type Session struct {
	server      *Server
	connection  *ssh.ServerConn
	who         string
	wire        string
	from        string
	fingerprint string
	// heard is when the directory last said that they may come in; only the watch writes it.
	heard time.Time

	once sync.Once
	why  string
}

// channelsAtMost is for a client that copies several things over one connection.
const channelsAtMost = 4

// cut ends the connection, in the middle of whatever it does.
func (s *Session) cut(why string) {
	s.once.Do(func() {
		s.why = why
		s.server.counts.add(`devspace_cut_total`, 1)
		s.say("cut", fmt.Sprintf(" why=%q", why))
	})
	s.connection.Close()
}

// say writes a line for the log: who, with which key, from where, and what.
func (s *Session) say(what, more string) {
	log.Printf("%s person=%s key=%s from=%s%s", what, s.who, s.fingerprint, s.from, more)
}

// serve answers the connection's channels until it ends. Of all that the protocol can ask for, one thing is granted.
func (s *Session) serve(channels <-chan ssh.NewChannel, requests <-chan *ssh.Request) {
	s.server.join(s)
	defer s.server.part(s)
	s.say("login", "")
	s.server.counts.add("devspace_logins_total", 1)
	began := time.Now()
	go s.refuseAll(requests)
	ended := make(chan struct{})
	go s.keepAlive(ended)
	defer close(ended)

	// Whoever holds a connection and asks for nothing has no reason to be here.
	idle := time.AfterFunc(seconds(s.server.config.GraceSeconds), func() { s.connection.Close() })
	defer idle.Stop()
	var open sync.WaitGroup
	slots := make(chan struct{}, channelsAtMost)
	for asked := range channels {
		if asked.ChannelType() != "session" {
			s.refused("channel", asked.ChannelType())
			_ = asked.Reject(ssh.Prohibited, "devspace forwards nothing")
			continue
		}
		select {
		case slots <- struct{}{}:
		default:
			s.refused("channels", "session")
			_ = asked.Reject(ssh.ResourceShortage, "too many channels")
			continue
		}
		channel, within, err := asked.Accept()
		if err != nil {
			break
		}
		open.Go(func() {
			defer func() { <-slots }()
			s.channel(channel, within, idle)
		})
	}
	s.connection.Close()
	open.Wait()
	s.say("logout", fmt.Sprintf(" seconds=%.0f", time.Since(began).Seconds()))
}

func (s *Session) refused(what, kind string) {
	s.server.counts.refused(what, s.from, s.who, fmt.Sprintf(" key=%s asked=%.60q", s.fingerprint, kind))
}

// refuseAll answers requests to the connection: to listen for the client, on a port or a socket, and whatever else.
func (s *Session) refuseAll(requests <-chan *ssh.Request) {
	for request := range requests {
		switch request.Type {
		case "keepalive@openssh.com", "no-more-sessions@openssh.com", "hostkeys-prove-00@openssh.com":
		default:
			s.refused("request", request.Type)
		}
		if request.WantReply {
			_ = request.Reply(false, nil)
		}
	}
}

// keepAlive notices a client that went silent: nothing else tells it from one that has nothing to say.
func (s *Session) keepAlive(ended <-chan struct{}) {
	every := seconds(s.server.config.KeepaliveSeconds)
	for {
		select {
		case <-ended:
			return
		case <-time.After(every):
		}
		answered := make(chan struct{})
		go func() {
			_, _, _ = s.connection.SendRequest("keepalive@openssh.com", true, nil)
			close(answered)
		}()
		select {
		case <-ended:
			return
		case <-answered:
		case <-time.After(2 * every):
			s.cut("silent")
			return
		}
	}
}

// channel grants the subsystem sftp, once, and refuses the rest. A client that only hears "no" ends by itself.
func (s *Session) channel(channel ssh.Channel, requests <-chan *ssh.Request, idle *time.Timer) {
	defer channel.Close()
	var serving sync.WaitGroup
	started := false
	for request := range requests {
		granted := false
		if request.Type == "subsystem" && !started {
			var asked struct{ Name string }
			granted = ssh.Unmarshal(request.Payload, &asked) == nil && asked.Name == "sftp"
		}
		if !granted {
			s.refusal(channel, request)
			continue
		}
		started = true
		idle.Stop()
		if request.WantReply {
			_ = request.Reply(true, nil)
		}
		serving.Go(func() {
			s.sftp(channel)
			channel.Close()
		})
	}
	serving.Wait()
}

// refusal says no, and to a person at a terminal in words: ssh shows what comes on the channel's second stream.
func (s *Session) refusal(channel ssh.Channel, request *ssh.Request) {
	switch request.Type {
	case "env", "eow@openssh.com", "window-change", "signal":
		// Sent unasked by every client; no harm, and no answer.
	default:
		s.refused("request", request.Type)
	}
	if request.Type == "shell" || request.Type == "exec" {
		fmt.Fprint(channel.Stderr(), "devspace: files by SFTP alone, no shell and no commands: use sftp, scp or sshfs\r\n")
	}
	if request.WantReply {
		_ = request.Reply(false, nil)
	}
}

// sftp serves one channel's files.
func (s *Session) sftp(channel ssh.Channel) {
	home, err := s.server.store.open(s)
	if err != nil {
		fmt.Fprintf(channel.Stderr(), "devspace: your home cannot be opened: %v\r\n", err)
		s.say("failed", fmt.Sprintf(" error=%q", err))
		s.exit(channel, 1)
		return
	}
	defer home.close()
	stop := home.hear(channel.Stderr())
	defer stop()
	handlers := sftp.Handlers{FileGet: home, FilePut: home, FileCmd: home, FileList: home}
	server := sftp.NewRequestServer(channel, handlers, sftp.WithRSMaxTxPacket(1<<17))
	// Serve leaves the channel open: scp counts a copy as failed where no exit status came before the end.
	err = server.Serve()
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		s.say("ended", fmt.Sprintf(" error=%q", err))
		s.exit(channel, 1)
		return
	}
	s.exit(channel, 0)
}

func (s *Session) exit(channel ssh.Channel, code uint32) {
	_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Code uint32 }{code}))
}
