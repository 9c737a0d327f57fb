package client

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestGetHit(t *testing.T) {
	f := newFake(t)
	f.on("lg", va("v1", "f5"))
	c := f.client()
	l := &loads{}
	v, err := c.Get(testCtx(t), "k", l.load)
	require.NoError(t, err)
	require.Equal(t, Value{Data: []byte("v1"), Flags: 5, Cached: true}, v)
	require.Zero(t, l.count())
	require.Equal(t, uint64(1), c.Stats().Hits)
	require.False(t, f.seen("lg")[0].has("D"), "nobody can fence")
	require.False(t, f.seen("lg")[0].has("w"), "the first question does not wait")
}

func TestGetMissLoadsAndFills(t *testing.T) {
	f := newFake(t)
	f.on("lg", "LE L7 e10000")
	c := f.client(func(o *Options) { o.Lease = 3 * time.Second })
	l := &loads{value: Value{Data: []byte("v1"), Flags: 9, TTL: 1500 * time.Millisecond, Tags: []string{"a", "b"}}}
	v, err := c.Get(testCtx(t), "k", l.load)
	require.NoError(t, err)
	require.Equal(t, "v1", string(v.Data))
	require.True(t, v.Cached)
	e, _ := f.seen("lg")[0].flag("e")
	require.Equal(t, "3000", e)
	q := f.seen("ls")[0]
	require.Equal(t, "k", q.key)
	require.Equal(t, "v1", q.body)
	require.Subset(t, q.flags, []string{"L7", "F9", "T2", "Ga", "Gb"})
	require.False(t, q.has("D"))
	require.Empty(t, f.seen("la"))
	s := c.Stats()
	require.Equal(t, []uint64{1, 1, 1}, []uint64{s.Misses, s.Loads, s.Fills})
}

// TestSchedule_U5_TheLoadBeginsAfterTheLeaseWasAnswered: the loader runs after
// the grant, and not at all before the server has said what to do.
func TestSchedule_U5_TheLoadBeginsAfterTheLeaseWasAnswered(t *testing.T) {
	f := newFake(t)
	var answered atomic.Bool
	f.handle(func(q query) (string, bool) {
		if q.verb == "lg" {
			time.Sleep(30 * time.Millisecond)
			answered.Store(true)
		}
		return "", false
	})
	for _, reply := range []string{"LE L7 e10000", "QU e100", "QU X"} {
		answered.Store(false)
		f.on("lg", reply)
		l := &loads{first: func() { require.True(t, answered.Load()) }}
		_, err := f.client().Get(testCtx(t), "k", l.load)
		require.NoError(t, err)
		require.Equal(t, 1, l.count())
	}
}

// TestHole_A9_NoLoadIsShared: two callers in one process do not share a load, as
// the second may come after an invalidation that the first load did not see.
func TestHole_A9_NoLoadIsShared(t *testing.T) {
	f := newFake(t)
	f.on("lg", "LE L1 e10000", "LE L2 e10000")
	f.on("ls", "NS ri", "HD")
	c := f.client()
	inFirst, release := make(chan struct{}), make(chan struct{})
	first := make(chan Value)
	go func() {
		v, _ := c.Get(context.WithoutCancel(t.Context()), "k", func(context.Context, string) (Value, error) {
			close(inFirst)
			<-release
			return Value{Data: []byte("v0")}, nil
		})
		first <- v
	}()
	<-inFirst
	require.NoError(t, c.Invalidate(testCtx(t), "k"))
	got := make(chan Value)
	go func() {
		v, _ := c.Get(context.WithoutCancel(t.Context()), "k", (&loads{value: Value{Data: []byte("v1")}}).load)
		got <- v
	}()
	f.eventually("lg", 2)
	require.Equal(t, "v1", string((<-got).Data))
	close(release)
	require.Equal(t, "v0", string((<-first).Data), "he asked before the invalidation")
}

