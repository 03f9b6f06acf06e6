package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Kept is what is remembered of one person: the last answer, and when its question was asked.
type Kept struct {
	Person
	Asked time.Time `json:"asked"`
	// Doubted: keys are missing from the directory that vanished together with too many others. They are here still.
	Doubted bool `json:"doubted,omitempty"`
}

// age is how old the answer is. What claims to come from the future is as old as can be: the clock cannot be trusted.
func (k *Kept) age(at time.Time) time.Duration {
	age := at.Sub(k.Asked)
	if age < -time.Minute {
		return 1 << 62
	}
	return max(age, 0)
}

// open says whether somebody may come in by this answer, and if not, why.
func (k *Kept) open(at time.Time, limit time.Duration, allowed []string) (bool, string) {
	switch {
	case k.Removed:
		return false, "is not in the directory"
	case k.Locked:
		return false, "is locked"
	case !slices.ContainsFunc(k.Groups, func(group string) bool { return slices.Contains(allowed, group) }):
		return false, "is in none of the groups that may: " + strings.Join(allowed, ", ")
	case k.age(at) > limit:
		return false, "the last answer about them is too old"
	}
	return true, ""
}

// Store is the folder of what is kept. It belongs to an account of its own, which only looks up.
type Store struct {
	folder string
	owner  int
	group  int
}

const peopleAtMost = 4096

func openStore(config *Config) (*Store, error) {
	store := &Store{folder: config.Places.Cache, owner: -1, group: -1}
	if os.Geteuid() == 0 {
		// What root writes here is for the account to read and to replace.
		if account, err := user.Lookup(config.Account); err == nil {
			store.owner, _ = strconv.Atoi(account.Uid)
			store.group, _ = strconv.Atoi(account.Gid)
		}
	}
	for _, inner := range []string{"people", "logins"} {
		if err := os.MkdirAll(filepath.Join(store.folder, inner), 0o700); err != nil {
			return nil, err
		}
	}
	if store.owner >= 0 {
		for _, inner := range []string{"", "people", "logins"} {
			if err := os.Lchown(filepath.Join(store.folder, inner), store.owner, store.group); err != nil {
				return nil, err
			}
		}
	}
	return store, nil
}

func (s *Store) path(who string) string { return filepath.Join(s.folder, "people", who+".json") }

// kept is what is remembered of somebody; nil if nothing is.
func (s *Store) kept(who string) *Kept {
	found := new(Kept)
	if s.read(s.path(who), found) != nil || found.Name != who {
		return nil
	}
	return found
}

func (s *Store) read(path string, into any) error {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	return json.NewDecoder(file).Decode(into)
}

// everybody is all that is remembered, by name.
func (s *Store) everybody() (map[string]*Kept, error) {
	entries, err := os.ReadDir(filepath.Join(s.folder, "people"))
	if err != nil {
		return nil, err
	}
	found := make(map[string]*Kept, len(entries))
	for _, entry := range entries {
		who, named := strings.CutSuffix(entry.Name(), ".json")
		if !named || !name.MatchString(who) {
			continue
		}
		if one := s.kept(who); one != nil {
			found[who] = one
		}
	}
	return found, nil
}

// keep remembers an answer, unless one to a later question is there: a slow answer must not open again what a
// quick one has closed. A person of whom nothing good was ever heard is not remembered: probing fills no disk.
func (s *Store) keep(answer Kept) error {
	if !name.MatchString(answer.Name) {
		return fmt.Errorf("%q is no name", answer.Name)
	}
	return s.alone(func() error {
		before := s.kept(answer.Name)
		if before == nil && answer.Removed {
			return nil
		}
		if before != nil && before.Asked.After(answer.Asked) && before.age(now()) < 1<<62 {
			return nil
		}
		if before == nil {
			entries, err := os.ReadDir(filepath.Join(s.folder, "people"))
			if err != nil {
				return err
			}
			if len(entries) >= peopleAtMost {
				return fmt.Errorf("%d people are remembered: no room for %s", len(entries), answer.Name)
			}
		}
		if answer.Removed && before != nil && before.Number != 0 {
			// Whose processes and files they were is known from here alone.
			answer.Number, answer.Primary = before.Number, before.Primary
		}
		// A crash may lose how fresh an answer is, but never what it said.
		said := before == nil || !same(before.Person, answer.Person)
		return s.write(s.path(answer.Name), answer, said)
	})
}

func same(one, other Person) bool {
	return one.Locked == other.Locked && one.Removed == other.Removed && one.Number == other.Number &&
		slices.Equal(one.Keys, other.Keys) && slices.Equal(one.Groups, other.Groups)
}

// alone runs a change while no other process makes one.
func (s *Store) alone(change func() error) error {
	path := filepath.Join(s.folder, "lock")
	lock, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	defer lock.Close()
	if s.owner >= 0 {
		if err := lock.Chown(s.owner, s.group); err != nil {
			return err
		}
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	return change()
}

// write puts a file in place in one piece.
func (s *Store) write(path string, what any, safely bool) error {
	text, err := json.Marshal(what)
	if err != nil {
		return err
	}
	return place(path, append(text, '\n'), 0o600, s.owner, s.group, safely)
}

// place writes beside a file and renames: readers see the old text or the new one.
func place(path string, text []byte, mode os.FileMode, owner, group int, safely bool) error {
	draft := fmt.Sprintf("%s.%d.new", path, os.Getpid())
	file, err := os.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, mode)
	if errors.Is(err, fs.ErrExist) {
		os.Remove(draft)
		file, err = os.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, mode)
	}
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err == nil {
		err = file.Chmod(mode)
	}
	if err == nil && owner >= 0 {
		err = file.Chown(owner, group)
	}
	if err == nil && safely {
		err = file.Sync()
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(draft, path)
	}
	if err != nil {
		os.Remove(draft)
	}
	return err
}
