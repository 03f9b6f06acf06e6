package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// serveHere is a variable with the path of a configuration: the test's own program is then the server, as a process.
const serveHere = "DEVSPACE_TEST_SERVE"

func TestMain(m *testing.M) {
	path := os.Getenv(serveHere)
	if path == "" {
		os.Exit(m.Run())
	}
	config, err := loadConfig(path)
	if err == nil {
		var signers []ssh.Signer
		if signers, err = hostKeys(config.HostKeys); err == nil {
			var server *Server
			if server, err = newServer(config, signers); err == nil {
				ctx, _ := signal.NotifyContext(context.Background(), syscall.SIGTERM)
				err = server.run(ctx)
			}
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// process is a server of its own on the rig's files, at a port that others may share.
type process struct {
	*exec.Cmd
	ended chan error
}

// process starts one, and returns when it answers.
func (r *rig) process(listen string, change func(map[string]any)) *process {
	r.Helper()
	key := filepath.Join(r.folder, "host_key")
	if _, err := os.Stat(key); err != nil {
		block, err := ssh.MarshalPrivateKey(newKeyOf(r), "")
		fatal(r, err)
		text := new(bytes.Buffer)
		fatal(r, encode(text, block))
		fatal(r, os.WriteFile(key, text.Bytes(), 0o600))
	}
	text, err := json.Marshal(r.server.config)
	fatal(r, err)
	config := map[string]any{}
	fatal(r, json.Unmarshal(text, &config))
	config["listen"], config["host_keys"] = listen, []string{key}
	if change != nil {
		change(config)
	}
	it := &process{Cmd: exec.Command(os.Args[0]), ended: make(chan error, 1)}
	it.Env = append(os.Environ(), serveHere+"="+written(r, config))
	said := new(heard)
	it.Stderr = said
	fatal(r, it.Start())
	go func() { it.ended <- it.Wait() }()
	r.Cleanup(func() { _ = it.Process.Kill() })
	r.eventually("it answers", func() bool { return strings.Contains(said.String(), "answers on") })
	return it
}

// heard is what a process says, read while it speaks.
type heard struct {
	mu   sync.Mutex
	text strings.Builder
}

func (h *heard) Write(part []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.Write(part)
}

func (h *heard) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.String()
}

func TestTwoProcessesCountOneQuotaExactly(t *testing.T) {
	it := started(t, func(c *Config) { c.Limits.PerPerson = 20 })
	other := it.beside()
	key := newSigner(t)
	it.allow("eli", key.PublicKey())
	var all sync.WaitGroup
	text := bytes.Repeat([]byte("x"), 150_000)
	for number := range 8 {
		_, files := map[bool]*rig{true: it, false: other}[number%2 == 0].files("eli", key)
		all.Go(func() {
			for round := range 12 {
				err := it.put(files, fmt.Sprintf("f%d-%d", number, round), text)
				if err != nil && !strings.Contains(err.Error(), "quota exceeded") {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	it.counted("eli")
	other.counted("eli")
	_, files := other.files("eli", key)
	for number := range 40 {
		if err := it.put(files, fmt.Sprintf("last%d", number), text); err != nil {
			break
		}
	}
	if held, _ := it.used("eli"); held > 4<<20 || held+int64(len(text)) <= 4<<20 {
		t.Errorf("%d bytes are held: more than the quota, or less than it allows", held)
	}
	it.counted("eli")
}

func TestNamesChangedByTwoProcessesAreCountedExactly(t *testing.T) {
	it := started(t, func(c *Config) { c.Limits.PerPerson = 20 })
	other := it.beside()
	key := newSigner(t)
	it.allow("eli", key.PublicKey())
	var all sync.WaitGroup
	for number := range 6 {
		_, files := map[bool]*rig{true: it, false: other}[number%2 == 0].files("eli", key)
		all.Go(func() {
			for round := range 60 {
				// Some of it fails, because another was quicker: what is counted must fit all the same.
				name := fmt.Sprint("n", round%3)
				_ = it.put(files, name, bytes.Repeat([]byte("x"), 1000*number+round))
				_ = files.PosixRename(name, fmt.Sprint("n", (round+1)%3))
				_ = files.Rename(name, fmt.Sprint("public/n", number))
				_ = files.Remove(name)
				_ = files.Mkdir("d")
				_ = files.RemoveDirectory("d")
			}
		})
	}
	all.Wait()
	it.counted("eli")
	other.counted("eli")
	if it.incoming("eli") != 0 {
		t.Error("something is left of the uploads")
	}
}

func TestAnotherFormatIsRefusedAndALeftOneIsNot(t *testing.T) {
	it := started(t, nil)
	lock := filepath.Join(it.data, lockName)
	other := *it.server.config
	other.Data = filepath.Join(t.TempDir(), "data")
	fatal(t, os.Mkdir(other.Data, 0o755))
	// One from before held the folder alone.
	held, err := os.Create(filepath.Join(other.Data, lockName))
	fatal(t, err)
	fatal(t, syscall.Flock(int(held.Fd()), syscall.LOCK_EX))
	if _, err := openStore(&other); err == nil || !strings.Contains(err.Error(), "shares with nobody") {
		t.Errorf("beside one that holds the folder alone: %v", err)
	}
	held.Close()
	store, err := openStore(&other)
	fatal(t, err)
	store.close()
	fatal(t, os.WriteFile(lock, []byte("fleet-devspace 3\n"), 0o600))
	if _, err := openStore(it.server.config); err == nil || !strings.Contains(err.Error(), "another format") {
		t.Errorf("beside one of another format: %v", err)
	}
	fatal(t, os.WriteFile(filepath.Join(other.Data, lockName), []byte("fleet-devspace 3\n"), 0o600))
	store, err = openStore(&other)
	fatal(t, err)
	store.close()
}

func TestADiskThatTakesNoCountEndsNoServer(t *testing.T) {
	it := started(t, nil)
	_, files := it.person("eli")
	fatal(t, it.put(files, "a", []byte("a")))
	// A page that is not there any more is what a disk looks like that gives none.
	fatal(t, os.Truncate(filepath.Join(it.data, countsFolder, "eli"), 0))
	if err := it.put(files, "b", []byte("b")); err == nil || !strings.Contains(err.Error(), "disk is full") {
		t.Errorf("%v", err)
	}
	if _, err := files.StatVFS("/"); err == nil {
		t.Error("room is told that nobody knows")
	}
	fatal(t, files.Close())
	it.eventually("eli is out", func() bool {
		store := it.server.store
		person := store.person("eli")
		person.mu.Lock()
		defer person.mu.Unlock()
		return person.tally == nil
	})
	_, files = it.person("eli")
	fatal(t, it.put(files, "b", []byte("b")))
	it.counted("eli")
}

// ends tells a process to end, and returns how it did.
func (p *process) ends(t *testing.T) error {
	t.Helper()
	fatal(t, p.Process.Signal(syscall.SIGTERM))
	select {
	case err := <-p.ended:
		return err
	case <-time.After(20 * time.Second):
		return errors.New("it does not end")
	}
}
