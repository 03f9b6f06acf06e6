package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The folders below `data`. Only `public` is given to a web server. What is being uploaded lies in `incoming`, of the
// same file system and of no listing, so that putting it in place is one rename.
const (
	homeFolder     = "home"
	publicFolder   = "public"
	incomingFolder = "incoming"
	lockName       = ".lock"
	probeName      = ".well"
)

// leftAfter is how old something in `incoming` must be that no upload knows before it is removed.
const leftAfter = time.Hour

// Store is everybody's files.
type Store struct {
	config *Config
	root   *os.Root
	lock   *os.File

	mu      sync.Mutex
	people  map[string]*Person
	uploads map[string]bool // names in `incoming` that somebody is writing
}

// openStore takes the folder, alone, and removes what an earlier run left half written.
func openStore(config *Config) (*Store, error) {
	root, err := os.OpenRoot(config.Data)
	if err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	s := &Store{config: config, root: root, people: map[string]*Person{}, uploads: map[string]bool{}}
	if err := s.prepare(); err != nil {
		s.close()
		return nil, fmt.Errorf("data: %s: %w", config.Data, err)
	}
	return s, nil
}

func (s *Store) prepare() error {
	lock, err := s.root.OpenFile(lockName, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("%w; the folder must belong to the account that runs this", err)
	}
	s.lock = lock
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return errors.New("another fleet-devspace uses it: quotas are counted in one process, so end that one first")
	}
	var device uint64
	for folder, mode := range map[string]os.FileMode{homeFolder: 0o700, publicFolder: 0o755, incomingFolder: 0o700} {
		inner, err := ensure(s.root, folder, mode)
		if err != nil {
			return err
		}
		about, err := inner.Stat(".")
		inner.Close()
		if err != nil {
			return err
		}
		its := uint64(about.Sys().(*syscall.Stat_t).Dev)
		if device != 0 && its != device {
			return errors.New("home, public and incoming are not on one file system: a file could not be put in place at once")
		}
		device = its
	}
	left, err := s.sweep(0)
	if err != nil {
		return err
	}
	if left > 0 {
		log.Printf("removed %d uploads that were never finished", left)
	}
	return s.countEverybody()
}

// ensure makes a folder with exactly this mode and opens it. A link in its place is refused.
func ensure(root *os.Root, folder string, mode os.FileMode) (*os.Root, error) {
	if err := root.Mkdir(folder, mode); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	about, err := root.Lstat(folder)
	if err != nil {
		return nil, err
	}
	if !about.IsDir() {
		return nil, fmt.Errorf("%s is no folder", folder)
	}
	if about.Mode().Perm() != mode {
		if err := root.Chmod(folder, mode); err != nil {
			return nil, err
		}
	}
	return root.OpenRoot(folder)
}

func (s *Store) close() {
	if s.lock != nil {
		s.lock.Close()
	}
	s.root.Close()
}

// sweep removes what nobody is writing and is older than that.
func (s *Store) sweep(older time.Duration) (int, error) {
	incoming, err := s.root.OpenRoot(incomingFolder)
	if err != nil {
		return 0, err
	}
	defer incoming.Close()
	removed := 0
	err = fs.WalkDir(incoming.FS(), ".", func(at string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Base(at) == probeName {
			return ignoreGone(err)
		}
		about, err := entry.Info()
		if err != nil {
			return ignoreGone(err)
		}
		s.mu.Lock()
		open := s.uploads[at]
		s.mu.Unlock()
		if !open && time.Since(about.ModTime()) >= older {
			if err := incoming.Remove(at); err != nil {
				return ignoreGone(err)
			}
			removed++
		}
		return nil
	})
	return removed, err
}

func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (s *Store) sweepAgain(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(leftAfter):
		}
		if removed, err := s.sweep(leftAfter); err != nil {
			log.Printf("sweeping: %v", err)
		} else if removed > 0 {
			log.Printf("removed %d uploads that were left", removed)
		}
	}
}

// begin remembers the name of an upload, so that it is not swept.
func (s *Store) begin(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.uploads[name] = true
}

func (s *Store) done(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.uploads, name)
}

func (s *Store) uploading() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.uploads)
}

// free is what the disk still takes, in bytes, and how many files.
func (s *Store) free() (bytes, files int64, err error) {
	var about unix.Statfs_t
	if err := unix.Fstatfs(int(s.lock.Fd()), &about); err != nil {
		return 0, 0, err
	}
	return int64(about.Bavail) * about.Bsize, int64(about.Ffree), nil
}
