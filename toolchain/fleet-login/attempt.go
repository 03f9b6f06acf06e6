package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Attempt is one login as sshd sees it: sshd runs the command two to four times in one, each time from the process
// that looks after that one connection. What the first call learnt, or failed to learn, holds for the others.
type Attempt struct {
	Who     string    `json:"who"`
	Service string    `json:"service,omitempty"`
	Began   time.Time `json:"began"`
	Failed  string    `json:"failed,omitempty"`
	Answer  *Kept     `json:"answer,omitempty"`
}

const attemptLasts = 2 * time.Minute

// attemptID names the process that called us, together with its start: process numbers come back.
func attemptID(parent int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", parent))
	if err != nil {
		return ""
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if parent <= 1 || len(fields) < 20 {
		return ""
	}
	return fmt.Sprintf("%d-%s", parent, fields[19])
}

func (s *Store) attemptPath(id string) string { return filepath.Join(s.folder, "logins", id+".json") }

// attempt is what an earlier call of the same login left; nil if this is the first.
func (s *Store) attempt(id, who, service string, at time.Time) *Attempt {
	found := new(Attempt)
	if id == "" || s.read(s.attemptPath(id), found) != nil || found.Who != who || found.Service != service {
		return nil
	}
	if age := at.Sub(found.Began); age < 0 || age > attemptLasts {
		return nil
	}
	return found
}

// remember leaves a note for the next call of the same login, and sweeps what old logins left.
func (s *Store) remember(id string, attempt Attempt) {
	if id == "" {
		return
	}
	if err := s.write(s.attemptPath(id), attempt, false); err != nil {
		say("this login's deadline counts for each call: %v", err)
	}
	entries, err := os.ReadDir(filepath.Join(s.folder, "logins"))
	if err != nil || len(entries) < 64 {
		return
	}
	for _, entry := range entries {
		if about, err := entry.Info(); err == nil && now().Sub(about.ModTime()) > attemptLasts {
			os.Remove(filepath.Join(s.folder, "logins", entry.Name()))
		}
	}
}

// silence is when the directory last failed to answer anybody on this host, and since when a good answer is awaited.
func (s *Store) silentSince() time.Time {
	about, err := os.Lstat(filepath.Join(s.folder, "silent"))
	if err != nil {
		return time.Time{}
	}
	return about.ModTime()
}

func (s *Store) setSilent(silent bool) {
	path := filepath.Join(s.folder, "silent")
	if silent {
		_ = place(path, nil, 0o600, s.owner, s.group, false)
	} else {
		os.Remove(path)
	}
}
