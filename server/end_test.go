package server

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/shard/single"
)

// stoppable runs a server that the test itself stops.
func stoppable(t *testing.T) (s *Server, stop func(time.Duration) time.Duration) {
	keeper, err := single.Ephemeral(single.Options{Shards: 4, ClusterID: "test"}, true)
	require.NoError(t, err)
	s, err = New(Config{
		Listen: "127.0.0.1:0", Memory: 64 << 20, StallTimeout: 10 * time.Second,
		Loops: *loops, Ring: *ring, Keeper: keeper, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	return s, func(patience time.Duration) time.Duration {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		begun := time.Now()
		require.NoError(t, s.Stop(ctx))
		took := time.Since(begun)
		require.NoError(t, <-served)
		require.NoError(t, keeper.Close())
		return took
	}
}

// A connection that is at work when the node stops must not sleep again:
//
//	1 P's batch waits to be written. 2 Stop ends all reads: a deadline in the past.
//	3 P reads; its batch is done, and the deadline of its next read is set anew.
//	4 Nothing wakes that read: Stop waits for as long as it may.
func TestStopReachesAConnectionAtWork(t *testing.T) {
	s, stop := stoppable(t)
	p := dial(t, s)
	value := strings.Repeat("v", 1<<20)
	p.send(fmt.Sprintf("set big 0 0 %d\n%s\n", len(value), value))
	p.expect("STORED")
	p.send("get b") // so that a deadline is set for the rest
	time.Sleep(50 * time.Millisecond)
	p.send("ig\n" + strings.Repeat("get big\n", 40))
	time.Sleep(200 * time.Millisecond) // it is being written, and nobody reads
	took := make(chan time.Duration)
	go func() { took <- stop(8 * time.Second) }()
	require.Eventually(t, func() bool { return s.ctx.Err() != nil }, time.Second, time.Millisecond)
	time.Sleep(100 * time.Millisecond)
	require.NoError(t, p.nc.SetReadDeadline(time.Now().Add(20*time.Second)))
	go func() { _, _ = io.Copy(io.Discard, p.r) }()
	require.Less(t, <-took, 4*time.Second)
}

// Connections that end because the node stops did not stall.
func TestStopCountsNobodyAsStalled(t *testing.T) {
	s, stop := stoppable(t)
	for range 3 {
		p := dial(t, s)
		p.send("mn\n")
		p.expect("MN")
	}
	stop(5 * time.Second)
	require.Zero(t, s.Snapshot().Stalled)
}

// A peer that leaves its replies unread until it is dropped is told apart from
// one that went away: it is counted, and the log says so.
func TestUnreadRepliesCountAsStalled(t *testing.T) {
	s := start(t, func(c *Config) { c.StallTimeout = 200 * time.Millisecond })
	p := dial(t, s)
	value := strings.Repeat("v", 1<<20)
	p.send(fmt.Sprintf("set big 0 0 %d\n%s\n", len(value), value))
	p.expect("STORED")
	p.send(strings.Repeat("get big\n", 40))
	require.Eventually(t, func() bool { return s.connections() == 0 }, 5*time.Second, 10*time.Millisecond)
	require.EqualValues(t, 1, s.Snapshot().Stalled)
}

// A reply that could not be delivered ends the connection, also when it was
// another's fill that brought it and the connection itself only waits for its
// peer: the peer would wait for the rest for ever.
func TestReplyThatCannotBeWrittenEndsTheConnection(t *testing.T) {
	s := start(t, func(c *Config) { c.StallTimeout = 300 * time.Millisecond })
	holder, p := dial(t, s), dial(t, s)
	require.NoError(t, p.nc.(*net.TCPConn).SetReadBuffer(16<<10))
	token := holder.lease("k")
	value := strings.Repeat("v", 1<<20)
	p.send(strings.Repeat("lg k v w60000\n", 7))
	require.Eventually(t, func() bool { return s.Snapshot().Leases.Parked == 7 }, 5*time.Second, time.Millisecond)
	holder.send(fmt.Sprintf("ls k %d L%s\n%s\n", len(value), token, value))
	holder.expect("HD")
	require.Eventually(t, func() bool { return s.connections() == 1 }, 5*time.Second, 10*time.Millisecond)
	require.EqualValues(t, 1, s.Snapshot().Stalled)
}

// What had arrived when the node stops is answered, and told that it stops.
func TestStopAnswersWhatHadArrived(t *testing.T) {
	s, stop := stoppable(t)
	p := dial(t, s)
	value := strings.Repeat("v", 1<<20)
	p.send(fmt.Sprintf("set big 0 0 %d\n%s\n", len(value), value))
	p.expect("STORED")
	const gets = 40
	p.send(strings.Repeat("get big\n", gets) + "mn\n")
	time.Sleep(200 * time.Millisecond) // it is being written, and nobody reads
	stopped := make(chan struct{})
	go func() { defer close(stopped); stop(8 * time.Second) }()
	require.Eventually(t, func() bool { return s.ctx.Err() != nil }, time.Second, time.Millisecond)
	for range gets {
		if line := p.line(); strings.HasPrefix(line, "VALUE") {
			p.expect(value, "END")
		} else {
			require.Contains(t, line, "SERVER_ERROR unavailable")
		}
	}
	p.expect("MN")
	<-stopped
}
