package owner

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/lease"
	"github.com/leasecache/leasecache/shard"
)

// A raise whose caller gave up may be done all the same, and is then durable:
//
//	1 `lf` above the shard's last token asks for epoch 10; the disk is slow.
//	2 The caller's time is up: SERVER_ERROR. 3 The keeper writes epoch 10.
//	4 Were the table to stay at 5, every note and every further raise would be
//	  refused as stale, until a restart.
func TestRaiseThatCameLateIsTaken(t *testing.T) {
	old := lease.FirstToken(9) + 77
	t.Run("by the next raise", func(t *testing.T) {
		k := newKeeper(1)
		w := newOwner(t, k)
		hash, _ := hashOf("k")
		k.late = true
		require.NoError(t, w.Fence(context.Background(), hash, old))
		require.Equal(t, shard.Epoch(10), k.State(0).Epoch)
	})
	t.Run("by the next note", func(t *testing.T) {
		k := newKeeper(1)
		w := newOwner(t, k)
		hash, key := hashOf("k")
		_, err := k.Raise(context.Background(), 0, 5, 10)
		require.NoError(t, err)
		require.NoError(t, w.Note(context.Background(), hash, fencedIntent))
		token, _, err := w.Begin(realTime(), hash, key, fencedIntent)
		require.NoError(t, err)
		require.EqualValues(t, 10, token.Epoch())
	})
}

// Reported fences cannot use up the epochs: a node without one left could not
// start again.
func TestFencesLeaveEpochsForRestarts(t *testing.T) {
	k := newKeeper(1)
	k.states[0].Epoch = shard.MaxEpoch - MaxLift
	w := newOwner(t, k)
	hash, _ := hashOf("k")
	require.ErrorIs(t, w.Fence(context.Background(), hash, lease.FirstToken(uint32(shard.MaxEpoch-1))), ErrFuture)
	require.Equal(t, shard.MaxEpoch-MaxLift, k.State(0).Epoch)
}
