package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// runRefresh brings accounts and what is kept of everybody up to date. Without an answer it does what time alone
// asks for: whoever's last answer is too old is closed, here as at the next login.
func runRefresh(ctx context.Context, config *Config, _ []string) error {
	found, err := refresh(ctx, config)
	if found.changed || err != nil {
		say("%d people may come in, %d are closed", found.open, found.closed)
	}
	return err
}

// Refreshed is what came of it.
type Refreshed struct {
	open, closed int
	changed      bool
	answered     bool
	// until is when the first of those who may be here is to be closed, if nothing is heard until then.
	until time.Time
}

// ahead is how long before their answer is too old somebody is closed: what they have running must have ended by then.
func (c *Config) ahead() time.Duration { return min(3*time.Second, c.limit()/4) }

// closing is when the first of those whose answers hold at a time is to be closed; zero if there is nobody.
func closing(config *Config, known map[string]*Kept, at time.Time) time.Time {
	first, groups := time.Time{}, interesting(config)
	for _, one := range known {
		if open, _ := one.open(at, config.limit(), groups); !open {
			continue
		}
		if end := one.Asked.Add(config.limit() - config.ahead()); first.IsZero() || end.Before(first) {
			first = end
		}
	}
	return first
}

// askUntil is when the directory has had its time: a silent one must not keep us from closing somebody in time.
func askUntil(config *Config, known map[string]*Kept, began time.Time) time.Time {
	end, first := began.Add(5*config.deadline()), closing(config, known, began)
	if least := began.Add(config.ahead() * 2 / 3); !first.IsZero() && first.Before(least) {
		first = least
	}
	if !first.IsZero() && first.Before(end) {
		return first
	}
	return end
}

func refresh(ctx context.Context, config *Config) (Refreshed, error) {
	began := now()
	store, err := openStore(config)
	if err != nil {
		return Refreshed{}, err
	}
	numbers, asked := fetch(ctx, config, store, began)
	if asked != nil && !errors.Is(asked, errNoAnswer) {
		return Refreshed{}, asked
	}
	store.setSilent(asked != nil)
	known, err := store.everybody()
	if err != nil {
		return Refreshed{}, err
	}
	at := now().Add(config.ahead())
	accounts := newAccounts(config, known, numbers, at)
	found := Refreshed{
		open: len(accounts.live), closed: len(accounts.closed), answered: asked == nil, until: closing(config, known, at),
	}
	if found.changed, err = accounts.write(config); err != nil {
		return found, err
	}
	// After the files: whoever is ended now finds no account to begin again with.
	if err := accounts.end(config); err != nil {
		return found, err
	}
	if err := forgetPasswords(config, accounts); err != nil {
		return found, err
	}
	return found, asked
}

// fetch asks about every group that matters here and everybody who is or was in one, and keeps it all; or nothing of
// it, if a single question stays without an answer. It returns the groups' numbers.
func fetch(ctx context.Context, config *Config, store *Store, began time.Time) (map[string]int, error) {
	known, err := store.everybody()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithDeadline(ctx, askUntil(config, known, began))
	defer cancel()
	directory, err := newDirectory(config, "refresh")
	if err != nil {
		return nil, err
	}
	defer directory.close()
	said, numbers := map[string]Person{}, map[string]int{}
	for _, group := range groupsOf(config) {
		if numbers[group], err = directory.number(ctx, group); err != nil {
			return nil, err
		}
		if group == config.PrimaryGroup && !slices.Contains(interesting(config), group) {
			continue
		}
		members, err := directory.members(ctx, group)
		if err != nil {
			return nil, err
		}
		for _, one := range members {
			if earlier, there := said[one.Name]; there {
				one.Groups = earlier.Groups
			}
			one.Groups = append(slices.Clone(one.Groups), group)
			slices.Sort(one.Groups)
			said[one.Name] = one
		}
	}
	for who := range known {
		if _, there := said[who]; !there {
			if said[who], err = directory.person(ctx, who); err != nil {
				return nil, err
			}
		}
	}
	damage := damaged(config, known, said, began)
	if damage {
		say("the directory has lost many people's keys at once: the last known ones hold until they are too old")
	}
	for who, one := range said {
		answer := Kept{Person: one, Asked: began}
		if kept := known[who]; damage && kept != nil && !one.Locked && !one.Removed && lost(kept, one) > 0 {
			answer = doubted(kept, answer)
		}
		if err := store.keep(answer); err != nil {
			return nil, fmt.Errorf("%s: %w", who, err)
		}
	}
	return numbers, nil
}

// interesting are the groups that give something on this host.
func interesting(config *Config) []string {
	found := append(slices.Clone(config.LoginGroups), config.SudoGroups...)
	for _, service := range config.Services {
		found = append(found, service.Groups...)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// groupsOf are those, and the group that everybody's files belong to.
func groupsOf(config *Config) []string {
	found := append(interesting(config), config.PrimaryGroup)
	slices.Sort(found)
	return slices.Compact(found)
}
