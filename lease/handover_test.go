package lease

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// handOver moves a shard to another table, at a time that nobody but its own clock
// knows, over a wire.
func handOver(t *testing.T, from *Table, now, there int64, limits Limits) *Table {
	t.Helper()
	out := from.HandOver(now)
	wire := out.Append(nil)
	h, err := DecodeHandover(wire)
	require.NoError(t, err)
	clear(wire) // nothing of it is kept
	to := New(NewSequence(0), newMapStore(), limits, Start{})
	to.Restart(from.Epoch()+1, Start{})
	to.TakeOver(there, h)
	return to
}

func noValue(string) bool { return false }

func TestHandoverKeepsWhoMayStillCommit(t *testing.T) {
	const there = 900 * second
	l := New(NewSequence(3), newMapStore(), someLimits(10), Start{})
	now := 10 * second
	dead, _, err := l.Begin(now, 7, []byte("dead"), Fenced, second, []byte("n0"))
	require.NoError(t, err)
	gone, _, err := l.Begin(now, 8, []byte("gone"), Bounded, second, nil)
	require.NoError(t, err)
	now += 2 * second
	open, _, err := l.Begin(now, 9, []byte("open"), Fenced, 4*second, []byte("n1"))
	require.NoError(t, err)
	bounded, _, err := l.Begin(now, 10, []byte("bounded"), Bounded, 3*second, nil)
	require.NoError(t, err)
	now += second

	to := handOver(t, l, now, there, someLimits(10))
	require.NoError(t, check(to, there, noValue))
	require.Equal(t, 2, to.Stats().Intents)
	require.Equal(t, 1, to.Stats().Doubts)

	again, left, err := to.Begin(there, 9, []byte("open"), Fenced, 4*second, []byte("n1"))
	require.NoError(t, err)
	require.Equal(t, open, again, "a nonce is the same intent's there, too")
	require.Equal(t, 3*second, left)
	require.Equal(t, NotKnown, to.End(there, 8, []byte("gone"), gone))
	require.Equal(t, EndedLate, to.End(there, 7, []byte("dead"), dead))
	require.Equal(t, Ended, to.End(there+second, 10, []byte("bounded"), bounded))

	// What is not ended runs out by the time it had left, and is in doubt then.
	to.Advance(there + 3*second)
	require.Equal(t, 1, to.Stats().Doubts)
	version, err := to.Put(there+3*second, 9, []byte("open"), Set, Item{})
	require.NoError(t, err)
	require.Zero(t, version, "stored in doubt")
	require.False(t, to.Fence(there+3*second, open), "the shard was not in doubt")
	require.Equal(t, 1, to.Stats().Doubts, "a fence at the intent's own token does not stop its writer")
	to.Fence(there+3*second, open+1)
	require.Zero(t, to.Stats().Doubts)
}

func TestHandoverKeepsWhatWasVoided(t *testing.T) {
	const there = 5 * second
	l := New(NewSequence(3), newMapStore(), someLimits(2), Start{DoubtBelow: 4, ClosedUntil: 70 * second})
	now := 60 * second
	first := l.BumpTag(now, []byte("first"))
	l.BumpTag(now, []byte("second"))
	newest := l.BumpTag(now, []byte("third"))
	l.Flush(now, 61*second)

	to := handOver(t, l, now, there, someLimits(2))
	require.Equal(t, first, to.TagFloor())
	require.Equal(t, 2, to.Stats().Tags)
	require.Equal(t, newest, to.tags.bumps["third"].token)
	require.Equal(t, "second", to.tags.oldest.tag, "the order in which they are forgotten")
	require.True(t, to.Stats().ShardInDoubt)
	require.True(t, to.Fence(there, 4))
	require.Equal(t, 10*second, to.quarantinedUntil(nil, there)-there)
	require.Equal(t, there+second, to.NextDue(), "the flush that is to come")

	past := handOver(t, l, 200*second, there, someLimits(2))
	require.Less(t, past.quarantinedUntil(nil, there), there+1, "what is over is not begun again")
}

// Whatever a table is in when it is handed over, the next one has the same writers,
// bars the same keys, and keeps its books.
func TestHandoverOfAnything(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		store := newMapStore()
		l := New(NewSequence(1), store, someLimits(6), Start{})
		now := second
		for range 60 {
			now += r.Int64N(second)
			key := fmt.Appendf(nil, "k%d", r.IntN(12))
			switch r.IntN(6) {
			case 0, 1:
				_, _, _ = l.Begin(now, 1, key, IntentKind(r.IntN(2)), 1+r.Int64N(4*second), nil)
			case 2:
				_, _ = l.Put(now, 1, key, Set, Item{})
			case 3:
				l.Invalidate(now, 1, key, 0)
			case 4:
				l.Fence(now, l.Last()-Token(r.IntN(10)))
			case 5:
				l.BumpTag(now, key)
			}
		}
		there := r.Int64N(1000 * second)
		to := handOver(t, l, now, there, someLimits(6))
		require.NoError(t, check(to, there, noValue), "seed %d", seed)
		from, got := l.Stats(), to.Stats()
		require.Equal(t, from.Intents, got.Intents, "seed %d", seed)
		require.Equal(t, from.Bounded, got.Bounded, "seed %d", seed)
		require.Equal(t, from.Doubts, got.Doubts, "seed %d", seed)
		require.Equal(t, from.ShardInDoubt, got.ShardInDoubt, "seed %d", seed)
		require.Equal(t, from.Tags, got.Tags, "seed %d", seed)
		for i := range 12 {
			key := fmt.Appendf(nil, "k%d", i)
			require.Equal(t, l.barred(l.settled(now, key), now), to.barred(to.settled(there, key), there), "seed %d, %s", seed, key)
			_, ok := to.Get(there, 1, key)
			require.False(t, ok)
		}
	}
}
