package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// echo answers every read with its own key.
func echo(q query) (string, bool) {
	if q.verb == "lg" {
		return va("value of "+q.key, "f0"), true
	}
	return "", false
}

func TestRepliesNeverMix(t *testing.T) {
	f := newFake(t)
	f.handle(echo)
	c := f.client(func(o *Options) { o.PoolSize = 2 })
	var wg sync.WaitGroup
	for g := range 32 {
		wg.Go(func() {
			for i := range 200 {
				ctx, cancel := context.WithCancel(t.Context())
				if rand.IntN(4) == 0 { // go away at any point of the way
					time.AfterFunc(time.Duration(rand.IntN(300))*time.Microsecond, cancel)
				}
				key := fmt.Sprintf("key:%d:%d", g, i)
				res, err := c.GetWithLease(ctx, key, LeaseOptions{})
				if err == nil && string(res.Value) != "value of "+key {
					t.Errorf("%s has %q", key, res.Value)
				}
				if err != nil && !errors.Is(err, context.Canceled) {
					t.Errorf("%s: %v", key, err)
				}
				cancel()
			}
		})
	}
	wg.Wait()
	require.Equal(t, uint64(2), c.Stats().Dials, "a cancelled request must not cost a connection")
}

func TestACancelledRequestIsReadAndThrownAway(t *testing.T) {
	f := newFake(t)
	release := make(chan struct{})
	f.handle(func(q query) (string, bool) {
		if q.key == "slow" {
			<-release
		}
		return echo(q)
	})
	c := f.client()
	ctx, cancel := context.WithCancel(t.Context())
	slow := make(chan error)
	go func() {
		_, err := c.GetWithLease(ctx, "slow", LeaseOptions{})
		slow <- err
	}()
	f.eventually("lg", 1)
	cancel()
	err := <-slow
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, ErrUnavailable)
	var te *TransportError
	require.ErrorAs(t, err, &te)
	require.True(t, te.Sent)

	time.AfterFunc(10*time.Millisecond, func() { close(release) })
	res, err := c.GetWithLease(testCtx(t), "fast", LeaseOptions{})
	require.NoError(t, err)
	require.Equal(t, "value of fast", string(res.Value))
	require.Equal(t, uint64(1), c.Stats().Dials)
}

func TestTheBytesOfAnAbandonedFillStayItsOwn(t *testing.T) {
	f := newFake(t)
	release := make(chan struct{})
	f.handle(func(q query) (string, bool) {
		if q.verb == "lg" {
			<-release
		}
		return "", false
	})
	f.on("lg", "EN")
	c := f.client()
	go func() { _, _ = c.Peek(context.WithoutCancel(t.Context()), "blocker") }()
	f.eventually("lg", 1)

	value := []byte(strings.Repeat("old!", 1<<18)) // more than the sockets hold
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- c.SetIfLeaseValid(ctx, "k", value, Lease{Token: 1}, FillOptions{}) }()
	on := only(c).shared.any()
	require.Eventually(t, func() bool {
		on.mu.Lock()
		defer on.mu.Unlock()
		return on.mu.inflight.len() == 2
	}, 5*time.Second, time.Millisecond)
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	for i := range value {
		value[i] = 'X'
	}
	close(release)
	require.NotContains(t, f.eventually("ls", 1)[0].body, "X")
}

func TestABrokenConnectionSaysWhetherTheRequestWasSent(t *testing.T) {
	f := newFake(t)
	f.on("lg", hangUp)
	c := f.client()
	_, err := c.GetWithLease(testCtx(t), "k", LeaseOptions{})
	var te *TransportError
	require.ErrorAs(t, err, &te)
	require.True(t, te.Sent)
	require.ErrorIs(t, err, ErrUnavailable)

	f.stop()
	require.Eventually(t, func() bool {
		_, err = c.GetWithLease(testCtx(t), "k", LeaseOptions{})
		return errors.As(err, &te) && !te.Sent
	}, 5*time.Second, time.Millisecond)
	require.ErrorIs(t, err, ErrUnavailable)
}

