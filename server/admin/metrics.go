package admin

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/leasecache/leasecache/server"
)

// collector reads the server's counts when it is scraped: nothing is counted
// twice, and a command pays for none of it.
type collector struct {
	srv     *server.Server
	cluster Cluster // nil for a node that is in none
}

var (
	commands    = desc("commands_total", "Commands (keys, for get and gets) by verb and what they came to.", "verb", "outcome")
	granted     = desc("leases_granted_total", "Leases granted to readers.")
	filled      = desc("leases_filled_total", "Fills stored.")
	refused     = desc("leases_refused_total", "Fills refused, by reason.", "reason")
	dropped     = desc("leases_dropped_total", "Leases dropped because their memory was short.")
	leases      = desc("leases", "Leases given out and not voided, filled or superseded.")
	parked      = desc("parked_readers", "Readers waiting for another's fill.")
	invalidated = desc("invalidations_total", "Invalidations of keys.")
	intents     = desc("intents", "Write intents open.")
	begun       = desc("intents_begun_total", "Write intents begun.")
	ranOut      = desc("intents_run_out_total", "Write intents that ran out.")
	doubts      = desc("doubts", "Doubts of keys.")
	shards      = desc("shards", "Shards of this node, by state.", "state")
	folds       = desc("doubt_folds_total", "Times that doubts of keys became their shard's because memory was short.")
	floors      = desc("tag_floor_rises_total", "Tag bumps forgotten because memory was short; each voids older tagged items of a shard.")
	tags        = desc("tags", "Tag bumps remembered.")
	items       = desc("items", "Values stored.")
	memoryUsed  = desc("memory_bytes", "Memory of the value store, by what it is.", "kind")
	evictions   = desc("evictions_total", "Values evicted for room.")
	expired     = desc("expired_total", "Values found past their time.")
	conns       = desc("connections", "Client connections open.")
	connsMax    = desc("connections_max", "Client connections at most.")
	accepted    = desc("connections_accepted_total", "Client connections accepted.")
	closed      = desc("connections_closed_total", "Client connections closed by the server, by reason.", "reason")
	logins      = desc("logins_total", "Attempts of clients to log in, by what they came to.", "outcome")
	bytes       = desc("client_bytes_total", "Bytes of client connections, by direction.", "direction")
	watchers    = desc("watchers", "Connections that watch.")
	watched     = desc("watch_lines_total", "Lines for connections that watch, by what became of them.", "fate")
	forwards    = desc("forwards_total", "Requests that other nodes were asked, by what came of them.", "result")
	session     = desc("session_left_seconds", "How long this node may still serve, if its session is not renewed.")
	owned       = desc("shards_owned", "Shards that are this node's by what is agreed on.")
	leader      = desc("raft_leader", "Whether this node leads.")
	term        = desc("raft_term", "Raft's term, as this node knows it.")
	moves       = desc("moves_total", "Planned moves of shards away from this node, by what came of them.", "result")
	ready       = desc("ready", "Whether this node may serve.")
	info        = desc("info", "What runs here.", "node", "cluster", "version")
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("leasecache_"+name, help, labels, nil)
}

// Describe sends nothing: the set of series follows from the counts.
func (c collector) Describe(chan<- *prometheus.Desc) {}

func (c collector) Collect(out chan<- prometheus.Metric) {
	s := c.srv.Snapshot()
	count := func(d *prometheus.Desc, n uint64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	gauge := func(d *prometheus.Desc, n int64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(n), labels...)
	}
	for _, cmd := range s.Commands {
		count(commands, cmd.N, cmd.Verb, cmd.Outcome)
	}
	l := s.Leases
	count(granted, l.Granted)
	count(filled, l.Filled)
	for reason, n := range refusals(&l) {
		count(refused, n, reasonNames[reason])
	}
	count(dropped, l.Dropped)
	gauge(leases, int64(l.Leases))
	gauge(parked, int64(l.Parked))
	count(invalidated, l.Invalidated)
	gauge(intents, int64(l.Intents))
	count(begun, l.IntentsBegun)
	count(ranOut, l.IntentsRunOut)
	gauge(doubts, int64(l.Doubts))
	states := shardCounts(c.srv.Shards())
	gauge(shards, states.Open, "open")
	gauge(shards, states.Doubt, "doubt")
	gauge(shards, states.Closed, "closed")
	count(folds, l.Folds)
	count(floors, l.FloorRises)
	gauge(tags, int64(l.Tags))

	m := s.Memory
	gauge(items, m.Items)
	gauge(memoryUsed, m.Limit, "limit")
	gauge(memoryUsed, m.Used, "used")
	gauge(memoryUsed, m.Bytes, "live")
	count(evictions, m.Evictions)
	count(expired, m.Expired+m.Reclaimed)

	gauge(conns, int64(s.Conns))
	gauge(connsMax, int64(s.MaxConns))
	count(accepted, s.Accepted)
	count(closed, s.Rejected, "too many")
	count(closed, s.Stalled, "stalled")
	count(closed, s.Idle, "idle")
	count(closed, s.Crowded, "memory")
	for reason, n := range s.Foreign {
		count(closed, n, reason)
	}
	count(logins, s.Logins-min(s.Logins, s.BadLogins), "ok")
	count(logins, s.BadLogins, "error")
	count(bytes, s.BytesRead, "read")
	count(bytes, s.BytesSent, "written")
	gauge(watchers, int64(s.Watchers))
	count(watched, s.WatchSent, "sent")
	count(watched, s.WatchSkipped, "skipped")
	count(forwards, s.Forwards.Done, "done")
	count(forwards, s.Forwards.Refused, "not done")
	count(forwards, s.Forwards.Unknown, "unknown")
	if c.cluster != nil {
		c.collectCluster(out)
	}
	up := int64(0)
	if c.srv.Ready() == nil {
		up = 1
	}
	gauge(ready, up)
	node, cluster, version := c.srv.Node()
	gauge(info, 1, node, cluster, version)
}

func (c collector) collectCluster(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v)
	}
	count := func(d *prometheus.Desc, n uint64, result string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), result)
	}
	g := c.cluster.Gauges()
	leads := 0.0
	if g.Leads {
		leads = 1
	}
	gauge(leader, leads)
	gauge(term, float64(g.Term))
	gauge(session, g.SessionLeft.Seconds())
	gauge(owned, float64(g.Owned))
	count(moves, g.Moved, "done")
	count(moves, g.CalledOff, "called off")
}
