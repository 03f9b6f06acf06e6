package main

import (
	"bytes"
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
	"time"
)

const noLogin = "/usr/sbin/nologin"

// Accounts are this host's people as passwd, group and shadow know them, in the files of libnss-extrausers. Somebody
// who is closed keeps name and number, so that their files stay theirs, and has neither a shell nor a group.
type Accounts struct {
	live, closed []*Kept
	login, root  map[string]bool
	numbers      map[string]int
}

// newAccounts sorts the people. Whoever bears the name of one of the host's own accounts, or a number that is not a
// person's, gets none: the directory cannot become the host's root, nor anybody whom it did not make.
func newAccounts(config *Config, known map[string]*Kept, numbers map[string]int, at time.Time) *Accounts {
	found := &Accounts{login: map[string]bool{}, root: map[string]bool{}, numbers: numbers}
	taken := map[int]string{}
	for _, who := range sorted(known) {
		one := known[who]
		if span := config.Numbers["people"]; one.Number < span[0] || one.Number > span[1] || local(config, who) {
			continue
		}
		if other := taken[one.Number]; other != "" {
			say("%s and %s have one number, %d: %s gets no account", other, who, one.Number, who)
			continue
		}
		taken[one.Number] = who
		found.login[who], _ = one.open(at, config.limit(), config.LoginGroups)
		live := found.login[who]
		for _, service := range config.Services {
			served, _ := one.open(at, config.limit(), service.Groups)
			live = live || served
		}
		if live {
			found.live = append(found.live, one)
			found.root[who], _ = one.open(at, config.limit(), config.SudoGroups)
		} else {
			found.closed = append(found.closed, one)
		}
	}
	return found
}

func sorted[V any](table map[string]V) []string {
	found := make([]string, 0, len(table))
	for key := range table {
		found = append(found, key)
	}
	slices.Sort(found)
	return found
}

func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == ':' || r == ',' {
			return -1
		}
		return r
	}, text)
}

func (a *Accounts) shell(config *Config, one *Kept) string {
	if !a.login[one.Name] {
		return noLogin
	}
	if about, err := os.Stat(one.Shell); err == nil && strings.HasPrefix(one.Shell, "/") && clean(one.Shell) == one.Shell &&
		about.Mode().IsRegular() && about.Mode()&0o111 != 0 {
		return one.Shell
	}
	return config.Shell
}

// texts are the three files.
func (a *Accounts) texts(config *Config) (passwd, group, shadow string) {
	span := config.Numbers["groups"]
	real := func(number int) bool { return number >= span[0] && number <= span[1] }
	primary := a.numbers[config.PrimaryGroup]
	var people, groups, secrets strings.Builder
	write := func(one *Kept, end string) {
		gid := primary
		if !real(gid) {
			gid = one.Number
			fmt.Fprintf(&groups, "%s:x:%d:\n", one.Name, gid)
		}
		home := filepath.Join(config.Places.Homes, one.Name)
		fmt.Fprintf(&people, "%s:x:%d:%d:%s:%s:%s\n", one.Name, one.Number, gid, clean(one.Gecos), home, a.shell(config, one))
		fmt.Fprintf(&secrets, "%s:%s:\n", one.Name, end)
	}
	for _, one := range a.live {
		write(one, "*::::::")
	}
	for _, one := range a.closed {
		// Expired on the second day of time: refused by every service that asks PAM, whatever key or ticket it was shown.
		write(one, "!*::::::1")
	}
	for _, called := range sorted(a.numbers) {
		if !real(a.numbers[called]) || hasGroup(config, called) {
			continue
		}
		members := []string{}
		for _, one := range a.live {
			if slices.Contains(one.Groups, called) {
				members = append(members, one.Name)
			}
		}
		fmt.Fprintf(&groups, "%s:x:%d:%s\n", called, a.numbers[called], strings.Join(members, ","))
	}
	return people.String(), groups.String(), secrets.String()
}

// hasGroup says whether a group is the host's own.
func hasGroup(config *Config, called string) bool {
	text, err := os.ReadFile(config.Places.Group)
	return err != nil || bytes.Contains(append([]byte("\n"), text...), []byte("\n"+called+":"))
}

// write puts the files in place, and makes homes. The groups' numbers are remembered for when nobody answers.
func (a *Accounts) write(config *Config) (bool, error) {
	folder := config.Places.Accounts
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return false, err
	}
	note := filepath.Join(folder, "numbers.json")
	if a.numbers == nil {
		a.numbers = map[string]int{}
		if text, err := os.ReadFile(note); err == nil {
			if err := json.Unmarshal(text, &a.numbers); err != nil {
				return false, fmt.Errorf("%s: %w", note, err)
			}
		}
	}
	text, err := json.Marshal(a.numbers)
	if err != nil {
		return false, err
	}
	passwd, group, shadow := a.texts(config)
	changed := false
	for _, file := range []struct {
		path, text string
		mode       os.FileMode
	}{
		{note, string(text) + "\n", 0o644},
		{filepath.Join(folder, "group"), group, 0o644},
		{filepath.Join(folder, "shadow"), shadow, 0o640},
		{filepath.Join(folder, "passwd"), passwd, 0o644},
	} {
		before, err := os.ReadFile(file.path)
		if err == nil && string(before) == file.text {
			continue
		}
		if err := place(file.path, []byte(file.text), file.mode, root(), readers(file.mode), true); err != nil {
			return changed, err
		}
		changed = true
	}
	return changed, a.homes(config)
}

// root owns what is written here; only a test runs as somebody else, who can give nothing away.
func root() int {
	if os.Geteuid() != 0 {
		return -1
	}
	return 0
}

func readers(mode os.FileMode) int {
	if mode == 0o640 {
		if group, err := user.LookupGroup("shadow"); err == nil {
			number, _ := strconv.Atoi(group.Gid)
			return number
		}
	}
	return 0
}

func (a *Accounts) homes(config *Config) error {
	span := config.Numbers["groups"]
	for _, one := range a.live {
		if !a.login[one.Name] {
			continue
		}
		gid := a.numbers[config.PrimaryGroup]
		if gid < span[0] || gid > span[1] {
			gid = one.Number
		}
		home := filepath.Join(config.Places.Homes, one.Name)
		if err := os.Mkdir(home, 0o700); errors.Is(err, fs.ErrExist) {
			continue
		} else if err != nil {
			return err
		}
		if root() == 0 {
			if err := os.Lchown(home, one.Number, gid); err != nil {
				return err
			}
		}
	}
	return nil
}

// end stops what closed people still have: sessions with all that runs in them, and the leave to become root again.
func (a *Accounts) end(config *Config) error {
	gone, unrooted := map[int]string{}, map[int]string{}
	for _, one := range a.closed {
		gone[one.Number] = one.Name
	}
	for _, one := range a.live {
		if !a.root[one.Name] {
			unrooted[one.Number] = one.Name
		}
	}
	for _, table := range []map[int]string{gone, unrooted} {
		for _, who := range table {
			if err := os.Remove(filepath.Join(config.Places.Sudo, who)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return endSessions(gone, unrooted)
}
