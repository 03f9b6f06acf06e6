// Command fleet-devspace gives people of the directory a place for files: SFTP, and nothing else that ssh can do.
//
// It opens no shell, runs no command of a client and forwards nothing. Who may come in it does not decide: for each
// login it asks fleet-login, as sshd does, and it asks again while people are in. Each has a home and a folder that the
// world may read; what is being uploaded lies elsewhere until the client has closed it.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"
)

const configPath = "/etc/fleet/devspace.json"

const usage = `usage: fleet-devspace [--config FILE] COMMAND
  serve   answers until it is told to end
  check   reads the configuration and the host keys, and says what is wrong with them
`

func main() {
	words := os.Args[1:]
	path := configPath
	if len(words) > 1 && words[0] == "--config" {
		path, words = words[1], words[2:]
	}
	if len(words) != 1 || (words[0] != "serve" && words[0] != "check") {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	// The supervisor's log has the time of each line.
	log.SetFlags(0)
	log.SetPrefix("fleet-devspace: ")
	if err := run(path, words[0]); err != nil {
		log.Print(err)
		os.Exit(1)
	}
}

func run(path, word string) error {
	config, err := loadConfig(path)
	if err != nil {
		return err
	}
	signers, err := hostKeys(config.HostKeys)
	if err != nil || word == "check" {
		return err
	}
	if os.Geteuid() == 0 {
		return errors.New("runs as root: it needs no right of root; start it under an account of its own (`user:` of the task)")
	}
	// Files are made with the modes that the code says.
	syscall.Umask(0)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends it at once.
	context.AfterFunc(ctx, stop)
	server, err := newServer(config, signers)
	if err != nil {
		return err
	}
	return server.run(ctx)
}
