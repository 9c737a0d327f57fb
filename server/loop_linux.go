package server

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	internode "github.com/leasecache/leasecache/internal/peer"
	"github.com/leasecache/leasecache/internal/uring"
)

// loop is a thread that serves many connections: it waits for whichever can be
// read or written, and never blocks on one of them. What its connections are
// belongs to this thread; others only post.
type loop struct {
	srv    *Server
	epoll  int
	wakeup int // an eventfd, for posts to a loop that sleeps
	tick   time.Duration

	conns   []*loopConn // by descriptor
	timed   int         // connections with a deadline
	ticked  int64       // when deadlines were last looked at
	yielded int64       // when Go's scheduler last saw it
	again   []*loopConn // had their turn, and have requests left
	events  []unix.EpollEvent

	// The batch, of whichever connections.
	ring      *uring.Ring // nil where there is none
	in        []byte
	arrived   []arrival
	out       []byte // replies
	leaving   []departure
	postpones bool // replies may wait for those of others
	calls     internode.Batch
	buffers   [][]byte // for replies that come late; empty

	accept   atomic.Pointer[[]*acceptor] // watched by this loop
	open     atomic.Int64                // connections, for who hands out new ones
	sleeping atomic.Bool
	mu       sync.Mutex
	posted   []*loopConn
	spare    []*loopConn
	ended    bool
}

const (
	loopInput  = 64 << 10 // what is read at once of a connection
	loopEvents = 128
)

func newLoop(srv *Server) (*loop, error) {
	shortest := srv.cfg.StallTimeout
	if idle := srv.cfg.IdleTimeout; idle > 0 {
		shortest = min(shortest, idle)
	}
	l := &loop{
		srv: srv, epoll: -1, wakeup: -1,
		events: make([]unix.EpollEvent, loopEvents),
		in:     make([]byte, 4*loopInput), out: make([]byte, 0, 2*batchBytes),
		// Stalls are noticed a quarter late at most.
		tick: min(time.Second, max(10*time.Millisecond, shortest/4)),
	}
	var err error
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("cannot make an event loop: %w", err)
	}
	if l.wakeup, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err == nil {
		err = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, l.wakeup, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(l.wakeup)})
	}
	if err != nil {
		l.close()
		return nil, fmt.Errorf("cannot make an event loop: %w", err)
	}
	return l, nil
}

// close gives back the descriptors. The loop has ended, and nobody is left to wake
// it: another file may get their numbers.
func (l *loop) close() {
	for _, fd := range [2]int{l.epoll, l.wakeup} {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
}

// run serves until end is called and the last connection is closed.
func (l *loop) run() {
	runtime.LockOSThread() // else each system call could move it to another thread
	defer runtime.UnlockOSThread()
	if l.srv.cfg.Ring {
		l.useRing()
		defer l.leaveRing()
	}
	for {
		l.serve(l.events[:l.wait()])
		if l.takePosted() && l.open.Load() == 0 {
			return
		}
		l.goOn()
		l.calls.Flush()
		now := l.srv.clock.now()
		l.deadlines(now)
		l.yield(now)
	}
}

// wait returns how many events there are, if need be after sleeping. A post must
// not be slept through:
//
//	1 The loop finds nothing posted. 2 P posts, and sees a loop that is awake: it
//	writes nothing to the eventfd. 3 The loop sleeps; the post lies there.
//
// So sleeping is set before the posts are looked at, and P posts before it looks at
// sleeping: one of the two sees the other.
func (l *loop) wait() int {
	if n := rawPoll(l.epoll, l.events); n > 0 || len(l.again) > 0 {
		return n
	}
	l.sleeping.Store(true)
	if l.somethingPosted() {
		l.sleeping.Store(false)
		return 0
	}
	timeout := -1
	if l.ticks() {
		timeout = int(l.tick / time.Millisecond)
	}
	n, err := unix.EpollWait(l.epoll, l.events, timeout)
	l.sleeping.Store(false)
	if err != nil {
		return 0 // interrupted
	}
	return n
}

// connOf is the connection of an event; nil for the loop's own descriptors, for a
// listener, and for one that was closed since. It is never another who got the
// descriptor meanwhile: that one begins only when these events are done with.
func (l *loop) connOf(ev *unix.EpollEvent) *loopConn {
	if fd := int(ev.Fd); fd < len(l.conns) {
		return l.conns[fd]
	}
	return nil
}

// event is for all that is not reading from a connection.
func (l *loop) event(ev *unix.EpollEvent, c *loopConn) {
	if c != nil {
		c.event(ev.Events)
		return
	}
	if int(ev.Fd) == l.wakeup {
		var count [8]byte
		_, _ = rawRead(l.wakeup, count[:]) // nothing to read: somebody woke it twice
		return
	}
	if list := l.accept.Load(); list != nil {
		for _, a := range *list {
			a.accept() // nobody waits at the others
		}
	}
}

// post has the loop look at a connection. Anybody may call it; it never blocks.
func (l *loop) post(c *loopConn) {
	l.mu.Lock()
	if !c.posted {
		c.posted = true
		l.posted = append(l.posted, c)
	}
	l.mu.Unlock()
	l.wake()
}

func (l *loop) wake() {
	if l.sleeping.CompareAndSwap(true, false) {
		one := [8]byte{1}
		_, _ = unix.Write(l.wakeup, one[:]) // full: it is awake
	}
}

func (l *loop) somethingPosted() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.posted) > 0 || l.ended
}

