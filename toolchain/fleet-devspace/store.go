package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// The folders below `data`. Only `public` is given to a web server. What is being uploaded lies in `incoming`, of the
// same file system and of no listing, so that putting it in place is one rename.
const (
	homeFolder     = "home"
	publicFolder   = "public"
	incomingFolder = "incoming"
	countsFolder   = "counts"
	runningFolder  = "running"
	lockName       = ".lock"
	probeName      = ".well"
)

// Store is everybody's files, as one of the processes that serve them.
type Store struct {
	config  *Config
	root    *os.Root
	lock    *os.File
	token   string
	running *os.File

	mu      sync.Mutex
	people  map[string]*Person
	uploads map[string]bool // names in `incoming` that are being written here
}

// openStore takes a part in the folder, and removes what ended processes left half written.
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
	if err := s.share(); err != nil {
		return err
	}
	var device uint64
	for folder, mode := range map[string]os.FileMode{
		homeFolder: 0o700, publicFolder: 0o755, incomingFolder: 0o700, countsFolder: 0o700, runningFolder: 0o700,
	} {
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
			return errors.New("its folders are not on one file system: a file could not be put in place at once")
		}
		device = its
	}
	if err := s.announce(); err != nil {
		return err
	}
	_, dead := s.others()
	return s.bury(dead)
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
	if s.running != nil {
		_ = s.root.Remove(runningFolder + "/" + s.token)
		s.running.Close()
	}
	if s.lock != nil {
		s.lock.Close()
	}
	s.root.Close()
}

func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// free is what the disk still takes, in bytes, and how many files.
func (s *Store) free() (bytes, files int64, err error) {
	var about unix.Statfs_t
	if err := unix.Fstatfs(int(s.lock.Fd()), &about); err != nil {
		return 0, 0, err
	}
	return int64(about.Bavail) * about.Bsize, int64(about.Ffree), nil
}
