package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

// name is what an account may be called: the same rule as the look-up's, so that nothing else ever reaches it.
var name = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,31}$`)

// Quota is what one person may hold. Folders count as files.
type Quota struct {
	Megabytes int64 `json:"megabytes"`
	Files     int64 `json:"files"`
}

func (q Quota) bytes() int64 { return q.Megabytes << 20 }

// Quotas are everybody's, and those of people who have another.
type Quotas struct {
	Quota
	People map[string]Quota `json:"people"`
}

func (q Quotas) of(who string) Quota {
	if own, there := q.People[who]; there {
		return own
	}
	return q.Quota
}

// Limits bound what clients can make this program hold.
type Limits struct {
	Connections int `json:"connections"`
	// Waiting: connections that nobody has logged in by yet.
	Waiting    int `json:"waiting"`
	PerAddress int `json:"per_address"`
	PerPerson  int `json:"per_person"`
	OpenFiles  int `json:"open_files"`
}

// Login is how somebody's keys are looked up. The name is added to the command.
type Login struct {
	Command         []string `json:"command"`
	DeadlineSeconds float64  `json:"deadline_seconds"`
	FreshSeconds    float64  `json:"fresh_seconds"`
	AtOnce          int      `json:"at_once"`
}

// Config is what the program was told. Times are in the unit that their name ends in.
type Config struct {
	Listen           string   `json:"listen"`
	HTTP             string   `json:"http"`
	HostKeys         []string `json:"host_keys"`
	Data             string   `json:"data"`
	Quota            Quotas   `json:"quota"`
	Login            Login    `json:"login"`
	RefreshSeconds   float64  `json:"refresh_seconds"`
	GraceSeconds     float64  `json:"grace_seconds"`
	KeepaliveSeconds float64  `json:"keepalive_seconds"`
	// DrainSeconds is how long whoever is in may go on once another process answers in this one's place.
	DrainSeconds float64 `json:"drain_seconds"`
	Limits       Limits  `json:"limits"`
}

func defaults() *Config {
	return &Config{
		Listen: ":2022",
		HTTP:   "127.0.0.1:8022",
		Quota:  Quotas{Quota: Quota{Megabytes: 2048, Files: 50000}},
		Login: Login{
			Command:         []string{"/usr/bin/fleet-login", "keys", "--alone", "--service", "devspace"},
			DeadlineSeconds: 5,
			FreshSeconds:    3,
			AtOnce:          8,
		},
		RefreshSeconds:   15,
		GraceSeconds:     20,
		KeepaliveSeconds: 20,
		DrainSeconds:     20,
		Limits:           Limits{Connections: 256, Waiting: 64, PerAddress: 24, PerPerson: 12, OpenFiles: 64},
	}
}

// loadConfig reads the file strictly: a misspelt word must not quietly mean the default.
func loadConfig(path string) (*Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	config := defaults()
	reader := json.NewDecoder(bytes.NewReader(text))
	reader.DisallowUnknownFields()
	if err := reader.Decode(config); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := config.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return config, nil
}

func (c *Config) check() error {
	for word, address := range map[string]string{"listen": c.Listen, "http": c.HTTP} {
		if _, port, err := net.SplitHostPort(address); err != nil || port == "" {
			return fmt.Errorf("%s: %q is no address with a port", word, address)
		}
	}
	if len(c.HostKeys) == 0 {
		return errors.New("host_keys: none is named; clients know the server by them")
	}
	if !filepath.IsAbs(c.Data) {
		return fmt.Errorf("data: %q is no absolute path", c.Data)
	}
	if len(c.Login.Command) == 0 {
		return errors.New("login.command: is empty; nobody could come in")
	}
	l := c.Limits
	for word, number := range map[string]float64{
		"login.deadline_seconds": c.Login.DeadlineSeconds, "refresh_seconds": c.RefreshSeconds,
		"grace_seconds": c.GraceSeconds, "keepalive_seconds": c.KeepaliveSeconds,
		"drain_seconds": c.DrainSeconds,
		"login.at_once": float64(c.Login.AtOnce), "limits.connections": float64(l.Connections),
		"limits.waiting": float64(l.Waiting), "limits.per_address": float64(l.PerAddress),
		"limits.per_person": float64(l.PerPerson), "limits.open_files": float64(l.OpenFiles),
	} {
		if number <= 0 {
			return fmt.Errorf("%s: must be above 0", word)
		}
	}
	if c.Login.FreshSeconds < 0 || c.Login.FreshSeconds >= c.RefreshSeconds {
		return errors.New("login.fresh_seconds: must be below refresh_seconds, or nobody would be asked about again")
	}
	for who, quota := range c.Quota.People {
		if !name.MatchString(who) {
			return fmt.Errorf("quota.people: %q is no name of a person", who)
		}
		if quota.Megabytes < 0 || quota.Files < 0 {
			return fmt.Errorf("quota.people.%s: must not be below 0", who)
		}
	}
	if c.Quota.Megabytes < 1 || c.Quota.Files < 1 {
		return errors.New("quota: megabytes and files must be above 0")
	}
	return nil
}

func seconds(number float64) time.Duration { return time.Duration(number * float64(time.Second)) }
