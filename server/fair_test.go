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

// A session gives way after so many requests, however many have come.
func TestTurnsAreBounded(t *testing.T) {
	f := newFed(t)
	f.srv.cfg.Turn = 10
	buf := []byte(strings.Repeat("mn\r\n", 25))
	for _, want := range []struct {
		requests int
		state    feedState
	}{{10, feedTurn}, {10, feedTurn}, {5, feedMore}} {
		used, state := f.feed(buf, f.srv.read())
		require.Equal(t, want.state, state)
		require.Equal(t, 4*want.requests, used)
		require.Equal(t, strings.Repeat("MN\r\n", want.requests), string(f.taken()))
		buf = buf[used:]
	}
	used, state := f.feed([]byte(strings.Repeat("mn\r\n", 10)), f.srv.read())
	require.Equal(t, 40, used)
	require.Equal(t, feedMore, state, "nothing is left to give way with")
}

// All of a pipeline is answered, in order, over many turns and through data blocks.
func TestPipelineOverManyTurns(t *testing.T) {
	s := start(t, func(c *Config) { c.Turn = 3 })
	p := dial(t, s)
	var request strings.Builder
	const n = 5000
	for i := range n {
		fmt.Fprintf(&request, "set k%d 0 0 4\n%04d\nget k%d\n", i, i, i)
	}
	go func() { _, _ = io.WriteString(p.nc, strings.ReplaceAll(request.String(), "\n", "\r\n")) }()
	for i := range n {
		p.expect("STORED", fmt.Sprintf("VALUE k%d 0 4", i), fmt.Sprintf("%04d", i), "END")
	}
	require.Greater(t, s.stats.yields.Load(), uint64(n/3))
}

// Peers that always have a pipeline waiting, more of them than there are loops, do
// not keep others from being answered.
func TestFloodersStarveNobody(t *testing.T) {
	s := start(t, nil)
	pipeline := strings.Repeat("get k\r\n", 50_000)
	for range 4 {
		flooder := dial(t, s)
		go func() {
			for {
				if _, err := io.WriteString(flooder.nc, pipeline); err != nil {
					return
				}
			}
		}()
		go func() { _, _ = io.Copy(io.Discard, flooder.nc) }()
	}
	require.Eventually(t, func() bool { return s.Snapshot().BytesRead > 1<<20 }, time.Minute, time.Millisecond)
	before := s.Snapshot().BytesRead
	var longest time.Duration
	for range 5 {
		p := dial(t, s)
		for range 20 {
			begun := time.Now()
			p.send("mn\n")
			p.expect("MN")
			longest = max(longest, time.Since(begun))
		}
	}
	t.Logf("longest wait %v", longest)
	require.Less(t, longest, 2*time.Second)
	require.Greater(t, s.Snapshot().BytesRead, before, "it was a flood still")
}

// Whoever is too many is told so, as memcached says it, and harms nobody; when one
// leaves the next is let in.
func TestFloodOfTooManyConnections(t *testing.T) {
	s := start(t, func(c *Config) { c.MaxConns = 3 })
	in := make([]*peer, 3)
	for i := range in {
		in[i] = dial(t, s)
		in[i].send("mn\n")
		in[i].expect("MN")
	}
	const flood = 300
	for range flood {
		nc, err := net.Dial("tcp", s.Addr().String())
		require.NoError(t, err)
		require.NoError(t, nc.SetReadDeadline(time.Now().Add(5*time.Second)))
		said, err := io.ReadAll(nc)
		require.NoError(t, err)
		require.Equal(t, "ERROR Too many open connections\r\n", string(said))
		require.NoError(t, nc.Close())
	}
	require.EqualValues(t, flood, s.Snapshot().Rejected)
	require.Equal(t, 3, s.connections())
	in[0].send("mn\n")
	in[0].expect("MN")
	require.NoError(t, in[1].nc.Close())
	require.Eventually(t, func() bool { return s.connections() == 2 }, 5*time.Second, time.Millisecond)
	p := dial(t, s)
	p.send("mn\n")
	p.expect("MN")
	require.Zero(t, s.budget.used.Load())
}
