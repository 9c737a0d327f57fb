package server

import (
	"net"
	"os"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// loopConn is a connection that a loop serves. All of it is the loop's thread's
// but for the replies, which have a lock of their own, and what is atomic.
type loopConn struct {
	link
	queue replies
	loop  *loop
	fd    int

	in     []byte       // holds rest between feeds, if there is any; grows as requests arrive
	rest   []byte       // requests not done yet
	more   bool         // rest may hold whole requests: feed it again before reading
	unsent []byte       // replies that the socket did not take
	sent   int          // of unsent
	kept   atomic.Int64 // len(unsent), for who asks
	paused bool         // and not before others have answered
	begun  bool
	waits  bool   // replies may wait for others
	armed  uint32 // what epoll watches for

	deadline int64 // when it has stalled for too long; 0 is never
	last     int64 // when it last asked for something, or got a reply that had to wait
	ending   bool  // sends no more requests
	closed   bool

	posted  bool        // under the loop's lock
	stopped atomic.Bool // Stop was called
	killed  atomic.Bool
}

var (
	_ connection = (*loopConn)(nil)
	_ outlet     = (*loopConn)(nil)
)

// turn is how many batches of a connection are done before others have theirs.
const turn = 4

func newLoopConn(srv *Server, l *loop, fd int, addr, local net.Addr) *loopConn {
	c := &loopConn{loop: l, fd: fd}
	c.queue = replies{outlet: c, maxHeld: srv.mostHeld(), budget: srv.budget}
	c.link.init(srv, addr, local, &c.queue)
	c.session.calls = &l.calls
	return c
}

// What others call.

func (c *loopConn) stop()         { c.stopped.Store(true); c.loop.post(c) }
func (c *loopConn) kill()         { c.killed.Store(true); c.loop.post(c) }
func (c *loopConn) watches() bool { return false } // see handOver
func (c *loopConn) write()        { c.loop.post(c) }
func (c *loopConn) settled()      { c.loop.post(c) }

// wasPosted does what the connection was posted for: it is new, replies became
// ready, or it has to end.
func (c *loopConn) wasPosted() {
	switch {
	case c.closed:
	case c.killed.Load():
		c.close()
	case !c.begun:
		c.begin()
	case c.ending:
		c.finish()
	case c.stopped.Load():
		c.flush(nil)
		if c.more {
			c.watch() // what has arrived is answered first: see feed
			c.unpause()
		} else {
			c.end()
		}
	case len(c.unsent) == 0: // else writable goes on
		c.flush(nil)
		c.last = c.srv.clock.now()
		if len(c.unsent) > 0 {
			c.watch()
		}
		c.unpause()
	}
}

// unpause goes on when other nodes have answered enough.
func (c *loopConn) unpause() {
	if c.paused && !c.closed && !c.session.away.full() {
		c.resume()
	}
}

// begin takes the connection into the loop.
func (c *loopConn) begin() {
	l := c.loop
	for len(l.conns) <= c.fd {
		l.conns = append(l.conns, nil)
	}
	l.conns[c.fd] = c
	c.begun, c.armed, c.last = true, unix.EPOLLIN, c.srv.clock.now()
	err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, c.fd, &unix.EpollEvent{Events: c.armed, Fd: int32(c.fd)})
	if err != nil {
		c.log(os.NewSyscallError("epoll_ctl", err))
		c.close()
	} else if c.stopped.Load() {
		c.end()
	}
}

// sends reports whether an event says that there is something to be read, and it is
// wanted now.
func (c *loopConn) sends(events uint32) bool {
	return events&unix.EPOLLIN != 0 && c.armed&unix.EPOLLIN != 0 && !c.more && !c.closed
}

