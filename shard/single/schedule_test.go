package single

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/shard"
)

// 1 epoch 5: W notes an intent, stalls · 2 restart: epoch 6 in doubt, nobody
// fences, no intent · 3 restart: epoch 7 must be in doubt still, or a reader
// fills the old value and W commits.
func TestSchedule_H4_DoubtSurvivesTwoRestarts(t *testing.T) {
	dir := t.TempDir()
	k := life(t, dir, few)
	e := k.State(0).Epoch
	k.mustNote(t, 0, fencedNote)
	for i := range shard.Epoch(2) {
		k = next(t, k, dir, few)
		require.Equal(t, State{Epoch: e + i + 1, DoubtBelow: (e + i + 1).Base()}, k.State(0))
		require.Zero(t, k.State(1).DoubtBelow)
	}

	k.Fenced(0, k.State(0).DoubtBelow-1)
	k.mustNote(t, 1, fencedNote) // behind it in the queue: the report was applied
	require.NotZero(t, k.State(0).DoubtBelow, "a fence below the doubt clears nothing (H2)")
	k.Fenced(0, k.State(0).Epoch.Token(1))
	k.mustNote(t, 2, fencedNote)
	require.Zero(t, k.State(0).DoubtBelow)
	k = next(t, k, dir, few)
	require.Zero(t, k.State(0).DoubtBelow)
	require.NotZero(t, k.State(1).DoubtBelow)
}

// A restart that lost the notes after the bounded intents of a former life
// would open while they can still commit. Every life before their closure has
// passed is closed, in full, as nobody knows how much of it passed.
func TestSchedule_H4_ClosureSurvivesTwoRestarts(t *testing.T) {
	dir := t.TempDir()
	k := life(t, dir, few)
	k.mustNote(t, 0, Note{Bounded: 5 * time.Second})
	k.mustNote(t, 0, Note{Bounded: 2 * time.Second})
	require.Zero(t, k.State(0).Closed, "this life knows its intents itself")
	for range 2 {
		k = next(t, k, dir, few)
		require.Equal(t, 6500*time.Millisecond, k.State(0).Closed)
		require.Equal(t, Note{Bounded: 5 * time.Second}, k.State(0).Noted)
		require.Zero(t, k.State(0).DoubtBelow)
	}
	require.NoError(t, k.Quiet(t.Context(), []shard.ID{0}))
	k = next(t, k, dir, few)
	require.Zero(t, k.State(0).Closed)
}

// 1 R gets a lease, reads the old value · 2 restart · 3 R' gets a lease · 4 R's
// delayed fill must not be taken for that of R'.
func TestSchedule_H13_EpochRisesAtEveryStart(t *testing.T) {
	dir := t.TempDir()
	k := life(t, dir, few)
	last := k.State(0).Epoch.Token(shard.MaxSequence)
	for clean := range 4 {
		if clean%2 == 0 {
			require.NoError(t, k.Quiet(t.Context(), []shard.ID{0, 1, 2, 3}))
		}
		k = next(t, k, dir, few)
		require.Greater(t, k.State(0).Epoch.Base(), last)
		last = k.State(0).Epoch.Token(shard.MaxSequence)
	}
}

// The directory, or the container around it, is lost and made anew while
// clients hold tokens of the life before.
func TestSchedule_H13_ALostDirectoryDoesNotStartAgainAtOne(t *testing.T) {
	seen := make(map[shard.Epoch]int)
	for range 8 {
		seen[life(t, t.TempDir(), few).State(0).Epoch]++
	}
	require.Greater(t, len(seen), 4)
}

func TestSchedule_H13_EpochsRunOut(t *testing.T) {
	st := first(few.made(), shard.MaxEpoch-1)
	require.NoError(t, st.restart())
	require.ErrorIs(t, st.restart(), ErrEpochs)
}

