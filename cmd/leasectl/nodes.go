package main

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/leasecache/leasecache/server/admin/api"
	"github.com/spf13/cobra"
)

func newNodes(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "nodes",
		Short: "The nodes of the cluster: who leads, who votes, who owns how many shards",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var n api.Nodes
			answer, err := o.ask(c.Context(), http.MethodGet, api.PathNodes, nil, nil, &n)
			if err != nil {
				return err
			}
			return o.show(c.OutOrStdout(), answer, func(w io.Writer) error { return nodesText(w, &n) })
		},
	}
}

func nodesText(w io.Writer, n *api.Nodes) error {
	leader := n.Leader
	if leader == "" {
		leader = "NONE: " + n.NoLeader
	}
	if err := facts(w, "cluster", n.Cluster, "leader", leader+", term "+strconv.FormatUint(n.Term, 10)); err != nil {
		return err
	}
	t := newTable("NODE", "STATE", "VOTES", "SHARDS#", "MEMORY#", "HEARD#", "CLIENTS", "ADMIN", "PEERS")
	for _, m := range n.Nodes {
		state := []string{"down"}
		if m.Alive {
			state[0] = "alive"
		}
		if m.Draining {
			state = append(state, "draining")
		}
		if m.Forgotten {
			state = append(state, "forgotten")
		}
		votes := "no"
		if m.Votes {
			votes = "yes"
		}
		if m.Leads {
			votes = "leads"
		}
		heard := "-"
		if m.HeardMS >= 0 {
			heard = millis(m.HeardMS) + " ago"
		}
		t.add(m.ID, strings.Join(state, ", "), votes, m.Shards, size(m.MemoryBytes), heard, dash(m.Clients), dash(m.Admin), dash(m.Peers))
	}
	return t.write(w, "no nodes are known yet")
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func newMove(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "move SHARD NODE",
		Short: "Move one shard to a node, as planned: its intents, doubts and tags go with it",
		Long: `Move one shard to a node, as planned: its intents, doubts and tags go with it, its values do not. It returns when the shard is there.

Nothing holds it there: whatever makes the nodes even may move it, or another, again.`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := strconv.ParseUint(args[0], 10, 32)
			if err != nil {
				return fmt.Errorf("%w: %q is not the number of a shard: `leasectl inspect KEY` shows a key's", errUsage, args[0])
			}
			return o.have(c, api.PathMove, api.MoveRequest{Shard: uint32(id), Node: args[1]},
				fmt.Sprintf("shard %d is at %s", id, args[1]))
		},
	}
}

func newDrain(o *options) *cobra.Command {
	var undo bool
	c := &cobra.Command{
		Use:   "drain NODE",
		Short: "Have a node own nothing: its shards move to the others, one after the other",
		Long: `Have a node own nothing: its shards move to the others, one after the other, until --undo. leasectl nodes shows how far that is.

A clean stop does that by itself, and gives the node its shards back with the next start.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			done := args[0] + " is to own nothing; `leasectl nodes` shows what it still does"
			if undo {
				done = args[0] + " is given shards again"
			}
			return o.have(c, api.PathDrain, api.DrainRequest{Node: args[0], Undo: undo}, done)
		},
	}
	c.Flags().BoolVar(&undo, "undo", false, "let it own shards again")
	return c
}

func newForget(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "forget NODE",
		Short: "Remove a node that does not come back",
		Long: `Remove a node that does not come back, or whose data directory is lost. One that lives is given no session after its present one.

Its name can be used again, by a node with an empty directory. It is refused if too few voters would be left alive.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return o.have(c, api.PathForget, api.ForgetRequest{Node: args[0]}, args[0]+" is forgotten")
		},
	}
}

// have has something done, and says so.
func (o *options) have(c *cobra.Command, path string, in any, done string) error {
	var d api.Done
	answer, err := o.ask(c.Context(), http.MethodPost, path, nil, in, &d)
	if err != nil {
		return err
	}
	if !d.OK {
		// A script goes by the exit code: it must not be 0 for what nobody has done.
		return fmt.Errorf("%s does not say that it was done: --server wants the admin port of a leasecached of this version", o.server)
	}
	return o.show(c.OutOrStdout(), answer, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, done)
		return err
	})
}

// owners shows who owns what.
func (o *options) owners(c *cobra.Command) error {
	var s api.Owners
	answer, err := o.ask(c.Context(), http.MethodGet, api.PathOwners, nil, nil, &s)
	if err != nil {
		return err
	}
	return o.show(c.OutOrStdout(), answer, func(w io.Writer) error {
		t := newTable("SHARD#", "NODE", "EPOCH#", "MOVES TO")
		for _, sh := range s.Shards {
			node := sh.Node
			if node == "" {
				node = "nobody"
			}
			t.add(sh.Shard, node, sh.Epoch, dash(sh.MovesTo))
		}
		return t.write(w, "nothing is known of the cluster yet")
	})
}
