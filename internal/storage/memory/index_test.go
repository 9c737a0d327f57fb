package memory

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/shard"
)

// Keys whose hashes share long prefixes make the index split much for few
// entries. It takes at most half of the segments, and from then on evicts in
// the page that is full; nothing is ever answered wrongly.
func TestCollidingPrefixesTakeAtMostHalfTheMemory(t *testing.T) {
	m := newModel(t, Options{Bytes: mib - 8*kib, MaxItem: 4 * kib})
	m.p.index.maxDepth = 14
	m.p.hashOf = func(k []byte) uint64 {
		h := shard.Hash(k)
		group := h % 40
		return group<<58 | h>>16<<16>>15&(1<<50-1) // the group in six bits, eight zeros, then the rest
	}
	for i := range 30_000 {
		key := fmt.Sprint("k", i)
		require.NoError(t, m.put(key, Item{Version: uint64(i)}))
		require.NoError(t, m.get(key, true))
		require.NoError(t, m.get(fmt.Sprint("k", i/2), false))
	}
	require.NoError(t, m.check())
	require.NoError(t, m.each())
	require.Equal(t, len(m.p.seg.all)/2, m.p.seg.ofIndex)
	require.Positive(t, m.p.evictions)
	put(t, m.p, "large", Item{Value: value(4*kib, 'l')})
	_, ok := peek(m.p, "large", 0)
	require.True(t, ok)
}

func TestPageRemoveKeepsEveryEntryInReach(t *testing.T) {
	g := &page{}
	var entries []uint64
	for i := range pageFull {
		// Homes crowd at the end of the page, so that probing goes round.
		entries = append(entries, entryOf(uint32(1000+i%24), 8*(i+1)))
		g.insert(entries[i])
	}
	for i, e := range entries {
		g.remove(g.slotOf(e))
		require.Equal(t, -1, g.slotOf(e))
		if i%16 == 0 {
			for _, rest := range entries[i+1:] {
				require.GreaterOrEqual(t, g.slotOf(rest), 0)
			}
		}
	}
	require.Zero(t, g.count)
	require.Equal(t, [pageSlots]uint64{}, g.slots)
}