// TestHole_A15_ErrorIsNotNegative: an error of the loader is neither cached nor
// taken for "not there", and the lease is free for the next reader at once.
func TestHole_A15_ErrorIsNotNegative(t *testing.T) {
	f := newFake(t)
	f.on("lg", "LE L7 e10000")
	c := f.client(func(o *Options) { o.NegativeTTL = time.Minute })
	down := errors.New("database down")
	_, err := c.Get(testCtx(t), "k", (&loads{err: down}).load)
	require.ErrorIs(t, err, down)
	require.NotErrorIs(t, err, ErrNotFound)
	require.Empty(t, f.seen("ls"))
	q := f.seen("la")
	require.Len(t, q, 1, "given back before Get returns")
	require.Contains(t, q[0].flags, "L7")
}

func TestNotFoundIsCachedAsANegativeEntry(t *testing.T) {
	f := newFake(t)
	f.on("lg", "LE L7 e10000")
	c := f.client(func(o *Options) { o.NegativeTTL = 5 * time.Second; o.TTL = time.Hour })
	_, err := c.Get(testCtx(t), "k", (&loads{err: fmt.Errorf("product k: %w", ErrNotFound)}).load)
	require.ErrorIs(t, err, ErrNotFound)
	q := f.seen("ls")[0]
	require.Empty(t, q.body)
	require.Subset(t, q.flags, []string{"T5", "F2147483648"})

	f.on("lg", va("", "f2147483648"))
	l := &loads{}
	v, err := c.Get(testCtx(t), "k", l.load)
	require.ErrorIs(t, err, ErrNotFound)
	require.True(t, v.Cached)
	require.Zero(t, l.count())
	require.Equal(t, uint64(1), c.Stats().NegativeHits)

	f.on("lg", va("not empty", "f2147483648"))
	v, err = c.Get(testCtx(t), "k", l.load)
	require.NoError(t, err, "not ours")
	require.Equal(t, "not empty", string(v.Data))
	f.on("lg", va("", "f0"))
	v, err = c.Get(testCtx(t), "k", l.load)
	require.NoError(t, err, "an empty value is a value")
	require.Equal(t, []byte{}, v.Data)
}

func TestNotFoundIsNotCachedUnasked(t *testing.T) {
	f := newFake(t)
	f.on("lg", "LE L7 e10000")
	c := f.client()
	_, err := c.Get(testCtx(t), "k", (&loads{err: ErrNotFound}).load)
	require.ErrorIs(t, err, ErrNotFound)
	require.Empty(t, f.seen("ls"))
	require.Len(t, f.seen("la"), 1)
	require.Zero(t, c.Stats().LoadErrors)
}

func TestAValueNotToBeCached(t *testing.T) {
	f := newFake(t)
	f.on("lg", "LE L7 e10000")
	c := f.client()
	v, err := c.Get(testCtx(t), "k", (&loads{value: Value{Data: []byte("v"), TTL: -1}}).load)
	require.NoError(t, err)
	require.False(t, v.Cached)
	_, err = c.Get(testCtx(t), "k", (&loads{value: Value{Flags: negativeFlag}}).load)
	require.ErrorIs(t, err, ErrInvalid)
	_, err = c.Get(testCtx(t), "k", (&loads{value: Value{Tags: []string{"no good"}}}).load)
	require.ErrorIs(t, err, ErrInvalid)
	require.Empty(t, f.seen("ls"))
	require.Len(t, f.seen("la"), 3)
}

func TestAVeryLongTTLIsNotADate(t *testing.T) {
	f := newFake(t)
	f.on("lg", "LE L7 e10000")
	_, err := f.client().Get(testCtx(t), "k", (&loads{value: Value{TTL: 1000 * 24 * time.Hour}}).load)
	require.NoError(t, err)
	require.Contains(t, f.seen("ls")[0].flags, "T2592000")
}

// TestHole_A11_ARefusedFillIsNotKept: the caller gets what he read, and is told
// that nobody may keep it.
func TestHole_A11_ARefusedFillIsNotKept(t *testing.T) {
	for _, reason := range []Reason{ReasonInvalidated, ReasonSuperseded, ReasonQuarantined, ReasonOwner, ReasonTag, ReasonUnknown, ReasonDoubt} {
		f := newFake(t)
		f.on("lg", "LE L7 e10000")
		f.on("ls", "NS r"+string(rune(reason)))
		c := f.client()
		v, err := c.Get(testCtx(t), "k", (&loads{value: Value{Data: []byte("v1")}}).load)
		require.NoError(t, err)
		require.Equal(t, "v1", string(v.Data))
		require.False(t, v.Cached)
		require.Equal(t, map[Reason]uint64{reason: 1}, c.Stats().Refused)

		err = c.SetIfLeaseValid(testCtx(t), "k", nil, Lease{Token: 7}, FillOptions{})
		require.ErrorIs(t, err, ErrRefused)
		var re *RefusedError
		require.ErrorAs(t, err, &re)
		require.Equal(t, reason, re.Reason)
		require.NotContains(t, err.Error(), "reason")
	}
}

