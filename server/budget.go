package server

import "sync/atomic"

// budget bounds what all connections together make the server keep: requests
// that are still arriving, replies that wait behind another or for a slow peer,
// and readers who wait. Each connection has bounds of its own, but a few hundred
// at theirs would be many times the memory that the operator gave.
//
// Small buffers, which every connection has, are not counted: --max-connections
// bounds those.
type budget struct {
	limit int64
	used  atomic.Int64
}

const (
	// budgetShareOf is the part of the memory that may be taken in addition for
	// connections: an eighth, and enough for a few large requests at the least.
	budgetShareOf = 8
	leastBudget   = 2 * maxHeld

	// slotCost is about what a reply that waits takes, with the reader for it.
	slotCost = 1 << 10
)

func newBudget(memory int64, maxItem int) *budget {
	return &budget{limit: max(leastBudget, 2*int64(maxItem), memory/budgetShareOf)}
}

// add counts n bytes more, or fewer, whether there is room or not.
func (b *budget) add(n int) { b.used.Add(int64(n)) }

// take is add if there is room.
func (b *budget) take(n int) bool {
	if b.used.Add(int64(n)) <= b.limit {
		return true
	}
	b.used.Add(int64(-n))
	return false
}

// spent reports whether there is no room.
func (b *budget) spent() bool { return b.used.Load() >= b.limit }
