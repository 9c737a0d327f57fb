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

// tokens answers each lw with a token of its own, from 101 on.
func tokens(f *fake, e string) {
	var n atomic.Int64
	n.Store(100)
	f.handle(func(q query) (string, bool) {
		if q.verb == "lw" {
			return fmt.Sprintf("HD L%d e%s", n.Add(1), e), true
		}
		return "", false
	})
}

func nonceOf(t *testing.T, q query) string {
	t.Helper()
	nonce, ok := q.flag("U")
	require.True(t, ok)
	require.Len(t, nonce, 32)
	return nonce
}

func TestUpdateCommits(t *testing.T) {
	f := newFake(t)
	tokens(f, "5000")
	c := f.client()
	before := time.Now()
	err := c.Update(testCtx(t), []string{"b", "a", "b"}, func(ctx context.Context, in Intents) error {
		require.Len(t, f.seen("lw"), 2, "all intents before the write")
		require.Empty(t, f.seen("lc", "la"))
		require.Equal(t, "c1", in.Cluster())
		require.Equal(t, []string{"a", "b"}, []string{in.All()[0].Key, in.All()[1].Key})
		end, ok := ctx.Deadline()
		require.True(t, ok)
		require.WithinDuration(t, before.Add(4500*time.Millisecond), end, 200*time.Millisecond)
		require.True(t, end.Before(in.Deadline()))
		return nil
	})
	require.NoError(t, err)
	lw := f.seen("lw")
	require.Equal(t, []string{"a", "b"}, []string{lw[0].key, lw[1].key})
	for i, q := range lw {
		require.True(t, q.has("F"))
		require.False(t, q.has("B"))
		require.Contains(t, q.flags, "e5000")
		require.Contains(t, f.seen("lc")[i].flags, fmt.Sprint("L", 101+i))
	}
	require.Empty(t, f.seen("la"))
	require.Equal(t, uint64(1), c.Stats().Committed)
}

// TestSchedule_U2_UnknownCommitNeverEndsTheIntent, neither by commit nor by
// abort, and a retry takes new intents.
func TestSchedule_U2_UnknownCommitNeverEndsTheIntent(t *testing.T) {
	f := newFake(t)
	tokens(f, "5000")
	c := f.client()
	lost := errors.New("connection lost in COMMIT")
	for range 2 {
		err := c.Update(testCtx(t), []string{"k"}, func(context.Context, Intents) error { return lost })
		var unknown *OutcomeUnknownError
		require.ErrorAs(t, err, &unknown)
		require.ErrorIs(t, err, lost)
		require.Equal(t, []string{"k"}, unknown.Keys)
	}
	require.Empty(t, f.seen("lc", "la"))
	lw := f.seen("lw")
	require.Len(t, lw, 2)
	require.NotEqual(t, nonceOf(t, lw[0]), nonceOf(t, lw[1]))
	require.Equal(t, uint64(2), c.Stats().Unknown)
}

// TestSchedule_U2_ASecondTransactionSaysNothingOfTheFirst: once a transaction of
// an update ended unknown, no outcome of another one opens the keys.
func TestSchedule_U2_ASecondTransactionSaysNothingOfTheFirst(t *testing.T) {
	f := newFake(t)
	tokens(f, "5000")
	c := f.client()
	for _, second := range []error{nil, RolledBack(errors.New("x")), ErrFenced} {
		err := c.Update(testCtx(t), []string{"k"}, func(_ context.Context, in Intents) error {
			in.MarkUnknown()
			return second
		})
		var unknown *OutcomeUnknownError
		require.ErrorAs(t, err, &unknown)
		require.False(t, IsRolledBack(err))
	}
	require.Len(t, f.seen("lw"), 3)
	require.Empty(t, f.seen("lc", "la"))
}