func TestRequestsBehindOneAnotherFailTogether(t *testing.T) {
	f := newFake(t)
	var n int
	f.handle(func(q query) (string, bool) {
		if n++; n == 3 {
			return hangUp, true
		}
		return silent, true
	})
	c := f.client()
	errs := make(chan error)
	for i := range 3 {
		go func() {
			_, err := c.GetWithLease(context.WithoutCancel(t.Context()), fmt.Sprint("k", i), LeaseOptions{})
			errs <- err
		}()
	}
	for range 3 {
		var te *TransportError
		require.ErrorAs(t, <-errs, &te)
		require.True(t, te.Sent)
	}
}

func TestAnIdleConnectionThatWasClosedIsReplaced(t *testing.T) {
	f := newFake(t)
	f.handle(echo)
	c := f.client()
	_, err := c.GetWithLease(testCtx(t), "a", LeaseOptions{})
	require.NoError(t, err)
	f.hangUpAll()
	require.Eventually(t, func() bool { return only(c).shared.any() == nil }, 5*time.Second, time.Millisecond)
	_, err = c.GetWithLease(testCtx(t), "b", LeaseOptions{})
	require.NoError(t, err)
	require.Equal(t, uint64(2), c.Stats().Dials)
}

func TestASilentServer(t *testing.T) {
	f := newFake(t)
	f.on("lg", silent)
	c := f.client(func(o *Options) { o.RequestTimeout = 20 * time.Millisecond; o.StallTimeout = 150 * time.Millisecond })
	_, err := c.GetWithLease(t.Context(), "k", LeaseOptions{})
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NotNil(t, only(c).shared.any(), "a late answer does not end the connection")

	start := time.Now()
	_, err = c.GetWithLease(testCtx(t), "k", LeaseOptions{}) // has a longer deadline of its own
	require.ErrorIs(t, err, ErrUnavailable)
	require.ErrorContains(t, err, "stopped answering")
	require.Less(t, time.Since(start), 2*time.Second)
	require.Nil(t, only(c).shared.any())
}

func TestASilentServerStopsCallersAndNotMemory(t *testing.T) {
	f := newFake(t)
	f.on("lg", silent)
	c := f.client(func(o *Options) { o.RequestTimeout = time.Millisecond })
	_, err := c.GetWithLease(t.Context(), "k", LeaseOptions{})
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	on := only(c).shared.any()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 2 * maxPending {
		_, err := c.doOn(ctx, on, c.leaseGet("k", &LeaseOptions{}, flagsAll), time.Second, nil)
		require.ErrorIs(t, err, context.Canceled)
	}
	require.LessOrEqual(t, on.load(), maxPending)
}

// TestSchedule_U13_ParkedReadsDelayNobody: a read that waits on the server goes
// over a connection of its own.
func TestSchedule_U13_ParkedReadsDelayNobody(t *testing.T) {
	f := newFake(t)
	release := make(chan struct{})
	f.handle(func(q query) (string, bool) {
		if q.has("w") {
			<-release
		}
		return echo(q)
	})
	c := f.client()
	parked := make(chan error)
	go func() {
		_, err := c.GetWithLease(context.WithoutCancel(t.Context()), "hot", LeaseOptions{Wait: 5 * time.Second})
		parked <- err
	}()
	f.eventually("lg", 1)
	for range 10 {
		_, err := c.GetWithLease(testCtx(t), "other", LeaseOptions{})
		require.NoError(t, err)
	}
	close(release)
	require.NoError(t, <-parked)
}

func TestWaitsSpreadOverConnections(t *testing.T) {
	f := newFake(t)
	release := make(chan struct{})
	f.handle(func(q query) (string, bool) {
		<-release
		return echo(q)
	})
	c := f.client(func(o *Options) { o.WaitConns = 3 })
	var wg sync.WaitGroup
	for i := range 9 {
		wg.Go(func() {
			res, err := c.GetWithLease(context.WithoutCancel(t.Context()), fmt.Sprint(i), LeaseOptions{Wait: time.Second})
			if err != nil || string(res.Value) != fmt.Sprint("value of ", i) {
				t.Errorf("%v %v", res, err)
			}
		})
		if i < 3 {
			f.eventually("lg", i+1)
		}
	}
	close(release)
	wg.Wait()
	require.Equal(t, uint64(3), c.Stats().Dials)
}