func TestAFillThatFailsStillGivesTheValue(t *testing.T) {
	for _, reply := range []string{hangUp, silent, "SERVER_ERROR object too large for cache", "CLIENT_ERROR no", raw + "junk\r\n"} {
		f := newFake(t)
		f.on("lg", "LE L7 e10000")
		f.on("ls", reply)
		c := f.client(func(o *Options) { o.RequestTimeout = 50 * time.Millisecond })
		v, err := c.Get(testCtx(t), "k", (&loads{value: Value{Data: []byte("v1")}}).load)
		require.NoError(t, err)
		require.Equal(t, "v1", string(v.Data))
		require.False(t, v.Cached)
		require.Equal(t, uint64(1), c.Stats().Errors)
	}
}

func TestWaitingForSomebodyElsesLoad(t *testing.T) {
	f := newFake(t)
	f.on("lg", "WT e9000", "WT e8000", va("theirs", "f0"))
	c := f.client()
	l := &loads{}
	v, err := c.Get(testCtx(t), "k", l.load)
	require.NoError(t, err)
	require.Equal(t, "theirs", string(v.Data))
	require.Zero(t, l.count())
	list := f.seen("lg")
	require.False(t, list[0].has("w"))
	require.True(t, list[1].has("w"))
	require.True(t, list[2].has("w"))
	require.NotEqual(t, list[0].conn, list[1].conn)
	require.Equal(t, uint64(1), c.Stats().Waits)
}

func TestWaitingMayEndWithTheLease(t *testing.T) {
	f := newFake(t)
	f.on("lg", "WT e9000", "LE L8 e10000")
	_, err := f.client().Get(testCtx(t), "k", (&loads{value: Value{Data: []byte("mine")}}).load)
	require.NoError(t, err)
	require.Equal(t, "mine", f.seen("ls")[0].body)
}

func TestWaitingIsBounded(t *testing.T) {
	f := newFake(t)
	f.on("lg", "WT e9000")
	c := f.client(func(o *Options) { o.MaxWait = 120 * time.Millisecond })
	l := &loads{value: Value{Data: []byte("mine")}}
	start := time.Now()
	v, err := c.Get(testCtx(t), "k", l.load)
	require.NoError(t, err)
	require.Equal(t, "mine", string(v.Data))
	require.False(t, v.Cached)
	require.GreaterOrEqual(t, time.Since(start), 120*time.Millisecond)
	require.Less(t, len(f.seen("lg")), 30, "a server that does not park readers is not flooded")
	require.Empty(t, f.seen("ls"), "no lease, no fill")
	require.Equal(t, uint64(1), c.Stats().Bypasses)

	f.on("lg", "WT e9000")
	before := len(f.seen("lg"))
	_, err = c.Get(testCtx(t), "k", l.load, WithMaxWait(0))
	require.NoError(t, err)
	require.Len(t, f.seen("lg"), before+1)
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	f := newFake(t)
	f.handle(func(q query) (string, bool) {
		if q.has("w") {
			return silent, true
		}
		return "", false
	})
	f.on("lg", "WT e9000")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	l := &loads{}
	_, err := f.client().Get(ctx, "k", l.load)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Zero(t, l.count())
}

func TestQuarantinedAndDoubtedKeysAreNotFilled(t *testing.T) {
	for _, reply := range []string{"QU e400", "QU X", "QU e400 X"} {
		f := newFake(t)
		f.on("lg", reply)
		c := f.client()
		v, err := c.Get(testCtx(t), "k", (&loads{value: Value{Data: []byte("v")}}).load)
		require.NoError(t, err)
		require.Equal(t, "v", string(v.Data))
		require.False(t, v.Cached)
		require.Len(t, f.seen(), 1)
		require.Equal(t, uint64(1), c.Stats().Bypasses)
	}
}

