package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// conn is one connection of a lane, from the first call that wanted it to its
// end. It takes calls before it stands; they wait in the outbox.
//
// Why "not sent" is a fact, by schedule:
//
//	1 call A is laid into the outbox, at position p
//	2 the flusher hands the outbox to the kernel under the lock: base > p
//	3 A's deadline passes: p < base, so A is told "sent"
//
//	1 as above
//	2 A's deadline passes under the lock: p >= base, so its kind is overwritten
//	  and A is told "not sent"
//	3 the flusher hands over a frame that the other side skips
//
// Done is never called under the lock: it may make the next call.
type conn struct {
	lane *lane
	life uint64 // which of the lane's connections it is
	cfg  *Config
	done chan struct{} // closed when it is down

	mu struct {
		sync.Mutex
		out   outbox
		slots slots
		nc    net.Conn // nil until the hellos are said
		pace  pace     // none until then
		down  bool
		timer *time.Timer // fires at alarm
		alarm time.Time   // never after the first deadline; zero: not set
	}

	direct *rawWriter // set with nc, under mu; used by who is busy with the outbox
	in     frames
	chunks atomic.Uint64 // written

	// Of Pool.watch alone.
	seen struct {
		life, end       uint64
		heardAt, usedAt time.Time
		usedEnd         uint64
	}
}

func newConn(l *lane, life uint64, now time.Time) *conn {
	c := &conn{lane: l, life: life, cfg: &l.pool.cfg, done: make(chan struct{})}
	c.mu.out = newOutbox()
	c.mu.slots.max = c.cfg.MaxCalls
	c.mu.timer = time.AfterFunc(time.Hour, c.expire)
	c.mu.timer.Stop()
	c.seen.heardAt, c.seen.usedAt = now, now
	return c
}

// submit takes the call, or refuses it: errDown means that another connection
// may take it.
func (c *conn) submit(call *Call, size int) error {
	c.mu.Lock()
	switch {
	case c.mu.down:
		c.mu.Unlock()
		return errDown
	case c.mu.out.waiting()+frameHead+untilLen+size > c.cfg.MaxWaiting:
		c.mu.Unlock()
		return c.lane.errBytes
	case call.Done != nil && c.mu.slots.full():
		c.mu.Unlock()
		return c.lane.errCalls
	}
	if call.Done == nil {
		c.mu.out.add(call.Kind, 0, c.mu.pace.until(call.Deadline), size, call.Payload...)
	} else {
		s := c.mu.slots.draw()
		s.kind, s.deadline, s.done = call.Kind|answer, call.Deadline, call.Done
		s.at = c.mu.out.add(call.Kind, s.id, c.mu.pace.until(call.Deadline), size, call.Payload...)
		c.wakeByLocked(call.Deadline)
	}
	c.mu.Unlock()
	if call.Batch != nil {
		call.Batch.add(c)
	} else {
		c.mu.out.stir()
	}
	return nil
}

// wakeByLocked makes the timer fire at the deadline if it would fire later.
// Most calls find it set for an older one, so a call costs no timer.
func (c *conn) wakeByLocked(deadline time.Time) {
	if c.mu.alarm.IsZero() || deadline.Before(c.mu.alarm) {
		c.mu.alarm = deadline
		c.mu.timer.Reset(time.Until(deadline))
	}
}

type ending struct {
	done Done
	sent bool
}

// expire ends the calls whose deadline has passed.
func (c *conn) expire() {
	now := time.Now()
	var over []ending
	c.mu.Lock()
	if c.mu.down {
		c.mu.Unlock()
		return
	}
	c.mu.alarm = time.Time{}
	var first time.Time
	for i := range c.mu.slots.all {
		s := &c.mu.slots.all[i]
		switch {
		case s.id == 0:
		case !s.deadline.After(now):
			sent := !c.mu.out.unsend(s.at)
			over = append(over, ending{done: c.mu.slots.release(s), sent: sent})
		case first.IsZero() || s.deadline.Before(first):
			first = s.deadline
		}
	}
	if !first.IsZero() {
		c.wakeByLocked(first)
	}
	c.mu.Unlock()
	for _, e := range over {
		e.done(nil, e.sent, c.lane.errDeadline)
	}
}

// fail ends the connection and all its calls.
func (c *conn) fail(err error) {
	var over []ending
	c.mu.Lock()
	if c.mu.down {
		c.mu.Unlock()
		return
	}
	for i := range c.mu.slots.all {
		if s := &c.mu.slots.all[i]; s.id != 0 {
			sent := s.at < c.mu.out.base
			over = append(over, ending{done: c.mu.slots.release(s), sent: sent})
		}
	}
	c.closeLocked()
	c.mu.Unlock()
	for _, e := range over {
		e.done(nil, e.sent, err)
	}
}

