package owner

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/internal/storage/memory"
	"github.com/leasecache/leasecache/lease"
	"github.com/leasecache/leasecache/shard"
	"github.com/leasecache/leasecache/shard/single"
)

// keeper is a Keeper whose disk a test holds in its hand.
type keeper struct {
	mu     sync.Mutex
	states []single.State
	quiet  []shard.ID
	fenced []uint64
	notes  int
	noteFn func(shard.ID, shard.Epoch) error // before a note counts
	late   bool                              // a raise is done, but after its caller gave up
}

func newKeeper(shards int) *keeper {
	k := &keeper{states: make([]single.State, shards)}
	for i := range k.states {
		k.states[i].Epoch = 5
	}
	return k
}

func (k *keeper) Shards() uint32 { return uint32(len(k.states)) }
func (k *keeper) Intents() error { return nil }

func (k *keeper) State(s shard.ID) single.State {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.states[s]
}

func (k *keeper) Raised(s shard.ID, from shard.Epoch) shard.Epoch { return max(from, k.State(s).Epoch) }

func (k *keeper) Note(_ context.Context, s shard.ID, e shard.Epoch, n single.Note) error {
	if k.noteFn != nil {
		if err := k.noteFn(s, e); err != nil {
			return err
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	st := &k.states[s]
	if st.Epoch != e {
		return single.ErrStale
	}
	k.notes++
	st.Noted.Fenced = st.Noted.Fenced || n.Fenced
	st.Noted.Bounded = max(st.Noted.Bounded, n.Bounded)
	return nil
}

func (k *keeper) Raise(_ context.Context, s shard.ID, from, atLeast shard.Epoch) (shard.Epoch, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.states[s].Epoch != from {
		return 0, single.ErrStale
	}
	k.states[s].Epoch = max(from+1, atLeast)
	if k.late {
		return 0, context.DeadlineExceeded
	}
	return k.states[s].Epoch, nil
}

func (k *keeper) Fenced(_ shard.ID, token uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fenced = append(k.fenced, token)
}

func (k *keeper) Quiet(_ context.Context, shards []shard.ID) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.quiet = shards
	return nil
}

var began = time.Now()

// realTime begins at an hour: an old reading of it is above zero, too.
func realTime() int64 { return int64(time.Since(began)) + int64(time.Hour) }

func newOwner(t testing.TB, k *keeper) *Owner {
	t.Helper()
	cache, err := memory.New(memory.Options{Bytes: 32 << 20, MaxItem: 64 << 10})
	require.NoError(t, err)
	w := New(Options{Keeper: k, Cache: cache, Limits: lease.DefaultLimits(), Clock: realTime})
	openAll(t, w, k)
	t.Cleanup(func() {
		require.NoError(t, w.Stop(context.Background()))
		require.NoError(t, cache.Close())
	})
	return w
}

// openAll has an owner serve all shards, for ever.
func openAll(t testing.TB, w *Owner, k *keeper) {
	t.Helper()
	require.True(t, w.Extend(1, math.MaxInt64))
	for i := range k.states {
		require.NoError(t, w.Open(shard.ID(i), k.start(shard.ID(i))))
	}
}

func (k *keeper) start(id shard.ID) Start {
	st := k.State(id)
	return Start{Epoch: st.Epoch, DoubtBelow: st.DoubtBelow, Closed: st.Closed, Noted: st.Noted}
}

// answers is a reader that keeps what it is told.
type answers struct {
	got chan lease.Answer
}

func newReader() *answers                 { return &answers{got: make(chan lease.Answer, 1)} }
func (r *answers) Park() lease.Reader     { return r }
func (r *answers) Answer(a *lease.Answer) { r.got <- *a }
func (r *answers) now(t testing.TB) (a lease.Answer) {
	t.Helper()
	select {
	case a = <-r.got:
	case <-time.After(5 * time.Second):
		require.Fail(t, "no answer")
	}
	return a
}

func read(t testing.TB, w *Owner, key string, q lease.Read) *answers {
	t.Helper()
	r := newReader()
	require.NoError(t, w.Lease(realTime(), shard.Hash([]byte(key)), []byte(key), q, r))
	return r
}

func hashOf(key string) (uint64, []byte) { return shard.Hash([]byte(key)), []byte(key) }

var fencedIntent = Intent{Kind: lease.Fenced, Length: time.Minute}

// R17: the note is awaited before the intent is added; a refused note leaves
// nothing behind, so readers of the key do not notice.
func TestSchedule_R17_RefusedNoteLeavesNothing(t *testing.T) {
	k := newKeeper(4)
	k.noteFn = func(shard.ID, shard.Epoch) error { return errors.New("no room on the disk") }
	w := newOwner(t, k)
	hash, key := hashOf("k")
	_, _, err := w.Begin(realTime(), hash, key, fencedIntent)
	require.ErrorIs(t, err, ErrNotNoted)
	err = w.Note(context.Background(), hash, fencedIntent)
	require.ErrorIs(t, err, ErrUnavailable)
	require.ErrorContains(t, err, "no room on the disk")
	_, _, err = w.Begin(realTime(), hash, key, fencedIntent)
	require.ErrorIs(t, err, ErrNotNoted)
	require.Equal(t, lease.Granted, read(t, w, "k", lease.Read{}).now(t).Kind)
	require.Zero(t, w.Stats().Intents)
}

// H6: every intent of an epoch waits for the note, not only the first.
func TestSchedule_H6_EveryIntentWaitsForTheNote(t *testing.T) {
	k := newKeeper(1)
	written := make(chan struct{})
	k.noteFn = func(shard.ID, shard.Epoch) error { <-written; return nil }
	w := newOwner(t, k)
	first := make(chan error, 1)
	hash, key := hashOf("k")
	go func() { first <- w.Note(context.Background(), hash, fencedIntent) }()
	for range 20 {
		other, key := hashOf("other")
		_, _, err := w.Begin(realTime(), other, key, fencedIntent)
		require.ErrorIs(t, err, ErrNotNoted)
		time.Sleep(time.Millisecond)
	}
	close(written)
	require.NoError(t, <-first)
	_, _, err := w.Begin(realTime(), hash, key, fencedIntent)
	require.NoError(t, err)
}

// A bounded intent longer than what is noted needs a note of its own: the next
// life keeps the shard closed for the longest one noted.
func TestLongerBoundedIntentIsNotedAgain(t *testing.T) {
	k := newKeeper(1)
	w := newOwner(t, k)
	hash, key := hashOf("k")
	short := Intent{Kind: lease.Bounded, Length: time.Second}
	long := Intent{Kind: lease.Bounded, Length: 2 * time.Second}
	require.NoError(t, w.Note(context.Background(), hash, short))
	_, _, err := w.Begin(realTime(), hash, key, short)
	require.NoError(t, err)
	_, _, err = w.Begin(realTime(), hash, key, long)
	require.ErrorIs(t, err, ErrNotNoted)
	_, _, err = w.Begin(realTime(), hash, key, fencedIntent)
	require.ErrorIs(t, err, ErrNotNoted)
	require.NoError(t, w.Note(context.Background(), hash, long))
	require.Equal(t, 2*time.Second, k.State(0).Noted.Bounded)
}

// H6: the gate and the effect are one step. Whoever was given an intent before
// the stop is outstanding in a shard that was not declared quiet; whoever comes
// after it is refused, and so is every invalidation.
func TestSchedule_H6_NothingIsAcknowledgedBehindTheGate(t *testing.T) {
	for range 30 {
		k := newKeeper(64)
		w := newOwner(t, k)
		for i := range k.states {
			require.NoError(t, w.Note(context.Background(), uint64(i), fencedIntent))
		}
		var given sync.Map
		var writers sync.WaitGroup
		var stopped atomic.Bool
		for g := range 4 {
			writers.Go(func() {
				for i := 0; !stopped.Load() || i < 10; i++ {
					hash, key := hashOf(fmt.Sprintf("k%d.%d", g, i))
					behind := stopped.Load()
					_, _, err := w.Begin(realTime(), hash, key, fencedIntent)
					_, errInvalidate := w.Invalidate(realTime(), hash, key, 0)
					if behind {
						require.ErrorIs(t, err, ErrUnavailable)
						require.ErrorIs(t, errInvalidate, ErrUnavailable)
					}
					if err == nil {
						given.Store(shard.OfHash(hash, 64), true)
					}
				}
			})
		}
		time.Sleep(time.Duration(rand.IntN(300)) * time.Microsecond)
		require.NoError(t, w.Stop(context.Background()))
		stopped.Store(true)
		writers.Wait()
		for _, id := range k.quiet {
			_, outstanding := given.Load(id)
			require.False(t, outstanding, "shard %d was declared quiet", id)
		}
	}
}

// A reader who waits gets the lease when its holder's runs out, by the timer
// alone.
func TestTimerHandsOnALease(t *testing.T) {
	w := newOwner(t, newKeeper(4))
	require.Equal(t, lease.Granted, read(t, w, "k", lease.Read{LeaseFor: int64(30 * time.Millisecond)}).now(t).Kind)
	waiting := read(t, w, "k", lease.Read{Wait: int64(time.Minute)})
	require.Equal(t, lease.Granted, waiting.now(t).Kind)
}

// A reader who waits is told so when its own patience ends first.
func TestTimerEndsAWait(t *testing.T) {
	w := newOwner(t, newKeeper(4))
	read(t, w, "k", lease.Read{}).now(t)
	waiting := read(t, w, "k", lease.Read{Wait: int64(30 * time.Millisecond)})
	require.Equal(t, lease.Busy, waiting.now(t).Kind)
}

// A command whose reading of the clock is old, because its connection waited for
// a slow peer or the process was paused, does not make the timer late for others.
//
//	1 A's batch reads the clock, and A waits two seconds for its peer. 2 A's lg puts
//	the timer two seconds and a bit ahead of the old reading. 3 B waits for a moment on
//	another key: the timer is set to fire before that already, it seems.
func TestTimerIsNotLateAfterAnOldReading(t *testing.T) {
	w := newOwner(t, newKeeper(1))
	hash, key := hashOf("a")
	old := realTime() - int64(2*time.Second)
	length := int64(2*time.Second + 20*time.Millisecond)
	require.NoError(t, w.Lease(old, hash, key, lease.Read{LeaseFor: length}, newReader()))
	waiting := newReader()
	require.NoError(t, w.Lease(old, hash, key, lease.Read{Wait: int64(time.Minute)}, waiting))
	begun := time.Now()
	read(t, w, "b", lease.Read{}).now(t)
	b := read(t, w, "b", lease.Read{Wait: int64(100 * time.Millisecond)})
	require.Equal(t, lease.Granted, waiting.now(t).Kind)
	require.Equal(t, lease.Busy, b.now(t).Kind)
	require.Less(t, time.Since(begun), time.Second)
}

// R12: a fence above the shard's last token, of an older life, lifts the epoch
// above it; leases of the old epoch are refused for that reason, intents and
// doubts stay, and tokens only grow.
func TestSchedule_R12_FenceFromAnOlderLifeLiftsTheEpoch(t *testing.T) {
	k := newKeeper(1)
	w := newOwner(t, k)
	hash, key := hashOf("k")
	require.NoError(t, w.Note(context.Background(), hash, fencedIntent))
	intent, _, err := w.Begin(realTime(), hash, key, fencedIntent)
	require.NoError(t, err)
	other, otherKey := hashOf("other")
	a := read(t, w, "other", lease.Read{}).now(t)
	require.Equal(t, lease.Granted, a.Kind)

	old := lease.FirstToken(9) + 77
	require.True(t, w.NeedsLift(hash, old))
	require.NoError(t, w.Fence(context.Background(), hash, old))
	require.False(t, w.NeedsLift(hash, old))
	require.Equal(t, shard.Epoch(10), k.State(0).Epoch)

	reason, err := w.Fill(realTime(), other, otherKey, a.Token, lease.Item{Value: []byte("v")}, false)
	require.NoError(t, err)
	require.Equal(t, lease.OtherEpoch, reason)
	b := read(t, w, "other", lease.Read{}).now(t)
	require.Greater(t, b.Token, old)
	require.Equal(t, lease.UseSource, read(t, w, "k", lease.Read{}).now(t).Kind)
	out, err := w.End(realTime(), hash, key, intent)
	require.NoError(t, err)
	require.Equal(t, lease.Ended, out)
}

func TestFenceFromTheFutureIsRefused(t *testing.T) {
	k := newKeeper(1)
	w := newOwner(t, k)
	hash, _ := hashOf("k")
	require.NoError(t, w.Fence(context.Background(), hash, lease.FirstToken(5+MaxLift)))
	require.ErrorIs(t, w.Fence(context.Background(), hash, lease.FirstToken(5+MaxLift+1+MaxLift+1)), ErrFuture)
	require.ErrorIs(t, w.Fence(context.Background(), hash, lease.Token(1<<63)), ErrFuture)
	require.ErrorIs(t, w.Fence(context.Background(), hash, ^lease.Token(0)), ErrFuture)
}

// U12: a sequence about to end is a planned move to oneself: the epoch rises,
// intents stay, tokens grow on.
func TestSchedule_U12_SequenceMovesToTheNextEpoch(t *testing.T) {
	k := newKeeper(1)
	w := newOwner(t, k)
	hash, key := hashOf("k")
	require.NoError(t, w.Note(context.Background(), hash, fencedIntent))
	intent, _, err := w.Begin(realTime(), hash, key, fencedIntent)
	require.NoError(t, err)
	w.reserve = 1<<40 - 5
	var last lease.Token
	require.Eventually(t, func() bool {
		token, err := w.Invalidate(realTime(), hash, key, 0)
		require.NoError(t, err)
		require.Greater(t, token, last)
		last = token
		return token.Epoch() > 5
	}, 5*time.Second, time.Millisecond)
	out, err := w.End(realTime(), hash, key, intent)
	require.NoError(t, err)
	require.Equal(t, lease.Ended, out)
}

// A shard that begins in doubt is opened by one fence, which the keeper hears of.
func TestShardDoubtIsFencedOnce(t *testing.T) {
	k := newKeeper(1)
	k.states[0].DoubtBelow = uint64(lease.FirstToken(5))
	w := newOwner(t, k)
	require.Equal(t, lease.UseSource, read(t, w, "a", lease.Read{}).now(t).Kind)
	a := read(t, w, "a", lease.Read{CanFence: true}).now(t)
	require.True(t, a.Doubt)
	hash, key := hashOf("a")
	reason, err := w.Fill(realTime(), hash, key, a.Token, lease.Item{Value: []byte("v")}, true)
	require.NoError(t, err)
	require.Equal(t, lease.Stored, reason)
	require.Equal(t, []uint64{uint64(a.Token)}, k.fenced)
	require.Equal(t, lease.Granted, read(t, w, "b", lease.Read{}).now(t).Kind)
}

// After bounded intents of a former life a shard is closed for a time, counted
// from the first serve, also for who can fence.
func TestSchedule_R14_ClosureAfterBoundedIntents(t *testing.T) {
	k := newKeeper(1)
	k.states[0].Closed = 60 * time.Millisecond
	w := newOwner(t, k)
	a := read(t, w, "a", lease.Read{CanFence: true}).now(t)
	require.Equal(t, lease.UseSource, a.Kind)
	require.True(t, a.Quarantined)
	require.LessOrEqual(t, a.For, int64(60*time.Millisecond))
	time.Sleep(70 * time.Millisecond)
	require.Equal(t, lease.Granted, read(t, w, "a", lease.Read{}).now(t).Kind)
}

func TestTagsReachEveryShard(t *testing.T) {
	w := newOwner(t, newKeeper(16))
	now := realTime()
	for i := range 100 {
		hash, key := hashOf(fmt.Sprintf("k%d", i))
		a := read(t, w, string(key), lease.Read{}).now(t)
		_, err := w.Fill(now, hash, key, a.Token, lease.Item{Value: key, Tags: lease.AppendTag(nil, []byte("x"))}, false)
		require.NoError(t, err)
		require.Equal(t, lease.Hit, read(t, w, string(key), lease.Read{Peek: true}).now(t).Kind)
	}
	_, risen, err := w.BumpTag(now, []byte("x"), nil)
	require.Zero(t, risen)
	require.NoError(t, err)
	for i := range 100 {
		require.Equal(t, lease.Empty, read(t, w, fmt.Sprintf("k%d", i), lease.Read{Peek: true}).now(t).Kind)
	}
}

// What was done in some shards must not be said to have done nothing.
func TestBumpInSomeShardsSaysSo(t *testing.T) {
	w := newOwner(t, newKeeper(4))
	w.Close(2)
	_, _, err := w.BumpTag(realTime(), []byte("tag"), nil)
	require.ErrorIs(t, err, ErrPartial)
	require.ErrorIs(t, err, ErrUnavailable)
	require.ErrorIs(t, w.Flush(realTime(), realTime(), nil), ErrPartial)
}

// To look at a key is not to use it.
func TestInspectMarksNothing(t *testing.T) {
	w := newOwner(t, newKeeper(1))
	hash, key := hashOf("k")
	_, err := w.Put(realTime(), hash, key, lease.Set, lease.Item{Value: []byte("v")})
	require.NoError(t, err)
	for range 2 {
		v, err := w.Inspect(realTime(), hash, key)
		require.NoError(t, err)
		require.True(t, v.Found)
		require.False(t, v.Item.Fetched)
	}
}