func TestGetWithoutACache(t *testing.T) {
	for _, reply := range []string{hangUp, silent, "SERVER_ERROR unavailable: no owner", raw + "what?\r\n", "NS ri"} {
		f := newFake(t)
		f.on("lg", reply)
		c := f.client(func(o *Options) { o.RequestTimeout = 50 * time.Millisecond })
		v, err := c.Get(testCtx(t), "k", (&loads{value: Value{Data: []byte("v")}}).load)
		require.NoError(t, err)
		require.Equal(t, "v", string(v.Data))
		require.Equal(t, uint64(1), c.Stats().Errors)
		require.Equal(t, uint64(1), c.Stats().Bypasses)

		strict := f.client(func(o *Options) { o.RequestTimeout = 50 * time.Millisecond; o.RequireCache = true })
		l := &loads{}
		_, err = strict.Get(testCtx(t), "k", l.load)
		require.ErrorIs(t, err, ErrUnavailable)
		require.Zero(t, l.count())
	}
}

func TestAPanicOfTheLoaderGivesTheLeaseBack(t *testing.T) {
	f := newFake(t)
	f.on("lg", "LE L7 e10000")
	c := f.client()
	require.PanicsWithValue(t, "oops", func() {
		_, _ = c.Get(testCtx(t), "k", func(context.Context, string) (Value, error) { panic("oops") })
	})
	require.Len(t, f.seen("la"), 1)
}

func TestACallerWhoLeavesInHisLoad(t *testing.T) {
	f := newFake(t)
	f.on("lg", "LE L7 e10000")
	c := f.client()
	ctx, cancel := context.WithCancel(t.Context())
	_, err := c.Get(ctx, "k", func(context.Context, string) (Value, error) { cancel(); return Value{}, ctx.Err() })
	require.ErrorIs(t, err, context.Canceled)
	f.eventually("la", 1)

	ctx, cancel = context.WithCancel(t.Context())
	v, err := c.Get(ctx, "k", func(context.Context, string) (Value, error) { cancel(); return Value{Data: []byte("v")}, nil })
	require.NoError(t, err, "he has his value")
	require.Equal(t, "v", string(v.Data))
	require.False(t, v.Cached, "nobody knows")
	require.Equal(t, "v", f.eventually("ls", 1)[0].body)
}

func TestEarlyRefresh(t *testing.T) {
	f := newFake(t)
	f.on("lg", va("old", "f0", "Z"), va("old", "f0", "W", "L9", "e10000"))
	c := f.client()
	l := &loads{value: Value{Data: []byte("new")}}
	v, err := c.Get(testCtx(t), "k", l.load, WithRefresh(1500*time.Millisecond))
	require.NoError(t, err)
	require.Equal(t, "old", string(v.Data), "another reader refreshes")
	r, _ := f.seen("lg")[0].flag("R")
	require.Equal(t, "2", r)
	v, err = c.Get(testCtx(t), "k", l.load, WithRefresh(time.Second))
	require.NoError(t, err)
	require.Equal(t, "new", string(v.Data))
	require.Equal(t, 1, l.count())
	require.Contains(t, f.seen("ls")[0].flags, "L9")

	f.on("lg", va("old", "f0", "W", "L9", "e10000"))
	v, err = c.Get(testCtx(t), "k", (&loads{err: errors.New("down")}).load, WithRefresh(time.Second))
	require.NoError(t, err, "the value that is there is still right")
	require.Equal(t, "old", string(v.Data))
	require.Len(t, f.seen("la"), 1)
}

func TestStaleValuesOnlyForWhoAsks(t *testing.T) {
	f := newFake(t)
	f.on("lg", va("stale", "f0", "X", "Z"))
	c := f.client()
	v, err := c.Get(testCtx(t), "k", nil, WithStale())
	require.NoError(t, err)
	require.True(t, v.Stale)
	require.True(t, f.seen("lg")[0].has("S"))
	require.Equal(t, uint64(1), c.Stats().StaleHits)
	f.on("lg", "LE L3 e1000")
	_, err = c.Get(testCtx(t), "k", (&loads{}).load)
	require.NoError(t, err)
	require.False(t, f.seen("lg")[1].has("S"))
}
