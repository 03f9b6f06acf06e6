package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/syslog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// Password is a password that the directory found right, for when it is silent. Its owner's last answer must hold too.
type Password struct {
	Number int       `json:"number"`
	Hash   []byte    `json:"hash"`
	Asked  time.Time `json:"asked"`
}

// Some 50 ms on the fleet's hosts, as slow as sudo's own prompt leaves unnoticed.
const cost = 10

// runPam lets pam_exec know whether the password on standard input is that of PAM_USER, and whether that person may
// become root on this host. An account of the host's own is none of its business.
func runPam(ctx context.Context, config *Config, _ []string) error {
	began := now()
	who := os.Getenv("PAM_USER")
	if !name.MatchString(who) || local(config, who) {
		return errSaid
	}
	text, err := io.ReadAll(io.LimitReader(os.Stdin, 1024))
	password := strings.TrimRight(string(text), "\x00")
	if err != nil || password == "" {
		return errSaid
	}
	decided, why := authenticate(ctx, config, who, password, began)
	word := "refused"
	if decided {
		word = "let in"
	}
	if log, err := syslog.New(syslog.LOG_AUTHPRIV|syslog.LOG_NOTICE, "fleet-login"); err == nil {
		_ = log.Notice(fmt.Sprintf("%s for %s: %s: %s", os.Getenv("PAM_SERVICE"), who, word, why))
		log.Close()
	}
	if !decided {
		return errSaid
	}
	return nil
}

// authenticate asks for the person and for the password side by side, within one deadline.
func authenticate(ctx context.Context, config *Config, who, password string, began time.Time) (bool, string) {
	store, err := openStore(config)
	if err != nil {
		return false, err.Error()
	}
	ctx, cancel := context.WithDeadline(ctx, began.Add(config.deadline()))
	defer cancel()
	type verdict struct {
		right bool
		err   error
	}
	verdicts := make(chan verdict, 1)
	go func() {
		directory, err := newDirectory(config, "sudo")
		if err != nil {
			verdicts <- verdict{false, err}
			return
		}
		defer directory.close()
		right, err := directory.right(ctx, who, password)
		verdicts <- verdict{right, err}
	}()
	lookup := &Lookup{config: config, store: store, who: who, allowed: config.SudoGroups, began: began, must: true}
	looked := lookup.find(ctx)
	said := <-verdicts
	passwords := passwordFile(config, who)
	if looked.answer == nil {
		return false, "never seen here (" + looked.from + ")"
	}
	if open, why := looked.answer.open(now(), config.limit(), config.SudoGroups); !open {
		if !errors.Is(os.Remove(passwords), fs.ErrNotExist) {
			why += "; the password kept of them is gone"
		}
		return false, why
	}
	switch {
	case said.err == nil && said.right:
		if err := keepPassword(config, passwords, looked.answer.Number, password, began); err != nil {
			return true, "by the directory; not kept: " + err.Error()
		}
		return true, "by the directory"
	case said.err == nil:
		os.Remove(passwords)
		return false, "the directory says that the password is wrong"
	}
	return keptPassword(config, passwords, looked.answer.Number, password)
}

func passwordFile(config *Config, who string) string {
	return filepath.Join(config.Places.Passwords, who+".json")
}

// digest makes a password of any length one that bcrypt takes whole.
func digest(password string) []byte {
	sum := sha256.Sum256([]byte(password))
	return []byte(hex.EncodeToString(sum[:]))
}

func keepPassword(config *Config, path string, number int, password string, asked time.Time) error {
	if config.CacheMinutes == 0 {
		return nil
	}
	if err := os.MkdirAll(config.Places.Passwords, 0o700); err != nil {
		return err
	}
	hash, err := bcrypt.GenerateFromPassword(digest(password), cost)
	if err != nil {
		return err
	}
	text, err := json.Marshal(Password{number, hash, asked})
	if err != nil {
		return err
	}
	return place(path, append(text, '\n'), 0o600, -1, -1, false)
}

func keptPassword(config *Config, path string, number int, password string) (bool, string) {
	text, err := os.ReadFile(path)
	if err != nil {
		return false, "no answer from the directory, and no password is kept"
	}
	kept := Password{}
	if json.Unmarshal(text, &kept) != nil || kept.Number != number {
		os.Remove(path)
		return false, "no answer from the directory, and the password kept is somebody else's"
	}
	if (&Kept{Asked: kept.Asked}).age(now()) > config.limit() {
		os.Remove(path)
		return false, "no answer from the directory, and the password kept is too old"
	}
	if bcrypt.CompareHashAndPassword(kept.Hash, digest(password)) != nil {
		return false, "no answer from the directory, and it is not the password kept"
	}
	return true, "by the password kept: no answer from the directory"
}

// forgetPasswords removes what is kept of those who may not become root any more, and what is too old.
func forgetPasswords(config *Config, accounts *Accounts) error {
	entries, err := os.ReadDir(config.Places.Passwords)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		who, named := strings.CutSuffix(entry.Name(), ".json")
		about, err := entry.Info()
		if named && accounts.root[who] && err == nil && now().Sub(about.ModTime()) <= config.limit() {
			continue
		}
		if err := os.Remove(filepath.Join(config.Places.Passwords, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}
