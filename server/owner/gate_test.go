package owner

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/internal/storage/memory"
	"github.com/leasecache/leasecache/lease"
	"github.com/leasecache/leasecache/shard"
)

// during is an Editor that stores a value, after it did something under the lock.
type during struct {
	do func(*lease.Current)
	it lease.Item
}

func (d during) Edit(cur *lease.Current) lease.Edit {
	if d.do != nil {
		d.do(cur)
	}
	return lease.Edit{Action: lease.PutItem, Item: d.it}
}

func put(t testing.TB, w *Owner, now int64, key string) {
	t.Helper()
	hash, k := hashOf(key)
	version, err := w.Put(now, hash, k, lease.Set, lease.Item{Value: []byte(key)})
	require.NoError(t, err)
	require.NotZero(t, version)
}

func present(t testing.TB, w *Owner, now int64, key string) bool {
	t.Helper()
	hash, k := hashOf(key)
	ok, err := w.Get(now, hash, k, &discard{})
	require.NoError(t, err)
	return ok
}

// H6: a command that found the gate open, and was stopped before it had its effect,
// is waited for by whoever closes the gate; none comes after that.
func TestSchedule_H6_CheckAndEffectAreOneStep(t *testing.T) {
	closers := map[string]func(*Owner){
		"close": func(w *Owner) { w.Close(0) },
		"lapse": func(w *Owner) { w.Lapse(1) },
		"stop":  func(w *Owner) { _ = w.Stop(context.Background()) },
		"leave": func(w *Owner) { _, _ = w.Leave(0, 5) },
	}
	for name, end := range closers {
		t.Run(name, func(t *testing.T) {
			w := newOwner(t, newKeeper(1))
			hash, key := hashOf("k")
			checked, goOn := make(chan struct{}), make(chan struct{})
			done := make(chan error)
			go func() {
				_, err := w.Edit(realTime(), hash, key, during{
					do: func(*lease.Current) { close(checked); <-goOn },
					it: lease.Item{Value: []byte("v")},
				})
				done <- err
			}()
			<-checked
			closed := make(chan struct{})
			go func() { end(w); close(closed) }()
			select {
			case <-closed:
				require.Fail(t, "closed while a command is between its check and its effect")
			case <-time.After(20 * time.Millisecond):
			}
			close(goOn)
			require.NoError(t, <-done)
			<-closed
			last := w.shards[0].table.Last()
			_, err := w.Invalidate(realTime(), hash, key, 0)
			require.ErrorIs(t, err, ErrUnavailable)
			if name != "stop" {
				require.ErrorIs(t, err, ErrNotOwner)
			}
			require.Equal(t, last, w.shards[0].table.Last(), "an effect behind the gate")
		})
	}
}

// The schedule "paused" of gate.go: a reading from before the end does for as long as
// the gates are open, and what it did is never seen again.
func TestSchedule_H6_ReadingFromBeforeTheEnd(t *testing.T) {
	w := newOwner(t, newKeeper(1))
	reading := realTime()
	require.True(t, w.Extend(1, reading+1))
	for realTime() <= reading+1 {
		time.Sleep(time.Millisecond)
	}
	hash, key := hashOf("k")
	_, err := w.Invalidate(realTime(), hash, key, 0)
	require.ErrorIs(t, err, ErrNotOwner)
	require.ErrorContains(t, err, "no session")
	_, err = w.Invalidate(reading+1, hash, key, 0)
	require.ErrorIs(t, err, ErrNotOwner, "the end is not within the session")
	put(t, w, reading, "k")
	require.True(t, present(t, w, reading, "k"))
	w.Lapse(1)
	_, err = w.Get(reading, hash, key, &discard{})
	require.ErrorIs(t, err, ErrNotOwner)
	require.True(t, w.Extend(2, math.MaxInt64))
	_, err = w.Get(reading, hash, key, &discard{})
	require.ErrorIs(t, err, ErrNotOwner, "a new session opens nothing by itself")
	require.NoError(t, w.Open(0, Start{Epoch: 7}))
	require.False(t, present(t, w, realTime(), "k"))
}

// R5c, H8: a session that was found to be over here is not taken up again, whatever
// its agent has not noticed yet.
func TestSchedule_R5_LapsedSessionIsNeverExtended(t *testing.T) {
	w := newOwner(t, newKeeper(2))
	w.Lapse(1)
	require.False(t, w.Extend(1, math.MaxInt64))
	require.ErrorIs(t, w.Open(0, Start{Epoch: 8}), ErrNotOwner)
	w.Lapse(3) // never heard of: it ran out before it was told
	require.False(t, w.Extend(2, math.MaxInt64))
	require.False(t, w.Extend(3, math.MaxInt64))
	require.True(t, w.Extend(4, math.MaxInt64))
	require.NoError(t, w.Open(0, Start{Epoch: 8}))
	w.Lapse(3) // late
	require.True(t, w.Extend(4, math.MaxInt64))
	put(t, w, realTime(), keyOf(0, 2))
	require.Error(t, w.Open(0, Start{Epoch: 8}), "its tokens would come again")
}

