package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/crypto/ssh"
)

func TestAConfigurationIsReadStrictly(t *testing.T) {
	good := map[string]any{"data": "/data", "host_keys": []string{"/key"}}
	if _, err := loadConfig(written(t, good)); err != nil {
		t.Fatal(err)
	}
	for word, value := range map[string]any{
		"quotas": 1, "data": "data", "host_keys": []string{}, "listen": "2022", "refresh_seconds": 0, "drain_seconds": 0, "limits": map[string]int{"per_person": 0},
		"quota": map[string]any{"megabytes": 1, "files": 1, "people": map[string]any{"../x": map[string]int{"files": 1}}},
		"login": map[string]any{"command": []string{}},
	} {
		bad := map[string]any{}
		for key, its := range good {
			bad[key] = its
		}
		bad[word] = value
		if _, err := loadConfig(written(t, bad)); err == nil {
			t.Errorf("%s: %v is taken", word, value)
		}
	}
}

func TestAHostKeyThatOthersReadIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	block, err := ssh.MarshalPrivateKey(newKeyOf(t), "")
	fatal(t, err)
	text := new(bytes.Buffer)
	fatal(t, encode(text, block))
	fatal(t, os.WriteFile(path, text.Bytes(), 0o600))
	if _, err := hostKeys([]string{path}); err != nil {
		t.Fatal(err)
	}
	if _, err := hostKeys([]string{path, path}); err == nil {
		t.Error("two keys of one kind are taken")
	}
	fatal(t, os.Chmod(path, 0o640))
	if _, err := hostKeys([]string{path}); err == nil {
		t.Error("a key that the group reads is taken")
	}
}
