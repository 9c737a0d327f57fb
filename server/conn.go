package server

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/leasecache/leasecache/protocol"
)

const (
	firstBuffer = 4 << 10  // of a connection that has sent nothing yet
	keepBuffer  = 64 << 10 // buffers above it are given back when they are empty
)

// conn is the transport of one client connection: a goroutine that reads,
// feeds its session, and has the replies written. What the bytes mean is the
// session's affair.
type conn struct {
	srv      *Server
	nc       net.Conn
	session  *session
	queue    *replies
	stalled  bool   // a deadline for the rest of a request is set
	counted  int    // bytes of the buffer that are in the budget
	reason   string // why it ended, for those who watch
	watching bool   // it does nothing else; guarded by the server's lock

	// activity is when it was last given something to do, for stats conns: above
	// zero while it is at work on it, below since it is done.
	activity atomic.Int64
}

func (s *Server) newConn(nc net.Conn) *conn {
	c := &conn{srv: s, nc: nc, reason: closedNormally}
	c.activity.Store(-s.clock.now())
	held := max(maxHeld, s.cfg.MaxItem) // one value is never too much
	c.queue = newReplies(nc, s.cfg.StallTimeout, held, &s.stats.bytesWritten, s.budget)
	c.session = newSession(s, c.queue)
	c.session.closed = c.refused
	c.session.number = s.numbers.Add(1)
	return c
}

// serve runs until the connection ends. Every error that is the client's or the
// network's ends only this connection.
func (c *conn) serve() {
	buf := make([]byte, firstBuffer)
	have := 0
	defer func() { c.end(buf[:have]) }()
	for {
		if err := c.bound(have > 0 || c.session.swallowing()); err != nil || c.srv.ctx.Err() != nil {
			return
		}
		n, err := c.nc.Read(buf[have:])
		have += n
		c.srv.stats.bytesRead.Add(uint64(n))
		if n > 0 {
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
			_ = c.queue.flush([]byte("SERVER_ERROR out of memory reading request\r\n")) // it may be gone
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
		at := c.srv.clock.read()
		c.activity.Store(at.now)
		n, state := c.session.feed(buf[used:], at)
		c.activity.Store(-at.now)
		used += n
		if err := c.queue.flush(c.session.taken()); err != nil {
			c.log(err)
			return used, feedClose
		}
		open, held := c.queue.load()
		if open > maxOpen || held > 2*c.queue.maxHeld {
			c.reason = closedByError
			c.srv.log.Warn("connection closed: too many replies wait on it",
				"peer", c.nc.RemoteAddr(), "waiting", open, "bytes", held)
			return used, feedClose
		}
		if held > keepBuffer && c.srv.budget.spent() {
			c.crowded("waiting", open, "bytes", held)
			return used, feedClose
		}
		if state != feedFull {
			return used, state
		}
	}
}

// bound sets a deadline for the rest of a request that began, and takes it away
// between requests. Each read that brings something starts it anew.
//
// Stop wakes readers by a deadline in the past, which this may take away again;
// so whoever is about to read looks after it whether the server stops:
//
//	1 The connection is at work. 2 Stop ends its context, then sets the deadline.
//	3 The connection is done, and takes the deadline away for its next read.
//	4 Nothing would wake that read.
func (c *conn) bound(inside bool) error {
	switch {
	case inside:
		c.stalled = true
		return c.nc.SetReadDeadline(time.Now().Add(c.srv.cfg.StallTimeout))
	case c.stalled:
		c.stalled = false
		return c.nc.SetReadDeadline(time.Time{})
	}
	return nil
}

// room returns a buffer with room for more: grown by what arrived, never by
// what was announced, and let go when a large request is done. It is false, and
// the buffer as it was, when the connections' memory is used up.
func (c *conn) room(buf []byte, have int) ([]byte, bool) {
	if have == 0 {
		c.session.rest()
	}
	size := len(buf)
	if want := c.session.want(); have == 0 && size > keepBuffer {
		size = firstBuffer
	} else if size-have < want {
		size = max(have+want, min(2*size, have+max(maxGrowth, have/4)))
	}
	if size == len(buf) {
		return buf, true
	}
	counted := max(0, size-keepBuffer)
	if more := counted - c.counted; more > 0 && !c.srv.budget.take(more) {
		return buf, false
	} else if more < 0 {
		c.srv.budget.add(more)
	}
	c.counted = counted
	sized := make([]byte, size)
	copy(sized, buf[:have])
	return sized, true
}

// maxGrowth is the most that a buffer grows beyond what it holds, or a quarter of
// that: by steps that do not grow, a large value would be copied over and over.
const maxGrowth = 256 << 10

func (c *conn) log(err error) {
	if c.srv.ctx.Err() != nil {
		return // it was the server that ended it
	}
	c.reason = closedByError
	level := slog.LevelDebug
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		level = slog.LevelInfo
		c.srv.stats.stalled.Add(1)
	}
	c.srv.log.Log(c.srv.ctx, level, "connection ended", "peer", c.nc.RemoteAddr(), "error", err)
}

// crowded logs why a connection is closed that asks for more than there is.
func (c *conn) crowded(args ...any) {
	c.reason = closedByError
	c.srv.stats.crowded.Add(1)
	c.srv.log.Warn("connection closed: all connections together keep too much, for peers that do not read or requests that are not whole",
		append([]any{"peer", c.nc.RemoteAddr(), "limit", c.srv.budget.limit}, args...)...)
}

// lastWords is how long replies that are being worked on are waited for when
// their connection ends.
const lastWords = 5 * time.Second

func (c *conn) end(rest []byte) {
	c.session.hungUp(rest, c.srv.clock.read())
	c.queue.finish(lastWords)
	c.srv.budget.add(-c.counted)
	c.tellClosed()
	_ = c.nc.Close() // an error here is the peer's: there is nobody to tell
	c.srv.forget(c)
}

// refused logs why a peer that speaks something else is closed.
func (c *conn) refused(reason protocol.CloseReason) {
	c.reason = closedByError
	switch reason {
	case protocol.CloseBinary:
		c.srv.log.Warn("connection closed: the client speaks memcached's binary protocol; switch it to the text (ascii) or meta protocol",
			"peer", c.nc.RemoteAddr())
	case protocol.CloseHTTP:
		c.srv.log.Warn("connection closed: the client speaks HTTP; the admin port does",
			"peer", c.nc.RemoteAddr())
	default:
		c.srv.log.Warn("connection closed", "peer", c.nc.RemoteAddr(), "reason", reason)
	}
}
