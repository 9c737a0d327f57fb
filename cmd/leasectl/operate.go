package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/leasecache/leasecache/server/admin/api"
	"github.com/leasecache/leasecache/shard"
	"github.com/spf13/cobra"
)

func newMove(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "move SHARD NODE",
		Short: "Move a shard to a node, as planned: writers are known there, values are not",
		Long: `Move a shard to a node, as planned, and wait until it is there: intents, doubts and tags go with it, values and leases do not.

Nothing is pinned: the nodes' parts stay even, so another shard may come back the other way. To empty a node use drain.`,
		Args: exactly(2, "name a shard and a node"),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := strconv.ParseUint(args[0], 10, 32)
			if err != nil || id >= shard.MaxCount {
				return fmt.Errorf("%w: %q is no shard: they are numbered from 0", errUsage, args[0])
			}
			return o.operate(c, api.PathMove, api.MoveRequest{Shard: uint32(id), Node: args[1]}, fmt.Sprintf("shard %d is %s's", id, args[1]))
		},
	}
}

func newDrain(o *options) *cobra.Command {
	var undo bool
	c := &cobra.Command{
		Use:   "drain NODE",
		Short: "Have a node own nothing: its shards move to others; --undo ends that",
		Long: `Have a node own nothing: its shards move to others, as planned, a few at a time. It goes on as a member, and forwards what its
clients ask for. That stays so when it is started again; --undo ends it. To stop a node nothing of this is needed: a clean stop moves its shards.`,
		Args: exactly(1, "name a node"),
		RunE: func(c *cobra.Command, args []string) error {
			said := args[0] + " is drained: its shards are on their way to others; `leasectl nodes` shows how many are left"
			if undo {
				said = args[0] + " is not drained any more, and gets its part of the shards"
			}
			return o.operate(c, api.PathDrain, api.DrainRequest{Node: args[0], Undo: undo}, said)
		},
	}
	c.Flags().BoolVar(&undo, "undo", false, "let it own shards again")
	return c
}

func newForget(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "forget NODE",
		Short: "Take a node out of the cluster for good",
		Long: `Take a node out of the cluster for good. It is refused for a node that runs and owns shards (drain it first), and where the voters that
are left could agree on nothing. The node's data directory is of no use any more; its id is free again.`,
		Args: exactly(1, "name a node"),
		RunE: func(c *cobra.Command, args []string) error {
			return o.operate(c, api.PathForget, api.ForgetRequest{Node: args[0]},
				args[0]+" is forgotten: it is out as soon as its session is over; wipe its data directory before it joins again")
		},
	}
}

// exactly is cobra's, with a sentence for people.
func exactly(n int, sentence string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != n {
			return errors.New(sentence)
		}
		for _, a := range args {
			if a == "" {
				return errors.New(sentence)
			}
		}
		return nil
	}
}

// operate sends a request that changes something, and says that it was done.
func (o *options) operate(c *cobra.Command, path string, req any, said string) error {
	var done api.Done
	answer, err := o.ask(c.Context(), http.MethodPost, path, nil, req, &done)
	switch {
	case err != nil:
		return err
	case !done.Done:
		return fmt.Errorf("%s answers, but does not say that it was done: --server wants the admin port of a leasecached", o.server)
	}
	return o.show(c.OutOrStdout(), answer, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, said)
		return err
	})
}
