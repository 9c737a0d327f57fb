package main

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/leasecache/leasecache/server/admin/api"
	"github.com/spf13/cobra"
)

func newInspect(o *options) *cobra.Command {
	var keys keyFlags
	c := &cobra.Command{
		Use:   "inspect KEY",
		Short: "All that is known of one key, and what a reader would be told now; changes nothing",
		Long: `All that is known of one key, and what a reader would be told now; changes nothing.

shard      which part of the keys it belongs to, with its epoch, which grows with every start of the server, and its state: open;
           doubt, a writer of before may still commit, and its keys are not cached; closed, for a short while after a restart
reader     what a reader (lg) would be answered
value      what is stored: its size, the flags of the client, its version
lease      who may fill the key: the number of the lease, its time, and how many readers wait for the value (parked)
intents    writers that announced themselves and are not done; nobody fills meanwhile
doubts     intents that ran out: nobody knows whether their writers may still commit, and a fence in the database has to tell
last void  the number of the newest invalidation, store or intent that is remembered: a fill under a lease of a smaller one is refused`,
		Args: oneKey,
		RunE: func(c *cobra.Command, args []string) error {
			name, err := keys.name(args[0])
			if err != nil {
				return err
			}
			var i api.Inspect
			answer, err := o.ask(c.Context(), http.MethodGet, api.PathInspect, query(name), nil, &i)
			if err != nil {
				return err
			}
			return o.show(c.OutOrStdout(), answer, func(w io.Writer) error { return inspectText(w, &i) })
		},
	}
	keys.register(c)
	return c
}

// answers are the words for what a reader would be told.
var answers = map[string]string{
	api.AnswerHit:         "hit",
	api.AnswerLease:       "miss: it would get the lease to fill the key",
	api.AnswerWait:        "miss: another reader is loading the value, it would wait",
	api.AnswerQuarantined: "quarantined: a writer's intent is open, it would read the database and not fill",
	api.AnswerDoubt:       "in doubt: it would read the database, and fill only after fencing it",
	api.AnswerClosed:      "closed: the shard waits for bounded intents of a former life, it would read the database",
}

func inspectText(w io.Writer, i *api.Inspect) error {
	state := i.ShardState
	if i.DoubtBelow > 0 {
		state += fmt.Sprintf(", cleared by a fence at %d", i.DoubtBelow)
	}
	if i.ClosedForMS > 0 {
		state += " for " + millis(i.ClosedForMS)
	}
	pairs := []string{
		"key", i.Name.String(),
		"shard", fmt.Sprintf("%d, epoch %d, %s", i.Shard, i.Epoch, state),
		"reader", cmp.Or(answers[i.Answer], i.Answer),
		"value", valueText(i.Value),
	}
	if l := i.Lease; l != nil {
		pairs = append(pairs, "lease", fmt.Sprintf("%d to %s, %s left, %d parked", l.Token, purpose(*l), millis(l.LeftMS), l.Parked))
	} else {
		pairs = append(pairs, "lease", "none")
	}
	name := "intents"
	for _, in := range i.Intents {
		pairs = append(pairs, name, fmt.Sprintf("%d %s, %s left", in.Token, in.Kind, millis(in.LeftMS)))
		name = ""
	}
	if len(i.Intents) == 0 {
		pairs = append(pairs, "intents", "none")
	}
	doubts := "none"
	if len(i.Doubts) > 0 {
		doubts = tokens(i.Doubts)
	}
	pairs = append(pairs, "doubts", doubts, "last void", tokenOrDash(i.LastVoid))
	return facts(w, pairs...)
}

func valueText(v *api.Value) string {
	if v == nil {
		return "none"
	}
	parts := []string{fmt.Sprintf("%d bytes, flags %d, version %d", v.Size, v.Flags, v.Version)}
	if v.CAS != 0 && v.CAS != uint64(v.Version) {
		parts = append(parts, fmt.Sprintf("CAS %d chosen by a client", v.CAS))
	}
	parts = append(parts, "stored "+millis(v.AgeMS)+" ago")
	if v.Fetched {
		parts = append(parts, "last used "+millis(v.IdleMS)+" ago")
	} else {
		parts = append(parts, "never read")
	}
	if v.TTLMS < 0 {
		parts = append(parts, "no TTL")
	} else {
		parts = append(parts, millis(v.TTLMS)+" to live")
	}
	if len(v.Tags) > 0 {
		parts = append(parts, fmt.Sprintf("tags %q", v.Tags))
	}
	if v.Stale {
		parts = append(parts, "STALE: only for readers that accept it")
	}
	return strings.Join(parts, ", ")
}