func (c *loopConn) event(events uint32) {
	if events&unix.EPOLLOUT != 0 {
		c.writable()
	}
	switch {
	case c.closed:
	case events&unix.EPOLLIN != 0 && c.armed&unix.EPOLLIN != 0:
		// It is read when what was read before is done.
	case events&(unix.EPOLLHUP|unix.EPOLLERR) != 0:
		// Nothing is to be read at present, and nothing can be written any more.
		c.broken(os.NewSyscallError("epoll", unix.ECONNRESET))
	}
}

// place is where to read to: room, or behind what is kept of an unfinished request,
// which are the first have bytes of buf.
func (c *loopConn) place(room []byte) (buf []byte, have int) {
	if len(c.rest) > 0 {
		return c.in, len(c.rest)
	}
	return room, 0
}

// received takes note of what came of reading behind the first have bytes of buf, and
// returns all that is to be executed, or nil.
func (c *loopConn) received(buf []byte, have, n int, errno syscall.Errno) (data []byte) {
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
		return nil
	case errno != 0:
		c.log(os.NewSyscallError("recv", errno))
		c.end()
		return nil
	case n == 0:
		c.end()
		return nil
	}
	c.srv.stats.bytesRead.Add(uint64(n))
	return buf[:have+n]
}

// resume goes on with requests that have arrived, after replies to those before
// them were written, or others had their turn.
func (c *loopConn) resume() {
	if c.more && !c.ending && !c.closed && len(c.unsent) == 0 {
		c.feed(c.rest, c.in)
	}
}

// feed has the session do the requests in data, which lie at the beginning of buf:
// the connection's own buffer, or the loop's. It stops where the peer does not take
// the replies, and where others wait for their turn.
func (c *loopConn) feed(data, buf []byte) {
	used := 0
	c.more, c.paused = false, false
	l := c.loop
	for round := 1; ; round++ {
		c.session.out = l.out[len(l.out):]
		// Read anew after each wait for the peer: an intent begun by the time
		// before it could have run out when its writer hears of it.
		at := c.srv.read()
		c.last = at.now
		c.activity.Store(at.now)
		n, state := c.session.feed(data[used:], at)
		c.activity.Store(-at.now)
		used += n
		c.rest = data[used:]
		out := c.session.taken()
		c.session.out = nil
		if c.postpone(out, state, at.session) {
			break
		}
		if c.srv.live() != at.session {
			c.sessionOver()
			c.close()
			return
		}
		c.flush(out)
		if len(l.leaving) == 0 && cap(out) > cap(l.out) && reused(out) {
			l.out = out[:0] // the next large one finds the room
		}
		if c.closed {
			return
		}
		// What the socket does not take is no excess: it is not read from until then.
		if state == feedClose || state == feedMore && c.stopped.Load() || c.waits && c.tooMuch(c.queue.load()) {
			c.keep(buf)
			c.end()
			return
		}
		if state == feedWatch {
			c.handOver()
			return
		}
		if state == feedMore {
			break
		}
		if state == feedAway {
			c.more, c.paused = true, true
			break
		}
		if len(c.unsent) > 0 || state == feedTurn || round == turn {
			c.more = true
			if len(c.unsent) == 0 {
				c.srv.stats.yields.Add(1)
				l.again = append(l.again, c)
			}
			break
		}
	}
	if !c.keep(buf) {
		c.crowded("arriving", len(c.rest))
		l.deliver()
		c.flush([]byte(noRoom))
		c.end()
		return
	}
	c.watch()
}

// keep keeps the requests that are left in buf, with room for more. It is false
// when the connections' memory is used up.
func (c *loopConn) keep(buf []byte) bool {
	if len(c.rest) == 0 {
		c.in, c.rest = nil, nil
		c.session.rest()
		c.recount(0)
		return true
	}
	if own := len(c.in) > 0 && &buf[0] == &c.in[0]; !own {
		c.in = make([]byte, max(firstBuffer, len(c.rest)))
	}
	have := copy(c.in, c.rest)
	var ok bool
	c.in, ok = c.room(c.in, have)
	c.rest = c.in[:have]
	return ok
}

