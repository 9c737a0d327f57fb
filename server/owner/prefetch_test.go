package owner

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/internal/storage/memory"
	"github.com/leasecache/leasecache/lease"
)

// Who prefetches waits for nobody: the bucket of a key may be locked.
func TestPrefetchDoesNotWait(t *testing.T) {
	cache, err := memory.New(memory.Options{Bytes: 16 << 20, MaxItem: 4096})
	require.NoError(t, err)
	defer func() { require.NoError(t, cache.Close()) }()
	k := newKeeper(16)
	w := New(Options{Keeper: k, Cache: cache, Limits: lease.DefaultLimits(), Clock: func() int64 { return 1 }})
	openAll(t, w, k)
	keys := make([][]byte, PrefetchKeys)
	for i := range keys {
		keys[i] = fmt.Appendf(nil, "key%d", i)
	}
	for i := range w.buckets {
		w.buckets[i].mu.Lock()
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Prefetch(keys)
	}()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Error("it waits")
	}
	for i := range w.buckets {
		w.buckets[i].mu.Unlock()
	}
	<-done
	w.Prefetch(nil)
	require.Zero(t, testing.AllocsPerRun(100, func() { w.Prefetch(keys) }))
	for i := range w.buckets {
		require.True(t, w.buckets[i].mu.TryLock(), "nothing stays locked")
		w.buckets[i].mu.Unlock()
	}
}
