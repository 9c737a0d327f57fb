package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fencer records what it was asked for.
type fencer struct {
	mu     sync.Mutex
	tokens []uint64
	shards []uint32
	err    error
	during func()
}

func (f *fencer) Fence(_ context.Context, cluster string, shard uint32, token uint64) error {
	if f.during != nil {
		f.during()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if cluster != "c1" {
		return errors.New("wrong cluster " + cluster)
	}
	f.tokens, f.shards = append(f.tokens, token), append(f.shards, shard)
	return f.err
}

// TestSchedule_H3_ADoubtLeaseIsFencedBeforeTheLoad and filled with D.
func TestSchedule_H3_ADoubtLeaseIsFencedBeforeTheLoad(t *testing.T) {
	f := newFake(t)
	f.on("lg", "LE L70 e10000 D70")
	var fen fencer
	c := f.client(func(o *Options) { o.Fencer = &fen })
	l := &loads{value: Value{Data: []byte("v")}, first: func() { require.Equal(t, []uint64{70}, fen.tokens) }}
	v, err := c.Get(testCtx(t), "k", l.load)
	require.NoError(t, err)
	require.True(t, v.Cached)
	require.Equal(t, 1, l.count())
	require.True(t, f.seen("lg")[0].has("D"))
	require.True(t, f.seen("ls")[0].has("D"))
	require.Equal(t, ClusterInfo{ID: "c1", Shards: 16}.Shard("k"), fen.shards[0])
	require.Equal(t, uint64(1), c.Stats().Fences)
}

// TestSchedule_H10c_AnUnknownFenceIsNoFence: without an acknowledged fence
// nothing is filled, and the lease goes back before the load.
func TestSchedule_H10c_AnUnknownFenceIsNoFence(t *testing.T) {
	f := newFake(t)
	f.on("lg", "LE L70 e10000 D70")
	fen := fencer{err: errors.New("connection lost in COMMIT")}
	c := f.client(func(o *Options) { o.Fencer = &fen })
	l := &loads{value: Value{Data: []byte("v")}, first: func() { require.Len(t, f.seen("la"), 1) }}
	v, err := c.Get(testCtx(t), "k", l.load)
	require.NoError(t, err)
	require.Equal(t, "v", string(v.Data))
	require.False(t, v.Cached)
	require.Empty(t, f.seen("ls"))
	require.Equal(t, uint64(1), c.Stats().FenceErrors)
}

func TestADoubtLeaseWithoutAFencerIsNotFilled(t *testing.T) {
	f := newFake(t)
	f.on("lg", "LE L70 e10000 D70")
	v, err := f.client().Get(testCtx(t), "k", (&loads{value: Value{Data: []byte("v")}}).load)
	require.NoError(t, err)
	require.False(t, v.Cached)
	require.Empty(t, f.seen("ls"))
	require.Len(t, f.seen("la"), 1)
}

func TestOneFenceServesAllWhoWaitForIt(t *testing.T) {
	f := newFake(t)
	release, began := make(chan struct{}), make(chan struct{}, 100)
	fen := fencer{during: func() { began <- struct{}{}; <-release }}
	var token atomic.Int64
	f.handle(func(q query) (string, bool) {
		if q.verb == "lg" {
			n := token.Add(1)
			return fmt.Sprintf("LE L%d e10000 D%d", n, n), true
		}
		return "", false
	})
	c := f.client(func(o *Options) { o.Fencer = &fen })
	// Keys of one shard.
	var keys []string
	for i := 0; len(keys) < 20; i++ {
		if key := fmt.Sprint("k", i); (ClusterInfo{Shards: 16}).Shard(key) == 3 {
			keys = append(keys, key)
		}
	}
	var wg sync.WaitGroup
	get := func(key string) {
		v, err := c.Get(context.WithoutCancel(t.Context()), key, (&loads{value: Value{Data: []byte("v")}}).load)
		if err != nil || !v.Cached {
			t.Error(v, err)
		}
	}
	wg.Go(func() { get(keys[0]) })
	<-began
	for _, key := range keys[1:] {
		wg.Go(func() { get(key) })
	}
	require.Eventually(t, func() bool {
		c.fences.mu.Lock()
		defer c.fences.mu.Unlock()
		return c.fences.shards[fencedShard{"c1", 3}].users == 20
	}, 5*time.Second, time.Millisecond)
	close(release)
	wg.Wait()
	require.Equal(t, []uint64{1, 20}, fen.tokens, "the first at its own token, then one for all others")
	require.Empty(t, c.fences.shards)
}
