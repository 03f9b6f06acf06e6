// Command fleet-man makes the manual pages of a distribution's packages readable in a browser. One half, extract, runs
// beside the packages: it takes the pages out and leaves them as finished HTML in a tree that mirrors copy. The other
// half, serve, runs on each mirror and answers from that tree; it interprets nothing that came with a package.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"fleet.internal/toolchain/fleet-man/extract"
	"fleet.internal/toolchain/fleet-man/serve"
)

const usage = `usage: fleet-man COMMAND
  extract CONFIG               takes the pages out of the packages that changed, once
  check CONFIG                 reads the configuration of extract, and says what is wrong with it
  serve --tree DIR --listen ADDRESS
                               answers by HTTP from the tree; follows its changes
`

var commands = map[string]func(context.Context, []string) error{
	"extract": extract.Main,
	"check":   extract.Check,
	"serve":   serve.Main,
}

func main() {
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := commands[os.Args[1]](ctx, os.Args[2:])
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "fleet-man: %v\n", err)
		os.Exit(1)
	}
}
