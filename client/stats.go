package client

import (
	"sync/atomic"
)

// Stats counts what a client has done since it was made.
type Stats struct {
	Hits          uint64 // reads answered by the cache, negative ones too
	NegativeHits  uint64 // of Hits: "not there"
	StaleHits     uint64 // of Hits: stale values, asked for
	Misses        uint64 // reads that were granted a lease without a value
	Refreshes     uint64 // hits that won the lease to refresh
	Waits         uint64 // reads that waited for somebody else's load
	Bypasses      uint64 // reads from the source that were not to be filled
	Loads         uint64 // calls of loaders
	LoadErrors    uint64 // of Loads: failed; "not found" is no failure
	Fills         uint64 // fills stored
	Refused       map[Reason]uint64
	GivenBack     uint64 // leases given back
	Fences        uint64 // fences of the source for doubt leases, acknowledged
	FenceErrors   uint64 // the same, failed or of unknown outcome
	Invalidations uint64 // keys and tags invalidated by Invalidate…
	Updates       uint64 // write functions called
	Committed     uint64 // of Updates: committed
	Aborted       uint64 // of Updates: rolled back
	FencedOff     uint64 // of Updates: fenced off
	Unknown       uint64 // of Updates: outcome unknown, intents left open
	Unsettled     uint64 // intents whose end the server did not acknowledge
	Errors        uint64 // requests of the above that the cache did not answer, or refused with an error: a value too large for it, say
	Dials         uint64 // attempts to connect
	DialErrors    uint64 // of Dials: failed
	Moved         uint64 // requests that a node answered with the name of another
	Maps          uint64 // maps of the cluster asked for and given
}

type counters struct {
	hits, negativeHits, staleHits, misses, refreshes, waits, bypasses atomic.Uint64
	loads, loadErrors, fills, givenBack, fences, fenceErrors          atomic.Uint64
	invalidations, updates, committed, aborted, fencedOff, unknown    atomic.Uint64
	unsettled, errors, dials, dialErrors, moved, maps                 atomic.Uint64

	refused [256]atomic.Uint64 // by Reason
}

// Stats returns a copy of the counters. They are read one by one, so that sums
// may be off by what happens meanwhile.
func (c *Client) Stats() Stats {
	n := &c.stats
	s := Stats{
		Hits: n.hits.Load(), NegativeHits: n.negativeHits.Load(), StaleHits: n.staleHits.Load(),
		Misses: n.misses.Load(), Refreshes: n.refreshes.Load(), Waits: n.waits.Load(), Bypasses: n.bypasses.Load(),
		Loads: n.loads.Load(), LoadErrors: n.loadErrors.Load(), Fills: n.fills.Load(), GivenBack: n.givenBack.Load(),
		Fences: n.fences.Load(), FenceErrors: n.fenceErrors.Load(), Invalidations: n.invalidations.Load(),
		Updates: n.updates.Load(), Committed: n.committed.Load(), Aborted: n.aborted.Load(), FencedOff: n.fencedOff.Load(),
		Unknown: n.unknown.Load(), Unsettled: n.unsettled.Load(), Errors: n.errors.Load(),
		Dials: n.dials.Load(), DialErrors: n.dialErrors.Load(),
		Moved: n.moved.Load(), Maps: n.maps.Load(),
		Refused: make(map[Reason]uint64),
	}
	for r := range n.refused {
		if v := n.refused[r].Load(); v > 0 {
			s.Refused[Reason(r)] = v
		}
	}
	return s
}