func TestOrphanedLeaseIsGivenBack(t *testing.T) {
	f := newFake(t)
	release := make(chan struct{})
	f.handle(func(q query) (string, bool) {
		if q.verb == "lg" {
			<-release
		}
		return "", false
	})
	f.on("lg", "LE L77 e10000")
	c := f.client()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := c.GetWithLease(ctx, "k", LeaseOptions{})
		done <- err
	}()
	f.eventually("lg", 1)
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	close(release)
	q := f.eventually("la", 1)[0]
	require.Equal(t, "k", q.key)
	token, _ := q.flag("L")
	require.Equal(t, "77", token)
}

func TestAServerThatIsDownCostsLittle(t *testing.T) {
	f := newFake(t)
	f.handle(echo)
	addr := f.ln.Addr().String()
	f.stop()
	c := f.client()
	start := time.Now()
	for range 1000 {
		_, err := c.GetWithLease(testCtx(t), "k", LeaseOptions{})
		require.ErrorIs(t, err, ErrUnavailable)
	}
	require.Less(t, time.Since(start), 3*time.Second)
	require.Less(t, c.Stats().Dials, uint64(50), "it rests between dials")

	ln, err := net.Listen("tcp", addr)
	require.NoError(t, err)
	f2 := &fake{t: t, ln: ln, conns: make(map[int]net.Conn), answer: echo}
	f2.wg.Go(f2.accept)
	t.Cleanup(f2.stop)
	require.Eventually(t, func() bool {
		_, err := c.GetWithLease(testCtx(t), "k", LeaseOptions{})
		return err == nil
	}, 10*time.Second, 5*time.Millisecond)
}

func TestAServerWithTooManyConnections(t *testing.T) {
	f := newFake(t)
	f.on("lg", raw+"ERROR Too many open connections\r\n")
	c := f.client()
	_, err := c.GetWithLease(testCtx(t), "k", LeaseOptions{})
	require.ErrorIs(t, err, ErrUnavailable)
	require.ErrorContains(t, err, "Too many open connections")
	require.Nil(t, only(c).shared.any())
}

func TestAServerThatHangsUpAtOnceIsNotStormed(t *testing.T) {
	f := newFake(t)
	f.on("lg", hangUp)
	c := f.client()
	for stop := time.Now().Add(300 * time.Millisecond); time.Now().Before(stop); {
		_, err := c.GetWithLease(testCtx(t), "k", LeaseOptions{})
		require.Error(t, err)
	}
	require.Less(t, c.Stats().Dials, uint64(20))
}

func TestClose(t *testing.T) {
	f := newFake(t)
	f.on("lg", silent)
	c := f.client()
	done := make(chan error)
	for _, wait := range []time.Duration{0, time.Second} {
		go func() {
			_, err := c.GetWithLease(context.WithoutCancel(t.Context()), "k", LeaseOptions{Wait: wait})
			done <- err
		}()
	}
	f.eventually("lg", 2)
	require.NoError(t, c.Close())
	require.ErrorIs(t, <-done, ErrClosed)
	require.ErrorIs(t, <-done, ErrClosed)
	_, err := c.GetWithLease(testCtx(t), "k", LeaseOptions{})
	require.ErrorIs(t, err, ErrClosed)
	_, err = c.Get(testCtx(t), "k", func(context.Context, string) (Value, error) { panic("not called") })
	require.ErrorIs(t, err, ErrClosed)
	require.NoError(t, c.Close())
}

func TestCloseWhileDialling(t *testing.T) {
	dialling := make(chan struct{})
	c, err := New(Options{Dial: func(ctx context.Context, _ string) (net.Conn, error) {
		close(dialling)
		<-ctx.Done()
		return nil, ctx.Err()
	}, DialTimeout: time.Minute})
	require.NoError(t, err)
	done := make(chan error)
	go func() {
		_, err := c.Peek(context.WithoutCancel(t.Context()), "k")
		done <- err
	}()
	<-dialling
	require.NoError(t, c.Close())
	require.Error(t, <-done)
}
