package owner

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/lease"
	"github.com/leasecache/leasecache/shard"
)

// A move that is called off costs the readers of a shard a moment, and no value.
func TestMoveThatIsCalledOff(t *testing.T) {
	w := newOwner(t, newKeeper(2))
	mine, other := keyOf(0, 2), keyOf(1, 2)
	put(t, w, realTime(), mine)
	put(t, w, realTime(), other)
	hash, key := hashOf(mine)
	missing := keyOf(0, 2) + "?"
	for shard.Of([]byte(missing), 2) != 0 {
		missing += "?"
	}
	lost, lostKey := hashOf(missing)
	granted, waits := newReader(), newReader()
	require.NoError(t, w.Lease(realTime(), lost, lostKey, lease.Read{Wait: int64(time.Hour)}, granted))
	require.NoError(t, w.Lease(realTime(), lost, lostKey, lease.Read{Wait: int64(time.Hour)}, waits))

	_, ok := w.Leave(0, 4)
	require.False(t, ok, "a plan for another epoch")
	_, ok = w.Leave(0, 5)
	require.True(t, ok)
	_, ok = w.Leave(0, 5)
	require.False(t, ok, "it has left already")
	require.Equal(t, lease.NotOwner, waits.now(t).Kind)
	_, err := w.Get(realTime(), hash, key, &discard{})
	require.ErrorIs(t, err, ErrNotOwner)
	require.ErrorContains(t, err, "being moved")
	require.True(t, present(t, w, realTime(), other))

	w.Raise(0, 5)
	_, err = w.Get(realTime(), hash, key, &discard{})
	require.ErrorIs(t, err, ErrNotOwner, "the epoch that it left opens nothing")
	w.Raise(0, 6)
	require.True(t, present(t, w, realTime(), mine))
	reason, err := w.Fill(realTime(), lost, lostKey, granted.now(t).Token, lease.Item{}, false)
	require.NoError(t, err)
	require.Equal(t, lease.OtherEpoch, reason)
}

// R15, H5: what writers have begun goes along; a late end of an intent finds it.
func TestSchedule_R15_IntentsMoveAlong(t *testing.T) {
	from, to := newOwner(t, newKeeper(1)), newOwner(t, newKeeper(1))
	hash, key := hashOf("k")
	put(t, from, realTime(), "k")
	require.NoError(t, from.Note(t.Context(), hash, fencedIntent))
	token, _, err := from.Begin(realTime(), hash, key, fencedIntent)
	require.NoError(t, err)
	h, ok := from.Leave(0, 5)
	require.True(t, ok)

	to.Close(0)
	require.NoError(t, to.Open(0, Start{Epoch: 6, Moved: &h}))
	from.Close(0)
	told := newReader()
	require.NoError(t, to.Lease(realTime(), hash, key, lease.Read{}, told))
	require.True(t, told.now(t).Quarantined)
	out, err := to.End(realTime(), hash, key, token)
	require.NoError(t, err)
	require.Equal(t, lease.Ended, out)
	require.NoError(t, to.Lease(realTime(), hash, key, lease.Read{}, told))
	require.Equal(t, lease.Granted, told.now(t).Kind)
	_, err = from.End(realTime(), hash, key, token)
	require.ErrorIs(t, err, ErrNotOwner)

	// And back: what this owner had in its memory then is not what it has now.
	h, ok = to.Leave(0, 6)
	require.True(t, ok)
	require.NoError(t, from.Open(0, Start{Epoch: 7, Moved: &h}))
	require.False(t, present(t, from, realTime(), "k"))
}

// A session that ends in the middle of a move takes everything with it.
func TestSessionEndsWhileAShardLeaves(t *testing.T) {
	w := newOwner(t, newKeeper(1))
	put(t, w, realTime(), "k")
	_, ok := w.Leave(0, 5)
	require.True(t, ok)
	w.Lapse(1)
	w.Raise(0, 6)
	hash, key := hashOf("k")
	_, err := w.Get(realTime(), hash, key, &discard{})
	require.ErrorIs(t, err, ErrNotOwner)
	require.True(t, w.Extend(2, 1<<62))
	w.Raise(0, 7)
	_, err = w.Get(realTime(), hash, key, &discard{})
	require.ErrorIs(t, err, ErrNotOwner)
	require.NoError(t, w.Open(0, Start{Epoch: 8}))
	require.False(t, present(t, w, realTime(), "k"))
}

// R17: at a clean stop the notes of those shards are cleared in which no writer is
// outstanding, as seen under the shut gate.
func TestSchedule_R17_RestTellsWhereNoWriterIs(t *testing.T) {
	w := newOwner(t, newKeeper(4))
	writes := keyOf(1, 4)
	hash, key := hashOf(writes)
	require.NoError(t, w.Note(t.Context(), hash, fencedIntent))
	token, _, err := w.Begin(realTime(), hash, key, fencedIntent)
	require.NoError(t, err)
	w.Close(2)
	_, ok := w.Leave(3, 5)
	require.True(t, ok)

	require.Equal(t, []shard.ID{0}, w.Rest(1), "one has a writer, one is not open, one may be another's")
	_, err = w.End(realTime(), hash, key, token)
	require.ErrorIs(t, err, ErrNotOwner)
	require.Empty(t, w.Rest(1))
	require.False(t, w.Extend(1, 1<<62), "it is over")
}

// What is handed over is older than the epoch it is opened in: else tokens could come
// twice.
func TestHandoverFromTheFuture(t *testing.T) {
	w := newOwner(t, newKeeper(1))
	w.Close(0)
	moved := lease.Handover{TagFloor: lease.FirstToken(7)}
	require.Error(t, w.Open(0, Start{Epoch: 7, Moved: &moved}))
	require.NoError(t, w.Open(0, Start{Epoch: 8, Moved: &moved}))
}
