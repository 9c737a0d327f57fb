package owner

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/internal/storage/memory"
	"github.com/leasecache/leasecache/lease"
)

func keep(t testing.TB, w *Owner, key string, size int) {
	hash, k := hashOf(key)
	_, err := w.Put(realTime(), hash, k, lease.Set, lease.Item{Value: bytes.Repeat([]byte{'x'}, size)})
	require.NoError(t, err)
}

func TestItemsAreThoseThatPlainCommandsSee(t *testing.T) {
	w := newOwner(t, newKeeper(16))
	for i := range 500 {
		keep(t, w, fmt.Sprint("k", i), 1000)
	}
	hash, key := hashOf("k7")
	_, err := w.Invalidate(realTime(), hash, key, int64(time.Minute))
	require.NoError(t, err)

	seen := map[string]int{}
	require.NoError(t, w.Items(realTime(), func(key []byte, it *lease.Item, size int) bool {
		require.Len(t, it.Value, 1000)
		require.Greater(t, size, 1000+len(key))
		seen[string(key)]++
		return true
	}))
	require.Len(t, seen, 499)
	require.Zero(t, seen["k7"])
	sizes := 0
	require.NoError(t, w.Sizes(realTime(), func(size int) { sizes += size }))
	require.Greater(t, sizes, 500*1000, "the stale copy takes room, too")

	calls := 0
	require.NoError(t, w.Items(realTime(), func([]byte, *lease.Item, int) bool { calls++; return calls < 5 }))
	require.Equal(t, 5, calls)

	require.NoError(t, w.Stop(context.Background()))
	require.ErrorIs(t, w.Items(realTime(), nil), ErrUnavailable)
	_, err = w.Idle(realTime())
	require.ErrorIs(t, err, ErrUnavailable)
	require.ErrorIs(t, w.Resize(1), ErrUnavailable)
}

func TestIdleIsTheLongest(t *testing.T) {
	w := newOwner(t, newKeeper(16))
	idle, err := w.Idle(realTime())
	require.NoError(t, err)
	require.Zero(t, idle)
	hash, key := hashOf("old")
	now := realTime()
	_, err = w.Put(now-int64(20*time.Second), hash, key, lease.Set, lease.Item{})
	require.NoError(t, err)
	for i := range 100 {
		keep(t, w, fmt.Sprint("k", i), 10)
	}
	idle, err = w.Idle(now)
	require.NoError(t, err)
	require.InDelta(t, 20*time.Second, idle, float64(memory.TimeStep))
}

// Commands go on while the budget changes, and while somebody goes through
// everything.
func TestResizeAndWalkBesideCommands(t *testing.T) {
	w := newOwner(t, newKeeper(64))
	for i := range 30_000 {
		keep(t, w, fmt.Sprint("k", i), 1000)
	}
	stop := make(chan struct{})
	var working sync.WaitGroup
	for n := range 3 {
		working.Go(func() {
			for i := n; ; i += 7 {
				select {
				case <-stop:
					return
				default:
				}
				keep(t, w, fmt.Sprint("k", i%40_000), 500+i%1000)
				hash, key := hashOf(fmt.Sprint("k", i*13%40_000))
				_, err := w.Get(realTime(), hash, key, nobody{})
				require.NoError(t, err)
			}
		})
	}
	for range 3 {
		require.NoError(t, w.Resize(18<<20))
		s := w.cache.Stats()
		require.LessOrEqual(t, s.Used, int64(18<<20))
		require.NoError(t, w.Items(realTime(), func(key []byte, it *lease.Item, size int) bool { return len(key) > 0 }))
		require.NoError(t, w.Resize(32<<20))
	}
	close(stop)
	working.Wait()
}

type nobody struct{}

func (nobody) View(*lease.Item) {}
