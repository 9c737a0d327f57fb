package memory

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/shard"
)

// walk goes through a partition, and calls between after every step.
func walk(t testing.TB, p *Partition, now int64, between func(step int)) (seen map[string]int, steps int) {
	t.Helper()
	seen = map[string]int{}
	at, more := Place{}, true
	for more {
		inStep := 0
		at, more = p.Walk(at, now, func(key []byte, it Item) {
			seen[string(key)]++
			inStep++
		})
		require.LessOrEqual(t, inStep, slotsPerStep+maxAlike)
		between(steps)
		steps++
	}
	return seen, steps
}

func TestWalkOfAnEmptyPartition(t *testing.T) {
	_, p := onePartition(t)
	seen, steps := walk(t, p, 1, func(int) {})
	require.Empty(t, seen)
	require.Less(t, steps, p.index.high/slotsPerStep+2)
}

func TestWalkLeavesOutWhatExpiredAndMarksNothing(t *testing.T) {
	_, p := onePartition(t)
	put(t, p, "stays", Item{Value: value(3, 'v'), Expires: 11 * ExpiryStep})
	put(t, p, "gone", Item{Expires: 10 * ExpiryStep})
	seen, _ := walk(t, p, 10*ExpiryStep, func(int) {})
	require.Equal(t, map[string]int{"stays": 1}, seen)
	it, ok := peek(p, "stays", 10*ExpiryStep)
	require.True(t, ok)
	require.False(t, it.Fetched)
	_, found, expired := p.Look(p.hashOf([]byte("gone")), []byte("gone"), 10*ExpiryStep)
	require.True(t, found && expired, "nor is what expired taken away")
}

// What is there all the time is shown exactly once, everything else at most once,
// while others store, delete and widen items, pages split and records move.
func TestWalkAmongChanges(t *testing.T) {
	tests := map[string]struct {
		hash                  func([]byte) uint64
		kept, others, between int
		grows                 bool
	}{
		"spread":     {shard.Hash, 3000, 20_000, 300, true},
		"few hashes": {func(k []byte) uint64 { return shard.Hash(k) % 7 << 61 }, 300, 100, 30, false},
		"one page":   {func(k []byte) uint64 { return shard.Hash(k) >> 24 }, 300, 100, 30, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			c, err := New(Options{Bytes: 32 * mib, MaxItem: 4 * kib, MaxPartitions: 1})
			require.NoError(t, err)
			defer func() { require.NoError(t, c.Close()) }()
			p := c.Partition(0)
			p.hashOf = tt.hash
			stays := func(i int) string { return fmt.Sprintf("stays%d", i) }
			for i := range tt.kept {
				put(t, p, stays(i), Item{Version: 1, Value: value(20, 's')})
			}
			slots := p.index.high
			seen, _ := walk(t, p, 1, func(int) {
				for range tt.between {
					stayer, other := stays(r.IntN(tt.kept)), fmt.Sprintf("other%d", r.IntN(tt.others))
					switch r.IntN(6) {
					case 0:
						p.Delete(p.hashOf([]byte(other)), []byte(other))
					case 1:
						put(t, p, stayer, Item{Version: 2, Value: value(r.IntN(300), 's')})
					case 2:
						require.True(t, p.Update(p.hashOf([]byte(stayer)), []byte(stayer), Item{Version: 3, CAS: r.Uint64(), Flags: 1}))
					default:
						put(t, p, other, Item{Version: 4, Value: value(r.IntN(100), 'o')})
					}
				}
			})
			require.Zero(t, p.evictions, "this is of keys that stay")
			require.Equal(t, tt.grows, p.index.high > slots, "the index grew during the walk")
			for i := range tt.kept {
				require.Equal(t, 1, seen[stays(i)], stays(i))
			}
			for key, n := range seen {
				require.Equal(t, 1, n, key)
			}
		})
	}
}

func TestOnEvictShowsWhatGoesForRoom(t *testing.T) {
	c, p := onePartition(t)
	evicted := map[string]int64{}
	fill := func(from, to int) {
		for i := from; i < to; i++ {
			put(t, p, fmt.Sprintf("k%d", i), Item{Stored: 1, Expires: int64(1000+i) * ExpiryStep, Value: value(1000, 'v')})
		}
	}
	fill(0, 2000)
	before := p.evictions
	require.NotZero(t, before)
	c.OnEvict(func(key []byte, it Item) {
		require.Len(t, it.Value, 1000)
		evicted[string(key)] = it.Expires
	})
	fill(2000, 4000)
	require.Len(t, evicted, int(p.evictions-before))
	for i := range 4000 {
		key := fmt.Sprintf("k%d", i)
		if expires, gone := evicted[key]; gone {
			require.EqualValues(t, (1000+i)*ExpiryStep, expires)
			_, there := peek(p, key, 2)
			require.False(t, there, key)
		}
	}
	c.OnEvict(nil)
	n := len(evicted)
	fill(4000, 6000)
	require.Len(t, evicted, n)
}

// Colliding keys are evicted from a full page of the index, by another way.
func TestOnEvictShowsWhatGoesFromAFullPage(t *testing.T) {
	c, p := onePartition(t)
	p.hashOf = func([]byte) uint64 { return 1 << 40 }
	var evicted []string
	c.OnEvict(func(key []byte, _ Item) { evicted = append(evicted, string(key)) })
	for i := range maxAlike + 1 {
		put(t, p, fmt.Sprintf("k%d", i), Item{})
	}
	require.Equal(t, []string{"k0"}, evicted)
}
