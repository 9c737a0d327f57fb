package peer

import (
	"errors"
	"net"
	"sync"
)

// A lane's connections follow one another, and so must what is asked over them.
// Schedule, as TestCutConnections had it:
//
//	1 `set k v1` goes over connection A. Its frame is read, or lies in a buffer; the
//	  goroutine that is to serve it does not run at present.
//	2 A is cut. The client hears that nobody knows what became of v1.
//	3 B is made. `set k v2` goes over B, and is acknowledged, and so are others.
//	4 A's goroutine goes on: v1 is back, milliseconds behind the acknowledgement of v2.
//
// That v1 may be done was said; that it may be done behind v2 was not, and a client
// that asks one thing after the other, over one connection of its own, has no other
// way to find out than to wait for ever. So 4 does not happen: a connection is taken
// note of when its hello is read, before it is answered; that ends the one before it,
// and none of its own requests is served until nothing of that one is.
//
// A is always taken note of before B: B is made when A is down at the dialer, and a
// frame went over A only if A was answered. The count of lives is for an A that was
// not, whose dialer gave it up, and whose hello is read late: it must not end B.

// line is which connection of which lane this is. The zero line is of no lane: its
// requests are in no order with those of others.
type line struct {
	lane uint64 // drawn by the dialer
	life uint64 // counts its connections
}

var errLater = errors.New("a later connection of the same lane was there first")

// turns are the newest connections of all lanes that are served. Its lock is the
// innermost.
type turns struct {
	mu     sync.Mutex
	newest map[uint64]*turn
}

// turn is one connection's time to be served. It is used by that connection's
// goroutine.
type turn struct {
	of     *turns
	line   line
	before *turn         // to be waited for; nil when that is done
	ended  bool          // finish was called
	gone   chan struct{} // closed when nothing of it is served any more

	// Under turns.mu.
	end  func() // has it end soon
	over bool   // a later one has come
}

// begin takes note of a connection, and ends the one before it.
func (l *turns) begin(of line, nc net.Conn) (*turn, error) {
	t := &turn{of: l, line: of, gone: make(chan struct{}), end: func() { _ = nc.Close() }}
	if of == (line{}) {
		return t, nil
	}
	l.mu.Lock()
	old := l.newest[of.lane]
	if old != nil && old.line.life >= of.life {
		l.mu.Unlock()
		return nil, errLater
	}
	if l.newest == nil {
		l.newest = map[uint64]*turn{}
	}
	l.newest[of.lane], t.before = t, old
	var end func()
	if old != nil {
		old.over, end = true, old.end
	}
	l.mu.Unlock()
	if end != nil {
		end()
	}
	return t, nil
}

// wait returns when the connection may be served, whose end is told from now on. It
// is false if it may not: a later one has come, or stop is closed.
func (t *turn) wait(end func(), stop <-chan struct{}) bool {
	t.of.mu.Lock()
	t.end = end
	t.of.mu.Unlock()
	if t.before != nil {
		select {
		case <-t.before.gone:
		case <-stop:
			return false
		}
		t.before = nil
	}
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	return !t.over
}

// finish says that nothing of the connection is served any more, nor of those before.
//
//	1 A is served. 2 B waits for A. 3 C comes, and B is over: it gives up.
//	4 Were B gone now, C would be served beside A.
func (t *turn) finish() {
	if t.ended {
		return
	}
	t.ended = true
	if t.before != nil {
		<-t.before.gone
	}
	t.of.mu.Lock()
	if t.of.newest[t.line.lane] == t {
		delete(t.of.newest, t.line.lane)
	}
	t.of.mu.Unlock()
	close(t.gone)
}
