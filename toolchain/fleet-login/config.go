package main

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"time"
)

const configPath = "/etc/fleet/login.json"

// name is what an account or a group may be called here: nothing that a path, a passwd line or a log could misread.
var name = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,31}$`)

// Server is one NetAuth server. It is called by its addresses, so that a login needs no resolver, and known by its name.
type Server struct {
	Name      string   `json:"name"`
	Addresses []string `json:"addresses"`
	Port      int      `json:"port"`
}

// Service is something besides a shell that people log in to, with groups of its own.
type Service struct {
	Groups []string `json:"groups"`
}

// LDAP is where the bridge listens, and the suffix of its names.
type LDAP struct {
	Listen      string `json:"listen"`
	Base        string `json:"base"`
	Certificate string `json:"certificate,omitempty"`
	Key         string `json:"key,omitempty"`
}

// Places are the files of a host; tests put them below a folder of their own.
type Places struct {
	Cache     string `json:"cache"`
	Accounts  string `json:"accounts"`
	Passwords string `json:"passwords"`
	Passwd    string `json:"passwd"`
	Shadow    string `json:"shadow"`
	Group     string `json:"group"`
	Keys      string `json:"keys"`
	Homes     string `json:"homes"`
	Drill     string `json:"drill"`
	Metrics   string `json:"metrics"`
	Sudo      string `json:"sudo"`
	Sshd      string `json:"sshd_config"`
}

// Config is what this host was told about the directory. Times are in the unit that their name ends in.
type Config struct {
	Servers         []Server           `json:"servers"`
	CA              string             `json:"ca"`
	Account         string             `json:"account"`
	DeadlineSeconds float64            `json:"deadline_seconds"`
	CacheMinutes    float64            `json:"cache_minutes"`
	FreshSeconds    float64            `json:"fresh_seconds"`
	RefreshSeconds  float64            `json:"refresh_seconds"`
	DrillHours      float64            `json:"drill_hours"`
	LossPercent     int                `json:"loss_percent"`
	Numbers         map[string][2]int  `json:"numbers"`
	PrimaryGroup    string             `json:"primary_group"`
	Shell           string             `json:"shell"`
	LoginGroups     []string           `json:"login_groups"`
	SudoGroups      []string           `json:"sudo_groups"`
	Services        map[string]Service `json:"services"`
	BreakGlass      []string           `json:"break_glass"`
	SshPort         int                `json:"ssh_port"`
	LDAP            *LDAP              `json:"ldap"`
	Roster          string             `json:"roster"`
	Places          Places             `json:"places"`

	roots *x509.CertPool
}

func defaults() *Config {
	return &Config{
		CA:              "/etc/fleet/login/ca.pem",
		Account:         "_fleet-login",
		DeadlineSeconds: 2,
		CacheMinutes:    15,
		FreshSeconds:    10,
		RefreshSeconds:  20,
		DrillHours:      24,
		LossPercent:     25,
		PrimaryGroup:    "people",
		Shell:           "/bin/bash",
		SshPort:         22,
		Places: Places{
			Cache:     "/var/lib/fleet/login",
			Accounts:  "/var/lib/extrausers",
			Passwords: "/var/lib/fleet/login-passwords",
			Passwd:    "/etc/passwd",
			Shadow:    "/etc/shadow",
			Group:     "/etc/group",
			Keys:      "/etc/ssh/authorized_keys.d",
			Homes:     "/home",
			Drill:     "/var/lib/fleet/login-drill.json",
			Metrics:   "/var/lib/fleet/metrics/login.prom",
			Sudo:      "/run/sudo/ts",
			Sshd:      "/etc/ssh/sshd_config",
		},
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
	if len(c.Servers) == 0 {
		return errors.New("servers: none is named")
	}
	for _, server := range c.Servers {
		if server.Name == "" || len(server.Addresses) == 0 || server.Port < 1 || server.Port > 65535 {
			return fmt.Errorf("servers: %q needs a name, addresses and a port", server.Name)
		}
	}
	for _, kind := range []string{"people", "groups"} {
		if span := c.Numbers[kind]; span[0] < 1000 || span[1] < span[0] {
			return fmt.Errorf("numbers: %s: needs a first and a last number, from 1000 on", kind)
		}
	}
	if c.DeadlineSeconds <= 0 || c.DeadlineSeconds > 30 || c.CacheMinutes < 0 || c.RefreshSeconds < 1 {
		return errors.New("deadline_seconds, cache_minutes, refresh_seconds: out of range")
	}
	if c.FreshSeconds > c.CacheMinutes*60 {
		return errors.New("fresh_seconds: must not be longer than cache_minutes")
	}
	for _, list := range [][]string{c.LoginGroups, c.SudoGroups, c.BreakGlass, {c.PrimaryGroup}} {
		for _, one := range list {
			if !name.MatchString(one) {
				return fmt.Errorf("%q is no name of an account or a group", one)
			}
		}
	}
	return nil
}

// trust is read when it is needed: an answer from what is kept needs no certificate.
func (c *Config) trust() (*x509.CertPool, error) {
	if c.roots == nil {
		text, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, err
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%s: no certificate in it", c.CA)
		}
		c.roots = pool
	}
	return c.roots, nil
}

func seconds(number float64) time.Duration { return time.Duration(number * float64(time.Second)) }

func (c *Config) deadline() time.Duration { return seconds(c.DeadlineSeconds) }
func (c *Config) limit() time.Duration    { return seconds(60 * c.CacheMinutes) }
func (c *Config) fresh() time.Duration    { return seconds(c.FreshSeconds) }

// allowed are the groups of which a person needs one.
func (c *Config) allowed(service string) ([]string, error) {
	if service == "" {
		return c.LoginGroups, nil
	}
	found, known := c.Services[service]
	if !known {
		return nil, fmt.Errorf("service %q is not served on this host", service)
	}
	return found.Groups, nil
}
