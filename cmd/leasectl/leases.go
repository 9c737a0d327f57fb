package main

import (
	"io"
	"net/http"

	"github.com/leasecache/leasecache/server/admin/api"
	"github.com/spf13/cobra"
)

func newLeases(o *options) *cobra.Command {
	var limit limitFlag
	c := &cobra.Command{
		Use:   "leases",
		Short: "Readers that are loading a value now, and who waits for them",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			q, err := limit.query()
			if err != nil {
				return err
			}
			var l api.Leases
			answer, err := o.ask(c.Context(), http.MethodGet, api.PathLeases, q, nil, &l)
			if err != nil {
				return err
			}
			return o.show(c.OutOrStdout(), answer, func(w io.Writer) error { return leasesText(w, &l) })
		},
	}
	limit.register(c)
	return c
}

func leasesText(w io.Writer, l *api.Leases) error {
	t := newTable("TOKEN#", "SHARD#", "LEFT#", "PARKED#", "FOR", "KEY")
	for _, x := range l.Leases {
		t.add(uint64(x.Token), x.Shard, millis(x.LeftMS), x.Parked, purpose(x), x.Name)
	}
	if err := t.write(w, "no lease is out"); err != nil {
		return err
	}
	return cut(w, l.Truncated, len(l.Leases), l.Total)
}

// purpose is what the lease's holder is about to do.
func purpose(l api.Lease) string {
	switch {
	case l.Doubt:
		return "fence and fill"
	case l.Refresh:
		return "refresh"
	default:
		return "fill"
	}
}
