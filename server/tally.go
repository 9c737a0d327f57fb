package server

import (
	"github.com/leasecache/leasecache/internal/storage/memory"
	"github.com/leasecache/leasecache/lease"
	"github.com/leasecache/leasecache/protocol"
)

// counted is one of the things that stats counts, and that stats reset begins
// anew.
type counted int

const (
	totalConnections counted = iota
	rejectedConnections
	cmdGet
	cmdSet
	cmdFlush
	cmdTouch
	cmdMeta
	getHits
	getMisses
	getExpired
	getFlushed
	deleteHits
	deleteMisses
	incrHits
	incrMisses
	decrHits
	decrMisses
	casHits
	casMisses
	casBadval
	touchHits
	touchMisses
	storeTooLarge
	authCmds
	authErrors
	idleKicks
	bytesRead
	bytesWritten
	connYields
	totalItems
	evictions
	reclaimed
	expiredUnfetched
	evictedUnfetched
	evictedActive
	evictedExpiring
	watcherSkipped
	watcherSent
	leaseHits
	leaseGranted
	leaseFilled
	leaseRefusedInvalidated
	leaseRefusedSuperseded
	leaseRefusedQuarantined
	leaseRefusedOwner
	leaseRefusedTag
	leaseRefusedUnknown
	leaseRefusedDoubt
	leaseDropped
	invalidated
	intentBegun
	intentRunOut
	countedEnd
)

// countedNames are memcached's names where it counts the same.
var countedNames = [countedEnd]string{
	totalConnections:        "total_connections",
	rejectedConnections:     "rejected_connections",
	cmdGet:                  "cmd_get",
	cmdSet:                  "cmd_set",
	cmdFlush:                "cmd_flush",
	cmdTouch:                "cmd_touch",
	cmdMeta:                 "cmd_meta",
	getHits:                 "get_hits",
	getMisses:               "get_misses",
	getExpired:              "get_expired",
	getFlushed:              "get_flushed",
	deleteHits:              "delete_hits",
	deleteMisses:            "delete_misses",
	incrHits:                "incr_hits",
	incrMisses:              "incr_misses",
	decrHits:                "decr_hits",
	decrMisses:              "decr_misses",
	casHits:                 "cas_hits",
	casMisses:               "cas_misses",
	casBadval:               "cas_badval",
	touchHits:               "touch_hits",
	touchMisses:             "touch_misses",
	storeTooLarge:           "store_too_large",
	authCmds:                "auth_cmds",
	authErrors:              "auth_errors",
	idleKicks:               "idle_kicks",
	bytesRead:               "bytes_read",
	bytesWritten:            "bytes_written",
	connYields:              "conn_yields",
	totalItems:              "total_items",
	evictions:               "evictions",
	reclaimed:               "reclaimed",
	expiredUnfetched:        "expired_unfetched",
	evictedUnfetched:        "evicted_unfetched",
	evictedActive:           "evicted_active",
	evictedExpiring:         "evicted_nonzero",
	watcherSkipped:          "log_watcher_skipped",
	watcherSent:             "log_watcher_sent",
	leaseHits:               "lease_hits",
	leaseGranted:            "lease_granted",
	leaseFilled:             "lease_filled",
	leaseRefusedInvalidated: "lease_refused_invalidated",
	leaseRefusedSuperseded:  "lease_refused_superseded",
	leaseRefusedQuarantined: "lease_refused_quarantined",
	leaseRefusedOwner:       "lease_refused_owner",
	leaseRefusedTag:         "lease_refused_tag",
	leaseRefusedUnknown:     "lease_refused_unknown",
	leaseRefusedDoubt:       "lease_refused_doubt",
	leaseDropped:            "lease_dropped",
	invalidated:             "lease_invalidated",
	intentBegun:             "intent_begun",
	intentRunOut:            "intent_run_out",
}

func (c counted) String() string { return countedNames[c] }

// tally is the counts at about one moment.
type tally [countedEnd]uint64

// gathered is all that stats knows, with the counts since the last reset.
type gathered struct {
	counts tally
	memory memory.Stats
	leases lease.Stats
}

// gather looks at everything without stopping anybody: counters are read one by
// one, and of the shards one is locked at a time, for a copy of its counts.
//
// The base is read first. Schedule, were it read last:
//
//	1 S reads get_hits: 10. 2 A hit: 11. 3 R resets: the base is 11.
//	4 S takes the base off: less than nothing.
//
// total_items is a difference of two counters and may still come out below it.
func (srv *Server) gather() gathered {
	base := srv.statsBase.Load()
	g := gathered{memory: srv.cache.Stats(), leases: srv.owner.Stats()}
	g.counts = srv.tally(&g.memory, &g.leases)
	if base != nil {
		for i := range g.counts {
			g.counts[i] -= min(base[i], g.counts[i])
		}
	}
	return g
}

