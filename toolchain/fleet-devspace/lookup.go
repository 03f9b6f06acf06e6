package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"os/exec"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// Lookup asks who may come in with which keys. It knows nobody by itself: each answer is that of a child process.
type Lookup struct {
	login Login
	slots chan struct{}

	mu    sync.Mutex
	fresh map[string]*answer
}

// answer is one person's keys, by their wire form; none for whoever may not come in.
type answer struct {
	keys map[string]bool
	err  error
	// done is closed when the question is answered; whoever asks meanwhile waits for the same answer.
	done  chan struct{}
	asked time.Time
}

// rememberedAtMost bounds what names that somebody made up can make us hold.
const rememberedAtMost = 512

// saidAtMost bounds what is read of a child.
const saidAtMost = 1 << 20

var errBusy = errors.New("too many look-ups at once")

func newLookup(login Login) *Lookup {
	return &Lookup{login: login, slots: make(chan struct{}, login.AtOnce), fresh: map[string]*answer{}}
}

// keys returns somebody's keys. `since` is how old an answer may be; one that failed is never given twice.
func (l *Lookup) keys(ctx context.Context, who string, since time.Duration) (map[string]bool, error) {
	if !name.MatchString(who) {
		return nil, nil
	}
	began := time.Now()
	l.mu.Lock()
	found := l.fresh[who]
	if found == nil || !found.usable(began, since) {
		l.sweep(began)
		if len(l.fresh) >= rememberedAtMost {
			l.mu.Unlock()
			return nil, errBusy
		}
		found = &answer{done: make(chan struct{}), asked: began}
		l.fresh[who] = found
		go l.ask(who, found)
	}
	l.mu.Unlock()
	select {
	case <-found.done:
		return found.keys, found.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (a *answer) usable(at time.Time, since time.Duration) bool {
	select {
	case <-a.done:
		return a.err == nil && at.Sub(a.asked) <= since
	default:
		// Still being asked: its question is older than `since` only by what it takes.
		return at.Sub(a.asked) <= since
	}
}

// sweep forgets what no login would take any more.
func (l *Lookup) sweep(at time.Time) {
	for who, it := range l.fresh {
		select {
		case <-it.done:
			if at.Sub(it.asked) > seconds(l.login.FreshSeconds) {
				delete(l.fresh, who)
			}
		default:
		}
	}
}

// ask runs the child within the deadline. An answer that fails opens nothing.
func (l *Lookup) ask(who string, into *answer) {
	ctx, cancel := context.WithTimeout(context.Background(), seconds(l.login.DeadlineSeconds))
	defer cancel()
	defer close(into.done)
	select {
	case l.slots <- struct{}{}:
		defer func() { <-l.slots }()
	case <-ctx.Done():
		into.err = errBusy
		return
	}
	// Nothing of this process' environment is the child's business.
	words := append(append([]string{}, l.login.Command[1:]...), who)
	child := exec.CommandContext(ctx, l.login.Command[0], words...)
	child.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8"}
	child.WaitDelay = time.Second
	var said, complained limited
	child.Stdout, child.Stderr = &said, &complained
	err := child.Run()
	for line := range strings.Lines(complained.String()) {
		log.Printf("look-up: %s", strings.TrimSpace(line))
	}
	if ctx.Err() != nil {
		err = fmt.Errorf("no answer within %v s", l.login.DeadlineSeconds)
	}
	if err == nil && said.over {
		err = errors.New("an answer without end")
	}
	if err != nil {
		into.err = fmt.Errorf("look-up: %w", err)
		return
	}
	into.keys = keysOf(said.Bytes())
}

// keysOf reads lines as sshd takes them. A key with options (a command, an address) is left out: it is meant for
// something narrower, which this program would not hold to. So are certificates, and RSA keys that are too short.
func keysOf(text []byte) map[string]bool {
	found := map[string]bool{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		key, _, options, _, err := ssh.ParseAuthorizedKey(lines.Bytes())
		if err != nil || len(options) > 0 {
			continue
		}
		if good(key) {
			found[string(key.Marshal())] = true
		}
	}
	return found
}

// limited keeps the first part of what is written, and knows that there was more.
type limited struct {
	bytes.Buffer
	over bool
}

func (l *limited) Write(part []byte) (int, error) {
	if room := saidAtMost - l.Len(); len(part) > room {
		l.over = true
		l.Buffer.Write(part[:max(room, 0)])
	} else {
		l.Buffer.Write(part)
	}
	return len(part), nil
}
