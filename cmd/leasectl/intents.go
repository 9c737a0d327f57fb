package main

import (
	"io"
	"net/http"

	"github.com/leasecache/leasecache/server/admin/api"
	"github.com/spf13/cobra"
)

func newIntents(o *options) *cobra.Command {
	var limit limitFlag
	c := &cobra.Command{
		Use:   "intents",
		Short: "Writers between their announcement and its end; their keys are quarantined",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			q, err := limit.query()
			if err != nil {
				return err
			}
			var i api.Intents
			answer, err := o.ask(c.Context(), http.MethodGet, api.PathIntents, q, nil, &i)
			if err != nil {
				return err
			}
			return o.show(c.OutOrStdout(), answer, func(w io.Writer) error { return intentsText(w, &i) })
		},
	}
	limit.register(c)
	return c
}

func intentsText(w io.Writer, i *api.Intents) error {
	t := newTable("TOKEN#", "SHARD#", "KIND", "LEFT#", "KEY")
	for _, x := range i.Intents {
		t.add(uint64(x.Token), x.Shard, x.Kind, millis(x.LeftMS), x.Name)
	}
	if err := t.write(w, "no intent is open"); err != nil {
		return err
	}
	return cut(w, i.Truncated, len(i.Intents), i.Total)
}
