package owner

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/internal/storage/memory"
	"github.com/leasecache/leasecache/lease"
	"github.com/leasecache/leasecache/shard"
)

// listed is what a walk shows, and how often.
func listed(t testing.TB, w *Owner, now int64) map[string]int {
	t.Helper()
	seen := map[string]int{}
	at, more := Place{}, true
	for more {
		var err error
		at, more, err = w.Walk(at, now, func(key []byte, it *lease.Item) { seen[string(key)]++ })
		require.NoError(t, err)
	}
	return seen
}

type discard struct{ size int }

func (d *discard) View(it *lease.Item)      { d.size = len(it.Value) }
func (*discard) ViewMeta(m *lease.MetaView) {}

// Whatever was done to keys, a walk shows exactly those that a plain get would
// find then, and a look agrees. Time is the test's.
func TestWalkShowsWhatPlainReadersSee(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 3))
		var clock atomic.Int64
		clock.Store(int64(time.Hour))
		k := newKeeper(16)
		k.states[3].DoubtBelow = uint64(lease.FirstToken(5))
		k.states[4].Closed = 30 * time.Second
		cache, err := memory.New(memory.Options{Bytes: 32 << 20, MaxItem: 64 << 10})
		require.NoError(t, err)
		limits := lease.DefaultLimits()
		limits.Doubts = 3 // beyond it doubts fold into the shard's, which hides what other keys hold
		w := New(Options{Keeper: k, Cache: cache, Limits: limits, Clock: clock.Load})
		openAll(t, w, k)
		for i := range k.states {
			require.NoError(t, w.Note(t.Context(), uint64(i), Intent{Kind: lease.Fenced}))
			require.NoError(t, w.Note(t.Context(), uint64(i), Intent{Kind: lease.Bounded, Length: time.Minute}))
		}
		kinds := map[Found]int{}
		for step := range 3000 {
			now := clock.Add(r.Int64N(int64(50 * time.Millisecond)))
			hash, key := hashOf(fmt.Sprintf("k%d", r.IntN(300)))
			change(t, w, r, now, hash, key)
			if step%300 != 299 {
				continue
			}
			seen := listed(t, w, now)
			want := map[string]int{}
			for i := range 300 {
				hash, key := hashOf(fmt.Sprintf("k%d", i))
				found, size, err := w.Look(now, hash, key)
				require.NoError(t, err)
				var v discard
				there, err := w.Get(now, hash, key, &v)
				require.NoError(t, err)
				require.Equal(t, there, found == Present, "seed %d: %s", seed, key)
				require.Equal(t, v.size, size)
				if kinds[found]++; there {
					want[string(key)] = 1
				}
			}
			require.Equal(t, want, seen, "seed %d, step %d", seed, step)
		}
		for _, kind := range []Found{Absent, Present, Expired, Flushed} {
			require.NotZero(t, kinds[kind], "the test comes by all kinds")
		}
		require.NoError(t, w.Stop(context.Background()))
		require.NoError(t, cache.Close())
	}
}

// change does something to a key, or to all of them.
func change(t *testing.T, w *Owner, r *rand.Rand, now int64, hash uint64, key []byte) {
	var err error
	switch r.IntN(24) {
	case 0:
		_, err = w.Invalidate(now, hash, key, 0)
	case 1, 2:
		_, err = w.Invalidate(now, hash, key, int64(10*time.Second))
	case 3:
		if r.IntN(3) == 0 {
			_, _, err = w.Begin(now, hash, key, Intent{Kind: lease.Fenced, Length: 5 * time.Second})
		}
	case 4:
		_, _, err = w.Begin(now, hash, key, Intent{Kind: lease.Bounded, Length: 5 * time.Second})
	case 5:
		_, err = w.Delete(now, hash, key)
	case 6:
		if r.IntN(40) == 0 {
			err = w.Flush(now, now+r.Int64N(int64(20*time.Second)), nil)
		}
	case 7:
		if r.IntN(10) == 0 {
			_, _, err = w.BumpTag(now, []byte("x"), nil)
		}
	case 8: // a stub
		_, err = w.Meta(now, hash, key, lease.Meta{Vivify: true}, &discard{})
	case 9:
		_, err = w.Touch(now, hash, key, now+int64(5*time.Second))
	case 10:
		reader := newReader()
		err = w.Lease(now, hash, key, lease.Read{}, reader)
		if a := reader.now(t); a.Kind == lease.Granted {
			_, err = w.Fill(now, hash, key, a.Token, lease.Item{Value: []byte("filled"), Tags: lease.AppendTag(nil, []byte("x"))}, false)
		}
	case 11:
		if last := w.shardOf(hash).table.Last(); r.IntN(20) == 0 {
			err = w.Fence(t.Context(), hash, last)
		}
	default:
		it := lease.Item{Value: make([]byte, r.IntN(50))}
		if r.IntN(3) == 0 {
			it.Expires = now + r.Int64N(int64(10*time.Second))
		}
		_, err = w.Put(now, hash, key, lease.Set, it)
	}
	require.NoError(t, err)
}

// A walk is fair to keys and to everybody else: while others store, remove and
// read, and pages of the index split, what stays is shown once.
func TestWalkAmongWriters(t *testing.T) {
	w := newOwner(t, newKeeper(16))
	const stay = 2000
	put := func(key string, n int) {
		hash, k := hashOf(key)
		_, err := w.Put(realTime(), hash, k, lease.Set, lease.Item{Value: make([]byte, n)})
		require.NoError(t, err)
	}
	for i := range stay {
		put(fmt.Sprintf("stays%d", i), 20)
	}
	var ended atomic.Bool
	var writers sync.WaitGroup
	var changes atomic.Int64
	for g := range 3 {
		writers.Go(func() {
			r := rand.New(rand.NewPCG(uint64(g), 4))
			for i := 0; !ended.Load(); i++ {
				changes.Add(1)
				// As many as there is room for: what stays must not be evicted.
				hash, key := hashOf(fmt.Sprintf("other%d.%d", g, r.IntN(8_000)))
				switch r.IntN(4) {
				case 0:
					_, err := w.Delete(realTime(), hash, key)
					require.NoError(t, err)
				case 1:
					put(fmt.Sprintf("stays%d", r.IntN(stay)), r.IntN(100))
				default:
					put(string(key), r.IntN(100))
				}
			}
		})
	}
	for round := 0; round < 10 || changes.Load() < 60_000; round++ {
		seen := listed(t, w, realTime())
		for i := range stay {
			key := fmt.Sprintf("stays%d", i)
			require.Equal(t, 1, seen[key], "round %d: %s", round, key)
			delete(seen, key)
		}
		for key, n := range seen {
			require.Equal(t, 1, n, "round %d: %s", round, key)
		}
	}
	ended.Store(true)
	writers.Wait()
}

func TestWalkEndsBehindTheGate(t *testing.T) {
	w := newOwner(t, newKeeper(16))
	_, err := w.Put(realTime(), shard.Hash([]byte("k")), []byte("k"), lease.Set, lease.Item{})
	require.NoError(t, err)
	at, more, err := w.Walk(Place{}, realTime(), func([]byte, *lease.Item) {})
	require.NoError(t, err)
	require.True(t, more)
	require.NoError(t, w.Stop(context.Background()))
	_, more, err = w.Walk(at, realTime(), func([]byte, *lease.Item) { require.Fail(t, "nothing is shown") })
	require.ErrorIs(t, err, ErrUnavailable)
	require.False(t, more)
}
