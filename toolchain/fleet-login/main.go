// Command fleet-login is all that a host asks the directory of people, in one program: who may log in with which key
// (for sshd), who may become root with which password (for PAM), which accounts there are (for NSS), the same over LDAP
// for those who speak only that, and whether the keys for the day when the directory is gone still open the door.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const usage = `usage: fleet-login [--config FILE] COMMAND
  keys [--service NAME] [--alone] USER
                              sshd's AuthorizedKeysCommand: the person's keys, if they may log in here; alone: for a
                              server that asks from one process for everybody, each call is a login of its own
  pam                         for pam_exec: reads PAM_USER and a password on standard input
  refresh                     accounts, groups and what is kept of everybody, once
  keep                        refresh and drill again and again; a hang-up signal refreshes at once
  ldap                        answers LDAP binds and searches from the directory
  drill                       proves the break-glass keys of this host
  check                       reads the configuration, and says what is wrong with it
`

var commands = map[string]func(context.Context, *Config, []string) error{
	"keys":    runKeys,
	"pam":     runPam,
	"refresh": runRefresh,
	"keep":    runKeep,
	"ldap":    runLDAP,
	"drill":   runDrill,
	// Reading the file is the test of it.
	"check": func(context.Context, *Config, []string) error { return nil },
}

// errSaid ends the program with exit code 1; what is wrong has been said, or must not be.
var errSaid = errors.New("said")

func main() {
	words := os.Args[1:]
	path := configPath
	if len(words) > 1 && words[0] == "--config" {
		path, words = words[1], words[2:]
	}
	if len(words) == 0 || commands[words[0]] == nil {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	config, err := loadConfig(path)
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		err = commands[words[0]](ctx, config, words[1:])
		stop()
	}
	if err != nil {
		if !errors.Is(err, errSaid) {
			fmt.Fprintf(os.Stderr, "fleet-login: %v\n", err)
		}
		os.Exit(1)
	}
}

// say writes a line for the log: standard error is what sshd, the supervisor and a person at a terminal all keep.
func say(format string, words ...any) {
	fmt.Fprintf(os.Stderr, "fleet-login: "+format+"\n", words...)
}

func now() time.Time { return time.Now() }
