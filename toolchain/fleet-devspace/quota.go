package main

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"github.com/pkg/sftp"
	"golang.org/x/sys/unix"
)

// Person is what somebody's sessions in this process share: what they hold, counted with all other processes on the
// folder, and the lock for putting things in place.
type Person struct {
	who   string
	quota Quota
	// names is held while names change, so that what was replaced is known exactly: in this process by itself, among
	// processes by a lock on the count.
	names sync.Mutex

	mu       sync.Mutex
	sessions int
	tally    *tally // none while nobody of them is in here
}

// Used is what people hold together.
type Used struct {
	homes        int
	bytes, files int64
}

func (s *Store) person(who string) *Person {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.people[who]
	if found == nil {
		found = &Person{who: who, quota: s.config.Quota.of(who)}
		s.people[who] = found
	}
	return found
}

// take reserves room, or says what is exceeded. More is taken before it is written, so that no two uploads share it,
// of whatever process they are.
func (p *Person) take(bytes, files int64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tally == nil {
		return errClosed
	}
	held, err := p.tally.change(cellBytes, bytes, p.quota.bytes())
	if errors.Is(err, errTooMuch) {
		return refusedFor(sftp.ErrSSHFxFailure, fmt.Sprintf(
			"quota exceeded: %s of %s are used; remove something first", megabytes(held), megabytes(p.quota.bytes())))
	}
	if err != nil {
		return err
	}
	if held, err = p.tally.change(cellFiles, files, p.quota.Files); err == nil {
		return nil
	}
	_, _ = p.tally.change(cellBytes, -bytes, 0)
	if errors.Is(err, errTooMuch) {
		return refusedFor(sftp.ErrSSHFxFailure, fmt.Sprintf(
			"quota exceeded: %d of %d files and folders are used; remove something first", held, p.quota.Files))
	}
	return err
}

// give returns room. What cannot be given back comes back when the person is counted anew.
func (p *Person) give(bytes, files int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tally != nil {
		_, _ = p.tally.change(cellBytes, -bytes, 0)
		_, _ = p.tally.change(cellFiles, -files, 0)
	}
}

// held is what somebody who is in holds.
func (p *Person) held() (bytes, files int64, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tally == nil {
		return 0, 0, errClosed
	}
	bytes, one := p.tally.read(cellBytes)
	files, other := p.tally.read(cellFiles)
	return bytes, files, errors.Join(one, other)
}

// changing keeps all others, here and in other processes, from changing this person's names until `done` is called.
// Only sessions call it.
func (p *Person) changing() (done func(), err error) {
	p.names.Lock()
	p.mu.Lock()
	its := p.tally
	p.mu.Unlock()
	if its == nil {
		err = errClosed
	} else {
		err = its.lock(unix.F_WRLCK, lockNames, true)
	}
	if err != nil {
		p.names.Unlock()
		return nil, err
	}
	return func() {
		_ = its.lock(unix.F_UNLCK, lockNames, true)
		p.names.Unlock()
	}, nil
}

func megabytes(bytes int64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/(1<<20)) }

// enter opens a person's count. It is counted anew if nobody of them is in at any process: what an operator moved by
// hand is known from then on, and so is what a process left that was killed.
func (s *Store) enter(who string) (*Person, error) {
	person := s.person(who)
	person.names.Lock()
	defer person.names.Unlock()
	person.mu.Lock()
	if person.tally != nil {
		person.sessions++
		person.mu.Unlock()
		return person, nil
	}
	person.mu.Unlock()
	its, err := s.tally(who)
	if err != nil {
		return nil, err
	}
	person.mu.Lock()
	defer person.mu.Unlock()
	person.tally = its
	person.sessions++
	return person, nil
}

func (p *Person) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sessions--; p.sessions == 0 {
		p.tally.close()
		p.tally = nil
	}
}

// count looks at all that somebody has.
func (s *Store) count(who string) (bytes, files int64, err error) {
	for _, folder := range []string{homeFolder, publicFolder, incomingFolder} {
		err = fs.WalkDir(s.root.FS(), folder+"/"+who, func(at string, entry fs.DirEntry, err error) error {
			if err != nil {
				return ignoreGone(err)
			}
			if at == folder+"/"+who {
				return nil
			}
			files++
			if entry.Type().IsRegular() {
				about, err := entry.Info()
				if err != nil {
					return ignoreGone(err)
				}
				bytes += about.Size()
			}
			return nil
		})
		if err != nil {
			return 0, 0, err
		}
	}
	return bytes, files, nil
}

// everybody is whoever has a folder here.
func (s *Store) everybody() (map[string]bool, error) {
	found := map[string]bool{}
	for _, folder := range []string{homeFolder, publicFolder, incomingFolder} {
		entries, err := fs.ReadDir(s.root.FS(), folder)
		if err != nil {
			return nil, err
		}
		for _, entry := range entries {
			if entry.IsDir() && name.MatchString(entry.Name()) {
				found[entry.Name()] = true
			}
		}
	}
	return found, nil
}

// used sums up what everybody holds, by the counts of all processes.
func (s *Store) used() Used {
	var found Used
	entries, err := fs.ReadDir(s.root.FS(), countsFolder)
	if err != nil {
		return found
	}
	for _, entry := range entries {
		bytes, files, err := s.counted(entry.Name())
		if err != nil {
			continue
		}
		found.homes++
		found.bytes += bytes
		found.files += files
	}
	return found
}

// refusal is an error that a client hears with our words: its protocol's code is `code`.
type refusal struct {
	code  error
	words string
}

func (r *refusal) Error() string { return r.words }
func (r *refusal) Unwrap() error { return r.code }

func refusedFor(code error, words string) error { return &refusal{code, words} }

// told says whether an error has words of ours.
func told(err error) (string, bool) {
	var ours *refusal
	if errors.As(err, &ours) {
		return ours.words, true
	}
	return "", false
}
