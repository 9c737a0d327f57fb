package client_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/client"
)

func testCtx(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func constant(v string) client.Loader {
	return func(context.Context, string) (client.Value, error) { return client.Value{Data: []byte(v)}, nil }
}

func fail(context.Context, string) (client.Value, error) {
	return client.Value{}, errors.New("must not be loaded")
}

func TestServerReadsAndInvalidations(t *testing.T) {
	c := newNode(t).client(t, func(o *client.Options) { o.NegativeTTL = time.Minute })
	ctx := testCtx(t)
	v, err := c.Get(ctx, "k", func(context.Context, string) (client.Value, error) {
		return client.Value{Data: []byte("v1"), Flags: 7, TTL: time.Minute, Tags: []string{"shoes"}}, nil
	})
	require.NoError(t, err)
	require.Equal(t, client.Value{Data: []byte("v1"), Flags: 7, TTL: time.Minute, Tags: []string{"shoes"}, Cached: true}, v)
	v, err = c.Get(ctx, "k", fail)
	require.NoError(t, err)
	require.Equal(t, client.Value{Data: []byte("v1"), Flags: 7, Cached: true}, v)
	res, err := c.Peek(ctx, "k")
	require.NoError(t, err)
	require.Equal(t, client.Hit, res.Status)
	require.NotZero(t, res.Version)
	require.InDelta(t, 60, res.TTL.Seconds(), 2)

	require.NoError(t, c.InvalidateTag(ctx, "shoes"))
	res, err = c.Peek(ctx, "k")
	require.NoError(t, err)
	require.Equal(t, client.Empty, res.Status)

	_, err = c.Get(ctx, "gone", func(context.Context, string) (client.Value, error) { return client.Value{}, client.ErrNotFound })
	require.ErrorIs(t, err, client.ErrNotFound)
	_, err = c.Get(ctx, "gone", fail)
	require.ErrorIs(t, err, client.ErrNotFound)
	require.Equal(t, uint64(1), c.Stats().NegativeHits)

	_, err = c.Get(ctx, "k", constant("v2"))
	require.NoError(t, err)
	require.NoError(t, c.InvalidateStale(ctx, time.Minute, "k"))
	l, err := c.GetWithLease(ctx, "k", client.LeaseOptions{Stale: true})
	require.NoError(t, err)
	require.Equal(t, []any{client.Hit, true, true}, []any{l.Status, l.Stale, l.Won})
	v, err = c.Get(ctx, "k", fail, client.WithStale())
	require.NoError(t, err)
	require.Equal(t, "v2", string(v.Data))
	require.True(t, v.Stale)
	require.NoError(t, c.GiveBack(ctx, l.Lease))
	_, err = c.Get(ctx, "k", constant("v3"))
	require.NoError(t, err)
	odd := "a key\nwith \x00 anything"
	_, err = c.Get(ctx, odd, constant("v"))
	require.NoError(t, err)
	_, err = c.Get(ctx, odd, fail)
	require.NoError(t, err)
}

// TestHole_A1_AFillAfterAnInvalidationIsRefused by the server, and the reader
// who asked before it still has his answer.
func TestHole_A1_AFillAfterAnInvalidationIsRefused(t *testing.T) {
	c := newNode(t).client(t)
	ctx := testCtx(t)
	v, err := c.Get(ctx, "k", func(context.Context, string) (client.Value, error) {
		require.NoError(t, c.Invalidate(ctx, "k"))
		return client.Value{Data: []byte("old")}, nil
	})
	require.NoError(t, err)
	require.Equal(t, "old", string(v.Data))
	require.False(t, v.Cached)
	require.Len(t, c.Stats().Refused, 1)
	v, err = c.Get(ctx, "k", constant("new"))
	require.NoError(t, err)
	require.Equal(t, "new", string(v.Data))
}

func TestServerMakesOneLoader(t *testing.T) {
	n := newNode(t)
	var loads atomic.Int32
	load := func(context.Context, string) (client.Value, error) {
		loads.Add(1)
		time.Sleep(100 * time.Millisecond)
		return client.Value{Data: []byte("v")}, nil
	}
	var wg sync.WaitGroup
	for range 4 {
		c := n.client(t)
		for range 50 {
			wg.Go(func() {
				v, err := c.Get(testCtx(t), "k", load)
				if err != nil || string(v.Data) != "v" {
					t.Error(v, err)
				}
			})
		}
	}
	wg.Wait()
	require.Equal(t, int32(1), loads.Load())
}

func TestServerHandsAGivenBackLeaseToAWaiter(t *testing.T) {
	c := newNode(t).client(t)
	ctx := testCtx(t)
	first, err := c.GetWithLease(ctx, "k", client.LeaseOptions{})
	require.NoError(t, err)
	require.Equal(t, client.Leased, first.Status)
	got := make(chan client.Value)
	go func() {
		v, _ := c.Get(ctx, "k", constant("second"))
		got <- v
	}()
	require.Eventually(t, func() bool { return c.Stats().Waits == 1 }, 5*time.Second, time.Millisecond)
	time.Sleep(20 * time.Millisecond)
	require.NoError(t, c.GiveBack(ctx, first.Lease))
	v := <-got
	require.Equal(t, "second", string(v.Data))
	require.True(t, v.Cached)
}

func TestServerGetMulti(t *testing.T) {
	c := newNode(t).client(t)
	ctx := testCtx(t)
	var keys []string
	for i := range 200 {
		keys = append(keys, product(i))
	}
	loads := 0
	load := func(_ context.Context, keys []string) (map[string]client.Value, error) {
		loads++
		out := make(map[string]client.Value)
		for _, key := range keys {
			out[key] = client.Value{Data: []byte(key)}
		}
		return out, nil
	}
	for range 2 {
		out, err := c.GetMulti(ctx, keys, load)
		require.NoError(t, err)
		for _, key := range keys {
			require.Equal(t, key, string(out[key].Value.Data))
			require.True(t, out[key].Value.Cached)
		}
	}
	require.Equal(t, 1, loads)
}

// TestHole_B1_NobodyReadsTheOldValueAfterTheCommit: not even before the writer
// has told the cache.
func TestHole_B1_NobodyReadsTheOldValueAfterTheCommit(t *testing.T) {
	n := newNode(t)
	s := newShop(t, 1)
	c := n.client(t)
	s.install(t, c)
	ctx := testCtx(t)
	_, err := c.Get(ctx, product(0), s.load)
	require.NoError(t, err)
	err = c.Update(ctx, []string{product(0)}, func(wctx context.Context, in client.Intents) error {
		_, err := s.bump(wctx, in, 0, nil)
		v, getErr := c.Get(ctx, product(0), s.load)
		require.NoError(t, getErr)
		require.Equal(t, "2", string(v.Data))
		require.False(t, v.Cached)
		return err
	})
	require.NoError(t, err)
	v, err := c.Get(ctx, product(0), s.load)
	require.NoError(t, err)
	require.Equal(t, "2", string(v.Data))
	require.True(t, v.Cached)
}

// TestHole_B6_APausedWriterIsFencedOff: his intent runs out, a reader who can
// fence caches the key again, and only then he goes on.
func TestHole_B6_APausedWriterIsFencedOff(t *testing.T) {
	n := newNode(t)
	s := newShop(t, 1)
	slow := n.client(t)
	s.install(t, slow)
	reader := n.client(t, func(o *client.Options) { o.Fencer = s.fence })
	plain := n.client(t)
	ctx := testCtx(t)
	in, err := slow.BeginIntent(ctx, product(0), client.IntentOptions{Length: 400 * time.Millisecond})
	require.NoError(t, err)
	v, err := reader.Get(ctx, product(0), s.load)
	require.NoError(t, err)
	require.False(t, v.Cached, "quarantined")
	time.Sleep(time.Until(in.Deadline) + 100*time.Millisecond)
	v, err = plain.Get(ctx, product(0), s.load)
	require.NoError(t, err)
	require.False(t, v.Cached, "in doubt, and this client cannot fence")
	v, err = reader.Get(ctx, product(0), s.load)
	require.NoError(t, err)
	require.True(t, v.Cached)
	require.Equal(t, uint64(1), reader.Stats().Fences)

	intents, err := client.NewIntents(in)
	require.NoError(t, err)
	_, err = s.bump(ctx, intents, 0, nil)
	require.ErrorIs(t, err, client.ErrFenced)
	v, err = plain.Get(ctx, product(0), s.load)
	require.NoError(t, err)
	require.Equal(t, "1", string(v.Data))
	require.True(t, v.Cached)
	require.NoError(t, slow.Update(ctx, []string{product(0)}, func(ctx context.Context, in client.Intents) error {
		_, err := s.bump(ctx, in, 0, nil)
		return err
	}), "a new attempt is above the fence")
}

// TestSchedule_H4_ARestartKeepsTheDoubt of an intent nobody ended.
func TestSchedule_H4_ARestartKeepsTheDoubt(t *testing.T) {
	n := newNode(t)
	s := newShop(t, 1)
	c := n.client(t)
	s.install(t, c)
	ctx := testCtx(t)
	in, err := c.BeginIntent(ctx, product(0), client.IntentOptions{})
	require.NoError(t, err)
	for range 2 { // the second restart has no intent of its own to remember
		n.restart(t)
		require.Eventually(t, func() bool {
			res, err := c.Peek(ctx, product(0))
			return err == nil && res.Status == client.UseSource && res.InDoubt
		}, 10*time.Second, 10*time.Millisecond)
	}
	reader := n.client(t, func(o *client.Options) { o.Fencer = s.fence })
	v, err := reader.Get(ctx, product(0), s.load)
	require.NoError(t, err)
	require.True(t, v.Cached)
	intents, err := client.NewIntents(in)
	require.NoError(t, err)
	_, err = s.bump(ctx, intents, 0, nil)
	require.ErrorIs(t, err, client.ErrFenced)
}

// TestSchedule_R12_AFenceOfAnOlderLifeIsClimbed: all tokens of the present epoch
// are below the row.
func TestSchedule_R12_AFenceOfAnOlderLifeIsClimbed(t *testing.T) {
	n := newNode(t)
	s := newShop(t, 1)
	c := n.client(t)
	s.install(t, c)
	ctx := testCtx(t)
	in, err := c.BeginIntent(ctx, product(0), client.IntentOptions{})
	require.NoError(t, err)
	require.NoError(t, c.AbortIntent(ctx, in))
	require.NoError(t, s.fence.Fence(ctx, in.Cluster, in.Shard, (in.Token>>40+1000)<<40|5))
	tries := 0
	require.NoError(t, c.Update(ctx, []string{product(0)}, func(ctx context.Context, in client.Intents) error {
		tries++
		_, err := s.bump(ctx, in, 0, nil)
		return err
	}))
	require.Equal(t, 2, tries)
}

// A negative entry has the tags that came with it: whoever inserts what was not
// there invalidates by them.
func TestNegativeEntriesHaveTheirTags(t *testing.T) {
	c := newNode(t).client(t, func(o *client.Options) { o.NegativeTTL = time.Minute })
	loads := 0
	load := func(context.Context, string) (client.Value, error) {
		loads++
		return client.Value{Tags: []string{"products"}}, client.ErrNotFound
	}
	for range 2 {
		_, err := c.Get(testCtx(t), "product:9", load)
		require.ErrorIs(t, err, client.ErrNotFound)
	}
	require.Equal(t, 1, loads)
	require.NoError(t, c.InvalidateTag(testCtx(t), "products"))
	_, err := c.Get(testCtx(t), "product:9", load)
	require.ErrorIs(t, err, client.ErrNotFound)
	require.Equal(t, 2, loads)
}
