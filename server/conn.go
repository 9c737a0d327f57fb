package server

import (
	"errors"
	"io"
	"log/slog"
	"net"
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
	srv     *Server
	nc      net.Conn
	session *session
	queue   *replies
	stalled bool // a deadline for the rest of a request is set
}

func (s *Server) newConn(nc net.Conn) *conn {
	c := &conn{srv: s, nc: nc}
	held := max(maxHeld, s.cfg.MaxItem) // one value is never too much
	c.queue = newReplies(nc, s.cfg.StallTimeout, held, &s.stats.bytesWritten)
	c.session = newSession(s, c.queue)
	c.session.closed = c.refused
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
			if state == feedClose {
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
		buf = c.room(buf, have)
	}
}

// feed has the session do all requests that are whole. The session stops early
// when a lot is to be written, and goes on when it was.
func (c *conn) feed(buf []byte) (used int, state feedState) {
	for {
		// Read anew after each wait for the peer: an intent begun by the time
		// before it could have run out when its writer hears of it.
		n, state := c.session.feed(buf[used:], c.srv.clock.read())
		used += n
		if err := c.queue.flush(c.session.taken()); err != nil {
			c.log(err)
			return used, feedClose
		}
		if open, held := c.queue.load(); open > maxOpen || held > 2*c.queue.maxHeld {
			c.srv.log.Warn("connection closed: too many replies wait on it",
				"peer", c.nc.RemoteAddr(), "waiting", open, "bytes", held)
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
// what was announced, and let go when a large request is done.
func (c *conn) room(buf []byte, have int) []byte {
	if have == 0 {
		c.session.rest()
		if len(buf) > keepBuffer {
			return make([]byte, firstBuffer)
		}
	}
	if want := c.session.want(); len(buf)-have < want && len(buf) < have+want {
		grown := make([]byte, max(have+want, min(2*len(buf), have+max(maxGrowth, have/4))))
		copy(grown, buf[:have])
		return grown
	}
	return buf
}

// maxGrowth is the most that a buffer grows beyond what it holds, or a quarter of
// that: by steps that do not grow, a large value would be copied over and over.
const maxGrowth = 256 << 10

func (c *conn) log(err error) {
	if c.srv.ctx.Err() != nil {
		return // it was the server that ended it
	}
	level := slog.LevelDebug
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		level = slog.LevelInfo
		c.srv.stats.stalled.Add(1)
	}
	c.srv.log.Log(c.srv.ctx, level, "connection ended", "peer", c.nc.RemoteAddr(), "error", err)
}

// lastWords is how long replies that are being worked on are waited for when
// their connection ends.
const lastWords = 5 * time.Second

func (c *conn) end(rest []byte) {
	c.session.hungUp(rest, c.srv.clock.read())
	c.queue.finish(lastWords)
	_ = c.nc.Close() // an error here is the peer's: there is nobody to tell
	c.srv.forget(c)
}

// refused logs why a peer that speaks something else is closed.
func (c *conn) refused(reason protocol.CloseReason) {
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
