package main

import (
	"context"
	"io"
	"os"
	"strings"
	"testing"
)

// printed is what `keys` gives to who asked: this process, as a server asks for everybody.
func printed(t *testing.T, config *Config, words ...string) string {
	t.Helper()
	read, write, err := os.Pipe()
	fatal(t, err)
	before := os.Stdout
	os.Stdout = write
	err = runKeys(context.Background(), config, words)
	os.Stdout = before
	fatal(t, write.Close())
	fatal(t, err)
	text, err := io.ReadAll(read)
	fatal(t, err)
	return strings.TrimSpace(string(text))
}

func TestAServiceHasGroupsOfItsOwn(t *testing.T) {
	it, config := started(t, soon())
	config.Services = map[string]Service{"devspace": {Groups: []string{"guests"}}}
	key := newKey(t)
	it.put("ada", 2001, false, []string{key}, "ops")
	it.put("bo", 2002, false, []string{key}, "guests")
	it.put("cy", 2003, false, []string{key}, "guests", "ops")
	it.put("dan", 2004, true, []string{key}, "guests")
	for who, opens := range map[string][2]bool{
		"ada": {true, false}, "bo": {false, true}, "cy": {true, true}, "dan": {}, "nobody": {}, "root": {}, "BO": {}, "--": {},
	} {
		shell, service := "", ""
		if who != "--" {
			shell, service = printed(t, config, who), printed(t, config, "--alone", "--service", "devspace", who)
		}
		if (shell != "") != opens[0] || (service != "") != opens[1] {
			t.Errorf("%s: a shell %q, the service %q", who, shell, service)
		}
	}
	if err := runKeys(context.Background(), config, []string{"--service", "other", "bo"}); err == nil {
		t.Error("a service that is not served here gives keys")
	}
}

func TestAnAnswerForAShellOpensNoServiceThatWasAskedForBefore(t *testing.T) {
	it, config := started(t, soon())
	config.FreshSeconds = 60
	config.Services = map[string]Service{"devspace": {Groups: []string{"guests"}}}
	it.put("ada", 2001, false, []string{newKey(t)}, "ops")
	if printed(t, config, "ada") == "" || printed(t, config, "--service", "devspace", "ada") != "" {
		t.Error("one answer serves both")
	}
}

func TestEachCallAloneAsksAgainAndOthersHoldForTheirLogin(t *testing.T) {
	it, config := started(t, soon())
	it.put("ada", 2001, false, []string{newKey(t)}, "ops")
	if printed(t, config, "--alone", "ada") == "" || printed(t, config, "ada") == "" {
		t.Fatal("ada does not come in")
	}
	it.put("ada", 2001, false, []string{newKey(t)}, "people")
	// sshd's second call in one login: what the first heard.
	if printed(t, config, "ada") == "" {
		t.Error("a login's second call does not know of its first")
	}
	if printed(t, config, "--alone", "ada") != "" {
		t.Error("a login hears what an earlier one had heard")
	}
}
