package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
)

// Drilled is what came of trying one key.
type Drilled struct {
	Account string  `json:"account"`
	Key     string  `json:"key"`
	Works   bool    `json:"works"`
	Seconds float64 `json:"seconds"`
	Why     string  `json:"why,omitempty"`
}

func (d Drilled) slow() bool { return d.Seconds > keyAtMost.Seconds() }

// Drill is the last one of this host, for its log, its metrics and `fleet drill`.
type Drill struct {
	Host  string    `json:"host"`
	At    time.Time `json:"at"`
	Works bool      `json:"works"`
	Keys  []Drilled `json:"keys"`
}

// keyAtMost is how long sshd may take to accept a break-glass key, whatever the directory does.
const keyAtMost = time.Second

func runDrill(ctx context.Context, config *Config, _ []string) error {
	found, err := drill(ctx, config)
	if err != nil {
		return err
	}
	for _, one := range found.Keys {
		if one.Works {
			say("break-glass: %s with %s: sshd would let it in (%.0f ms)", one.Account, one.Key, 1000*one.Seconds)
		} else {
			say("break-glass: %s with %s: DOES NOT WORK: %s", one.Account, one.Key, one.Why)
		}
	}
	if !found.Works {
		return errSaid
	}
	return nil
}

// drill tries every key of every break-glass account, and leaves a record.
func drill(ctx context.Context, config *Config) (Drill, error) {
	host, _ := os.Hostname()
	found := Drill{Host: host, At: now().UTC(), Keys: []Drilled{}}
	for _, who := range config.BreakGlass {
		keys, err := localKeys(config, who)
		if err != nil {
			found.Keys = append(found.Keys, Drilled{Account: who, Key: "-", Why: err.Error()})
			continue
		}
		for _, key := range keys {
			one := try(ctx, config, who, key)
			if one.slow() {
				// A host that was held up for a moment is not one that waits for the directory.
				one = try(ctx, config, who, key)
			}
			found.Keys = append(found.Keys, one)
		}
	}
	found.Works = len(found.Keys) > 0 && !slices.ContainsFunc(found.Keys, func(one Drilled) bool { return !one.Works })
	text, err := json.MarshalIndent(found, "", " ")
	if err != nil {
		return found, err
	}
	if err := place(config.Places.Drill, append(text, '\n'), 0o644, -1, -1, true); err != nil {
		return found, err
	}
	return found, drillMetrics(config, found)
}

// localKeys are a break-glass account's keys, once it is sure that no directory has a hand in them: the account is one
// of /etc/passwd, it is open, and only root can write its keys.
func localKeys(config *Config, who string) ([]ssh.PublicKey, error) {
	entry, err := lineOf(config.Places.Passwd, who)
	if err != nil {
		return nil, err
	}
	if entry == nil || len(entry) < 7 {
		return nil, fmt.Errorf("%s has no such account", config.Places.Passwd)
	}
	if about, err := os.Stat(entry[6]); err != nil || about.Mode()&0o111 == 0 || strings.HasSuffix(entry[6], "nologin") || strings.HasSuffix(entry[6], "false") {
		return nil, fmt.Errorf("its shell %s is none", entry[6])
	}
	secret, err := lineOf(config.Places.Shadow, who)
	if err != nil {
		return nil, err
	}
	if len(secret) > 7 && secret[7] != "" {
		if day, err := strconv.Atoi(secret[7]); err != nil || int64(day) <= now().Unix()/86400 {
			return nil, fmt.Errorf("the account has expired, or its expiry is unreadable")
		}
	}
	path := filepath.Join(config.Places.Keys, who)
	if err := onlyRootWrites(path); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	keys := []ssh.PublicKey{}
	for number, line := range strings.Split(string(text), "\n") {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
		if err != nil {
			return nil, fmt.Errorf("%s:%d: no key: %w", path, number+1, err)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%s holds no key", path)
	}
	return keys, nil
}

func lineOf(path, who string) ([]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, who+":") {
			return strings.Split(strings.TrimSuffix(line, "\n"), ":"), nil
		}
	}
	return nil, nil
}

// onlyRootWrites looks at a file and at every folder above it.
func onlyRootWrites(path string) error {
	for {
		about, err := os.Lstat(path)
		if err != nil {
			return err
		}
		owner := about.Sys().(*syscall.Stat_t).Uid
		if about.Mode()&os.ModeSymlink != 0 || owner != 0 || about.Mode().Perm()&0o022 != 0 && about.Mode()&os.ModeSticky == 0 {
			return fmt.Errorf("%s: others than root can change it (owner %d, mode %v)", path, owner, about.Mode())
		}
		if path == filepath.Dir(path) {
			return nil
		}
		path = filepath.Dir(path)
	}
}

// asker holds a public key alone. sshd first says whether it would accept a key, and only then wants it proved: being
// asked for a signature is sshd's own word that this key opens this account, in this moment, on this host.
type asker struct {
	key   ssh.PublicKey
	asked bool
}

var errAsked = errors.New("asked")

func (a *asker) PublicKey() ssh.PublicKey { return a.key }

func (a *asker) Sign(io.Reader, []byte) (*ssh.Signature, error) {
	a.asked = true
	return nil, errAsked
}

func try(ctx context.Context, config *Config, who string, key ssh.PublicKey) Drilled {
	found := Drilled{Account: who, Key: ssh.FingerprintSHA256(key)}
	began := now()
	hand := &asker{key: key}
	err := offer(ctx, config.SshPort, who, hand)
	found.Seconds = now().Sub(began).Seconds()
	switch {
	case !hand.asked && err != nil:
		found.Why = "sshd: " + err.Error()
	case !hand.asked:
		found.Why = "sshd let it in unproved: it has another way in than keys"
	case found.slow():
		found.Why = fmt.Sprintf("sshd took %.1f s: break-glass must not wait for the directory", found.Seconds)
	default:
		found.Works = true
	}
	return found
}

func offer(ctx context.Context, port int, who string, hand *asker) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	link, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer link.Close()
	if until, ok := ctx.Deadline(); ok {
		if err := link.SetDeadline(until); err != nil {
			return err
		}
	}
	session, _, _, err := ssh.NewClientConn(link, address, &ssh.ClientConfig{
		User: who,
		Auth: []ssh.AuthMethod{ssh.PublicKeys(hand)},
		// It is this host's own loopback, and no secret is sent.
		HostKeyCallback: ssh.InsecureIgnoreHostKey(),
		ClientVersion:   "SSH-2.0-fleet-drill",
	})
	if err == nil {
		session.Close()
	}
	return err
}
