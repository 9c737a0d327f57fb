package memory

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// A short record costs its header of 16 bytes, its key and its value.
func TestHeaderIsShort(t *testing.T) {
	_, p := onePartition(t)
	put(t, p, "key", Item{Version: 5<<40 | 7, Stored: 9 * TimeStep, Accessed: 9 * TimeStep, Fetched: true, Bits: 3, Value: value(100, 'v')})
	require.Equal(t, 16+3+100, p.live)
	put(t, p, "more", Item{Version: 5<<40 | 8, Expires: 1 << 40})
	require.Equal(t, 16+3+100+16+6+4, p.live)
}

// More high halves of versions than there is room for: every version stays whole,
// and what the last record leaves can be had by another.
func TestVersionsStayWhole(t *testing.T) {
	m := newModel(t, Options{Bytes: 2 * mib, MaxItem: 4 * kib, MaxPartitions: 1})
	const n = 2000
	version := func(i int) uint64 { return uint64(i)*0x9e3779b97f4a7c15>>1 | 1 }
	for i := range n {
		require.NoError(t, m.put(fmt.Sprint("k", i), Item{Version: version(i)}))
	}
	whole := 0
	for i := range n {
		require.NoError(t, m.get(fmt.Sprint("k", i), false))
		_, at, ok := m.p.index.find(m.p.index.part(m.p.hashOf(fmt.Append(nil, "k", i))), fmt.Append(nil, "k", i))
		require.True(t, ok)
		if m.p.mem[at]&hasVersion != 0 {
			whole++
		}
	}
	require.Greater(t, whole, n-257)
	require.Less(t, whole, n-200, "the others share the table")
	require.NoError(t, m.check())
	for i := range n { // from the table into records and back
		require.NoError(t, m.update(fmt.Sprint("k", i), Item{Version: version(n - i)}))
	}
	require.Len(t, m.items, n)
	for i := range n {
		require.NoError(t, m.get(fmt.Sprint("k", i), false))
	}
	require.NoError(t, m.check())
	for i := range n {
		require.NoError(t, m.delete(fmt.Sprint("k", i)))
	}
	require.Equal(t, versions{}, free(m.p.versions))
}

// free are the places that no record refers to, as zeros.
func free(v versions) versions {
	for i := range v {
		if v[i].records == 0 {
			v[i].high = 0
		}
	}
	return v
}

// Times of three bytes are right for a hundred days, and look young after that.
func TestTimesGoRound(t *testing.T) {
	_, p := onePartition(t)
	const day = int64(24 * 3600e9)
	start := -50 * day
	put(t, p, "k", Item{Stored: start, Accessed: start + 10*TimeStep})
	for _, days := range []int64{0, 1, 49, 50, 51, 100, 103} {
		it, ok := peek(p, "k", start+days*day)
		require.True(t, ok)
		require.Equal(t, roundDown(start), it.Stored, "after %d days", days)
		require.Equal(t, roundDown(start)+10*TimeStep, it.Accessed, "after %d days", days)
	}
	it, _ := peek(p, "k", start+105*day)
	require.Greater(t, it.Accessed, start+103*day)
	require.LessOrEqual(t, it.Accessed, start+105*day)
}

func TestExpiryIsRoundedDown(t *testing.T) {
	_, p := onePartition(t)
	for _, at := range []int64{1, ExpiryStep - 1, ExpiryStep, 5*ExpiryStep + 7, 1<<62 + 5, 1<<63 - 1} {
		p.now = -1 << 62
		put(t, p, "k", Item{Stored: -1 << 62, Expires: at})
		it, ok := peek(p, "k", -ExpiryStep-1)
		require.True(t, ok)
		require.LessOrEqual(t, it.Expires, at)
		require.Less(t, at-it.Expires, 2*int64(ExpiryStep))
		_, ok = peek(p, "k", at)
		require.False(t, ok)
	}
}

// The length of a value takes two bytes or four.
func TestLongValues(t *testing.T) {
	m := newModel(t, Options{Bytes: 4 * mib, MaxItem: 200 * kib})
	for _, n := range []int{longFrom - 1, longFrom, longFrom + 1, 200 * kib, 5} {
		require.NoError(t, m.put("k", Item{Version: uint64(n), Tags: []byte("tag"), Value: value(n, byte(n))}))
		require.NoError(t, m.update("k", Item{Version: uint64(n), CAS: 7, Flags: 9}))
		require.Len(t, m.items, 1)
		require.NoError(t, m.get("k", true))
		require.NoError(t, m.check())
	}
}