// watch has epoll watch for what the connection waits for, and sets its deadline:
// in the middle of a request or a reply the peer may not stall.
func (c *loopConn) watch() {
	if c.closed {
		return
	}
	var want uint32
	switch {
	case len(c.unsent) > 0:
		want = unix.EPOLLOUT // and what it asks next is not read
	case !c.ending && !c.paused:
		want = unix.EPOLLIN
	}
	changed := want != c.armed
	if changed {
		c.armed = want
		if err := unix.EpollCtl(c.loop.epoll, unix.EPOLL_CTL_MOD, c.fd, &unix.EpollEvent{Events: want, Fd: int32(c.fd)}); err != nil {
			c.broken(os.NewSyscallError("epoll_ctl", err))
			return
		}
	}
	if c.ending {
		if changed && len(c.unsent) > 0 { // a reply came late: now it is the peer's time
			c.expire(c.srv.clock.now() + int64(c.srv.cfg.StallTimeout))
		}
		return
	}
	inside := len(c.unsent) > 0 || len(c.rest) > 0 && !c.more || c.session.swallowing()
	switch {
	case inside:
		c.expire(c.srv.clock.now() + int64(c.srv.cfg.StallTimeout))
	case c.deadline != 0:
		c.expire(0)
	}
}

func (c *loopConn) expire(deadline int64) {
	if (c.deadline != 0) != (deadline != 0) {
		if deadline != 0 {
			c.loop.timed++
		} else {
			c.loop.timed--
		}
	}
	c.deadline = deadline
}

// flush writes what is ready, then the batch; or keeps it where it must wait. While
// the socket does not take what there is, what becomes ready stays in the queue: it
// counts there as something that the peer does not read.
func (c *loopConn) flush(batch []byte) {
	if c.closed {
		return
	}
	if c.session.placed > 0 {
		c.waits = true
	}
	if c.waits { // else nobody else has the replies in hand
		var ready []byte
		blocked := len(c.unsent) > 0
		c.queue.mu.Lock()
		if c.queue.first != nil || blocked {
			c.queue.append(batch)
			batch = nil
		}
		if !blocked {
			ready = c.queue.ready
			c.queue.ready, c.queue.writing = nil, false
			if c.queue.first != nil {
				c.queue.ready = c.loop.buffer()
			}
		}
		c.waits = c.queue.first != nil || blocked
		c.queue.mu.Unlock()
		if len(ready) > 0 {
			c.srv.budget.add(-len(ready)) // send counts what stays
			c.send(ready, true)
			if len(c.unsent) == 0 {
				c.loop.keep(ready)
			}
		}
	}
	if len(batch) > 0 {
		c.send(batch, !reused(batch))
	}
}

// reused reports whether the loop composes its next batch where this one lies. A
// large one is let go, and need not be copied where the socket does not take it.
func reused(batch []byte) bool { return cap(batch) <= 2*fullBatch }

// send writes, and keeps what the socket does not take: b itself where it may.
func (c *loopConn) send(b []byte, may bool) {
	if c.closed {
		return
	}
	var n int
	var errno syscall.Errno
	if len(c.unsent) == 0 {
		n, errno = rawWrite(c.fd, b)
	}
	c.took(b, n, errno, may)
}

// took takes note of what came of writing b, and keeps what the socket did not take.
func (c *loopConn) took(b []byte, n int, errno syscall.Errno, may bool) {
	if errno != 0 && errno != unix.EAGAIN && errno != unix.EINTR {
		c.broken(os.NewSyscallError("write", errno))
		return
	}
	c.srv.stats.bytesWritten.Add(uint64(n))
	b = b[n:]
	if len(b) == 0 {
		return
	}
	// What one peer does not take is little, as it is not read from until it does; but
	// there may be thousands.
	if held := len(c.unsent) + len(b); held > firstBuffer && !c.srv.budget.has(len(b)) {
		c.crowded("unsent", held)
		c.close()
		return
	}
	if may && len(c.unsent) == 0 {
		c.unsent = b
	} else {
		c.unsent = append(c.unsent, b...)
	}
	c.kept.Store(int64(len(c.unsent)))
	c.srv.budget.add(len(b))
}

