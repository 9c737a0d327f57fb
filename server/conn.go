package server

import (
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"time"

	internode "github.com/leasecache/leasecache/internal/peer"
)

// conn is the transport of one client connection: a goroutine that reads,
// feeds its session, and has the replies written. What the bytes mean is the
// session's affair.
type conn struct {
	link
	nc    net.Conn
	queue *blocking
	bound boundary // of the read to come
	quiet int      // idle parts that passed since something came
	calls internode.Batch
	// It does nothing but watch; guarded by the server's lock.
	watching bool
}

// boundary is what the deadline of a read stands for.
type boundary uint8

const (
	unbound    boundary = iota
	stalling            // the rest of a request does not come
	idlePasses          // a part of the idle time passes
)

func (s *Server) newConn(nc net.Conn) *conn {
	c := &conn{nc: nc, queue: newBlocking(nc, s.cfg.StallTimeout, s.mostHeld(), &s.stats.bytesWritten, s.budget)}
	c.link.init(s, nc.RemoteAddr(), nc.LocalAddr(), &c.queue.replies)
	c.session.calls = &c.calls
	return c
}

func (c *conn) stop()                  { _ = c.nc.SetReadDeadline(time.Now()) }
func (c *conn) kill()                  { _ = c.nc.Close() }
func (c *conn) load() (open, held int) { return c.queue.load() }
func (c *conn) watches() bool          { return c.watching }

// serve runs until the connection ends. Every error that is the client's or the
// network's ends only this connection.
func (c *conn) serve() {
	buf := make([]byte, firstBuffer)
	have := 0
	defer func() { c.end(buf[:have]) }()
	for {
		if err := c.limit(have > 0 || c.session.swallowing()); err != nil || c.srv.ctx.Err() != nil {
			return
		}
		n, err := c.nc.Read(buf[have:])
		have += n
		c.srv.stats.bytesRead.Add(uint64(n))
		if n == 0 && c.bound == idlePasses && errors.Is(err, os.ErrDeadlineExceeded) {
			if c.idle() {
				return
			}
			continue
		}
		if n > 0 {
			c.quiet = 0
			used, state := c.feed(buf[:have])
			have = copy(buf, buf[used:have])
			switch state {
			case feedClose:
				return
			case feedWatch:
				have = 0
				c.watch()
				return
			}
		}
		if err != nil {
			if failed := c.queue.failed(); failed != nil {
				err = failed // that is why it was closed under the read
			}
			if !errors.Is(err, io.EOF) {
				c.log(err)
			}
			return
		}
		var ok bool
		if buf, ok = c.room(buf, have); !ok {
			c.crowded("arriving", have)
			_ = c.queue.flush([]byte(noRoom)) // it may be gone
			return
		}
	}
}

// feed has the session do all requests that are whole. The session stops early
// when a lot is to be written, and goes on when it was.
func (c *conn) feed(buf []byte) (used int, state feedState) {
	for {
		// Read anew after each wait for the peer: an intent begun by the time
		// before it could have run out when its writer hears of it.
		at := c.srv.read()
		c.activity.Store(at.now)
		n, state := c.session.feed(buf[used:], at)
		c.calls.Flush()
		c.activity.Store(-at.now)
		used += n
		out := c.session.taken()
		if c.srv.live() != at.session {
			c.sessionOver()
			c.kill()
			return used, feedClose
		}
		if err := c.queue.flush(out); err != nil {
			c.log(err)
			return used, feedClose
		}
		if c.tooMuch(c.load()) {
			return used, feedClose
		}
		switch state {
		case feedMore, feedClose, feedWatch:
			return used, state
		case feedAway:
			c.queue.await(func() bool { return !c.session.away.full() })
		case feedTurn:
			c.srv.stats.yields.Add(1)
			runtime.Gosched()
		}
	}
}

// limit sets a deadline for the rest of a request that began, and takes it away
// between requests. Each read that brings something starts it anew. Between
// requests the deadline is that of idle, and stays as it is from read to read.
//
// Stop wakes readers by a deadline in the past, which this may take away again;
// so whoever is about to read looks after it whether the server stops:
//
//	1 The connection is at work. 2 Stop ends its context, then sets the deadline.
//	3 The connection is done, and takes the deadline away for its next read.
//	4 Nothing would wake that read.
//
// What idle does after its deadline is step 3 as well.
func (c *conn) limit(inside bool) error {
	part := c.srv.cfg.IdleTimeout / idleParts
	switch {
	case inside:
		c.bound = stalling
		return c.nc.SetReadDeadline(time.Now().Add(c.srv.cfg.StallTimeout))
	case part > 0 && c.bound != idlePasses:
		c.bound = idlePasses
		return c.nc.SetReadDeadline(time.Now().Add(part))
	case part == 0 && c.bound != unbound:
		c.bound = unbound
		return c.nc.SetReadDeadline(time.Time{})
	}
	return nil
}

// idleParts is in how many parts the idle time is looked at: a deadline that passed
// says only that its part is over, so that requests need not move it. A connection
// is closed when it was idle for the whole time, and a part more at most.
const idleParts = 4

// idle is called when a part of the idle time is over, and reports whether the
// connection is to be closed. Who waits for a reply is not idle.
func (c *conn) idle() bool {
	c.bound = unbound
	if c.queue.waits() {
		c.quiet = 0
	} else {
		c.quiet++ // the first part had begun before the last request
	}
	if c.quiet <= idleParts || c.srv.ctx.Err() != nil {
		return false
	}
	c.kicked()
	return true
}

// lastWords is how long replies that are being worked on are waited for when
// their connection ends.
const lastWords = 5 * time.Second

func (c *conn) end(rest []byte) {
	c.session.hungUp(rest, c.srv.read())
	c.queue.finish(lastWords)
	c.tellClosed()
	c.srv.budget.add(-c.counted)
	_ = c.nc.Close() // an error here is the peer's: there is nobody to tell
	c.srv.forget(c)
}
