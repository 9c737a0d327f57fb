package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/leasecache/leasecache/cmd/leasectl/internal/trial"
	"github.com/leasecache/leasecache/shard"
	"github.com/spf13/cobra"
)

func newCluster() *cobra.Command {
	var o trial.Options
	c := &cobra.Command{
		Use:   "cluster",
		Short: "Run a cluster of three nodes on this machine, to try it out",
		Long: `Run a cluster of three nodes on this machine, to try it out, until ctrl-C.

Each node is a leasecached of its own. Whenever it changes, a table says who owns what: kill a node and see its shards go to the
others. What they keep is removed at the end, unless --dir says where to keep it.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if o.Nodes < 1 || o.Nodes > 100 {
				return fmt.Errorf("%w: --nodes is from 1 to 100", errUsage)
			}
			ctx, restore := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
			defer restore()
			nodes, err := trial.Start(o)
			if err == nil {
				err = watchCluster(ctx, nodes, c.OutOrStdout())
			}
			restore() // a second ctrl-C ends this at once
			fmt.Fprintln(c.ErrOrStderr(), "stopping")
			return errors.Join(err, nodes.Stop())
		},
	}
	f := c.Flags()
	f.IntVar(&o.Nodes, "nodes", 3, "how many")
	f.IntVar(&o.Port, "port", 11211, "client port of the first node; its admin and cluster ports are the next two, the second node's are ten on")
	f.StringVar(&o.Dir, "dir", "", "keep data and logs in this directory; default: a temporary one")
	f.StringVar(&o.Binary, "leasecached", "", "the program to run; default: the one beside leasectl, or the PATH's")
	f.StringArrayVar(&o.Flags, "flag", []string{"--memory=64MiB"}, "a flag for each leasecached, such as --flag=--memory=1GiB; may be repeated")
	return c
}

// lookEvery is how often the nodes are asked who owns what.
const lookEvery = 200 * time.Millisecond

// watchCluster prints who owns what whenever that has changed and is the same at a second
// look, until ctx ends or all nodes have.
func watchCluster(ctx context.Context, nodes *trial.Cluster, out io.Writer) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	told := make(map[string]bool) // whose end was
	var shown, last, logged string
	for {
		for _, n := range nodes.Nodes {
			if ended, err := n.Gone(); ended && !told[n.ID] {
				told[n.ID] = true
				fmt.Fprintf(out, "%s %s ended: %v; the last line of its log: %s\n", time.Now().Format("15:04:05"), n.ID, err, n.LastWords())
			}
		}
		if len(told) == len(nodes.Nodes) {
			return errors.New("all nodes have ended")
		}
		m, ok := nodes.Map(ctx)
		text, err := ownersTable(nodes, &m, ok)
		if err != nil {
			return err
		}
		if text == last && text != shown {
			shown = text
			fmt.Fprintf(out, "%s\n%s\n", time.Now().Format("15:04:05"), text)
			if logged == "" && ok {
				logged = "logs: " + nodes.Nodes[0].Log + " and so on; ctrl-C stops all"
				fmt.Fprintln(out, logged)
			}
		}
		last = text
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// ownersTable has a line for each node, whether the map knows it or not.
func ownersTable(nodes *trial.Cluster, m *shard.Map, ok bool) (string, error) {
	owned := make(map[string]int)
	state := make(map[string]shard.NodeState)
	for _, n := range m.Nodes {
		state[n.ID] = n.State
	}
	nobody := 0
	for _, o := range m.Owners {
		if o == shard.NoOwner {
			nobody++
			continue
		}
		owned[m.Nodes[o].ID]++
	}
	t := newTable("NODE", "CLIENTS", "ADMIN", "PID#", "STATE", "SHARDS#")
	for _, n := range nodes.Nodes {
		s := string(state[n.ID])
		if gone, _ := n.Gone(); gone {
			s = "process ended"
		} else if s == "" {
			s = "joining"
		}
		t.add(n.ID, n.Client, n.Admin, n.PID(), s, owned[n.ID])
	}
	if ok && nobody > 0 {
		t.add("nobody", "", "", "", "", nobody)
	}
	var b strings.Builder
	err := t.write(&b, "")
	return b.String(), err
}
