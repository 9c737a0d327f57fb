package memory

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGhosts(t *testing.T) {
	g := &ghosts{space: make([]byte, 64*kib)}
	require.False(t, g.recall(7, g.look(7)))
	g.remember(7) // there is no room for any
	g.bytes = 64 * kib
	r := rand.New(rand.NewPCG(1, 2))
	var hashes []uint64
	for range 64 * kib / 2 {
		hashes = append(hashes, r.Uint64())
		g.remember(hashes[len(hashes)-1])
	}
	for _, h := range hashes[len(hashes)-3000:] {
		require.True(t, g.recall(h, g.look(h)), "it came lately")
		require.False(t, g.recall(h, g.look(h)), "and counts once")
	}
	old, wrong := 0, 0
	for _, h := range hashes[:3000] {
		if g.recall(h, g.look(h)) {
			old++
		}
		if h := r.Uint64(); g.recall(h, g.look(h)) {
			wrong++
		}
	}
	require.Less(t, old, 1500, "others took their places")
	require.Less(t, wrong, 10)
}

// Traces take memory only once something was evicted, and as much as suits the
// number of items.
func TestGhostsFollowTheItems(t *testing.T) {
	t.Parallel()
	c, err := New(Options{Bytes: 16 * mib, MaxItem: 64 * kib, MaxPartitions: 1})
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	p := c.Partition(0)
	fillTo(t, p, 0.85, 100, 0)
	require.Zero(t, p.ghosts.bytes)
	fill := func(name string, size int) {
		for i := range 2 * p.capacity() / (size + 30) {
			put(t, p, fmt.Sprint(name, i), Item{Value: value(size, 'x')})
		}
	}
	fill("small", 100)
	traces := p.ghosts.bytes / 2
	require.Greater(t, traces, p.items/2)
	require.Less(t, traces, 2*p.items)
	fill("large", 10_000)
	require.Less(t, p.ghosts.bytes/2, traces/5)
	s := c.Stats()
	require.LessOrEqual(t, s.Used, s.Limit)
	fill("small again", 100)
	require.Greater(t, p.ghosts.bytes/2, p.items/2)
}
