// Package serve answers readers by HTTP from a tree of pages, and follows its changes.
package serve

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sort"
	"time"

	"github.com/valyala/fasthttp"

	"fleet.internal/toolchain/fleet-man/tree"
)

// Main is the command. It ends when the context does, after the requests that are being answered.
func Main(ctx context.Context, words []string) error {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	folder := flags.String("tree", "", "folder with the tree of pages")
	listen := flags.String("listen", "", "address and port")
	cache := flags.Int64("cache-mb", 64, "memory for finished answers, in MB")
	poll := flags.Duration("poll", 2*time.Second, "how often to look whether the tree has changed")
	if err := flags.Parse(words); err != nil {
		return err
	}
	if *folder == "" || *listen == "" || flags.NArg() > 0 || *cache < 1 || *poll < 10*time.Millisecond {
		return errors.New("usage: fleet-man serve --tree DIR --listen ADDRESS:PORT [--cache-mb N] [--poll DURATION]")
	}
	it := &server{store: tree.Store{Folder: *folder}, cache: *cache << 20, now: time.Now}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	it.follow("")
	go it.keep(ctx, *poll)
	web := it.web()
	ended := make(chan error, 1)
	go func() { ended <- web.Serve(listener) }()
	say("answers at %s", listener.Addr())
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	closing, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	return web.ShutdownWithContext(closing)
}

// web is the HTTP server, with a bound for all that a client can send or take its time with.
func (s *server) web() *fasthttp.Server {
	return &fasthttp.Server{
		Handler: s.handle, Name: "", NoDefaultServerHeader: true, NoDefaultContentType: true,
		ReadTimeout: 15 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 75 * time.Second,
		ReadBufferSize: 16 << 10, MaxRequestBodySize: 1 << 10, Concurrency: 20_000, DisablePreParseMultipartForm: true,
		CloseOnShutdown: true, LogAllErrors: false, Logger: silent{},
	}
}

// silent says nothing of clients that go away or speak no HTTP.
type silent struct{}

func (silent) Printf(string, ...any) {}

// keep looks again and again whether the tree has changed.
func (s *server) keep(ctx context.Context, every time.Duration) {
	ticks := time.NewTicker(every)
	defer ticks.Stop()
	said := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
			said = s.follow(said)
		}
	}
}

// follow takes up the tree as it is now, if it is another one and whole. It returns what was said of it, which is not
// said again.
func (s *server) follow(said string) string {
	pointer, err := s.store.ReadPointer()
	now := s.state.Load()
	if err == nil && now != nil && now.site.pointer == pointer {
		return ""
	}
	if err == nil && now != nil && now.site.pointer.Index == pointer.Index {
		// The same pages, known to be true at a later time.
		same := *now.site
		same.pointer = pointer
		s.state.Store(&state{&same, now.shelf})
		return ""
	}
	if err == nil {
		err = s.take(pointer)
	}
	if err == nil {
		return ""
	}
	if now == nil {
		s.older(pointer.Index)
	}
	if text := err.Error(); text != said {
		say("the tree is not taken up: %s", text)
		return text
	}
	return said
}

// take makes an index the one that answers. A mirror may have the pointer before the pages.
func (s *server) take(pointer tree.Pointer) error {
	index, err := s.store.ReadIndex(pointer.Index)
	if err != nil {
		return err
	}
	if missing := s.store.Missing(index); missing != "" {
		return fmt.Errorf("%s: %w, such as %s", pointer.Index, errIncomplete, missing)
	}
	made := newSite(s.store, index, pointer)
	s.state.Store(&state{made, newShelf(s.cache)})
	say("%d pages of %d packages, as of %s", made.numberOfPages, made.numberOfPackages, time.Unix(pointer.At, 0).UTC().Format(time.RFC3339))
	return nil
}

// older takes up the newest index before the one that counts: after a start in the middle of a pull.
func (s *server) older(but string) {
	type old struct {
		name string
		at   time.Time
	}
	found := []old{}
	for _, name := range s.store.Indexes() {
		if info, err := os.Stat(filepath.Join(s.store.Folder, name)); err == nil && name != but {
			found = append(found, old{name, info.ModTime()})
		}
	}
	sort.Slice(found, func(i, j int) bool { return found[i].at.After(found[j].at) })
	for _, it := range found {
		if s.take(tree.Pointer{Index: it.name, At: it.at.Unix()}) == nil {
			return
		}
	}
}

func say(format string, words ...any) {
	fmt.Fprintf(os.Stderr, "fleet-man: "+format+"\n", words...)
}