// keyOf is a key of a shard.
func keyOf(id shard.ID, shards uint32) string {
	for i := 0; ; i++ {
		if key := fmt.Sprintf("k%d", i); shard.Of([]byte(key), shards) == id {
			return key
		}
	}
}

func TestOneShardClosedIsOneShard(t *testing.T) {
	w := newOwner(t, newKeeper(4))
	w.Close(2)
	now := realTime()
	for id := range shard.ID(4) {
		key := keyOf(id, 4)
		hash, k := hashOf(key)
		if id != 2 {
			put(t, w, now, key)
			continue
		}
		_, err := w.Put(now, hash, k, lease.Set, lease.Item{Value: k})
		require.ErrorIs(t, err, ErrNotOwner)
	}
	require.Len(t, listed(t, w, now), 3)
	require.Len(t, w.Shards(now), 3)
	w.Keys(now, func(id shard.ID, _ lease.KeyState) bool { require.NotEqual(t, shard.ID(2), id); return true })
}

// A shard that is opened again shows nothing of what it held before, to nobody, by no
// command, however it was closed. What a raise of the epoch keeps stays.
func TestReopenedShardNeverShowsWhatItHeldBefore(t *testing.T) {
	ways := map[string]func(*testing.T, *Owner){
		"closed":        func(t *testing.T, w *Owner) { w.Close(0); require.NoError(t, w.Open(0, Start{Epoch: 9})) },
		"without close": func(t *testing.T, w *Owner) { require.NoError(t, w.Open(0, Start{Epoch: 9})) },
		"lapsed": func(t *testing.T, w *Owner) {
			w.Lapse(1)
			require.True(t, w.Extend(2, math.MaxInt64))
			require.NoError(t, w.Open(0, Start{Epoch: 9}))
		},
	}
	for name, reopen := range ways {
		t.Run(name, func(t *testing.T) {
			k := newKeeper(1)
			w := newOwner(t, k)
			now := realTime()
			put(t, w, now, "early")
			k.states[0].Epoch = 7
			w.Raise(0, 7)
			require.True(t, present(t, w, now, "early"), "an item from before a raise")
			put(t, w, now, "plain")
			require.NoError(t, w.Flush(now, now+int64(time.Hour), nil))

			hash, key := hashOf("filled")
			a := read(t, w, "filled", lease.Read{}).now(t)
			_, err := w.Fill(now, hash, key, a.Token, lease.Item{Value: key, Tags: lease.AppendTag(nil, []byte("x"))}, false)
			require.NoError(t, err)

			put(t, w, now, "stale")
			hash, key = hashOf("stale")
			_, err = w.Invalidate(now, hash, key, int64(time.Hour))
			require.NoError(t, err)
			require.True(t, read(t, w, "stale", lease.Read{Peek: true, StaleOK: true}).now(t).Stale)

			require.NoError(t, w.Note(t.Context(), 0, fencedIntent))
			hash, key = hashOf("written")
			token, _, err := w.Begin(now, hash, key, fencedIntent)
			require.NoError(t, err)
			late := read(t, w, "leased", lease.Read{}).now(t)
			waits := read(t, w, "leased", lease.Read{Wait: int64(time.Minute)})
			before := w.Stats()

			reopen(t, w)
			require.Equal(t, lease.NotOwner, waits.now(t).Kind, "who waited is told")
			now = realTime()
			for _, k := range []string{"early", "plain", "filled", "stale", "written", "leased"} {
				hash, key := hashOf(k)
				require.False(t, present(t, w, now, k), k)
				require.Equal(t, lease.Empty, read(t, w, k, lease.Read{Peek: true, StaleOK: true}).now(t).Kind, k)
				found, err := w.Meta(now, hash, key, lease.Meta{}, &discard{})
				require.NoError(t, err)
				require.False(t, found, k)
				shown, _, err := w.Look(now, hash, key)
				require.NoError(t, err)
				require.Equal(t, Absent, shown, k)
				v, err := w.Inspect(now, hash, key)
				require.NoError(t, err)
				require.False(t, v.Found)
				require.Empty(t, v.Lease.Intents)
				_, err = w.Edit(now, hash, key, during{do: func(cur *lease.Current) { require.False(t, cur.Found, k) }})
				require.NoError(t, err)
			}
			hash, key = hashOf("leased")
			reason, err := w.Fill(now, hash, key, late.Token, lease.Item{Value: key}, false)
			require.NoError(t, err)
			require.Equal(t, lease.OtherEpoch, reason)
			hash, key = hashOf("written")
			out, err := w.End(now, hash, key, token)
			require.NoError(t, err)
			require.NotEqual(t, lease.Ended, out)
			after := w.Stats()
			require.Equal(t, before.Granted, after.Granted, "what was counted stays")
			require.Zero(t, after.Parked+after.Leases+after.Intents)
			require.Zero(t, after.Flushed, "nothing was flushed")
			put(t, w, now, "new")
			require.True(t, present(t, w, now, "new"))
			_, _, err = w.Begin(now, hash, key, fencedIntent)
			require.ErrorIs(t, err, ErrNotNoted, "what was noted is not of this epoch (H4)")
		})
	}
}

