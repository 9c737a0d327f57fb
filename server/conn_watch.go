package server

import (
	"net"
	"time"

	"github.com/leasecache/leasecache/protocol"
)

// The transport of a connection that watches, and what is told of connections.

// lastLines is how long a watcher may take for its last lines.
const lastLines = time.Second

// watch writes lines until the peer goes away or the server ends. A peer that
// does not read is waited for, as long as it takes: it misses lines, and nobody
// else notices. What it types is nothing to anybody, as in memcached.
func (c *conn) watch() {
	w := c.session.watcher
	if err := c.queue.idle(); err != nil {
		c.log(err)
		return
	}
	c.srv.log.Info("connection watches", "peer", c.addr, "kinds", w.kinds.String())
	c.srv.watches(c)
	if err := c.nc.SetDeadline(time.Time{}); err != nil {
		c.log(err)
		return
	}
	ignored := make(chan struct{})
	go func() {
		defer close(ignored)
		c.ignore(w)
	}()
	c.writeLines(w)
	_ = c.nc.Close() // ends the reading; an error is the peer's
	<-ignored
}

func (c *conn) writeLines(w *watcher) {
	var lines []byte
	for more := true; more; {
		if lines, more = w.next(lines); len(lines) == 0 {
			continue
		}
		n, err := c.nc.Write(lines)
		c.srv.stats.bytesWritten.Add(uint64(n))
		if err != nil {
			c.log(err)
			return
		}
	}
}

// ignore reads what the peer types, to learn when it goes away, and then ends the
// watching.
//
// Stop ends the reading of all connections at once. Who watches stays until the
// others have ended, and sees them go.
func (c *conn) ignore(w *watcher) {
	if c.srv.ctx.Err() != nil {
		// Stop's deadline came before watch took it away: see limit.
		_ = c.nc.SetReadDeadline(time.Now()) // else the next read says what is wrong
	}
	buf := make([]byte, 512)
	for {
		n, err := c.nc.Read(buf)
		c.srv.stats.bytesRead.Add(uint64(n))
		if err != nil {
			break
		}
	}
	if c.srv.ctx.Err() != nil {
		<-c.srv.watchers.done
	}
	_ = c.nc.SetWriteDeadline(time.Now().Add(lastLines)) // else it is closed already
	w.end()
}

// watches notes that a connection does nothing but watch.
func (s *Server) watches(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.watching = true
	s.endWatch()
}

// endWatch lets those who watch go when the server stops and nobody else is left.
// The server is locked.
func (s *Server) endWatch() {
	if s.ctx.Err() == nil {
		return
	}
	for c := range s.conns {
		if !c.watches() {
			return
		}
	}
	s.watchers.close()
}

// Why a connection ended, in memcached's words.
const (
	closedNormally = "normal"
	closedByError  = "error"
	closedByStop   = "shutdown"
	closedForIdle  = "idle_timeout"
)

func (c *link) tellNew() { c.tell(protocol.WatchConnNew, "") }

func (c *link) tellClosed() {
	if c.reason == closedNormally && c.srv.ctx.Err() != nil {
		c.reason = closedByStop
	}
	c.tell(protocol.WatchConnClose, c.reason)
}

func (c *link) tell(kind protocol.WatchKind, reason string) {
	if c.srv.watchers.wanted()&watchConns == 0 {
		return
	}
	event := protocol.WatchEvent{Kind: kind, Conn: c.session.number, Reason: reason, Addr: "unix", Transport: "local"}
	if addr, ok := c.addr.(*net.TCPAddr); ok {
		event.Addr, event.Port, event.Transport = addr.IP.String(), addr.AddrPort().Port(), "tcp"
	}
	c.srv.watchers.tell(watchConns, &event)
}
