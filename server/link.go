package server

import (
	"errors"
	"log/slog"
	"net"
	"sync/atomic"

	"github.com/leasecache/leasecache/protocol"
)

// connection is a client connection as the server sees it, whatever carries it.
// Its methods may be called by anybody.
type connection interface {
	stop() // answer what was asked, and end
	kill() // end at once
	load() (open, held int)
	watches() bool // it does nothing but watch; the server is locked
	about() *link  // of which addr, local, activity and the session's number may be looked at
}

// link is what every transport has of a connection.
type link struct {
	srv     *Server
	addr    net.Addr
	session *session
	local   net.Addr
	counted int // bytes of its buffers that are in the budget

	// activity is when it was last given something to do, for stats conns: above
	// zero while it is at work on it, below since it is done.
	activity atomic.Int64

	reason string // why it ended, for those who watch
}

func (c *link) init(s *Server, addr, local net.Addr, queue *replies) {
	c.srv, c.addr, c.local, c.reason = s, addr, local, closedNormally
	c.activity.Store(-s.clock.now())
	c.session = newSession(s, queue)
	c.session.closed = c.refused
	c.session.number = s.numbers.Add(1)
}

func (c *link) about() *link { return c }

const (
	firstBuffer = 4 << 10  // of a connection that has sent nothing yet; not in the budget
	keepBuffer  = 64 << 10 // buffers above it are given back when they are empty
)

// noRoom is the last reply to a peer whose request is too much at present.
const noRoom = "SERVER_ERROR out of memory reading request\r\n"

// mostHeld is how much is kept for a peer that does not read: one value is never
// too much.
func (s *Server) mostHeld() int { return max(maxHeld, s.cfg.MaxItem) }

// room returns a buffer with room for more: grown by what arrived, never by
// what was announced, and let go when a large request is done. It is false, and
// the buffer as it was, when the connections' memory is used up.
func (c *link) room(buf []byte, have int) ([]byte, bool) {
	if have == 0 {
		c.session.rest()
	}
	size := len(buf)
	if want := c.session.want(); have == 0 && size > c.srv.budget.keeps() {
		size = firstBuffer
	} else if size-have < want {
		size = max(have+want, min(2*size, have+max(maxGrowth, have/4)))
	}
	if size == len(buf) {
		return buf, true
	}
	if !c.recount(size) {
		return buf, false
	}
	sized := make([]byte, size)
	copy(sized, buf[:have])
	return sized, true
}

// recount counts a buffer of size, and one for replies where the connection has its
// own, instead of what was counted, if the budget allows.
func (c *link) recount(size int) bool {
	counted := max(0, size-firstBuffer)
	if size > 0 {
		counted += max(0, cap(c.session.out)-firstBuffer)
	}
	if more := counted - c.counted; more > 0 && !c.srv.budget.take(more) {
		return false
	} else if more < 0 {
		c.srv.budget.add(more)
	}
	c.counted = counted
	return true
}

// maxGrowth is the most that a buffer grows beyond what it holds, or a quarter of
// that: by steps that do not grow, a large value would be copied over and over.
const maxGrowth = 256 << 10

// tooMuch reports whether a connection has to be closed for what waits on it.
func (c *link) tooMuch(open, held int) bool {
	if open > maxOpen || held > 2*c.srv.mostHeld() {
		c.reason = closedByError
		c.limited(logWaiting, slog.LevelWarn, "connection closed: too many replies wait on it",
			"waiting", open, "bytes", held)
		return true
	}
	if held > firstBuffer && c.srv.budget.spent() {
		c.crowded("waiting", open, "bytes", held)
		return true
	}
	return false
}

func (c *link) log(err error) {
	if c.srv.ctx.Err() != nil {
		return // it was the server that ended it
	}
	c.reason = closedByError
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		c.srv.stats.stalled.Add(1)
		c.limited(logStalled, slog.LevelInfo, "connection ended", "error", err)
		return
	}
	c.srv.log.Debug("connection ended", "peer", c.addr, "error", err)
}

// limited logs what a client brought about, with the client; not every time.
func (c *link) limited(kind logKind, level slog.Level, text string, args ...any) {
	left, ok := c.srv.logs[kind].pass(c.srv.clock.now())
	if !ok {
		return
	}
	args = append(args, "peer", c.addr)
	if left > 0 {
		args = append(args, "not_logged", left)
	}
	c.srv.log.Log(c.srv.ctx, level, text, args...)
}

// kicked notes that a connection is closed because it is idle.
func (c *link) kicked() {
	c.reason = closedForIdle
	c.srv.stats.idleKicks.Add(1)
	c.srv.log.Debug("connection closed: it was idle", "peer", c.addr)
}

// sessionOver notes that a connection is closed because the node's session ended
// under its commands.
func (c *link) sessionOver() {
	c.reason = closedByError
	c.limited(logSessionOver, slog.LevelInfo, "connection closed: the node's session ended before the replies left; what was done is unknown to the client")
}

// crowded logs why a connection is closed that asks for more than there is.
func (c *link) crowded(args ...any) {
	c.reason = closedByError
	c.srv.stats.crowded.Add(1)
	c.limited(logCrowded, slog.LevelWarn, "connection closed: all connections together keep too much, for peers that do not read or requests that are not whole",
		append(args, "limit", c.srv.budget.limit)...)
}

// refused logs why a peer that speaks something else is closed, and what is to be
// changed at its end.
func (c *link) refused(reason protocol.CloseReason) {
	c.reason = closedByError
	kind, text := logOther, "connection closed: what the client sent is no request"
	switch reason {
	case protocol.CloseBinary:
		kind, text = logBinary, "connection closed: the client speaks memcached's binary protocol; switch it to the text (ascii) or meta protocol: docs/compatibility.md has the option of many clients"
	case protocol.CloseHTTP:
		kind, text = logHTTP, "connection closed: the client speaks HTTP; it wants the admin port, if there is one; this one is for memcached clients"
	case protocol.CloseNoLogin:
		kind, text = logLogin, "connection closed: the client does not log in; give it a user and a password of the authentication file, for memcached's ASCII authentication"
	}
	c.limited(kind, slog.LevelWarn, text, "reason", reason)
}
