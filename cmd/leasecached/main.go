package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == standInName {
		os.Exit(runStandIn(os.Args[2:], os.Stdout, os.Stderr))
	}
	os.Exit(run(NewCommand(os.Environ(), os.Stdout, os.Stderr, listen), os.Args[1:]))
}

func run(c *Command, args []string) int {
	// Whoever reads the log may go away; Go would end the process with it at the
	// next line that a client causes.
	signal.Ignore(syscall.SIGPIPE)
	// After the first signal the default action is restored, so that a second
	// one ends a stop that takes too long, at once.
	ctx, restore := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	context.AfterFunc(ctx, restore)

	// As in memcached, the end of a terminal is none of the server.
	signal.Notify(c.hangup, syscall.SIGHUP)

	err := c.execute(ctx, args)
	if line := sentence(err); line != "" {
		fmt.Fprintln(c.stderr, "leasecached: "+line)
	}
	return exitCode(err)
}
