package peer

import (
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// Why a call was refused or failed. All but ErrDeadline mean that nothing was
// done; of ErrDeadline, and of a connection that was lost, sent tells.
var (
	ErrMoved       = errors.New("another node owns it")
	ErrBusy        = errors.New("too much waits for this node")
	ErrDeadline    = errors.New("no answer before the deadline")
	ErrUnreachable = errors.New("node is not reachable")
	ErrTooLong     = errors.New("too long for a frame")
	ErrClosed      = errors.New("connections between nodes are closed")

	errDown   = errors.New("down")
	errSilent = errors.New("the other side says nothing")
)

// Call is a question to another node.
type Call struct {
	Node string
	// Lane picks the connection. Calls with the same lane go out in the order
	// of their Call, and are served in that order or not at all, also after a
	// connection was lost (turns.go); answers come in any order.
	Lane int
	Kind Kind
	// Deadline is when Done is told ErrDeadline, and until when the call may be
	// served (until.go). Required unless Done is nil.
	Deadline time.Time
	// Payload goes as one; it is copied before Call returns.
	Payload [][]byte
	// Done is called once, from another goroutine, and must not block: the
	// lane's other answers wait behind it. It may call Call. Nil awaits no
	// answer, and nobody is told what became of it.
	Done Done
	// Batch, if it is set, has the call go out with its Flush.
	Batch *Batch
}

// Pool keeps connections to other nodes, made when they are wanted.
type Pool struct {
	cfg   Config
	lanes atomic.Pointer[map[string][]*lane] // replaced under mu, read without

	mu struct {
		sync.Mutex
		closed bool
		conns  map[*conn]struct{} // those with a goroutine
	}
	done chan struct{}
	wg   sync.WaitGroup
}

// NewPool makes a pool without connections. Close ends it.
func NewPool(cfg Config) *Pool {
	p := &Pool{cfg: cfg.withDefaults(), done: make(chan struct{})}
	p.lanes.Store(&map[string][]*lane{})
	p.mu.conns = map[*conn]struct{}{}
	p.wg.Go(p.watch)
	return p
}

// Call sends a question on its way. It never blocks on the network. An error
// means that nothing was sent, and that Done will not be called.
func (p *Pool) Call(call Call) error {
	size := payloadLen(call.Payload)
	if size > p.cfg.MaxPayload {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrTooLong, size, p.cfg.MaxPayload)
	}
	lanes, ok := (*p.lanes.Load())[call.Node]
	if !ok {
		lanes = p.add(call.Node)
	}
	return lanes[uint(call.Lane)%uint(len(lanes))].call(&call, size)
}

func (p *Pool) add(node string) []*lane {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := *p.lanes.Load()
	if lanes, ok := old[node]; ok {
		return lanes
	}
	lanes := make([]*lane, p.cfg.Lanes)
	for i := range lanes {
		lanes[i] = newLane(p, node)
	}
	next := maps.Clone(old)
	next[node] = lanes
	p.lanes.Store(&next)
	return lanes
}

// start gives a connection its goroutine; false after Close.
func (p *Pool) start(c *conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.closed {
		return false
	}
	p.mu.conns[c] = struct{}{}
	p.wg.Go(func() {
		c.run()
		p.mu.Lock()
		delete(p.mu.conns, c)
		p.mu.Unlock()
	})
	return true
}

func (p *Pool) closed() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Close fails all calls and waits until every Done has returned; a Done must
// not call it.
func (p *Pool) Close() {
	p.mu.Lock()
	if p.mu.closed {
		p.mu.Unlock()
		p.wg.Wait()
		return
	}
	p.mu.closed = true
	close(p.done)
	conns := maps.Clone(p.mu.conns)
	p.mu.Unlock()
	for c := range conns {
		c.fail(ErrClosed)
	}
	p.wg.Wait()
}

// watch asks those who have been silent for a while whether they are there,
// gives up those who do not answer, and closes what nobody uses. It looks from
// outside, now and then, so that a call costs no clock.
func (p *Pool) watch() {
	tick := time.NewTicker(p.cfg.times.tick)
	defer tick.Stop()
	for {
		select {
		case <-p.done:
			return
		case now := <-tick.C:
			p.mu.Lock()
			conns := maps.Clone(p.mu.conns)
			p.mu.Unlock()
			for c := range conns {
				c.look(now)
			}
		}
	}
}

func (c *conn) look(now time.Time) {
	t := &c.cfg.times
	life := c.in.reads.Load() + c.chunks.Load()
	c.mu.Lock()
	standing := c.mu.nc != nil && !c.mu.down
	calls, end, paced := c.mu.slots.inFlight(), c.mu.out.end(), c.mu.pace.ours
	c.mu.Unlock()
	if !standing {
		c.seen.heardAt, c.seen.usedAt = now, now
		return
	}
	// Pings are not use, so that a node to which only pings go is let go.
	if calls > 0 || end != c.seen.usedEnd {
		c.seen.usedAt, c.seen.usedEnd = now, end
	}
	// One-way frames count too: a renewal that goes into a dead connection
	// must find out, though nobody waits for its answer.
	if life != c.seen.life || calls == 0 && end == c.seen.end {
		c.seen.life, c.seen.end, c.seen.heardAt = life, end, now
	}
	switch quiet := now.Sub(c.seen.heardAt); {
	case quiet >= t.silence:
		c.lane.failed(c, fmt.Errorf("connection to %s lost: %w for %v", c.lane.node, errSilent, t.silence))
	case quiet >= t.ping, now.Sub(paced) >= t.ping && c.seen.usedAt.Equal(now):
		c.mu.Lock()
		if !c.mu.down {
			c.mu.out.add(ping, 0, 0, 0)
			c.seen.usedEnd = c.mu.out.end()
		}
		c.mu.Unlock()
		c.mu.out.stir()
	case now.Sub(c.seen.usedAt) >= t.idle:
		c.retire()
	}
}
