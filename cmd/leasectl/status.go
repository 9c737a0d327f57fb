package main

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/leasecache/leasecache/server/admin/api"
	"github.com/spf13/cobra"
)

func newStatus(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "One node at a glance: is it ready, what does it hold, what is in the way",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var s api.Status
			answer, err := o.ask(c.Context(), http.MethodGet, api.PathStatus, nil, nil, &s)
			if err != nil {
				return err
			}
			return o.show(c.OutOrStdout(), answer, func(w io.Writer) error { return statusText(w, &s) })
		},
	}
}

func statusText(w io.Writer, s *api.Status) error {
	ready := "yes"
	if !s.Ready {
		ready = "NO: " + s.NotReady
	}
	intents := fmt.Sprintf("%d fenced, %d bounded live; %d begun, %d committed, %d aborted, %d ran out, %d refused",
		s.Intents.LiveFenced, s.Intents.LiveBounded, s.Intents.Begun, s.Intents.Committed, s.Intents.Aborted, s.Intents.RanOut, s.Intents.Refused)
	if s.NoIntents != "" {
		intents = "refused: " + s.NoIntents
	}
	conns := fmt.Sprintf("%d now, %d in all", s.Connections.Current, s.Connections.Total)
	if s.Connections.Max > 0 {
		conns += fmt.Sprintf(", %d refused over the bound of %d", s.Connections.Refused, s.Connections.Max)
	}
	used := ""
	if s.Memory.LimitBytes > 0 {
		used = fmt.Sprintf(" (%.0f %%)", 100*float64(s.Memory.UsedBytes)/float64(s.Memory.LimitBytes))
	}
	return facts(w,
		"node", fmt.Sprintf("%s, leasecached %s, up %s", s.Node, s.Version, millis(s.UptimeMS)),
		"cluster", s.Cluster+leads(s),
		"ready", ready,
		"ports", fmt.Sprintf("clients %s, admin %s", s.Listen, s.Admin),
		"connections", conns,
		"memory", fmt.Sprintf("%s of %s%s, %d items, %d evicted, %d expired", size(s.Memory.UsedBytes), size(s.Memory.LimitBytes), used, s.Memory.Items, s.Memory.Evictions, s.Memory.Expired),
		"reads", fmt.Sprintf("%d hits%s, %d misses, %d stale, %d quarantined, %d in doubt", s.Reads.Hits, rate(s.Reads), s.Reads.Misses, s.Reads.Stale, s.Reads.Quarantined, s.Reads.InDoubt),
		"leases", fmt.Sprintf("%d live, %d readers parked; %d granted, %d filled, %d dropped for want of memory, refused: %s", s.Leases.Live, s.Leases.Parked, s.Leases.Granted, s.Leases.Filled, s.Leases.Dropped, reasons(s.Leases.Refused)),
		"intents", intents,
		"doubts", fmt.Sprintf("%d keys, %d shards; %d cleared", s.Doubts.Keys, s.Doubts.Shards, s.Doubts.Cleared),
		"shards", fmt.Sprintf("%d: %d open, %d in doubt, %d closed", s.Shards.Total, s.Shards.Open, s.Shards.Doubt, s.Shards.Closed),
		"commands", counts(s.Commands),
	)
}

// leads says who leads, and how long this node may serve; nothing of a node without a cluster.
func leads(s *api.Status) string {
	switch {
	case s.NoLeader != "":
		return fmt.Sprintf(", NO LEADER: %s; this node's session ends in %s", s.NoLeader, millis(s.SessionMS))
	case s.Leader != "":
		return fmt.Sprintf(", led by %s; this node's session lasts %s, and is renewed", s.Leader, millis(s.SessionMS))
	}
	return ""
}

func rate(r api.Reads) string {
	all := r.Hits + r.Misses + r.Stale + r.Quarantined + r.InDoubt
	if all == 0 {
		return ""
	}
	return fmt.Sprintf(" (%.1f %%)", 100*float64(r.Hits)/float64(all))
}

// refusals are the letters of NS r<reason> in words.
var refusals = map[string]string{
	"i": "invalidated", "s": "superseded", "q": "quarantined", "o": "owner changed", "t": "tag", "u": "unknown lease", "d": "doubt not fenced",
}

func reasons(refused map[string]int64) string {
	words := make(map[string]int64, len(refused))
	for letter, n := range refused {
		word, ok := refusals[letter]
		if !ok {
			word = letter
		}
		words[word] += n
	}
	return counts(words)
}

// counts lists what is not zero, the names sorted.
func counts(m map[string]int64) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if m[k] != 0 {
			parts = append(parts, fmt.Sprintf("%s %d", k, m[k]))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}