// resetStats begins all counts of stats anew. The counters go on: /metrics shows
// them, and what is counted there never falls.
func (srv *Server) resetStats() {
	srv.resetting.Lock() // or an older base could take the place of a newer one
	defer srv.resetting.Unlock()
	mem, leases := srv.cache.Stats(), srv.owner.Stats()
	base := srv.tally(&mem, &leases)
	srv.statsBase.Store(&base)
	srv.prefixes.clear()
}

// tally adds up counters by memcached's rules of what counts where.
func (srv *Server) tally(mem *memory.Stats, l *lease.Stats) (t tally) {
	c := &srv.stats
	sum := func(into counted, verbs []protocol.Verb, outcomes ...outcome) {
		for _, v := range verbs {
			t[into] += c.of(v, outcomes...)
		}
	}
	gets := []protocol.Verb{protocol.VerbGet, protocol.VerbGets, protocol.VerbMG}
	sum(getHits, gets, outcomeHit)
	sum(getMisses, gets, outcomeMiss)
	t[cmdGet] = t[getHits] + t[getMisses]

	// A gat is a touch and no get. So is an mg that gives a new time, but one that
	// misses is a get.
	touches := []protocol.Verb{protocol.VerbTouch, protocol.VerbGat, protocol.VerbGats}
	sum(touchHits, touches, outcomeHit)
	sum(touchMisses, touches, outcomeMiss)
	t[touchHits] += c.of(protocol.VerbMG, outcomeTouched)
	t[cmdTouch] = t[touchHits] + t[touchMisses]

	// Whatever came of them, if the line was in order and the block not too large.
	stores := []protocol.Verb{protocol.VerbSet, protocol.VerbAdd, protocol.VerbReplace,
		protocol.VerbAppend, protocol.VerbPrepend, protocol.VerbCAS, protocol.VerbMS}
	sum(cmdSet, stores, outcomeStored, outcomeNotStored, outcomeMiss, outcomeBroken)
	sum(storeTooLarge, append(stores, protocol.VerbLS, protocol.VerbLeaseSet), outcomeTooLarge)

	t[casHits] = c.compared[compareHit].Load()
	t[casMisses] = c.compared[compareMiss].Load()
	t[casBadval] = c.compared[compareOther].Load()

	t[deleteHits] = c.of(protocol.VerbDelete, outcomeHit) + c.of(protocol.VerbMD, outcomeHit)
	t[deleteMisses] = c.of(protocol.VerbDelete, outcomeMiss) + c.of(protocol.VerbMD, outcomeMiss, outcomeNotStored)

	t[incrHits] = c.of(protocol.VerbIncr, outcomeHit) + c.meta[countUp][countHit].Load()
	t[incrMisses] = c.of(protocol.VerbIncr, outcomeMiss) + c.meta[countUp][countMiss].Load()
	t[decrHits] = c.of(protocol.VerbDecr, outcomeHit) + c.meta[countDown][countHit].Load()
	t[decrMisses] = c.of(protocol.VerbDecr, outcomeMiss) + c.meta[countDown][countMiss].Load()

	t[cmdFlush] = c.all(protocol.VerbFlushAll)
	t[cmdMeta] = c.of(protocol.VerbME, outcomeHit, outcomeMiss)

	t[totalConnections] = c.accepted.Load()
	t[rejectedConnections] = c.rejected.Load()
	t[connYields] = c.yields.Load()
	t[authCmds] = c.authCmds.Load()
	t[authErrors] = c.authFails.Load()
	t[idleKicks] = c.idleKicks.Load()
	t[bytesRead] = c.bytesRead.Load()
	t[bytesWritten] = c.bytesWritten.Load()

	t[totalItems] = mem.Stored - min(c.inPlace.Load(), mem.Stored)
	t[getExpired] = mem.Expired
	t[evictions] = mem.Evictions
	t[reclaimed] = mem.Reclaimed
	t[expiredUnfetched] = mem.ExpiredUnfetched
	t[evictedUnfetched] = mem.EvictedUnfetched
	t[evictedActive] = mem.EvictedActive
	t[evictedExpiring] = mem.EvictedExpiring
	t[watcherSkipped] = srv.watchers.skipped.Load()
	t[watcherSent] = srv.watchers.sent.Load()
	t.ours(c, l)
	return t
}

// ours are the counts of leases and intents.
func (t *tally) ours(c *counters, l *lease.Stats) {
	t[getFlushed] = l.Flushed
	t[leaseHits] = c.of(protocol.VerbLG, outcomeHit)
	t[leaseGranted] = l.Granted
	t[leaseFilled] = l.Filled
	t[leaseRefusedInvalidated] = l.RefusedInvalidated
	t[leaseRefusedSuperseded] = l.RefusedSuperseded
	t[leaseRefusedQuarantined] = l.RefusedQuarantine
	t[leaseRefusedOwner] = l.RefusedOtherEpoch
	t[leaseRefusedTag] = l.RefusedTag
	t[leaseRefusedUnknown] = l.RefusedUnknown
	t[leaseRefusedDoubt] = l.RefusedFenced
	t[leaseDropped] = l.Dropped
	t[invalidated] = l.Invalidated
	t[intentBegun] = l.IntentsBegun
	t[intentRunOut] = l.IntentsRunOut
}
