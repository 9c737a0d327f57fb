package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/leasecache/leasecache/server/admin/api"
	"github.com/spf13/cobra"
)

func newDoubts(o *options) *cobra.Command {
	var limit limitFlag
	c := &cobra.Command{
		Use:   "doubts",
		Short: "Keys and shards that are not cached until the database was fenced",
		Long: `Keys and shards that are not cached until the database was fenced. A writer's intent ran out, or the server restarted under
it, and nobody knows whether he may still commit. Readers load from the database and fill nothing until one of them, with a fence,
has shut him out; a client with a fence does that by itself.

SHARD IN DOUBT         all keys of this shard are
EPOCH                  of the shard: it grows with every start of the server, and is the upper part of each token
CLEARED BY A FENCE AT  the token that a fence has to be raised to for the shard to be cached again

KEY IN DOUBT           this key alone, with its shard
INTENTS THAT RAN OUT   the tokens of the writers; a fence at one more than the largest ends all of them`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			q, err := limit.query()
			if err != nil {
				return err
			}
			var d api.Doubts
			answer, err := o.ask(c.Context(), http.MethodGet, api.PathDoubts, q, nil, &d)
			if err != nil {
				return err
			}
			return o.show(c.OutOrStdout(), answer, func(w io.Writer) error { return doubtsText(w, &d) })
		},
	}
	limit.register(c)
	return c
}

func doubtsText(w io.Writer, d *api.Doubts) error {
	if len(d.Shards) == 0 && len(d.Keys) == 0 {
		_, err := fmt.Fprintln(w, "nothing is in doubt")
		return err
	}
	if len(d.Shards) > 0 {
		t := newTable("SHARD IN DOUBT#", "EPOCH#", "CLEARED BY A FENCE AT#")
		for _, s := range d.Shards {
			t.add(s.Shard, s.Epoch, uint64(s.Below))
		}
		if err := t.write(w, ""); err != nil {
			return err
		}
	}
	if len(d.Keys) == 0 {
		return nil
	}
	if len(d.Shards) > 0 {
		if _, err := fmt.Fprintln(w); err != nil {
			return err
		}
	}
	t := newTable("SHARD#", "INTENTS THAT RAN OUT", "KEY IN DOUBT")
	for _, k := range d.Keys {
		t.add(k.Shard, tokens(k.Tokens), k.Name)
	}
	if err := t.write(w, ""); err != nil {
		return err
	}
	return cut(w, d.Truncated, len(d.Keys), d.Total)
}

func tokens(list []api.Token) string {
	words := make([]string, len(list))
	for i, t := range list {
		words[i] = fmt.Sprint(uint64(t))
	}
	return strings.Join(words, " ")
}
