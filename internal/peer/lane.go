package peer

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// lane is one of the connections to a node, through all its lives. It dials
// when a call wants it, not before: who has nothing to say to a dead node does
// not knock.
type lane struct {
	pool *Pool
	node string
	// number tells it from other lanes, whoever's they are.
	number uint64
	cur    atomic.Pointer[conn] // nil or down: the next call opens another

	mu struct {
		sync.Mutex
		lives     uint64
		failures  int
		notBefore time.Time
		err       error  // what calls are told until then
		said      string // the sentence that was logged last
	}

	// Made once: a node that is refused a thousand calls gets one error.
	errDeadline, errBytes, errCalls error
}

func newLane(p *Pool, node string) *lane {
	return &lane{
		pool: p, node: node, number: rand.Uint64(),
		errDeadline: fmt.Errorf("%s: %w", node, ErrDeadline),
		errBytes:    fmt.Errorf("%w: %d bytes wait for %s", ErrBusy, p.cfg.MaxWaiting, node),
		errCalls:    fmt.Errorf("%w: %d calls wait for %s", ErrBusy, p.cfg.MaxCalls, node),
	}
}

func (l *lane) call(call *Call, size int) error {
	for {
		c := l.cur.Load()
		if c == nil {
			var err error
			if c, err = l.open(); err != nil {
				return err
			}
		}
		if err := c.submit(call, size); !errors.Is(err, errDown) {
			return err
		}
		l.cur.CompareAndSwap(c, nil)
	}
}

// open begins a connection unless somebody just did or the last one failed a
// moment ago.
func (l *lane) open() (*conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c := l.cur.Load(); c != nil {
		return c, nil
	}
	now := time.Now()
	if now.Before(l.mu.notBefore) {
		return nil, l.mu.err
	}
	l.mu.lives++
	c := newConn(l, l.mu.lives, now)
	if !l.pool.start(c) {
		return nil, ErrClosed
	}
	l.cur.Store(c)
	return c, nil
}

// failed ends the connection and decides when the next may be tried. One that
// was answered through begins at no delay: the node was well until now.
// The next comes first and the calls' Done after it: a Done that calls again
// must find the pause.
func (l *lane) failed(c *conn, err error) {
	if c.isDown() {
		return
	}
	l.mu.Lock()
	if l.cur.CompareAndSwap(c, nil) {
		t := &l.pool.cfg.times
		if c.in.reads.Load() > 0 {
			l.mu.failures, l.mu.said = 0, ""
		} else {
			wait := min(t.backoff<<min(l.mu.failures, 16), t.backoffTo)
			l.mu.failures++
			l.mu.notBefore = time.Now().Add(wait/2 + rand.N(wait/2))
			l.mu.err = fmt.Errorf("%w: %w", ErrUnreachable, err)
		}
		if text := err.Error(); text != l.mu.said && !l.pool.closed() {
			l.mu.said = text
			l.pool.cfg.Log.Warn("no connection between nodes", "node", l.node, "err", text)
		}
	}
	l.mu.Unlock()
	c.fail(err)
}
