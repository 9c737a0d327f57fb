package server

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// crowd opens connections that each send a request and read nothing.
func crowd(t *testing.T, s *Server, n int, request string) {
	t.Helper()
	for range n {
		p := dial(t, s)
		require.NoError(t, p.nc.(*net.TCPConn).SetReadBuffer(4<<10))
		_, _ = io.WriteString(p.nc, request) // fails where the server closes
	}
}

// kept is what connections keep, and that it is all given back.
func kept(t *testing.T, s *Server) {
	t.Helper()
	s.mu.Lock()
	for c := range s.conns {
		c.kill()
	}
	s.mu.Unlock()
	require.Eventually(t, func() bool { return s.connections() == 0 }, 10*time.Second, time.Millisecond)
	require.Zero(t, s.budget.used.Load(), "what was counted is counted off again")
}

// Each connection may keep some MiB of replies behind one that waits. A hundred
// of them may not keep a hundred times that.
func TestRepliesKeptForAllAreBounded(t *testing.T) {
	s := start(t, func(c *Config) { c.kept = 2 << 20 })
	p := dial(t, s)
	p.send(fmt.Sprintf("set big 0 0 %d\n%s\n", 100<<10, strings.Repeat("v", 100<<10)))
	p.expect("STORED")
	p.lease("k")
	crowd(t, s, 40, "lg k w60000\r\nget big big big big\r\n")
	require.Eventually(t, func() bool { return s.Snapshot().Crowded > 0 }, 10*time.Second, time.Millisecond)
	require.LessOrEqual(t, s.budget.used.Load(), s.budget.limit+40*2*fullBatch, "each is looked at after a batch")
	p.send("get big\n")
	require.Contains(t, p.line(), "VALUE big")
	kept(t, s)
}

func TestRequestsThatAreNotWholeAreBounded(t *testing.T) {
	s := start(t, func(c *Config) { c.kept = 2 << 20 })
	crowd(t, s, 40, "set k 0 0 200000\r\n"+strings.Repeat("v", 199_990))
	require.Eventually(t, func() bool { return s.Snapshot().Crowded > 0 }, 10*time.Second, time.Millisecond)
	require.LessOrEqual(t, s.budget.used.Load(), s.budget.limit)
	p := dial(t, s)
	p.send("set small 0 0 1\nx\nget small\n")
	p.expect("STORED", "VALUE small 0 1", "x", "END")
	kept(t, s)
}

// Where no more readers can wait, the next ones are told for how long the lease
// may last.
func TestReadersWhoWaitAreBounded(t *testing.T) {
	s := start(t, func(c *Config) { c.kept = 2 << 20 })
	p, more := dial(t, s), dial(t, s)
	p.lease("k")
	crowd(t, s, 3, strings.Repeat("lg k w60000\r\n", int(s.budget.limit/slotCost)/2))
	// One that comes later would not be among those that end, and count anew.
	require.Eventually(t, func() bool { return s.connections() == 5 }, 10*time.Second, time.Millisecond)
	// Buffers of the crowd count too, and are given back when they are used up: what that
	// leaves is taken by one reader at a time.
	require.Eventually(t, func() bool {
		used := s.budget.used.Load()
		time.Sleep(20 * time.Millisecond)
		switch {
		case s.budget.used.Load() != used:
			return false
		case s.budget.spent():
			return true
		}
		more.send("lg k w60000\n")
		return false
	}, 30*time.Second, time.Millisecond)
	p.send("lg k w60000\n")
	require.Contains(t, p.line(), "WT e")
	kept(t, s)
	require.Zero(t, s.Snapshot().Leases.Parked)
}

// One fill answers everybody who waits, each with a copy of the value: where that
// is too much, the others are told to ask again.
func TestCopiesOfOneFillAreBounded(t *testing.T) {
	s := start(t, func(c *Config) { c.kept = 2 << 20 })
	p := dial(t, s)
	token := p.lease("k")
	crowd(t, s, 100, "lg k v w60000\r\n")
	require.Eventually(t, func() bool { return s.Snapshot().Leases.Parked == 100 }, 10*time.Second, time.Millisecond)
	p.send(fmt.Sprintf("ls k %d L%s\n%s\n", 100<<10, token, strings.Repeat("v", 100<<10)))
	p.expect("HD")
	require.Zero(t, s.Snapshot().Leases.Parked)
	require.LessOrEqual(t, s.budget.used.Load(), s.budget.limit+200<<10)
	kept(t, s)
}

// A peer that is slow is not read from. As long as there is room for the replies that
// they did not take, those who are slow are waited for and not closed.
func TestManySlowPeersAreWaitedFor(t *testing.T) {
	s := start(t, func(c *Config) { c.kept, c.StallTimeout = 8<<20, 20*time.Second })
	p := dial(t, s)
	value := strings.Repeat("v", 512<<10)
	p.send(fmt.Sprintf("set big 0 0 %d\n%s\n", len(value), value))
	p.expect("STORED")
	slow := make([]*peer, 10)
	const gets = 16 // more than sockets take
	for i := range slow {
		slow[i] = dial(t, s)
		slow[i].smallSocket()
		slow[i].send(strings.Repeat("get big\n", gets))
	}
	time.Sleep(200 * time.Millisecond)
	for _, p := range slow {
		for range gets {
			p.expect(fmt.Sprintf("VALUE big 0 %d", len(value)), value, "END")
		}
	}
	require.Zero(t, s.Snapshot().Crowded)
}

// Beyond that they are closed: a value for each of thousands is more than there is.
func TestRepliesThatPeersDoNotTakeAreBounded(t *testing.T) {
	s := start(t, func(c *Config) { c.kept, c.StallTimeout = 4<<20, 20*time.Second })
	if s.transport == nil {
		t.Skip("a goroutine that writes does not know whether its peer reads")
	}
	p := dial(t, s)
	value := strings.Repeat("v", 512<<10)
	p.send(fmt.Sprintf("set big 0 0 %d\n%s\n", len(value), value))
	p.expect("STORED")
	crowd(t, s, 40, strings.Repeat("get big\r\n", 16))
	require.Eventually(t, func() bool { return s.Snapshot().Crowded > 0 }, 10*time.Second, time.Millisecond)
	require.LessOrEqual(t, s.budget.used.Load(), s.budget.limit+int64(2*len(value)))
	p.send("get big\n")
	require.Contains(t, p.line(), "VALUE big")
	kept(t, s)
}
