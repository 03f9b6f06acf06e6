package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// rig is a server on loopback whose look-up is a script: a file `<who>` beside it holds their keys.
type rig struct {
	*testing.T
	server *Server
	folder string
	data   string
	at     string
}

func fatal(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newSigner(t testing.TB) ssh.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	fatal(t, err)
	signer, err := ssh.NewSignerFromKey(key)
	fatal(t, err)
	return signer
}

// started runs a server; `change` may alter its configuration first.
func started(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	folder, err := os.MkdirTemp("", "devspace-")
	fatal(t, err)
	it := &rig{T: t, folder: folder, data: filepath.Join(folder, "data")}
	// A look-up that nobody waits for any more may still write here.
	t.Cleanup(func() {
		it.eventually("nobody writes here any more", func() bool { return os.RemoveAll(folder) == nil })
	})
	fatal(t, os.Mkdir(it.data, 0o755))
	script := filepath.Join(folder, "keys")
	text := fmt.Sprintf("#!/bin/sh\necho \"$1\" >> %[1]s/asked\n[ ! -e %[1]s/broken ] || exit 1\n[ ! -e %[1]s/silent ] || sleep 60\ncat %[1]s/who/\"$1\" 2>/dev/null || true\n", folder)
	fatal(t, os.WriteFile(script, []byte(text), 0o755))
	fatal(t, os.Mkdir(filepath.Join(folder, "who"), 0o755))
	config := defaults()
	config.Data, config.HostKeys = it.data, []string{"none"}
	config.Listen, config.HTTP = "127.0.0.1:0", "127.0.0.1:0"
	config.Login.Command = []string{script}
	config.Login.FreshSeconds, config.RefreshSeconds = 0, 0.3
	config.Quota.Quota = Quota{Megabytes: 4, Files: 50}
	if change != nil {
		change(config)
	}
	fatal(t, config.check())
	it.serve(config)
	return it
}

// beside is a second server on the same files: locks belong to open files, so that the two are to each other as two
// processes are.
func (r *rig) beside() *rig {
	r.Helper()
	it := &rig{T: r.T, folder: r.folder, data: r.data}
	it.serve(r.server.config)
	return it
}

func (r *rig) serve(config *Config) {
	r.Helper()
	server, err := newServer(config, []ssh.Signer{newSigner(r)})
	fatal(r, err)
	r.server = server
	listener, err := net.Listen("tcp", config.Listen)
	fatal(r, err)
	r.at = listener.Addr().String()
	ctx, end := context.WithCancel(context.Background())
	go func() { _ = server.accept(listener) }()
	go server.watch(ctx)
	go server.store.buryAgain(ctx)
	r.Cleanup(func() {
		end()
		listener.Close()
		for _, session := range server.sessions() {
			session.cut("the test ends")
		}
		server.ended.Wait()
		server.store.close()
	})
}

// allow writes down somebody's keys.
func (r *rig) allow(who string, keys ...ssh.PublicKey) {
	r.Helper()
	var text []byte
	for _, key := range keys {
		text = append(text, ssh.MarshalAuthorizedKey(key)...)
	}
	fatal(r, os.WriteFile(filepath.Join(r.folder, "who", who), text, 0o644))
}

func (r *rig) dial(who string, key ssh.Signer) (*ssh.Client, error) {
	return ssh.Dial("tcp", r.at, &ssh.ClientConfig{
		User: who, Auth: []ssh.AuthMethod{ssh.PublicKeys(key)}, HostKeyCallback: ssh.InsecureIgnoreHostKey(), Timeout: 10 * time.Second,
	})
}

// person lets somebody come in by a key of their own, and opens their files.
func (r *rig) person(who string) (*ssh.Client, *sftp.Client) {
	r.Helper()
	key := newSigner(r)
	r.allow(who, key.PublicKey())
	return r.files(who, key)
}

func (r *rig) comes(who string, key ssh.Signer) (*ssh.Client, *sftp.Client, error) {
	client, err := r.dial(who, key)
	if err != nil {
		return nil, nil, err
	}
	files, err := sftp.NewClient(client)
	if err != nil {
		client.Close()
	}
	return client, files, err
}

func (r *rig) files(who string, key ssh.Signer) (*ssh.Client, *sftp.Client) {
	r.Helper()
	client, files, err := r.comes(who, key)
	fatal(r, err)
	r.Cleanup(func() { client.Close() })
	return client, files
}

func (r *rig) put(files *sftp.Client, name string, text []byte) error {
	r.Helper()
	file, err := files.Create(name)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	return errors.Join(err, file.Close())
}

// on is what is on the disk below home, of everybody.
func (r *rig) on(inner string) string {
	r.Helper()
	text, err := os.ReadFile(filepath.Join(r.data, inner))
	if errors.Is(err, os.ErrNotExist) {
		return "-"
	}
	fatal(r, err)
	return string(text)
}

// incoming is what lies in the folder of uploads.
func (r *rig) incoming(who string) int {
	r.Helper()
	entries, err := os.ReadDir(filepath.Join(r.data, incomingFolder, who))
	fatal(r, err)
	return len(entries)
}

func (r *rig) eventually(what string, holds func() bool) {
	r.Helper()
	for end := time.Now().Add(8 * time.Second); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			r.Fatalf("never came true: %s", what)
		}
	}
}

func (r *rig) used(who string) (bytes, files int64) {
	r.Helper()
	bytes, files, err := r.server.store.counted(who)
	fatal(r, err)
	return bytes, files
}

// counted fails unless what is counted is what is on the disk.
func (r *rig) counted(who string) {
	r.Helper()
	bytes, files := r.used(who)
	really, there, err := r.server.store.count(who)
	fatal(r, err)
	if bytes != really || files != there {
		r.Fatalf("%s: counted %d bytes in %d files, there are %d in %d", who, bytes, files, really, there)
	}
}

func written(t testing.TB, config map[string]any) string {
	t.Helper()
	text, err := json.Marshal(config)
	fatal(t, err)
	path := filepath.Join(t.TempDir(), "devspace.json")
	fatal(t, os.WriteFile(path, text, 0o600))
	return path
}
