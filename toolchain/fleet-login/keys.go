package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
)

// runKeys prints somebody's keys for sshd, or nothing. Nothing is no failure: sshd goes on to its other ways.
func runKeys(ctx context.Context, config *Config, words []string) error {
	began := now()
	flags := flag.NewFlagSet("keys", flag.ContinueOnError)
	service := flags.String("service", "", "a service with groups of its own")
	// A server that asks for everybody from one process would be told about the second login what the first had heard.
	alone := flags.Bool("alone", false, "one call is one login: no call before it counts")
	if err := flags.Parse(words); err != nil || flags.NArg() != 1 {
		return errors.New("keys: needs one name")
	}
	who := flags.Arg(0)
	if !name.MatchString(who) || local(config, who) {
		return nil
	}
	allowed, err := config.allowed(*service)
	if err != nil {
		return err
	}
	store, err := openStore(config)
	if err != nil {
		return err
	}
	attempt := ""
	if !*alone {
		attempt = attemptID(os.Getppid())
	}
	lookup := &Lookup{
		config: config, store: store, who: who, service: *service, allowed: allowed, attempt: attempt, began: began,
	}
	looked := lookup.find(ctx)
	if looked.answer == nil {
		say("%s: no keys: never seen here (%s)", who, looked.from)
		return nil
	}
	open, why := looked.answer.open(now(), config.limit(), allowed)
	if !open {
		say("%s: no keys: %s (%s)", who, why, looked.from)
		return nil
	}
	_, err = fmt.Print(strings.Join(looked.answer.Keys, "\n") + "\n")
	return err
}
