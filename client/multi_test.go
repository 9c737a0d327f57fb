package client

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func batch(calls *[][]string, values map[string]string, err error) MultiLoader {
	return func(_ context.Context, keys []string) (map[string]Value, error) {
		*calls = append(*calls, keys)
		out := make(map[string]Value)
		for _, key := range keys {
			if v, ok := values[key]; ok {
				out[key] = Value{Data: []byte(v)}
			}
		}
		return out, err
	}
}

func TestGetMulti(t *testing.T) {
	f := newFake(t)
	f.on("lg hit", va("cached", "f0"))
	f.on("lg miss", "LE L1 e1000")
	f.on("lg gone", "LE L2 e1000")
	f.on("lg busy", "QU e50")
	f.on("lg theirs", "WT e900", va("from them", "f0"))
	f.on("lg slow", "WT e900", "WT e900")
	f.on("lg nothing", va("", "f2147483648"))
	c := f.client(func(o *Options) { o.NegativeTTL = time.Second })
	var calls [][]string
	load := batch(&calls, map[string]string{"miss": "m", "busy": "b", "slow": "s"}, nil)
	out, err := c.GetMulti(testCtx(t), []string{"slow", "hit", "miss", "gone", "busy", "theirs", "nothing", "miss"}, load)
	require.NoError(t, err)
	require.Equal(t, [][]string{{"busy", "gone", "miss"}, {"slow"}}, calls, "own leases first, then what others load")
	require.Equal(t, map[string]Result{
		"hit":     {Value: Value{Data: []byte("cached"), Cached: true}},
		"miss":    {Value: Value{Data: []byte("m"), Cached: true}},
		"gone":    {Err: ErrNotFound},
		"busy":    {Value: Value{Data: []byte("b")}},
		"theirs":  {Value: Value{Data: []byte("from them"), Cached: true}},
		"slow":    {Value: Value{Data: []byte("s")}},
		"nothing": {Value: Value{Cached: true}, Err: ErrNotFound},
	}, out)
	require.Len(t, f.seen("ls"), 2)
	require.Empty(t, f.seen("la"))
	all := f.seen()
	var lastFill, firstWait int
	for i, q := range all {
		if q.verb == "ls" {
			lastFill = i
		}
		if q.verb == "lg" && q.has("w") && firstWait == 0 {
			firstWait = i
		}
	}
	require.Less(t, lastFill, firstWait, "nobody waits while he holds leases")
}

func TestGetMultiGivesAllLeasesBackWhenTheLoadFails(t *testing.T) {
	f := newFake(t)
	f.on("lg a", "LE L1 e1000")
	f.on("lg b", "LE L2 e1000")
	f.on("lg c", va("old", "f0", "W", "L3", "e1000"))
	f.on("lg d", va("d", "f0"))
	c := f.client()
	var calls [][]string
	down := errors.New("down")
	out, err := c.GetMulti(testCtx(t), []string{"a", "b", "c", "d"}, batch(&calls, map[string]string{"a": "partial"}, down), WithRefresh(time.Second))
	require.ErrorIs(t, err, down)
	require.ErrorIs(t, out["a"].Err, down)
	require.ErrorIs(t, out["b"].Err, down)
	require.Equal(t, "old", string(out["c"].Value.Data))
	require.Equal(t, "d", string(out["d"].Value.Data))
	require.Empty(t, f.seen("ls"), "part of an answer is no answer")
	require.Len(t, f.seen("la"), 3)

	require.Panics(t, func() {
		_, _ = c.GetMulti(testCtx(t), []string{"a", "b"}, func(context.Context, []string) (map[string]Value, error) { panic("x") })
	})
	require.Len(t, f.seen("la"), 5)
}

func TestGetMultiInDoubt(t *testing.T) {
	f := newFake(t)
	f.on("lg a", "LE L1 e1000 D1")
	f.on("lg b", "LE L2 e1000")
	var fen fencer
	c := f.client(func(o *Options) { o.Fencer = &fen })
	var calls [][]string
	_, err := c.GetMulti(testCtx(t), []string{"a", "b"}, batch(&calls, map[string]string{"a": "1", "b": "2"}, nil))
	require.NoError(t, err)
	require.Equal(t, []uint64{1}, fen.tokens)
	for _, q := range f.seen("ls") {
		require.Equal(t, q.key == "a", q.has("D"), q.line)
	}
	fen.err = errors.New("no")
	out, err := c.GetMulti(testCtx(t), []string{"a", "b"}, batch(&calls, map[string]string{"a": "1", "b": "2"}, nil))
	require.NoError(t, err)
	require.Equal(t, "1", string(out["a"].Value.Data))
	require.False(t, out["a"].Value.Cached)
	require.True(t, out["b"].Value.Cached)
	require.Len(t, f.seen("la"), 1)
}

func TestGetMultiWithoutACache(t *testing.T) {
	f := newFake(t)
	f.stop()
	var calls [][]string
	out, err := f.client().GetMulti(testCtx(t), []string{"a", "b"}, batch(&calls, map[string]string{"a": "1"}, nil))
	require.NoError(t, err)
	require.Equal(t, [][]string{{"a", "b"}}, calls)
	require.Equal(t, "1", string(out["a"].Value.Data))
	require.ErrorIs(t, out["b"].Err, ErrNotFound)

	strict := f.client(func(o *Options) { o.RequireCache = true })
	out, err = strict.GetMulti(testCtx(t), []string{"a"}, batch(&calls, nil, nil))
	require.ErrorIs(t, err, ErrUnavailable)
	require.ErrorIs(t, out["a"].Err, ErrUnavailable)
	require.Len(t, calls, 1)

	out, err = f.client().GetMulti(testCtx(t), nil, nil)
	require.NoError(t, err)
	require.Empty(t, out)
}

func TestGetMultiOfManyKeys(t *testing.T) {
	f := newFake(t)
	f.handle(echo)
	var keys []string
	for i := range 3 * maxPending {
		keys = append(keys, string(rune('a'+i%26))+time.Duration(i).String())
	}
	out, err := f.client().GetMulti(testCtx(t), keys, nil)
	require.NoError(t, err)
	for _, key := range keys {
		require.Equal(t, "value of "+key, string(out[key].Value.Data))
	}
}