// 1 lw · 2 planned move (here: to oneself) with the intent · 3 restart before
// any intent of the new epoch: the shard must be in doubt.
func TestSchedule_R4_NotesStayThroughARaise(t *testing.T) {
	dir := t.TempDir()
	k := life(t, dir, few)
	k.mustNote(t, 0, fencedNote)
	_, err := k.Raise(t.Context(), 0, k.State(0).Epoch, 0)
	require.NoError(t, err)
	require.True(t, k.State(0).Noted.Fenced)
	k = next(t, k, dir, few)
	require.Equal(t, k.State(0).Epoch.Base(), k.State(0).DoubtBelow)
	_, err = k.Raise(t.Context(), 0, k.State(0).Epoch, 0)
	require.NoError(t, err)
	require.Equal(t, (k.State(0).Epoch - 1).Base(), k.State(0).DoubtBelow, "doubt stays as it was")
}

func TestSchedule_R4_QuietEndsANoteButNoDoubt(t *testing.T) {
	dir := t.TempDir()
	k := life(t, dir, few)
	k.mustNote(t, 0, fencedNote)
	k.mustNote(t, 1, fencedNote)
	require.NoError(t, k.Quiet(t.Context(), []shard.ID{0}))
	k = next(t, k, dir, few)
	require.Zero(t, k.State(0).DoubtBelow)
	require.NotZero(t, k.State(1).DoubtBelow)
	require.NoError(t, k.Quiet(t.Context(), []shard.ID{1}))
	k = next(t, k, dir, few)
	require.NotZero(t, k.State(1).DoubtBelow, "only a fence clears the doubt of former epochs")
}

func TestSchedule_R12_EphemeralRefusesIntents(t *testing.T) {
	k, err := Ephemeral(few, false)
	require.NoError(t, err)
	defer k.Close()
	require.ErrorIs(t, k.Intents(), ErrNoIntents)
	for _, n := range []Note{fencedNote, {Bounded: time.Second}} {
		require.ErrorIs(t, k.Note(t.Context(), 0, k.State(0).Epoch, n), ErrNoIntents)
		require.Zero(t, k.State(0).Noted)
	}
}

func TestSchedule_R12_VolatileIntentsNeedTheClustersId(t *testing.T) {
	_, err := Ephemeral(few, true)
	require.ErrorIs(t, err, ErrSettings)
	k, err := Ephemeral(Options{ClusterID: "shop"}, true)
	require.NoError(t, err)
	defer k.Close()
	require.NoError(t, k.Intents())
	k.mustNote(t, 0, fencedNote)
	require.True(t, k.State(0).Noted.Fenced)
}

// A fence row of a former life may lie above every token of this one: the
// epoch is lifted above it, once.
func TestSchedule_R12_AnEphemeralEpochIsLifted(t *testing.T) {
	k, err := Ephemeral(few, false)
	require.NoError(t, err)
	defer k.Close()
	e := k.State(0).Epoch
	require.Less(t, e, shard.Epoch(1<<22))
	to, err := k.Raise(t.Context(), 0, e, e+7)
	require.NoError(t, err)
	require.Equal(t, e+7, to)
	_, err = k.Raise(t.Context(), 0, e, e+7)
	require.ErrorIs(t, err, ErrStale)
}

// The note is awaited before the intent is added, so a refused note must leave
// nothing behind: neither in memory, where the next intent would rely on it,
// nor on disk.
func TestSchedule_R17_RefusedNoteLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	d, fail := failing()
	k := lifeOn(t, dir, few, d)
	e := k.State(0).Epoch

	fail.write = errFull
	require.ErrorIs(t, k.Note(t.Context(), 0, e, fencedNote), ErrNotWritten)
	require.Equal(t, State{Epoch: e}, k.State(0))
	require.NoError(t, k.Intents(), "a full disk may be cleared")
	require.NoFileExists(t, dir+"/"+tempName)

	fail.write = nil
	require.ErrorIs(t, k.Note(t.Context(), 0, e+1, fencedNote), ErrStale)
	require.ErrorIs(t, k.Note(t.Context(), 0, e, Note{Fenced: true, Bounded: time.Hour}), ErrTooLong)
	require.Equal(t, State{Epoch: e}, k.State(0))
	k.mustNote(t, 1, fencedNote)

	k = next(t, k, dir, few)
	require.Zero(t, k.State(0).DoubtBelow)
	require.NotZero(t, k.State(1).DoubtBelow)
}
