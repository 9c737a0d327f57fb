package server

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// inHand is a connection of a loop that does not run: the test does what the loop
// would, when it wants.
func inHand(t *testing.T, s *Server) (*loopConn, *peer) {
	t.Helper()
	l, err := newLoop(s)
	require.NoError(t, err)
	t.Cleanup(l.close)
	return inHandOn(t, s, l)
}

func inHandOn(t *testing.T, s *Server, l *loop) (*loopConn, *peer) {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	require.NoError(t, unix.SetNonblock(pair[0], true))
	f := os.NewFile(uintptr(pair[1]), "peer")
	nc, err := net.FileConn(f)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	t.Cleanup(func() { _ = nc.Close() })

	c := newLoopConn(s, l, pair[0], nc.RemoteAddr(), nc.LocalAddr())
	require.True(t, s.admit(c))
	l.open.Add(1)
	t.Cleanup(c.close)
	c.begin()
	return c, &peer{t: t, nc: nc, r: bufio.NewReader(nc)}
}

// sent are the events that say that the peer of each has sent something.
func sent(conns ...*loopConn) (events []unix.EpollEvent) {
	for _, c := range conns {
		events = append(events, unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(c.fd)})
	}
	return events
}

// storeBig stores a value that is more than the socket of a connection takes.
func storeBig(t *testing.T, s *Server, key string) (size int) {
	t.Helper()
	p := dial(t, s)
	size = 900 << 10
	p.send(fmt.Sprintf("set %s 0 0 %d\n%s\n", key, size, strings.Repeat("v", size)))
	p.expect("STORED")
	return size
}

// A connection that is closed while it writes what the socket did not take at
// first leaves no deadline behind: its loop would wake for it for ever.
func TestClosedConnectionHasNoDeadline(t *testing.T) {
	s := start(t, nil)
	storeBig(t, s, "big")
	c, p := inHand(t, s)
	p.send("get big\nget big\nquit\n")
	c.loop.serve(sent(c))
	require.Equal(t, 1, c.loop.timed)
	go func() { _, _ = io.Copy(io.Discard, p.nc) }()
	for !c.closed {
		c.writable()
	}
	require.Zero(t, c.loop.timed)
}

// A fill that is cut off ends its lease, also where it is a write that tells that
// the peer is gone.
func TestCutOffFillEndsItsLeaseWhenAWriteFails(t *testing.T) {
	s := start(t, nil)
	holder := dial(t, s)
	token := holder.lease("k")
	c, p := inHand(t, s)
	p.send("mn\nls k 100 L" + token + "\nabc")
	require.NoError(t, p.nc.Close())
	c.loop.serve(sent(c))
	require.True(t, c.closed)
	holder.send("lg k\n")
	require.Contains(t, holder.line(), "LE L")
}

// A reply that becomes ready while its connection ends is written:
//
//	1 The connection, whose peer sends no more, writes what is ready: nothing; one
//	reply waits. 2 W fills it: no reply waits any more. 3 The connection sees that,
//	and that nothing is unsent. It must not close yet.
func TestReplyThatBecomesReadyAtTheEndIsWritten(t *testing.T) {
	s := start(t, nil)
	for range 500 {
		c, p := inHand(t, s)
		slot := c.queue.reserve(nil, nil)
		c.waits, c.ending = true, true
		filled := make(chan struct{})
		go func() {
			defer close(filled)
			slot.fill([]byte("late\r\n"))
		}()
		for !c.closed {
			c.finish()
		}
		<-filled
		p.expect("late")
		_ = p.nc.Close()
	}
}

// What a connection's buffer was counted for is given back when it becomes a
// watcher.
func TestWatcherGivesBackItsBuffer(t *testing.T) {
	s := start(t, nil)
	size := storeBig(t, s, "big")
	for range 3 {
		p := dial(t, s)
		value := strings.Repeat("v", size)
		text := fmt.Sprintf("set k 0 0 %d\n%s\nget big\nwatch\n", size, value)
		p.send(text[:size/2])
		p.silent(50 * time.Millisecond)
		p.send(text[size/2:])
		p.expect("STORED", fmt.Sprintf("VALUE big 0 %d", size), value, "END", "OK")
	}
	kept(t, s)
}

// Another's fill is no sign that the peer reads: the time that it may stall goes on.
func TestFillsDoNotProlongAStall(t *testing.T) {
	s := start(t, nil)
	storeBig(t, s, "big")
	c, p := inHand(t, s)
	first, second := c.queue.reserve(nil, nil), c.queue.reserve(nil, nil)
	c.waits = true
	p.send("get big\n")
	c.loop.serve(sent(c))
	first.fill(make([]byte, 900<<10))
	c.wasPosted()
	require.NotEmpty(t, c.unsent)
	before := c.deadline
	time.Sleep(2 * time.Millisecond)
	second.fill([]byte("x\r\n"))
	c.wasPosted()
	require.Equal(t, before, c.deadline)
	_, held := c.queue.load()
	require.Greater(t, held, 900<<10, "it stays in the queue, where it is counted")
}

// A reply that comes when its peer sends no more, but in time, is the peer's to read
// then, in the time that everybody has for that.
func TestLateReplyGetsItsTime(t *testing.T) {
	s := start(t, func(c *Config) { c.StallTimeout = time.Minute })
	c, _ := inHand(t, s)
	slot := c.queue.reserve(nil, nil)
	c.waits = true
	c.end()
	require.LessOrEqual(t, c.deadline, s.clock.now()+int64(lastWords))
	slot.fill(make([]byte, 900<<10))
	c.wasPosted()
	require.NotEmpty(t, c.unsent)
	require.Greater(t, c.deadline, s.clock.now()+int64(lastWords))
}
