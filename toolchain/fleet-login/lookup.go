package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"
)

// patience is how long a directory that did not answer is not asked about people whose last answer, good or bad, is
// not too old.
const patience = 5 * time.Second

// Looked is what came of a look-up: an answer that holds now, or nil; and where it is from, for the log.
type Looked struct {
	answer *Kept
	from   string
}

// Lookup is one look-up of one person, for a login or for becoming root.
type Lookup struct {
	config  *Config
	store   *Store
	who     string
	service string
	allowed []string
	attempt string
	began   time.Time
	// must: the directory is asked whatever is known already.
	must bool
}

// local says whether an account is one of the host's own. The directory has no say over those.
func local(config *Config, who string) bool {
	text, err := os.ReadFile(config.Places.Passwd)
	if err != nil {
		return true
	}
	return strings.HasPrefix(string(text), who+":") || strings.Contains(string(text), "\n"+who+":")
}

// find asks the directory within the deadline of this login, and falls back on what is kept. A person of whom nothing
// is known, or nothing good, is never let in without an answer.
func (l *Lookup) find(ctx context.Context) Looked {
	kept := l.store.kept(l.who)
	if earlier := l.store.attempt(l.attempt, l.who, l.service, l.began); earlier != nil {
		// What was locked since the first call of this login is closed for its second.
		if kept != nil && (kept.Locked || kept.Removed) {
			return Looked{kept, "kept"}
		}
		if earlier.Answer != nil {
			return Looked{earlier.Answer, "this login's first call"}
		}
		return Looked{kept, "kept, for " + earlier.Failed}
	}
	if kept != nil && !l.must {
		holds, _ := kept.open(l.began, l.config.limit(), l.allowed)
		if holds && !kept.Doubted && kept.age(l.began) <= l.config.fresh() {
			return Looked{kept, "kept, fresh"}
		}
		if kept.age(l.began) <= l.config.limit() && l.began.Sub(l.store.silentSince()) < patience {
			return Looked{kept, "kept, for the directory was silent a moment ago"}
		}
	}
	answer, err := l.ask(ctx, kept)
	note := Attempt{Who: l.who, Service: l.service, Began: l.began, Answer: answer}
	if err != nil {
		note.Failed = err.Error()
	}
	l.store.remember(l.attempt, note)
	if err != nil {
		l.store.setSilent(true)
		return Looked{kept, fmt.Sprintf("kept, for %v", err)}
	}
	return Looked{answer, "the directory"}
}

// wait is how long the directory has. sshd makes a refused key take up to twice the time that looking it up took, so
// that nobody learns from it who exists: where a kept answer holds, the doubled wait must fit into the deadline.
func (l *Lookup) wait(kept *Kept) time.Duration {
	if kept != nil {
		if holds, _ := kept.open(l.began, l.config.limit(), l.allowed); holds {
			return l.config.deadline() * 45 / 100
		}
	}
	return l.config.deadline() * 9 / 10
}

// ask puts the question, and keeps the answer.
func (l *Lookup) ask(ctx context.Context, kept *Kept) (*Kept, error) {
	ctx, cancel := context.WithDeadline(ctx, l.began.Add(l.wait(kept)))
	defer cancel()
	service := "sshd"
	if l.service != "" {
		service = l.service
	}
	directory, err := newDirectory(l.config, service)
	if err != nil {
		return nil, err
	}
	defer directory.close()
	said, err := directory.person(ctx, l.who)
	if err != nil {
		return nil, err
	}
	answer := Kept{Person: said, Asked: l.began}
	if kept != nil && !said.Locked && !said.Removed && kept.age(l.began) <= l.config.limit() && lost(kept, said) > 0 {
		answer = l.doubt(ctx, directory, kept, answer)
	}
	if err := l.store.keep(answer); err != nil {
		say("the answer about %s is not kept: %v", l.who, err)
	}
	if !l.store.silentSince().IsZero() {
		l.store.setSilent(false)
	}
	return &answer, nil
}

// doubt decides about a person some of whose keys are gone. One person's key is theirs to remove. When a good part of
// everybody's is gone, the directory has lost them, and what is kept holds for as long as it would without an answer.
func (l *Lookup) doubt(ctx context.Context, directory *Directory, kept *Kept, answer Kept) Kept {
	known, err := l.store.everybody()
	if err != nil {
		return answer
	}
	said := map[string]Person{l.who: answer.Person}
	for _, group := range l.allowed {
		members, err := directory.members(ctx, group)
		if err != nil {
			return answer
		}
		for _, one := range members {
			said[one.Name] = one
		}
	}
	if damaged(l.config, known, said, l.began) {
		say("the directory has lost many people's keys at once: %s's last known ones hold until they are too old", l.who)
		return doubted(kept, answer)
	}
	return answer
}

// lost counts the keys that somebody had and has no more.
func lost(kept *Kept, said Person) int {
	count := 0
	for _, key := range kept.Keys {
		if !contains(said.Keys, key) {
			count++
		}
	}
	return count
}

func contains(list []string, one string) bool {
	for _, other := range list {
		if other == one {
			return true
		}
	}
	return false
}

// lostAtLeast keys must be gone before that is called damage: in a fleet of two, one of two keys is no sign of any.
const lostAtLeast = 3

// damaged says whether the keys that are gone are too many to have been removed by their owners.
func damaged(config *Config, known map[string]*Kept, said map[string]Person, at time.Time) bool {
	all, gone := 0, 0
	for who, kept := range known {
		person, there := said[who]
		if !there || person.Locked || person.Removed || kept.age(at) > config.limit() {
			continue
		}
		all += len(kept.Keys)
		gone += lost(kept, person)
	}
	return gone >= lostAtLeast && gone*100 >= all*config.LossPercent
}

// doubted is an answer with the keys of before, as old as those are.
func doubted(kept *Kept, answer Kept) Kept {
	for _, key := range kept.Keys {
		if !contains(answer.Keys, key) {
			answer.Keys = append(answer.Keys, key)
		}
	}
	answer.Asked, answer.Doubted = kept.Asked, true
	return answer
}
