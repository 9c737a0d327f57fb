package main

import (
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/leasecache/leasecache/internal/build"
	"github.com/spf13/cobra"
)

// options are the global flags.
type options struct {
	server string
	output string
}

func (o *options) json() bool { return o.output == "json" }

// validate checks what all verbs share.
func (o *options) validate() error {
	if o.output != "text" && o.output != "json" {
		return fmt.Errorf("-o %s: the output is text or json", o.output)
	}
	if _, _, err := net.SplitHostPort(o.server); err != nil {
		return fmt.Errorf("--server %s: it is HOST:ADMINPORT, such as 127.0.0.1:11212", o.server)
	}
	return nil
}

func newRoot() *cobra.Command {
	o := &options{}
	root := &cobra.Command{
		Use:   "leasectl",
		Short: "Look into a running leasecached, invalidate keys, and see the demo",
		Long: `Look into a running leasecached, invalidate keys, and see the demo.

"leasectl demo" needs no server: it shows in some seconds how a cache goes stale and how leases and intents keep it from that.
All other commands ask the server that --server names.`,
		SilenceErrors:     true, // run prints them
		SilenceUsage:      true,
		PersistentPreRunE: func(*cobra.Command, []string) error { return o.validate() },
	}
	root.PersistentFlags().StringVar(&o.server, "server", "127.0.0.1:11212", "HOST:ADMINPORT of a leasecached")
	root.PersistentFlags().StringVarP(&o.output, "output", "o", "text", "text, or json: the server's answer as it is")
	root.AddCommand(
		newStatus(o), newShards(o), newLeases(o), newIntents(o), newDoubts(o),
		newInspect(o), newGet(o), newInvalidate(o), newNodes(o), newMove(o), newDrain(o), newForget(o), newDemo(o), newCluster(), newRecover(o), newVersion(),
	)
	root.Version = build.Version() // gives the flag --version
	root.SetVersionTemplate(build.Line("leasectl"))
	for _, c := range root.Commands() {
		c.RunE = failing(c.RunE)
	}
	return root
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "The version of this program; status shows the server's",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := io.WriteString(c.OutOrStdout(), build.Line("leasectl"))
			return err
		},
	}
}

// failing marks what a verb returns as a failure, unless it found the command line to be wrong.
func failing(f func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		err := f(c, args)
		if err == nil || errors.Is(err, errUsage) {
			return err
		}
		return &failure{err}
	}
}
