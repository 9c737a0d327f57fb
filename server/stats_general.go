package server

import (
	"os"
	"strconv"
	"time"

	"github.com/leasecache/leasecache/protocol"
)

// statsGeneral is stats without an argument: memcached's names, in its order, for
// what means the same here, and ours behind them. A name of memcached's that
// would say something untrue is left out. docs/protocol.md has what each counts.
func (s *session) statsGeneral() {
	srv, g := s.srv, s.srv.gather()
	s.stat("pid", int64(os.Getpid()))
	s.stat("uptime", int64(time.Duration(srv.clock.now()-srv.started)/time.Second))
	s.stat("time", s.at.unix)
	s.statText("version", srv.versionLine())
	s.stat("pointer_size", strconv.IntSize)
	if user, system, ok := cpuTimes(); ok {
		s.statText("rusage_user", seconds(user))
		s.statText("rusage_system", seconds(system))
	}
	s.stat("max_connections", int64(srv.cfg.MaxConns))
	s.stat("curr_connections", int64(srv.connections()))
	s.statCounts(&g.counts, totalConnections, rejectedConnections)
	s.stat("connection_structures", int64(srv.connections()))
	s.statCounts(&g.counts, cmdGet, cmdSet, cmdFlush, cmdTouch, cmdMeta,
		getHits, getMisses, getExpired, getFlushed, deleteMisses, deleteHits,
		incrMisses, incrHits, decrMisses, decrHits, casMisses, casHits, casBadval,
		touchHits, touchMisses, storeTooLarge)
	s.stat("store_no_memory", 0) // something else is evicted instead
	s.statCounts(&g.counts, authCmds, authErrors, idleKicks, bytesRead, bytesWritten)
	s.stat("limit_maxbytes", srv.memory.Load())
	s.stat("accepting_conns", 1)            // too many are accepted to be told so
	s.stat("listen_disabled_num", 0)        // hence
	s.stat("time_in_listen_disabled_us", 0) // and
	s.stat("threads", int64(srv.threads()))
	s.statCounts(&g.counts, connYields)
	s.stat("hash_bytes", g.memory.Index)
	s.stat("malloc_fails", 0) // the program would not go on
	s.statCounts(&g.counts, watcherSkipped, watcherSent)
	s.stat("log_watchers", int64(srv.watchers.count()))
	s.stat("bytes", g.memory.Bytes)
	s.stat("curr_items", g.memory.Items)
	s.statCounts(&g.counts, totalItems, expiredUnfetched, evictedUnfetched, evictedActive, evictions, reclaimed)
	s.stat("lrutail_reflocked", 0) // what is being read is not locked against eviction

	s.stat("memory_used", g.memory.Used)
	s.stat("lease_live", int64(g.leases.Leases))
	s.stat("lease_parked", int64(g.leases.Parked))
	for c := leaseHits; c < countedEnd; c++ {
		s.statCounts(&g.counts, c)
	}
	s.stat("intent_open", int64(g.leases.Intents))
	s.stat("doubt_keys", int64(g.leases.Doubts))
}

func (s *session) stat(name string, n int64) {
	s.out = protocol.AppendStat(s.out, name, strconv.FormatInt(n, 10))
}

func (s *session) statText(name, value string) { s.out = protocol.AppendStat(s.out, name, value) }

func (s *session) statCounts(t *tally, names ...counted) {
	for _, c := range names {
		s.out = protocol.AppendStat(s.out, c.String(), strconv.FormatUint(t[c], 10))
	}
}

// seconds is a time as memcached shows it: seconds, a point, and microseconds.
func seconds(d time.Duration) string {
	us := d.Microseconds()
	text := strconv.FormatInt(us%1e6+1e6, 10)
	return strconv.FormatInt(us/1e6, 10) + "." + text[1:]
}