// takePosted does what was posted, and reports whether the loop is to end.
func (l *loop) takePosted() (ended bool) {
	l.mu.Lock()
	list := l.posted
	l.posted, l.spare = l.spare[:0], list
	for _, c := range list {
		c.posted = false
	}
	ended = l.ended
	l.mu.Unlock()
	for i, c := range list {
		c.wasPosted()
		list[i] = nil
	}
	return ended
}

// goOn gives those their next turn who had more requests than one allows.
func (l *loop) goOn() {
	list := l.again
	if len(list) == 0 {
		return
	}
	l.again = nil // they come again in this order, behind who has events meanwhile
	for _, c := range list {
		c.resume()
	}
}

// ticks reports whether the time has to be looked at.
func (l *loop) ticks() bool {
	return l.timed > 0 || l.srv.cfg.IdleTimeout > 0 && l.open.Load() > 0
}

// deadlines closes who stalls or is idle.
func (l *loop) deadlines(now int64) {
	if !l.ticks() {
		return
	}
	if now-l.ticked < int64(l.tick) {
		return
	}
	l.ticked = now
	idle := int64(l.srv.cfg.IdleTimeout)
	for _, c := range l.conns {
		switch {
		case c == nil:
		case c.deadline != 0:
			if now >= c.deadline {
				c.timedOut()
			}
		case idle > 0 && now-c.last >= idle:
			c.idle(now)
		}
	}
}

// yieldEvery is how long Go's scheduler does not see a loop at most.
const yieldEvery = int64(5 * time.Millisecond)

// yield goes through Go's scheduler once in a while. What never does runs for too
// long, for Go's monitor: after 10 ms it takes away the right to run Go code at
// every sleep, and wakes up thousands of times a second to see whether it can.
func (l *loop) yield(now int64) {
	if now-l.yielded >= yieldEvery {
		l.yielded = now
		runtime.Gosched()
	}
}

// end lets the loop end when its last connection is closed.
func (l *loop) end() {
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	l.wake()
}

const (
	mostBuffers = 64
	mostBuffer  = 32 << 10
)

// buffer is one that keep was given, or nil.
func (l *loop) buffer() []byte {
	n := len(l.buffers)
	if n == 0 {
		return nil
	}
	b := l.buffers[n-1]
	l.buffers = l.buffers[:n-1]
	return b
}

// keep keeps a buffer for others, if it is not too large.
func (l *loop) keep(b []byte) {
	if len(l.buffers) < mostBuffers && cap(b) <= mostBuffer {
		l.buffers = append(l.buffers, b[:0])
	}
}
