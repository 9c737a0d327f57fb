package server

import (
	"slices"
	"strconv"

	"github.com/leasecache/leasecache/lease"
	"github.com/leasecache/leasecache/protocol"
	"github.com/leasecache/leasecache/server/owner"
)

const (
	// sizeStep is memcached's: sizes are rounded up to a multiple of it.
	sizeStep = 32
	// largeSize is where the steps get larger, so that however large items may be
	// there are some thirty thousand different sizes at most.
	largeSize = 1 << 20
)

// roundSize is under which size an item counts.
func roundSize(n int) int {
	step := sizeStep
	if n > largeSize {
		step = largeSize
	}
	return (n + step - 1) / step * step
}

// sizing is how far a session has come with stats sizes.
type sizing struct {
	counts map[int]int // nil if it does not count
	at     owner.Place
}

// walkTurn is how many steps through all items are made before others have their
// turn: some fifty items each.
const walkTurn = 32

// statsSizes is stats sizes. memcached can count while it stores; here whoever
// asks has everything gone through, which takes its time and holds up nobody: a
// lock is held for some fifty items, others of the same loop have their turns, and
// one connection does it at a time. It returns false if the count goes on.
func (s *session) statsSizes(req *protocol.Request) bool {
	if !s.srv.sizing.CompareAndSwap(false, true) {
		s.answer(req, "SERVER_ERROR busy: sizes are being counted for another connection\r\n", outcomeBusy)
		return true
	}
	s.sizing.counts = map[int]int{}
	return s.sizesOn(req)
}

// sizesOn counts on. It returns false if there is more.
func (s *session) sizesOn(req *protocol.Request) bool {
	s.resume = false
	counts := s.sizing.counts
	count := func(key []byte, it *lease.Item) { counts[roundSize(owner.Size(key, it))]++ }
	for step, more := 0, true; more; step++ {
		if step == walkTurn {
			s.resume = true
			return false
		}
		var err error
		if s.sizing.at, more, err = s.owner.Walk(s.sizing.at, s.at.now, count); err != nil {
			s.endSizing()
			s.fail(req, err)
			return true
		}
	}
	s.endSizing()
	sizes := make([]int, 0, len(counts))
	for size := range counts {
		sizes = append(sizes, size)
	}
	slices.Sort(sizes)
	for _, size := range sizes {
		s.out = protocol.AppendStat(s.out, strconv.Itoa(size), strconv.Itoa(counts[size]))
	}
	s.statsEnd(req)
	return true
}

// endSizing lets the next one count; it may be called when this one does not.
func (s *session) endSizing() {
	if s.sizing.counts != nil {
		s.sizing = sizing{}
		s.srv.sizing.Store(false)
	}
}
