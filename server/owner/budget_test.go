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
func TestResizeBesideCommands(t *testing.T) {
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
		require.NoError(t, w.Resize(32<<20))
	}
	close(stop)
	working.Wait()
}

func TestStoppedOwnerIsNotResized(t *testing.T) {
	w := newOwner(t, newKeeper(16))
	require.NoError(t, w.Stop(context.Background()))
	_, err := w.Idle(realTime())
	require.ErrorIs(t, err, ErrUnavailable)
	require.ErrorIs(t, w.Resize(30<<20), ErrUnavailable)
}

type nobody struct{}

func (nobody) View(*lease.Item) {}
