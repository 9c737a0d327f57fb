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
	var all, cluster bool
	c := &cobra.Command{
		Use:   "shards",
		Short: "Shards that hold leases, intents or doubt, or are closed; --all for all of them",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if cluster {
				return o.owners(c)
			}
			var s api.Shards
			answer, err := o.ask(c.Context(), http.MethodGet, api.PathShards, nil, nil, &s)
			if err != nil {
				return err
			}
			return o.show(c.OutOrStdout(), answer, func(w io.Writer) error { return shardsText(w, &s, all) })
		},
	}
	c.Flags().BoolVar(&all, "all", false, "show every shard of the node")
	c.Flags().BoolVar(&cluster, "cluster", false, "show which node owns which shard of the cluster, and moves that are under way")
	return c
}

func shardsText(w io.Writer, s *api.Shards, all bool) error {
	t := newTable("SHARD#", "OWNER", "EPOCH#", "STATE", "LEASES#", "INTENTS#", "DOUBTS#", "NOTED", "DOUBT BELOW#", "TAG FLOOR#")
	for _, sh := range s.Shards {
		busy := sh.State != api.ShardOpen || sh.Leases > 0 || sh.Intents > 0 || sh.Doubts > 0
		if !all && !busy {
			continue
		}
		state := sh.State
		if sh.ClosedForMS > 0 {
			state += " " + millis(sh.ClosedForMS)
		}
		t.add(sh.Shard, sh.Owner, sh.Epoch, state, sh.Leases, sh.Intents, sh.Doubts, noted(sh), tokenOrDash(sh.DoubtBelow), tokenOrDash(sh.TagFloor))
	}
	if err := t.write(w, fmt.Sprintf("all %d shards are open and idle; --all lists them", len(s.Shards))); err != nil {
		return err
	}
	if quiet := len(s.Shards) - len(t.rows); quiet > 0 && len(t.rows) > 0 {
		_, err := fmt.Fprintf(w, "open and idle: %d more; --all lists them\n", quiet)
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
