package client

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestSchedule_H10f_TheSmallestTokenOfAShardCounts, whatever the order of keys.
func TestSchedule_H10f_TheSmallestTokenOfAShardCounts(t *testing.T) {
	in, err := NewIntents(
		Intent{Key: "c", Token: 9, Cluster: "x", Shard: 7}, Intent{Key: "b", Token: 4, Cluster: "x", Shard: 7},
		Intent{Key: "a", Token: 6, Cluster: "x", Shard: 7}, Intent{Key: "d", Token: 5, Cluster: "x", Shard: 2},
	)
	require.NoError(t, err)
	require.Equal(t, []Guard{{Shard: 2, Token: 5}, {Shard: 7, Token: 4}}, in.Guards())
	_, err = NewIntents(Intent{Key: "a", Cluster: "x"}, Intent{Key: "b", Cluster: "y"})
	require.ErrorIs(t, err, ErrInvalid)
	_, err = NewIntents(Intent{Key: "a", Cluster: "x"}, Intent{Key: "a", Cluster: "x"})
	require.ErrorIs(t, err, ErrInvalid)
	_, err = NewIntents()
	require.ErrorIs(t, err, ErrInvalid)
}

// TestSchedule_U1_ALateAnswerDoesNotAbortTheIntentInUse: the reply to the first
// send of an lw comes when its repetition was granted the same intent.
func TestSchedule_U1_ALateAnswerDoesNotAbortTheIntentInUse(t *testing.T) {
	f := newFake(t)
	release := make(chan struct{})
	var n atomic.Int32
	f.handle(func(q query) (string, bool) {
		if q.verb == "lw" {
			if n.Add(1) == 1 {
				<-release // nothing on this connection is answered before
			}
			return "HD L5 e5000", true
		}
		return "", false
	})
	c := f.client(func(o *Options) { o.PoolSize = 2; o.RequestTimeout = 50 * time.Millisecond })
	err := c.Update(testCtx(t), []string{"k"}, func(context.Context, Intents) error {
		close(release)
		time.Sleep(50 * time.Millisecond)
		require.Empty(t, f.seen("la"))
		return nil
	})
	require.NoError(t, err)
	require.Empty(t, f.seen("la"))
	require.Len(t, f.seen("lc"), 1)
}

func TestAnIntentNobodyWaitsForAnyMoreIsAborted(t *testing.T) {
	f := newFake(t)
	release := make(chan struct{})
	f.handle(func(q query) (string, bool) {
		if q.verb == "lw" {
			<-release
			return "HD L5 e5000", true
		}
		return "", false
	})
	c := f.client()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := c.BeginIntent(ctx, "k", IntentOptions{})
		done <- err
	}()
	f.eventually("lw", 1)
	cancel()
	err := <-done
	require.ErrorIs(t, err, ErrIntentUnavailable)
	require.ErrorIs(t, err, context.Canceled)
	close(release)
	f.eventually("la", 1)
	nonce := nonceOf(t, f.seen("lw")[0])
	require.True(t, slices.ContainsFunc(f.seen("la"), func(q query) bool { u, _ := q.flag("U"); l, _ := q.flag("L"); return u == nonce || l == "5" }))
}

func TestIntentsThatCameTooLateAreNotUsed(t *testing.T) {
	f := newFake(t)
	f.handle(func(q query) (string, bool) {
		if q.verb == "lw" {
			time.Sleep(120 * time.Millisecond)
			return "HD L5 e100", true
		}
		return "", false
	})
	err := f.client().Update(testCtx(t), []string{"k"}, nil)
	require.ErrorIs(t, err, ErrIntentUnavailable)
	require.Len(t, f.seen("la"), 1)
}