// TestSchedule_U3_OnlyACertainRollbackAborts: what opens a key and what does not.
func TestSchedule_U3_OnlyACertainRollbackAborts(t *testing.T) {
	cause := errors.New("unique violation")
	for name, tc := range map[string]struct {
		err    error
		aborts bool
	}{
		"marked":                {RolledBack(cause), true},
		"marked, wrapped":       {fmt.Errorf("update product: %w", RolledBack(cause)), true},
		"unmarked":              {cause, false},
		"context ended":         {context.DeadlineExceeded, false},
		"fenced":                {ErrFenced, true},
		"fenced, marked":        {RolledBack(&FencedError{Shard: 1, Token: 2, Row: 3}), true},
		"joined with a mark":    {errors.Join(cause, RolledBack(cause)), false},
		"two wrapped, one mark": {fmt.Errorf("%w and %w", RolledBack(cause), cause), false},
		"joined with fenced":    {errors.Join(ErrFenced, cause), false},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			tokens(f, "5000")
			err := f.client().Update(testCtx(t), []string{"k"}, func(context.Context, Intents) error { return tc.err }, WithAttempts(1))
			var unknown *OutcomeUnknownError
			require.Equal(t, !tc.aborts, errors.As(err, &unknown))
			require.ErrorIs(t, err, tc.err)
			require.Len(t, f.seen("la"), map[bool]int{true: 1, false: 0}[tc.aborts])
			require.Empty(t, f.seen("lc"))
		})
	}
	require.NoError(t, RolledBack(nil))
	require.False(t, IsRolledBack(cause))
}

// TestHole_B5_TimeoutInCommitIsNotAnAbort: the write context ends while COMMIT
// is under way; the writer returns the context's error.
func TestHole_B5_TimeoutInCommitIsNotAnAbort(t *testing.T) {
	f := newFake(t)
	tokens(f, "200")
	err := f.client().Update(testCtx(t), []string{"k"}, func(ctx context.Context, _ Intents) error {
		<-ctx.Done()
		require.ErrorIs(t, context.Cause(ctx), ErrIntentEnding)
		return ctx.Err()
	}, WithIntent(200*time.Millisecond))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Empty(t, f.seen("lc", "la"))
}

// TestSchedule_R11_NonceIsNeverReused: one call has one nonce, its retries
// included; each next attempt of a transaction has another.
func TestSchedule_R11_NonceIsNeverReused(t *testing.T) {
	f := newFake(t)
	f.on("lw", hangUp, hangUp, "HD L1 e5000", "HD L2 e5000", "HD L3 e5000")
	c := f.client(func(o *Options) { o.RequestTimeout = 100 * time.Millisecond })
	attempts := 0
	err := c.Update(testCtx(t), []string{"k"}, func(context.Context, Intents) error {
		if attempts++; attempts < 3 {
			return RolledBack(ErrFenced)
		}
		return nil
	})
	require.NoError(t, err)
	lw := f.seen("lw")
	require.Len(t, lw, 5)
	nonces := []string{nonceOf(t, lw[0]), nonceOf(t, lw[1]), nonceOf(t, lw[2]), nonceOf(t, lw[3]), nonceOf(t, lw[4])}
	require.Equal(t, nonces[0], nonces[1], "a lost connection: the same intent again")
	require.Equal(t, nonces[0], nonces[2])
	require.NotEqual(t, nonces[2], nonces[3], "a new attempt: a new intent")
	require.NotEqual(t, nonces[3], nonces[4])
	require.NotEqual(t, nonces[2], nonces[4])
	var ended []string
	for _, q := range f.seen("la", "lc") {
		l, _ := q.flag("L")
		ended = append(ended, q.verb+l)
	}
	require.Equal(t, []string{"la1", "la2", "lc3"}, ended)
}

func TestUpdateFailsClosed(t *testing.T) {
	for name, tc := range map[string]struct {
		second string // what happens to the intent on the second key
		aborts int
	}{
		"refused":     {"SERVER_ERROR unavailable: no durable epochs, nothing was done", 2},
		"bad request": {"CLIENT_ERROR intents are off", 1},
		"garbage":     {"HD", 2},
		"no answer":   {hangUp, 2},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.on("lw a", "HD L5 e400")
			f.on("lw b", tc.second)
			c := f.client(func(o *Options) { o.RequestTimeout = 50 * time.Millisecond; o.Intent = 400 * time.Millisecond })
			err := c.Update(testCtx(t), []string{"a", "b"}, func(context.Context, Intents) error {
				t.Error("the write must not run")
				return nil
			})
			require.ErrorIs(t, err, ErrIntentUnavailable)
			require.Len(t, f.seen("la"), tc.aborts, "what was opened, or may have been, is aborted")
			require.Empty(t, f.seen("lc"))
		})
	}
	f := newFake(t)
	f.stop()
	start := time.Now()
	err := f.client(func(o *Options) { o.Intent = 300 * time.Millisecond }).Update(testCtx(t), []string{"k"}, nil)
	require.ErrorIs(t, err, ErrIntentUnavailable)
	require.ErrorIs(t, err, ErrUnavailable)
	require.Less(t, time.Since(start), 5*time.Second)
}

