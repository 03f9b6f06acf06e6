package main

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"github.com/pkg/sftp"
)

// Person is what everybody's sessions share: how much they hold, and the one lock for putting things in place.
type Person struct {
	who   string
	quota Quota
	// change is held while names change, so that what was replaced is known exactly.
	change sync.Mutex

	mu       sync.Mutex
	bytes    int64
	files    int64
	sessions int
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

// take reserves room, or says what is exceeded. More is taken before it is written, so that no two uploads share it.
func (p *Person) take(bytes, files int64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	// Compared without a sum that could wrap around.
	if bytes > 0 && bytes > p.quota.bytes()-p.bytes {
		return refusedFor(sftp.ErrSSHFxFailure, fmt.Sprintf(
			"quota exceeded: %s of %s are used; remove something first", megabytes(p.bytes), megabytes(p.quota.bytes())))
	}
	if files > 0 && files > p.quota.Files-p.files {
		return refusedFor(sftp.ErrSSHFxFailure, fmt.Sprintf(
			"quota exceeded: %d of %d files and folders are used; remove something first", p.files, p.quota.Files))
	}
	p.bytes += bytes
	p.files += files
	return nil
}

// give returns room.
func (p *Person) give(bytes, files int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bytes -= bytes
	p.files -= files
}

func (p *Person) held() (bytes, files int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bytes, p.files
}

func megabytes(bytes int64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/(1<<20)) }

// enter counts a person anew if nobody of them is in: what an operator moved by hand is known from then on.
func (s *Store) enter(who string) (*Person, error) {
	person := s.person(who)
	person.change.Lock()
	defer person.change.Unlock()
	person.mu.Lock()
	alone := person.sessions == 0
	person.sessions++
	person.mu.Unlock()
	if !alone {
		return person, nil
	}
	bytes, files, err := s.count(who)
	if err != nil {
		person.leave()
		return nil, err
	}
	person.mu.Lock()
	person.bytes, person.files = bytes, files
	person.mu.Unlock()
	return person, nil
}

func (p *Person) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sessions--
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

func (s *Store) countEverybody() error {
	for _, folder := range []string{homeFolder, publicFolder} {
		entries, err := fs.ReadDir(s.root.FS(), folder)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			if !entry.IsDir() || !name.MatchString(entry.Name()) {
				continue
			}
			person := s.person(entry.Name())
			bytes, files, err := s.count(entry.Name())
			if err != nil {
				return err
			}
			person.mu.Lock()
			person.bytes, person.files = bytes, files
			person.mu.Unlock()
		}
	}
	return nil
}

func (s *Store) used() Used {
	s.mu.Lock()
	people := make([]*Person, 0, len(s.people))
	for _, person := range s.people {
		people = append(people, person)
	}
	s.mu.Unlock()
	found := Used{homes: len(people)}
	for _, person := range people {
		bytes, files := person.held()
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
