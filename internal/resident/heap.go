package resident

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// LimitHeap gives Go's heap a bound for as long as the process lives, unless its
// environment has one (GOMEMLIMIT).
//
// What is live may come near the bound, or exceed it: then the collector would run
// all the time and free nothing. So each collection looks whether it left room, and
// if not, the bound gives way.
func LimitHeap(bytes int64) {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	debug.SetMemoryLimit(bytes)
	h := &heap{least: bytes, limit: bytes, live: []metrics.Sample{{Name: "/gc/heap/live:bytes"}}}
	h.await()
}

type heap struct {
	least, limit int64
	live         []metrics.Sample
}

// await has collected called after the next collection: that finds that nobody uses
// the mark.
func (h *heap) await() {
	mark := new([16]byte)
	runtime.AddCleanup(mark, (*heap).collected, h)
}

func (h *heap) collected() {
	metrics.Read(h.live)
	limit := bound(h.least, int64(h.live[0].Value.Uint64()))
	// To set it stops the program for a moment: not for a little.
	if d := limit - h.limit; d > h.limit/16 || d < 0 && (limit == h.least || -d > h.limit/16) {
		h.limit = limit
		debug.SetMemoryLimit(limit)
	}
	h.await()
}

// bound is at least what live needs: a quarter in addition lets the collector rest,
// and the rest is for what is no heap, such as stacks.
func bound(least, live int64) int64 {
	const noHeap = 8 << 20
	return max(least, live+live/4+noHeap)
}