// TestTheClusterIsThatOfTheConnection: the server was set up anew between two
// updates; the second one's guards are of the new cluster.
func TestTheClusterIsThatOfTheConnection(t *testing.T) {
	f := newFake(t)
	tokens(f, "5000")
	c := f.client()
	var clusters []string
	write := func(_ context.Context, in Intents) error { clusters = append(clusters, in.Cluster()); return nil }
	require.NoError(t, c.Update(testCtx(t), []string{"k"}, write))
	require.NoError(t, c.Update(testCtx(t), []string{"k"}, write))
	require.Len(t, f.seen("lm"), 1, "asked once for each connection")
	other := `{"version":1,"cluster":"c2","shards":8,"hash":"xxh64"}`
	f.on("lm", fmt.Sprintf("VA %d m1\r\n%s", len(other), other))
	f.hangUpAll()
	require.Eventually(t, func() bool { return only(c).shared.any() == nil }, 5*time.Second, time.Millisecond)
	require.NoError(t, c.Update(testCtx(t), []string{"k"}, write))
	require.Equal(t, []string{"c1", "c1", "c2"}, clusters)
	info, err := c.Cluster(testCtx(t))
	require.NoError(t, err)
	require.Equal(t, ClusterInfo{ID: "c2", Shards: 8}, info)
}

func TestIntentsOfTwoClustersAreNotUsed(t *testing.T) {
	f := newFake(t)
	var maps atomic.Int32
	f.handle(func(q query) (string, bool) {
		if q.verb == "lm" {
			m := fmt.Sprintf(`{"cluster":"c%d","shards":8,"hash":"xxh64"}`, maps.Add(1))
			return fmt.Sprintf("VA %d m1\r\n%s", len(m), m), true
		}
		return "", false
	})
	f.on("lw a", "HD L5 e5000")
	f.on("lw b", hangUp, "HD L6 e5000")
	err := f.client().Update(testCtx(t), []string{"a", "b"}, nil)
	require.ErrorIs(t, err, ErrIntentUnavailable)
	require.ErrorContains(t, err, "cluster")
	require.Len(t, f.seen("la"), 2)
}

func TestAMapThatMakesNoSense(t *testing.T) {
	for _, m := range []string{"", "{", `{"cluster":"","shards":8,"hash":"xxh64"}`, `{"cluster":"c","shards":0,"hash":"xxh64"}`, `{"cluster":"c","shards":8,"hash":"crc"}`} {
		f := newFake(t)
		f.on("lm", fmt.Sprintf("VA %d m1\r\n%s", len(m), m))
		_, err := f.client().Cluster(testCtx(t))
		require.ErrorContains(t, err, "protocol")
		require.ErrorIs(t, f.client().Update(testCtx(t), []string{"k"}, nil), ErrIntentUnavailable)
	}
}

func TestLowLevelIntents(t *testing.T) {
	f := newFake(t)
	tokens(f, "1000")
	c := f.client()
	before := time.Now()
	in, err := c.BeginIntent(testCtx(t), "k", IntentOptions{Length: time.Second, Bounded: true})
	require.NoError(t, err)
	require.True(t, f.seen("lw")[0].has("B"))
	require.False(t, f.seen("lw")[0].has("F"))
	require.Contains(t, f.seen("lw")[0].flags, "e1000")
	require.WithinDuration(t, before.Add(time.Second), in.Deadline, 300*time.Millisecond)
	require.Equal(t, Intent{Key: "k", Token: 101, Cluster: "c1", Shard: ClusterInfo{Shards: 16}.Shard("k"), Deadline: in.Deadline}, in)
	require.NoError(t, c.CommitIntent(testCtx(t), in))
	require.NoError(t, c.AbortIntent(testCtx(t), in))
	require.Contains(t, f.seen("la")[0].flags, "L101")
	f.on("lc", "NS ri")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	require.ErrorContains(t, c.CommitIntent(ctx, in), "unexpected")
	err = c.Update(testCtx(t), nil, nil)
	require.ErrorIs(t, err, ErrInvalid)
	require.ErrorIs(t, c.Update(testCtx(t), []string{"k"}, nil, WithIntent(time.Hour)), ErrInvalid)
}
