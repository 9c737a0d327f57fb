package resident

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What is live is never squeezed: the bound gives way for it, and comes back.
func TestLimitHeap(t *testing.T) {
	now := func() int64 { return debug.SetMemoryLimit(-1) }
	t.Cleanup(func() { debug.SetMemoryLimit(math.MaxInt64) })
	const limit = 24 << 20
	LimitHeap(limit)
	require.EqualValues(t, limit, now())
	live := make([]byte, 64<<20)
	collect := func() { runtime.GC() }
	require.Eventually(t, func() bool { collect(); return now() > int64(len(live)) }, 5*time.Second, 10*time.Millisecond)
	require.Less(t, now(), int64(len(live))*3/2)
	runtime.KeepAlive(live)
	live = nil
	require.Eventually(t, func() bool { collect(); return now() == limit }, 5*time.Second, 10*time.Millisecond)
}

func TestHeapLimitOfTheEnvironmentHolds(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "1GiB")
	before := debug.SetMemoryLimit(-1)
	LimitHeap(1 << 20)
	require.Equal(t, before, debug.SetMemoryLimit(-1))
}
