package server

import "sync/atomic"

// budget bounds what all connections together make the server keep: requests
// that are still arriving, replies that wait behind another or for a slow peer,
// and readers who wait. Each connection has bounds of its own, but a few hundred
// at theirs would be many times the memory that the operator gave.
//
// The first few KiB, which every connection may have, are not counted:
// --max-connections bounds those.
type budget struct {
	limit int64
	used  atomic.Int64

	// flood is called when so much is kept that the heap grows for it: see ebb.
	// It may be nil.
	flood func()
}

const (
	// connShareOf is the part of the memory that connections may take in addition:
	// an eighth, and enough for a few large requests at the least.
	connShareOf = 8
	leastShare  = 2 * maxHeld

	// slotCost is about what a reply that waits takes, with the reader for it.
	slotCost = 1 << 10
)

// connShare is what connections may take: what they keep, and a quarter of that for
// what Go's collector has not found yet.
func connShare(cfg *Config) int64 {
	return max(leastShare, 5*int64(cfg.MaxItem)/2, cfg.Memory/connShareOf)
}

func newBudget(cfg *Config) *budget {
	if cfg.kept > 0 {
		return &budget{limit: cfg.kept}
	}
	return &budget{limit: connShare(cfg) / 5 * 4}
}

// add counts n bytes more, or fewer, whether there is room or not.
func (b *budget) add(n int) {
	if used := b.used.Add(int64(n)); n > 0 && used > b.limit/4 && b.flood != nil {
		b.flood()
	}
}

// take is add if there is room.
func (b *budget) take(n int) bool {
	used := b.used.Add(int64(n))
	if used > b.limit {
		b.used.Add(int64(-n))
		return false
	}
	if used > b.limit/4 && b.flood != nil {
		b.flood()
	}
	return true
}

// has reports whether there is room for n bytes.
func (b *budget) has(n int) bool { return b.used.Load()+int64(n) <= b.limit }

// spent reports whether there is no room.
func (b *budget) spent() bool { return b.used.Load() >= b.limit }

// tight reports whether half is taken: then nobody keeps room for later, and replies
// are written before they are many, so that the rest is for who needs it.
func (b *budget) tight() bool { return b.used.Load() >= b.limit/2 }

// keeps is how large a buffer a connection at rest may keep.
func (b *budget) keeps() int {
	if b.tight() {
		return firstBuffer
	}
	return keepBuffer
}

// batch is how many bytes of replies are composed before they are written: the peer
// may not take them.
func (b *budget) batch() int {
	if b.tight() {
		return tightBatch
	}
	return fullBatch
}