func TestFencedOffUpdatesAreBounded(t *testing.T) {
	f := newFake(t)
	tokens(f, "5000")
	c := f.client()
	n := 0
	err := c.Update(testCtx(t), []string{"k"}, func(context.Context, Intents) error { n++; return ErrFenced })
	require.ErrorIs(t, err, ErrFenced)
	require.Equal(t, 3, n)
	require.Len(t, f.seen("la"), 3)
	require.Equal(t, uint64(3), c.Stats().FencedOff)
	require.Empty(t, f.seen("lf"))
}

// TestSchedule_R12_ARowOfAnOlderLifeLiftsTheShard: else every new token would be
// below it for ever.
func TestSchedule_R12_ARowOfAnOlderLifeLiftsTheShard(t *testing.T) {
	f := newFake(t)
	tokens(f, "5000")
	row := uint64(9)<<40 | 17
	n := 0
	err := f.client().Update(testCtx(t), []string{"k"}, func(_ context.Context, in Intents) error {
		if n++; n == 1 {
			g := in.Guards()[0]
			return RolledBack(&FencedError{Shard: g.Shard, Token: g.Token, Row: row})
		}
		return nil
	})
	require.NoError(t, err)
	require.Len(t, f.seen("lf"), 1)
	require.Contains(t, f.seen("lf")[0].flags, fmt.Sprint("L", row))
}

// TestSchedule_U4_ALostCommitIsRepeatedAndUnknownIsFine: lc is repeated, and EX
// is what a repetition gets whose first answer was lost.
func TestSchedule_U4_ALostCommitIsRepeatedAndUnknownIsFine(t *testing.T) {
	f := newFake(t)
	tokens(f, "5000")
	f.on("lc", hangUp, "SERVER_ERROR unavailable: unknown whether it was done", "EX")
	c := f.client()
	require.NoError(t, c.Update(testCtx(t), []string{"k"}, func(context.Context, Intents) error { return nil }))
	require.Len(t, f.seen("lc"), 3)
	require.Zero(t, c.Stats().Unsettled)
	f.on("lc", "HD X")
	require.NoError(t, c.Update(testCtx(t), []string{"k"}, func(context.Context, Intents) error { return nil }))
}

// TestHole_B4_ACommitTheCacheDoesNotLearnOfIsACommit: the key stays closed, so
// the caller has nothing to do, and above all must not write again.
func TestHole_B4_ACommitTheCacheDoesNotLearnOfIsACommit(t *testing.T) {
	f := newFake(t)
	tokens(f, "5000")
	f.on("lc", "SERVER_ERROR unavailable: for ever")
	c := f.client(func(o *Options) { o.SettleTimeout = 100 * time.Millisecond })
	require.NoError(t, c.Update(testCtx(t), []string{"k"}, func(context.Context, Intents) error { return nil }))
	require.Equal(t, uint64(1), c.Stats().Unsettled)
	require.Empty(t, f.seen("la"))
}

func TestACommitIsReportedAfterTheCallerHasGone(t *testing.T) {
	f := newFake(t)
	tokens(f, "5000")
	ctx, cancel := context.WithCancel(t.Context())
	require.NoError(t, f.client().Update(ctx, []string{"k"}, func(context.Context, Intents) error { cancel(); return nil }))
	require.Len(t, f.seen("lc"), 1)
}

func TestAPanicOfTheWriteIsAnUnknownOutcome(t *testing.T) {
	f := newFake(t)
	tokens(f, "5000")
	c := f.client()
	require.PanicsWithValue(t, "oops", func() {
		_ = c.Update(testCtx(t), []string{"k"}, func(context.Context, Intents) error { panic("oops") })
	})
	require.Empty(t, f.seen("lc", "la"))
	require.Equal(t, uint64(1), c.Stats().Unknown)
}
