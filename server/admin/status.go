package admin

import (
	"net/http"

	"github.com/leasecache/leasecache/lease"
	"github.com/leasecache/leasecache/server/admin/api"
)

var reasonNames = map[lease.Reason]string{
	lease.Invalidated: "invalidated",
	lease.Superseded:  "superseded",
	lease.Quarantine:  "quarantined",
	lease.OtherEpoch:  "owner",
	lease.TagBumped:   "tag",
	lease.Unknown:     "unknown",
	lease.NotFenced:   "doubt",
}

func refusals(l *lease.Stats) map[lease.Reason]uint64 {
	return map[lease.Reason]uint64{
		lease.Invalidated: l.RefusedInvalidated,
		lease.Superseded:  l.RefusedSuperseded,
		lease.Quarantine:  l.RefusedQuarantine,
		lease.OtherEpoch:  l.RefusedOtherEpoch,
		lease.TagBumped:   l.RefusedTag,
		lease.Unknown:     l.RefusedUnknown,
		lease.NotFenced:   l.RefusedFenced,
	}
}

func (s *Server) status(*http.Request) (any, error) {
	n := s.srv.Snapshot()
	views := s.srv.Shards()
	node, cluster, version := s.srv.Node()
	out := api.Status{
		Node: node, Cluster: cluster, Version: version,
		Listen: s.srv.Addr().String(), Admin: s.Addr().String(),
		UptimeMS:    n.Uptime.Milliseconds(),
		Ready:       true,
		Memory:      api.Memory{LimitBytes: n.Memory.Limit, UsedBytes: n.Memory.Used, LiveBytes: n.Memory.Bytes, Items: n.Memory.Items, Evictions: int64(n.Memory.Evictions), Expired: int64(n.Memory.Expired + n.Memory.Reclaimed)},
		Connections: api.Connections{Current: int64(n.Conns), Max: int64(n.MaxConns), Total: int64(n.Accepted), Refused: int64(n.Rejected)},
		Leases:      api.LeaseStats{Parked: int64(n.Leases.Parked), Granted: int64(n.Leases.Granted), Filled: int64(n.Leases.Filled), Dropped: int64(n.Leases.Dropped), Refused: map[string]int64{}},
		Intents:     api.IntentStats{Begun: int64(n.Leases.IntentsBegun), RanOut: int64(n.Leases.IntentsRunOut), LiveFenced: int64(n.Leases.Intents - n.Leases.Bounded), LiveBounded: int64(n.Leases.Bounded)},
		Doubts:      api.DoubtStats{Tokens: int64(n.Leases.Doubts), Cleared: int64(n.Leases.DoubtsCleared)},
		Shards:      shardCounts(views),
		Commands:    map[string]int64{},
	}
	if s.cluster != nil {
		n := s.cluster.Nodes()
		out.Leader, out.NoLeader = n.Leader, n.NoLeader
		out.SessionMS = s.cluster.Gauges().SessionLeft.Milliseconds()
	}
	if err := s.ready(); err != nil {
		out.Ready, out.NotReady = false, err.Error()
	}
	if err := s.srv.Intents(); err != nil {
		out.NoIntents = err.Error()
	}
	for reason, count := range refusals(&n.Leases) {
		out.Leases.Refused[string(rune(reason))] = int64(count)
	}
	for i := range views {
		if views[i].State.DoubtBelow != 0 {
			out.Doubts.Shards++
		}
		out.Doubts.Keys += int64(views[i].Stats.DoubtedKeys)
		out.Leases.Live += int64(views[i].Stats.Leases)
	}
	for _, c := range n.Commands {
		out.Commands[c.Verb] += int64(c.N)
		switch c.Verb {
		case "get", "gets", "lg":
			switch c.Outcome {
			case "hit":
				out.Reads.Hits += int64(c.N)
			case "stale":
				out.Reads.Stale += int64(c.N)
			case "quarantined":
				out.Reads.Quarantined += int64(c.N)
			case "doubt":
				out.Reads.InDoubt += int64(c.N)
			case "miss", "granted", "busy":
				out.Reads.Misses += int64(c.N)
			}
		case "lw":
			if c.Outcome == "unavailable" {
				out.Intents.Refused += int64(c.N)
			}
		case "lc":
			if c.Outcome == "ok" || c.Outcome == "late" {
				out.Intents.Committed += int64(c.N)
			}
		case "la":
			if c.Outcome == "ok" || c.Outcome == "late" {
				out.Intents.Aborted += int64(c.N)
			}
		}
	}
	return out, nil
}
