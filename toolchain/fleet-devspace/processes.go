package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"strings"
	"syscall"
	"time"
)

// format is what processes on one folder must agree on: where counts, uploads and locks are. One of another format
// waits until none of these is left, as one from before this file had words does, which held the folder alone.
const format = "fleet-devspace 2\n"

// retired is what stands in a process' file once it takes no more connections.
const retired = "answers no more\n"

// shareTries is how often a process looks whether it may share the folder: two that begin at once may meet.
const shareTries = 40

// share makes this one of the processes on the folder.
func (s *Store) share() error {
	lock, err := s.root.OpenFile(lockName, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("%w; the folder must belong to the account that runs this", err)
	}
	s.lock = lock
	fd := int(lock.Fd())
	in := false
	for range shareTries {
		if in = syscall.Flock(fd, syscall.LOCK_SH|syscall.LOCK_NB) == nil; in {
			text, err := s.root.ReadFile(lockName)
			if err != nil || string(text) == format {
				return err
			}
			if syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB) == nil {
				if err := writeFormat(lock); err != nil {
					return err
				}
				continue
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	if in {
		return errors.New("a fleet-devspace of another format uses it: end that one first")
	}
	return errors.New("a fleet-devspace that shares with nobody uses it: end that one first")
}

func writeFormat(lock *os.File) error {
	if err := lock.Truncate(0); err != nil {
		return err
	}
	_, err := lock.WriteAt([]byte(format), 0)
	return err
}

// announce makes the file by which others know that this process lives: it holds a lock on it until it ends, and names
// its uploads after it.
func (s *Store) announce() error {
	for {
		token := rand.Text()
		file, err := s.root.OpenFile(runningFolder+"/"+token, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		// Somebody who tidied up may have taken it for one that is left.
		if syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			if about, err := file.Stat(); err == nil && about.Sys().(*syscall.Stat_t).Nlink > 0 {
				s.token, s.running = token, file
				return nil
			}
		}
		file.Close()
	}
}

// lives says whether the process of a token still runs. Once it does not, it never does again.
func (s *Store) lives(token string) bool {
	if token == s.token {
		return true
	}
	file, err := s.root.Open(runningFolder + "/" + token)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	defer file.Close()
	return syscall.Flock(int(file.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) != nil
}

// others are the processes beside this one: those that live, and those that ended without tidying up.
func (s *Store) others() (living, dead []string) {
	entries, err := fs.ReadDir(s.root.FS(), runningFolder)
	if err != nil {
		return nil, nil
	}
	for _, entry := range entries {
		switch token := entry.Name(); {
		case token == s.token:
		case s.lives(token):
			living = append(living, token)
		default:
			dead = append(dead, token)
		}
	}
	return living, dead
}

// retire says for all others that this process answers no more, and returns whether another does. Said before it looks:
// of two that end at once, one at least sees that nobody would be left.
func (s *Store) retire() (answered bool) {
	if _, err := s.running.WriteAt([]byte(retired), 0); err != nil {
		return false
	}
	living, _ := s.others()
	for _, token := range living {
		text, err := s.root.ReadFile(runningFolder + "/" + token)
		if err == nil && string(text) != retired {
			return true
		}
	}
	return false
}

// left says whether something in `incoming` is of no upload that anybody still writes. Asked after the name was seen:
// whoever made it was announced before.
func (s *Store) left(name string) bool {
	token, _, _ := strings.Cut(name, ".")
	if token != s.token {
		return !s.lives(token)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.uploads[name]
}

// clear removes of somebody's `incoming` what is left, and returns how many bytes in how many files that was.
func (s *Store) clear(who string, left func(name string) bool) (bytes, files int64, err error) {
	folder, err := s.root.OpenRoot(incomingFolder + "/" + who)
	if err != nil {
		return 0, 0, ignoreGone(err)
	}
	defer folder.Close()
	entries, err := fs.ReadDir(folder.FS(), ".")
	if err != nil {
		return 0, 0, err
	}
	for _, entry := range entries {
		if !left(entry.Name()) {
			continue
		}
		about, err := entry.Info()
		if err == nil {
			// Of two that find it, the one that removes it counts it.
			err = folder.Remove(entry.Name())
		}
		if err == nil {
			bytes += about.Size()
			files++
		} else if !errors.Is(err, fs.ErrNotExist) {
			return bytes, files, err
		}
	}
	if files > 0 {
		log.Printf("removed %d uploads of %s that were never finished", files, who)
	}
	return bytes, files, nil
}

// bury makes a count for whoever has none, counts anew whoever is in nowhere, and removes what processes left that ended
// in the middle of uploads; whoever is in gets its room back. What those had taken beyond the file's length (a part of it
// not yet written) comes back when that person is counted anew.
func (s *Store) bury(dead []string) error {
	everybody, err := s.everybody()
	if err != nil {
		return err
	}
	for who := range everybody {
		person, err := s.enter(who)
		if err != nil {
			return err
		}
		bytes, files, err := s.clear(who, s.left)
		person.give(bytes, files)
		person.leave()
		if err != nil {
			return err
		}
	}
	for _, token := range dead {
		if err := s.root.Remove(runningFolder + "/" + token); ignoreGone(err) != nil {
			return err
		}
	}
	return nil
}

// buryAgain looks for processes that ended as often as for people who may no longer be in.
func (s *Store) buryAgain(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(seconds(s.config.RefreshSeconds)):
		}
		if _, dead := s.others(); len(dead) > 0 {
			if err := s.bury(dead); err != nil {
				log.Printf("what ended processes left: %v", err)
			}
		}
	}
}

// begin makes up the name of an upload, and remembers it.
func (s *Store) begin() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := s.token + "." + rand.Text()
	s.uploads[name] = true
	return name
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
