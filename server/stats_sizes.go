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

// statsSizes is stats sizes. memcached can count while it stores; here whoever
// asks has everything gone through, which takes its time and holds up nobody: a
// lock is held for some fifty items, and one connection does it at a time.
func (s *session) statsSizes() error {
	s.srv.sizing.Lock()
	defer s.srv.sizing.Unlock()
	counts := map[int]int{}
	count := func(key []byte, it *lease.Item) { counts[roundSize(owner.Size(key, it))]++ }
	at, more := owner.Place{}, true
	for more {
		var err error
		if at, more, err = s.owner.Walk(at, s.at.now, count); err != nil {
			return err
		}
	}
	sizes := make([]int, 0, len(counts))
	for size := range counts {
		sizes = append(sizes, size)
	}
	slices.Sort(sizes)
	for _, size := range sizes {
		s.out = protocol.AppendStat(s.out, strconv.Itoa(size), strconv.Itoa(counts[size]))
	}
	return nil
}
