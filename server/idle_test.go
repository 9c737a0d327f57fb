package server

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const idleTime = 400 * time.Millisecond

func startIdle(t *testing.T) *Server {
	return start(t, func(c *Config) { c.IdleTimeout = idleTime })
}

// closed waits for the end of a connection and returns how long it took.
func (p *peer) closed() time.Duration {
	p.t.Helper()
	begun := time.Now()
	require.NoError(p.t, p.nc.SetReadDeadline(begun.Add(5*time.Second)))
	rest, err := io.ReadAll(p.r)
	require.NoError(p.t, err)
	require.Empty(p.t, string(rest))
	return time.Since(begun)
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	s := startIdle(t)
	fresh, used := dial(t, s), dial(t, s)
	used.send("mn\n")
	used.expect("MN")
	took := used.closed()
	require.Greater(t, took, idleTime*9/10)
	require.Less(t, took, 2*idleTime)
	fresh.closed()
	require.EqualValues(t, 2, s.Snapshot().Idle)
	require.Zero(t, s.Snapshot().Stalled)
	p := dial(t, s)
	p.send("stats\n")
	for line := ""; line != "STAT idle_kicks 2"; line = p.line() {
		require.NotEqual(t, "END", line)
	}
}

// Whoever goes on asking stays, however slowly.
func TestBusyConnectionIsNotIdle(t *testing.T) {
	s := startIdle(t)
	p := dial(t, s)
	for range 8 {
		time.Sleep(idleTime / 2)
		p.send("mn\n")
		p.expect("MN")
	}
	p.send("set k 0 0 4\n")
	for _, piece := range []string{"a", "b", "c", "d"} { // inside a request it is the stall timeout that counts
		time.Sleep(idleTime * 3 / 4)
		p.send(piece)
	}
	time.Sleep(idleTime * 3 / 2)
	p.send("\n")
	p.expect("STORED")
	require.Zero(t, s.Snapshot().Idle)
}

// Who waits for a reply is not idle, and has the whole time from when he got it.
func TestWhoWaitsIsNotIdle(t *testing.T) {
	s := startIdle(t)
	holder, p := dial(t, s), dial(t, s)
	token := holder.lease("k")
	p.send("lg k v w5000\n")
	for range 6 {
		time.Sleep(idleTime / 2)
		holder.send("mn\n")
		holder.expect("MN")
	}
	holder.send("ls k 1 L" + token + "\nx\n")
	p.expect("VA 1", "x")
	time.Sleep(idleTime * 7 / 10)
	p.send("mn\n")
	p.expect("MN")
	p.closed()
}

// Who reads slowly has not got all that he asked for.
func TestWhoReadsIsNotIdle(t *testing.T) {
	s := startIdle(t)
	p := dial(t, s)
	value := strings.Repeat("v", 1<<20)
	p.send(fmt.Sprintf("set big 0 0 %d\n%s\n", len(value), value))
	p.expect("STORED")
	const gets = 30
	p.send(strings.Repeat("get big\n", gets))
	time.Sleep(3 * idleTime)
	for range gets {
		p.expect(fmt.Sprintf("VALUE big 0 %d", len(value)))
		_, err := io.CopyN(io.Discard, p.r, int64(len(value)+2))
		require.NoError(t, err)
		p.expect("END")
	}
	p.send("mn\n")
	p.expect("MN")
	require.Zero(t, s.Snapshot().Idle)
}

// A connection is idle without anything else going on, also beyond the first one.
func TestIdleConnectionsAreManyAtOnce(t *testing.T) {
	s := startIdle(t)
	for range 100 {
		dial(t, s)
	}
	require.Eventually(t, func() bool { return s.Snapshot().Idle == 100 }, 5*time.Second, 10*time.Millisecond)
	require.Zero(t, s.connections())
}
