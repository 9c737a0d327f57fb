package memory

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/shard"
)

// What is brought from memory is where the lookup goes, and asking for it changes
// nothing.
func TestPrefetchLooksWhereTheRecordIs(t *testing.T) {
	c, err := New(Options{Bytes: 16 * mib, MaxItem: 4096, MaxPartitions: 1})
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	p := c.Partition(0)
	const n = 10_000
	for i := range n {
		key := fmt.Appendf(nil, "key%d", i)
		require.NoError(t, p.Put(shard.Hash(key), key, Item{Version: 1, Value: key}))
	}
	before, found := c.Stats(), 0
	for i := range 2 * n { // every other one is not there
		key := fmt.Appendf(nil, "key%d", i)
		hash := shard.Hash(key)
		p.PrefetchIndex(hash)
		p.PrefetchRecord(hash)
		_, at, there := p.index.find(p.index.part(hash), key)
		require.Equal(t, i < n, there)
		if first, ok := p.index.first(p.index.part(hash)); there {
			require.True(t, ok)
			if first == at {
				found++
			}
		}
	}
	require.Greater(t, found, n*99/100, "few share a hash part")
	require.Equal(t, before, c.Stats())
}
