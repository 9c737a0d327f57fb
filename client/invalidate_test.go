package client

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPeek(t *testing.T) {
	f := newFake(t)
	f.on("lg", "EN", "QU X e10", va("v", "f1", "c4", "t30"))
	c := f.client()
	for _, want := range []LeaseResult{
		{Status: Empty},
		{Status: UseSource, InDoubt: true, Quarantined: true, Remaining: 10 * time.Millisecond},
		{Status: Hit, Value: []byte("v"), Flags: 1, Version: 4, TTL: 30 * time.Second},
	} {
		res, err := c.Peek(testCtx(t), "k")
		require.NoError(t, err)
		require.Equal(t, want, res)
	}
	require.True(t, f.seen("lg")[0].has("p"))
}

func TestInvalidateIsRepeatedUntilItIsAcknowledged(t *testing.T) {
	f := newFake(t)
	f.on("ld a", hangUp, "SERVER_ERROR unavailable: unknown whether it was done", "HD L5")
	f.on("ld b", "HD L6")
	f.on("ld c", "CLIENT_ERROR no such thing")
	c := f.client()
	err := c.Invalidate(testCtx(t), "a", "b", "c")
	var ie *InvalidateError
	require.ErrorAs(t, err, &ie)
	require.Len(t, ie.Failed, 1)
	var re *RequestError
	require.ErrorAs(t, ie.Failed["c"], &re)
	require.NoError(t, c.Invalidate(testCtx(t), "a", "b"))

	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	f.on("ld a", "SERVER_ERROR unavailable: moving")
	err = c.Invalidate(ctx, "a", "b")
	require.ErrorAs(t, err, &ie)
	require.ErrorIs(t, ie.Failed["a"], ErrUnavailable)
	require.Len(t, ie.Failed, 1)
	require.NoError(t, c.Invalidate(testCtx(t)))
}

func TestInvalidateStaleAndTagAndFence(t *testing.T) {
	f := newFake(t)
	c := f.client()
	require.NoError(t, c.InvalidateStale(testCtx(t), 1200*time.Millisecond, "k"))
	require.Contains(t, f.seen("ld")[0].flags, "S2")
	require.ErrorIs(t, c.InvalidateStale(testCtx(t), 0, "k"), ErrInvalid)
	f.on("lt", "SERVER_ERROR n2 has not", "HD L9")
	require.NoError(t, c.InvalidateTag(testCtx(t), "shoes"))
	require.Equal(t, "shoes", f.seen("lt")[1].key)
	require.NoError(t, c.ReportFence(testCtx(t), "k", 44))
	require.Contains(t, f.seen("lf")[0].flags, "L44")
	require.NoError(t, c.GiveBack(testCtx(t), Lease{Key: "k", Token: 4}))
	f.on("la", "EX")
	require.NoError(t, c.GiveBack(testCtx(t), Lease{Key: "k", Token: 4}))
}