// writable writes more of what the socket did not take.
func (c *loopConn) writable() {
	n, errno := rawWrite(c.fd, c.unsent[c.sent:])
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
		return
	case errno != 0:
		c.broken(os.NewSyscallError("write", errno))
		return
	}
	c.srv.stats.bytesWritten.Add(uint64(n))
	c.sent += n
	if c.sent == len(c.unsent) {
		c.srv.budget.add(-len(c.unsent))
		c.unsent, c.sent = nil, 0
		c.kept.Store(0)
		c.last = c.srv.clock.now()
		c.flush(nil)
		c.resume()
	}
	if c.closed {
		return // with its deadline
	}
	if c.ending {
		c.expire(c.srv.clock.now() + int64(c.srv.cfg.StallTimeout))
		c.finish()
		return
	}
	c.watch()
}

// load is what others may ask: how many replies wait and how many bytes are kept.
func (c *loopConn) load() (open, held int) {
	open, held = c.queue.load()
	return open, held + int(c.kept.Load())
}

// end is the end of the peer's requests. Reads that wait are given up; what is
// being worked on gets a little time; then everything that is ready is written.
func (c *loopConn) end() {
	if c.ending || c.closed {
		return
	}
	c.ending = true
	c.session.hungUp(c.rest, c.srv.read())
	c.in, c.rest, c.more = nil, nil, false
	c.recount(0)
	patience := int64(lastWords)
	if len(c.unsent) > 0 {
		patience = int64(c.srv.cfg.StallTimeout)
	}
	c.expire(c.srv.clock.now() + patience)
	c.queue.abandon()
	c.finish()
}

// finish closes a connection that ends, when everything is written. That no reply
// waits is not enough:
//
//	1 finish flushes: nothing is ready, one reply waits. 2 Another fills it, and posts
//	the connection. 3 finish finds that no reply waits and nothing is unsent.
//	4 Were the connection closed now, the peer would not get that reply.
func (c *loopConn) finish() {
	c.flush(nil)
	if c.closed {
		return
	}
	if open, held := c.queue.load(); open == 0 && held == 0 && len(c.unsent) == 0 {
		c.close()
		return
	}
	c.watch()
}

// idle closes a connection that asks for nothing and waits for nothing.
func (c *loopConn) idle(now int64) {
	if c.more || c.queue.waits() {
		c.last = now
		return
	}
	c.kicked()
	c.end()
}

func (c *loopConn) timedOut() {
	if !c.ending || len(c.unsent) > 0 {
		c.log(os.ErrDeadlineExceeded)
	}
	c.close()
}

// broken closes a connection that can no more be written.
func (c *loopConn) broken(err error) {
	if c.closed {
		return
	}
	c.log(err)
	c.close()
}

// close gives back everything the connection has.
func (c *loopConn) close() {
	if c.closed {
		return
	}
	if !c.ending {
		c.ending = true
		c.session.hungUp(c.rest, c.srv.read())
		c.queue.abandon()
	}
	c.closed = true
	c.expire(0)
	c.queue.mu.Lock()
	c.queue.drop()
	c.queue.mu.Unlock()
	c.srv.budget.add(-len(c.unsent))
	c.in, c.rest, c.unsent = nil, nil, nil
	c.recount(0)
	c.tellClosed()
	c.leave()
	_ = unix.Close(c.fd) // epoll forgets it, too
	c.srv.forget(c)
}

// leave takes the connection out of its loop.
func (c *loopConn) leave() {
	if c.fd < len(c.loop.conns) && c.loop.conns[c.fd] == c {
		c.loop.conns[c.fd] = nil
	}
	c.loop.open.Add(-1)
}
