package server

import (
	"os"
	"runtime"
	"strconv"
	"time"

	"github.com/leasecache/leasecache/protocol"
)

// stats answers memcached's stats, with its names for what exporters graph and
// ours behind them. With arguments it answers what there is of them: nothing.
func (s *session) stats(req *protocol.Request) {
	s.count(req.Verb, outcomeOK)
	if len(req.Args) == 0 {
		s.srv.eachStat(s.at, func(name string, value int64) {
			s.out = protocol.AppendStat(s.out, name, strconv.FormatInt(value, 10))
		}, func(name, value string) {
			s.out = protocol.AppendStat(s.out, name, value)
		})
	}
	s.out = append(s.out, protocol.LineEnd...)
}

func (srv *Server) eachStat(at reading, number func(string, int64), text func(string, string)) {
	c, mem := &srv.stats, srv.cache.Stats()
	count := func(name string, n uint64) { number(name, int64(n)) }
	gets := [2]protocol.Verb{protocol.VerbGet, protocol.VerbGets}
	stores := [3]protocol.Verb{protocol.VerbSet, protocol.VerbAdd, protocol.VerbReplace}
	var hits, misses, sets uint64
	for _, v := range gets {
		hits += c.of(v, outcomeHit)
		misses += c.of(v, outcomeMiss)
	}
	for _, v := range stores {
		sets += c.all(v)
	}

	number("pid", int64(os.Getpid()))
	number("uptime", int64(time.Duration(srv.clock.now()-srv.started)/time.Second))
	number("time", at.unix)
	text("version", srv.versionLine())
	number("pointer_size", strconv.IntSize)
	number("max_connections", int64(srv.cfg.MaxConns))
	number("curr_connections", int64(srv.connections()))
	count("total_connections", c.accepted.Load())
	count("rejected_connections", c.rejected.Load())
	if srv.cfg.IdleTimeout > 0 { // as in memcached
		count("idle_kicks", c.idleKicks.Load())
	}
	count("cmd_get", hits+misses)
	count("cmd_set", sets)
	count("cmd_flush", c.all(protocol.VerbFlushAll))
	count("cmd_touch", c.all(protocol.VerbTouch))
	count("get_hits", hits)
	count("get_misses", misses)
	count("delete_hits", c.of(protocol.VerbDelete, outcomeHit))
	count("delete_misses", c.of(protocol.VerbDelete, outcomeMiss))
	count("touch_hits", c.of(protocol.VerbTouch, outcomeHit))
	count("touch_misses", c.of(protocol.VerbTouch, outcomeMiss))
	count("auth_cmds", c.authCmds.Load())
	count("auth_errors", c.authFails.Load())
	count("bytes_read", c.bytesRead.Load())
	count("bytes_written", c.bytesWritten.Load())
	number("limit_maxbytes", srv.cfg.Memory)
	number("threads", int64(runtime.GOMAXPROCS(0)))
	number("bytes", mem.Bytes)
	number("curr_items", mem.Items)
	count("evictions", mem.Evictions)
	count("reclaimed", mem.Expired)

	l := srv.owner.Stats()
	count("lease_hits", c.of(protocol.VerbLG, outcomeHit))
	count("lease_granted", l.Granted)
	count("lease_filled", l.Filled)
	count("lease_refused_invalidated", l.RefusedInvalidated)
	count("lease_refused_superseded", l.RefusedSuperseded)
	count("lease_refused_quarantined", l.RefusedQuarantine)
	count("lease_refused_owner", l.RefusedOtherEpoch)
	count("lease_refused_tag", l.RefusedTag)
	count("lease_refused_unknown", l.RefusedUnknown)
	count("lease_refused_doubt", l.RefusedFenced)
	count("lease_dropped", l.Dropped)
	number("lease_parked", int64(l.Parked))
	count("intent_begun", l.IntentsBegun)
	count("intent_run_out", l.IntentsRunOut)
	number("intent_open", int64(l.Intents))
	number("doubt_keys", int64(l.Doubts))
}
