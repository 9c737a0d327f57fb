package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/leasecache/leasecache/server/admin/api"
	"github.com/spf13/cobra"
)

func newShards(o *options) *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use:   "shards",
		Short: "Shards that hold leases, intents or doubt, are closed or move; --all for all of them",
		Long: `Shards that hold leases, intents or doubt, are closed, move to another node or belong to nobody; --all for all of them.

OWNER  the node that serves the shard; "n1 > n2" while it moves
STATE  open, doubt or closed; "elsewhere" if the node that is asked is not the owner: then ask that one for the rest`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var s api.Shards
			answer, err := o.ask(c.Context(), http.MethodGet, api.PathShards, nil, nil, &s)
			if err != nil {
				return err
			}
			return o.show(c.OutOrStdout(), answer, func(w io.Writer) error { return shardsText(w, &s, all) })
		},
	}
	c.Flags().BoolVar(&all, "all", false, "show every shard")
	return c
}

func shardsText(w io.Writer, s *api.Shards, all bool) error {
	t := newTable("SHARD#", "OWNER", "EPOCH#", "STATE", "LEASES#", "INTENTS#", "DOUBTS#", "NOTED", "DOUBT BELOW#", "TAG FLOOR#")
	for _, sh := range s.Shards {
		rests := sh.State == api.ShardOpen || sh.State == api.ShardElsewhere
		busy := !rests || sh.MovingTo != "" || sh.Leases > 0 || sh.Intents > 0 || sh.Doubts > 0
		if !all && !busy {
			continue
		}
		state := sh.State
		if sh.ClosedForMS > 0 {
			state += " " + millis(sh.ClosedForMS)
		}
		owner := dash(sh.Owner)
		if sh.MovingTo != "" {
			owner += " > " + sh.MovingTo
		}
		t.add(sh.Shard, owner, sh.Epoch, state, sh.Leases, sh.Intents, sh.Doubts, noted(sh), tokenOrDash(sh.DoubtBelow), tokenOrDash(sh.TagFloor))
	}
	empty := fmt.Sprintf("all %d shards are open and idle; --all lists them", len(s.Shards))
	if away := count(s.Shards, api.ShardElsewhere); away > 0 {
		empty = fmt.Sprintf("%d shards are open here and idle, %d are of other nodes; --all lists them", len(s.Shards)-away, away)
	}
	if err := t.write(w, empty); err != nil {
		return err
	}
	if quiet := len(s.Shards) - len(t.rows); quiet > 0 && len(t.rows) > 0 {
		_, err := fmt.Fprintf(w, "open and idle, or of other nodes: %d more; --all lists them\n", quiet)
		return err
	}
	return nil
}

// noted shows what kinds of intent the shard may have had in its epoch.
func noted(sh api.Shard) string {
	var kinds []string
	if sh.NotedFenced {
		kinds = append(kinds, api.KindFenced)
	}
	if sh.NotedBoundedMS > 0 {
		kinds = append(kinds, api.KindBounded+" "+millis(sh.NotedBoundedMS))
	}
	if len(kinds) == 0 {
		return "-"
	}
	return strings.Join(kinds, ", ")
}

func tokenOrDash(t api.Token) string {
	if t == 0 {
		return "-"
	}
	return fmt.Sprint(uint64(t))
}

func count(shards []api.Shard, state string) (n int) {
	for i := range shards {
		if shards[i].State == state {
			n++
		}
	}
	return n
}