// A walk that began before a shard was opened again shows nothing of before, either.
func TestWalkPassesByWhatIsNotServed(t *testing.T) {
	w := newOwner(t, newKeeper(2))
	now := realTime()
	for id := range shard.ID(2) {
		put(t, w, now, keyOf(id, 2))
	}
	w.Close(0)
	require.Equal(t, map[string]int{keyOf(1, 2): 1}, listed(t, w, now))
	require.NoError(t, w.Open(0, Start{Epoch: 9}))
	require.Equal(t, map[string]int{keyOf(1, 2): 1}, listed(t, w, now))
	w.Lapse(1)
	_, _, err := w.Walk(Place{}, now, func([]byte, *lease.Item) { require.Fail(t, "shown") })
	require.ErrorIs(t, err, ErrNotOwner)
}

// H4, R17: a note that arrives in another tenure than the one it was asked for in is
// not one of that.
func TestSchedule_R17_NoteOfAFormerTenure(t *testing.T) {
	k := newKeeper(1)
	w := newOwner(t, k)
	hash, key := hashOf("k")
	k.noteFn = func(shard.ID, shard.Epoch) error {
		k.noteFn = nil
		w.Lapse(1) // while the note is on its way
		require.True(t, w.Extend(2, math.MaxInt64))
		require.NoError(t, w.Open(0, Start{Epoch: 8, DoubtBelow: shard.Epoch(8).Base()}))
		return nil
	}
	require.NoError(t, w.Note(t.Context(), hash, fencedIntent))
	_, _, err := w.Begin(realTime(), hash, key, fencedIntent)
	require.ErrorIs(t, err, ErrNotNoted)
}

// A raise that was asked for in a former tenure moves nothing in this one.
func TestSchedule_R6_RaiseOfAFormerTenure(t *testing.T) {
	w := newOwner(t, newKeeper(1))
	w.Close(0)
	require.NoError(t, w.Open(0, Start{Epoch: 9}))
	require.False(t, w.raiseTo(&w.shards[0], 5, 12))
	require.Equal(t, uint32(9), w.shards[0].table.Epoch())
	require.True(t, w.raiseTo(&w.shards[0], 9, 12))
	w.Close(0)
	require.False(t, w.raiseTo(&w.shards[0], 9, 13))
	require.Error(t, w.raise(t.Context(), &w.shards[0], 20))
}

// A reader's time may be over in the moment before its session is made longer.
func TestWaitEndsAlthoughTheSessionWasShort(t *testing.T) {
	w := newOwner(t, newKeeper(1))
	require.Equal(t, lease.Granted, read(t, w, "k", lease.Read{}).now(t).Kind)
	waits := read(t, w, "k", lease.Read{Wait: int64(30 * time.Millisecond)})
	require.True(t, w.Extend(1, realTime()+int64(time.Millisecond)))
	time.Sleep(60 * time.Millisecond) // the timer fires, and finds no session
	require.Empty(t, waits.got)
	require.True(t, w.Extend(1, math.MaxInt64))
	require.Equal(t, lease.Busy, waits.now(t).Kind)
}

// BenchmarkDrop is what it costs to drop a shard's values: by the comparison, and,
// as it is not done, by a walk that removes them.
func BenchmarkDrop(b *testing.B) {
	fill := func(b *testing.B) *Owner {
		k := newKeeper(1024)
		cache, err := memory.New(memory.Options{Bytes: 256 << 20, MaxItem: 64 << 10, MaxPartitions: 1024})
		require.NoError(b, err)
		b.Cleanup(func() { require.NoError(b, cache.Close()) })
		w := New(Options{Keeper: k, Cache: cache, Limits: lease.DefaultLimits(), Clock: realTime})
		openAll(b, w, k)
		value := make([]byte, 100)
		for i := range 1_000_000 {
			hash, key := hashOf(fmt.Sprintf("key-%d", i))
			_, err := w.Put(realTime(), hash, key, lease.Set, lease.Item{Value: value})
			require.NoError(b, err)
		}
		b.ReportMetric(float64(len(w.buckets)), "partitions")
		return w
	}
	b.Run("compare", func(b *testing.B) {
		w := fill(b)
		epoch := shard.Epoch(5)
		for b.Loop() {
			epoch++
			w.Close(0)
			require.NoError(b, w.Open(0, Start{Epoch: epoch}))
		}
	})
	b.Run("walk", func(b *testing.B) {
		w := fill(b)
		s := &w.shards[0]
		var keys [][]byte
		for b.Loop() {
			var at memory.Place
			for more := true; more; {
				at, more = s.store.part.Walk(at, 0, func(key []byte, _ memory.Item) {
					if w.shardOf(shard.Hash(key)) == s {
						keys = append(keys, key)
					}
				})
			}
			keys = keys[:0]
		}
	})
}
