package peer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Handler is told of every connection of another node and says who serves it.
type Handler func(from Hello) Conversation

// Conversation serves the requests of one connection, in their order, from one
// goroutine. Serve must not block: what has to wait answers later.
type Conversation interface {
	Serve(Request, Reply)
	// Close is called once, after the last Serve: nobody reads answers any more.
	Close()
}

// Request is a question of another node.
type Request struct {
	Kind    Kind
	Payload []byte // valid until Serve returns
	// Read is the same for requests that arrived together, and never 0: where it
	// is another than at the last look at the clock, it is time for the next.
	Read uint64
}

// Reply answers one request, from any goroutine, at any time. Exactly one of
// its methods is called, once; after the connection's end that does nothing.
// For a one-way request there is nobody to answer, and none need be called.
type Reply struct {
	c    *served
	id   uint64
	kind Kind
}

// Send says what became of the request. The parts go as one and are copied.
func (r Reply) Send(parts ...[]byte) {
	size := payloadLen(parts)
	if size > r.c.l.cfg.MaxPayload {
		r.c.answer(failed, r.id, 1+len(tooLong), []byte{1}, []byte(tooLong))
		return
	}
	r.c.answer(r.kind, r.id, size, parts...)
}

const tooLong = "the answer is too long for a frame; the request was done"

// Moved says that another node owns it, and nothing was done.
func (r Reply) Moved() { r.c.answer(moved, r.id, 0) }

// Fail says why nothing was done.
func (r Reply) Fail(why string) {
	why = why[:min(len(why), maxReason)]
	r.c.answer(failed, r.id, 1+len(why), []byte{0}, []byte(why))
}

// A node may have so many answers outstanding before we stop reading from it:
// bytes that it does not take, and requests that wait.
const (
	maxAnswerBytes = 256 << 10
	maxAnswers     = 2 * maxSlots

	// writeAtOnce is what goes out while requests are read that arrived together.
	writeAtOnce = 64 << 10
)

// served is one connection of another node.
type served struct {
	l      *Listener
	nc     net.Conn
	from   Hello
	direct *rawWriter
	done   chan struct{}
	room   chan struct{} // something was answered or written; holds one

	mu struct {
		sync.Mutex
		out   outbox
		owed  int // answers
		down  bool
		stuck bool // the reader waits for room
		reads bool // the reader has requests, and will push when it has none
	}

	in     frames
	chunks atomic.Uint64

	// Of Listener.watch alone.
	seen struct {
		reads uint64
		at    time.Time
	}
}

func newServed(l *Listener, nc net.Conn, from Hello) *served {
	c := &served{l: l, nc: nc, direct: directly(nc), from: from, done: make(chan struct{}), room: make(chan struct{}, 1)}
	c.mu.out = newOutbox()
	c.in.src, c.in.max = nc, l.cfg.MaxPayload
	c.seen.at = time.Now()
	return c
}

func (c *served) run(h Handler, t *turn) {
	c.l.mu.Lock()
	c.l.mu.conns[c.nc] = c
	c.l.mu.Unlock()
	flushed := make(chan struct{})
	go func() {
		defer close(flushed)
		c.flush()
	}()
	var err error
	if t.wait(c.end, c.l.done) {
		who := h(c.from)
		err = c.read(who)
		c.end()
		who.Close()
		t.finish()
	}
	c.end()
	<-flushed
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
		c.l.refused(c.nc, fmt.Errorf("connection of %s closed: %w", c.from.Node, err))
	}
}