// retire closes a connection without calls; false if there are some.
func (c *conn) retire() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.down || c.mu.slots.inFlight() > 0 || c.mu.out.waiting() > 0 {
		return false
	}
	c.closeLocked()
	return true
}

func (c *conn) isDown() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

func (c *conn) closeLocked() {
	c.mu.down = true
	c.mu.timer.Stop()
	close(c.done)
	if c.mu.nc != nil {
		_ = c.mu.nc.Close()
	}
}

// run is the connection's goroutine: it makes the connection, then reads.
func (c *conn) run() {
	nc, err := c.open()
	if err != nil {
		c.lane.failed(c, err)
		return
	}
	flushed := make(chan struct{})
	go func() {
		defer close(flushed)
		c.flush(nc)
	}()
	c.lane.failed(c, c.read(nc))
	<-flushed
}

func (c *conn) open() (net.Conn, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { // ends a dial when the pool closes
		select {
		case <-c.done:
			cancel()
		case <-ctx.Done():
		}
	}()
	addr, ok := c.cfg.Address(c.lane.node)
	if !ok {
		return nil, fmt.Errorf("no address of %s is known", c.lane.node)
	}
	nc, theirs, err := c.cfg.connect(ctx, addr, peerFrames, c.lane.node, line{c.lane.number, c.life})
	if err != nil {
		return nil, fmt.Errorf("reach %s at %s: %w", c.lane.node, addr, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.down {
		_ = nc.Close()
		return nil, ErrClosed
	}
	c.mu.nc, c.direct = nc, directly(nc)
	c.standsLocked(theirs.clock)
	return nc, nil
}

func (c *conn) flush(nc net.Conn) {
	for {
		c.mu.Lock()
		if c.mu.down {
			c.mu.Unlock()
			return
		}
		b := c.mu.out.toFlush()
		c.mu.Unlock()
		if len(b) > 0 {
			if err := writeAll(nc, b, c.cfg.times.write, &c.chunks); err != nil {
				c.lane.failed(c, fmt.Errorf("connection to %s lost: %w", c.lane.node, err))
				return
			}
		}
		c.mu.Lock()
		if len(b) > 0 {
			c.mu.out.taken(b)
		}
		more := len(c.mu.out.buf) > 0 && !c.mu.out.busy
		c.mu.Unlock()
		if more {
			continue
		}
		select {
		case <-c.mu.out.wake:
		case <-c.done:
			return
		}
	}
}

// push writes what waits, as far as that needs no waiting.
func (c *conn) push() {
	for {
		c.mu.Lock()
		if c.mu.down || c.direct == nil {
			c.mu.Unlock()
			c.mu.out.stir()
			return
		}
		b := c.mu.out.hand()
		c.mu.Unlock()
		if len(b) == 0 {
			return
		}
		n := c.direct.write(b)
		c.mu.Lock()
		if n < len(b) {
			c.mu.out.left(b, n)
			c.mu.Unlock()
			return
		}
		c.mu.out.taken(b)
		c.mu.Unlock()
	}
}

func (c *conn) read(nc net.Conn) error {
	c.in.src, c.in.max = nc, c.cfg.MaxPayload
	for {
		f, err := c.in.next()
		if err != nil {
			return fmt.Errorf("connection to %s lost: %w", c.lane.node, unended(err))
		}
		if err := c.take(f); err != nil {
			return fmt.Errorf("connection to %s closed: %w", c.lane.node, err)
		}
	}
}

// take gives an answer to its call. An answer without one came after the
// deadline.
func (c *conn) take(f frame) error {
	if f.kind&answer == 0 {
		return fmt.Errorf("%w: kind %#x is no answer", errFrame, byte(f.kind))
	}
	if f.kind == ping|answer {
		c.paced(f.payload)
		return nil
	}
	c.mu.Lock()
	s := c.mu.slots.find(f.id)
	if s == nil {
		c.mu.Unlock()
		return nil
	}
	if s.kind != f.kind && f.kind != moved && f.kind != failed || s.at >= c.mu.out.base {
		c.mu.Unlock()
		return fmt.Errorf("%w: kind %#x answers what was not asked", errFrame, byte(f.kind))
	}
	done := c.mu.slots.release(s)
	c.mu.Unlock()
	switch f.kind {
	case moved:
		done(nil, false, ErrMoved)
	case failed:
		if len(f.payload) == 0 {
			done(nil, true, errors.New(c.lane.node+" failed and did not say why"))
			break
		}
		done(nil, f.payload[0] != 0, fmt.Errorf("%s: %s", c.lane.node, printable(f.payload[1:])))
	default:
		done(f.payload, true, nil)
	}
	return nil
}