func (c *served) read(who Conversation) error {
	var now int64 // when what was read last had arrived
	var read uint64
	for {
		if !c.in.ready() {
			c.push()
		}
		f, err := c.in.next()
		if err != nil {
			return err
		}
		if f.until != 0 && f.read != read {
			now, read = c.l.clock(), f.read
		}
		switch {
		case f.kind == cancelled:
			continue
		case f.kind == ping:
			c.mu.Lock()
			if !c.mu.down {
				c.mu.out.add(ping|answer, 0, 0, clockLen, binary.BigEndian.AppendUint64(nil, uint64(c.l.clock())))
			}
			c.mu.Unlock()
			c.mu.out.stir()
			continue
		case f.kind >= answer:
			return fmt.Errorf("%w: kind %#x is no request", errFrame, byte(f.kind))
		}
		r := Reply{c: c, id: f.id, kind: f.kind | answer}
		if f.id != 0 && !c.owe() {
			return nil
		}
		switch {
		case f.until != 0 && now >= f.until:
			r.Fail("its deadline had passed when it was read")
		case f.kind >= kinds:
			r.Fail("this node does not know such requests: run the same release on all nodes")
		case c.from.Joining() && f.kind != KindJoin:
			r.Fail(c.from.Node + " has not joined the cluster yet")
		default:
			who.Serve(Request{Kind: f.kind, Payload: f.payload, Read: f.read}, r)
		}
	}
}

// owe counts an answer and waits while too many, or too many bytes of them, are
// outstanding; false when the connection ended meanwhile.
func (c *served) owe() bool {
	c.mu.Lock()
	c.mu.owed++
	for !c.mu.down && (c.mu.out.waiting() > maxAnswerBytes || c.mu.owed > maxAnswers) {
		c.mu.stuck, c.mu.reads = true, false
		c.mu.Unlock()
		c.mu.out.stir()
		select {
		case <-c.room:
		case <-c.done:
		}
		c.mu.Lock()
	}
	c.mu.stuck, c.mu.reads = false, true
	down := c.mu.down
	c.mu.Unlock()
	return !down
}

func (c *served) answer(k Kind, id uint64, size int, parts ...[]byte) {
	if id == 0 {
		return
	}
	c.mu.Lock()
	if c.mu.down {
		c.mu.Unlock()
		return
	}
	c.mu.owed--
	c.mu.out.add(k, id, 0, size, parts...)
	stuck, later := c.mu.stuck, c.mu.reads && len(c.mu.out.buf) < writeAtOnce
	c.mu.Unlock()
	if !later {
		c.mu.out.stir()
	}
	if stuck {
		c.freed()
	}
}

func (c *served) freed() {
	select {
	case c.room <- struct{}{}:
	default:
	}
}

func (c *served) flush() {
	for {
		c.mu.Lock()
		if c.mu.down {
			c.mu.Unlock()
			return
		}
		b := c.mu.out.toFlush()
		c.mu.Unlock()
		if len(b) > 0 {
			if writeAll(c.nc, b, c.l.cfg.times.write, &c.chunks) != nil {
				c.end()
				return
			}
		}
		c.mu.Lock()
		if len(b) > 0 {
			c.mu.out.taken(b)
		}
		more, stuck := len(c.mu.out.buf) > 0 && !c.mu.out.busy, c.mu.stuck
		c.mu.Unlock()
		if stuck {
			c.freed()
		}
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
func (c *served) push() {
	for {
		c.mu.Lock()
		c.mu.reads = false
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

func (c *served) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.down {
		return
	}
	c.mu.down = true
	close(c.done)
	_ = c.nc.Close()
}

// watch ends connections that stop in the middle of a frame, and those that
// are idle for so long that their node must have gone without a word: a Pool
// closes idle ones long before.
func (l *Listener) watch() {
	tick := time.NewTicker(l.cfg.times.tick)
	defer tick.Stop()
	for {
		select {
		case <-l.done:
			return
		case now := <-tick.C:
			l.mu.Lock()
			for _, c := range l.mu.conns {
				if c != nil {
					c.look(now)
				}
			}
			l.mu.Unlock()
		}
	}
}

func (c *served) look(now time.Time) {
	phase, reads := c.in.phase.Load(), c.in.reads.Load()
	if phase == phaseBusy || reads != c.seen.reads {
		c.seen.reads, c.seen.at = reads, now
		return
	}
	patience := 3 * c.l.cfg.times.idle
	if phase == phasePart {
		patience = c.l.cfg.times.frame
	}
	if now.Sub(c.seen.at) >= patience {
		_ = c.nc.Close()
	}
}
