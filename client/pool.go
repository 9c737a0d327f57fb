package client

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// pool keeps a fixed number of places for connections to one address. A place is
// dialled when somebody wants it and it is empty; after a failure it rests for a
// while that grows, and those who want it meanwhile are told the last error at
// once, so that a server that is down costs its callers nothing.
type pool struct {
	o      *Options
	stats  *counters
	addr   string
	greet  func(ctx context.Context, on *conn) error // asked about every new connection; on an error it is not used
	places []place
	next   atomic.Uint32
	spread bool // prefer an idle connection to a shared one: for parked requests

	ctx  context.Context // ends with the pool, its cause says why: dials end with it
	stop context.CancelCauseFunc
	wg   sync.WaitGroup // dials under way, goroutines of connections

	closing sync.Mutex // orders wg.Add before close's Wait
}

// place holds at most one connection.
//
//	Case empty → dialling → live:  conn is set.
//	Case dialling → resting:       err is why, until is when it may be tried again.
//	Case live → empty:             the connection ended.
type place struct {
	mu struct {
		sync.Mutex
		conn  *conn
		dial  chan struct{} // closed when the dial under way is over; nil if there is none
		err   error
		fails int
		until time.Time
	}
}

const (
	restMin = 20 * time.Millisecond
	restMax = 2 * time.Second
)

func newPool(parent context.Context, o *Options, stats *counters, addr string, size int, spread bool) *pool {
	ctx, stop := context.WithCancelCause(parent)
	return &pool{o: o, stats: stats, addr: addr, places: make([]place, size), spread: spread, ctx: ctx, stop: stop}
}

// get returns a live connection. On an error nothing was sent. Who is not patient
// has somewhere else to go: he does not wait while a place is dialled that could
// not be connected before.
func (p *pool) get(ctx context.Context, patient bool) (*conn, error) {
	if p.ctx.Err() != nil {
		return nil, &TransportError{Addr: p.addr, Err: context.Cause(p.ctx)}
	}
	pl := &p.places[p.next.Add(1)%uint32(len(p.places))]
	if p.spread {
		if c := p.idlest(); c != nil {
			return c, nil
		}
		if pl = p.empty(); pl == nil {
			if c := p.any(); c != nil {
				return c, nil
			}
			pl = &p.places[0]
		}
	}
	c, err := pl.get(ctx, p, patient)
	if err != nil && ctx.Err() == nil {
		if other := p.any(); other != nil {
			return other, nil
		}
	}
	return c, err
}

// idlest returns a live connection with nothing outstanding, or nil.
func (p *pool) idlest() *conn {
	for i := range p.places {
		if c := p.places[i].live(); c != nil && c.load() == 0 {
			return c
		}
	}
	return nil
}

// empty returns a place without a connection that is not resting, or nil.
func (p *pool) empty() *place {
	for i := range p.places {
		pl := &p.places[i]
		pl.mu.Lock()
		free := !pl.liveLocked() && pl.mu.dial == nil && !time.Now().Before(pl.mu.until)
		pl.mu.Unlock()
		if free {
			return pl
		}
	}
	return nil
}

// any returns the live connection with the fewest calls, or nil.
func (p *pool) any() *conn {
	var best *conn
	for i := range p.places {
		if c := p.places[i].live(); c != nil && (best == nil || c.load() < best.load()) {
			best = c
		}
	}
	return best
}

func (pl *place) live() *conn {
	pl.mu.Lock()
	defer pl.mu.Unlock()
	if pl.liveLocked() {
		return pl.mu.conn
	}
	return nil
}

func (pl *place) liveLocked() bool { return pl.mu.conn != nil && pl.mu.conn.alive() }

// get returns the place's connection, making it if it may be made now.
func (pl *place) get(ctx context.Context, p *pool, patient bool) (*conn, error) {
	pl.mu.Lock()
	if pl.liveLocked() {
		defer pl.mu.Unlock()
		return pl.mu.conn, nil
	}
	if old := pl.mu.conn; old != nil {
		pl.mu.conn = nil
		if old.proven.Load() {
			pl.mu.fails = 0
		} else { // it ended before it answered anything: do not come back at once
			pl.restLocked(old.cause())
		}
	}
	if time.Now().Before(pl.mu.until) {
		defer pl.mu.Unlock()
		return nil, &TransportError{Addr: p.addr, Err: fmt.Errorf("no connection, last tried: %w", pl.mu.err)}
	}
	if pl.mu.dial == nil {
		if !p.start() {
			pl.mu.Unlock()
			return nil, &TransportError{Addr: p.addr, Err: context.Cause(p.ctx)}
		}
		pl.mu.dial = make(chan struct{})
		go pl.dial(p)
	}
	if !patient && pl.mu.fails > 0 {
		defer pl.mu.Unlock()
		return nil, &TransportError{Addr: p.addr, Err: fmt.Errorf("connecting, last tried: %w", pl.mu.err)}
	}
	dial := pl.mu.dial
	pl.mu.Unlock()

	select {
	case <-dial:
	case <-ctx.Done():
		return nil, &TransportError{Addr: p.addr, Err: ctx.Err()}
	}
	pl.mu.Lock()
	defer pl.mu.Unlock()
	if pl.liveLocked() {
		return pl.mu.conn, nil
	}
	err := pl.mu.err
	if err == nil {
		err = errGone
	}
	return nil, &TransportError{Addr: p.addr, Err: err}
}

var errGone = fmt.Errorf("connection closed as soon as it was made")

// dial fills the place. It is detached from the caller who started it: others
// may be waiting for it by then.
func (pl *place) dial(p *pool) {
	defer p.wg.Done()
	ctx, cancel := context.WithTimeout(p.ctx, p.o.DialTimeout)
	defer cancel()
	made, err := p.connect(ctx)
	p.stats.dials.Add(1)

	pl.mu.Lock()
	defer pl.mu.Unlock()
	defer func() { close(pl.mu.dial); pl.mu.dial = nil }()
	if err == nil && p.ctx.Err() != nil { // closed while dialling
		err = context.Cause(p.ctx)
		made.fail(err)
	}
	if err != nil {
		if isContextEnd(err) { // that of the dial, not of anybody who waits for it
			err = fmt.Errorf("connect: %v", err)
		}
		p.stats.dialErrors.Add(1)
		if pl.mu.fails == 0 {
			p.o.Logger.Warn("leasecache: cannot connect", "addr", p.addr, "err", err)
		}
		pl.restLocked(err)
		return
	}
	pl.mu.until = time.Time{}
	pl.mu.conn = made
	if p.o.Logger.Enabled(ctx, slog.LevelInfo) && pl.mu.fails > 0 {
		p.o.Logger.Info("leasecache: connected again", "addr", p.addr)
	}
}

// connect makes a connection that may be used.
func (p *pool) connect(ctx context.Context) (*conn, error) {
	nc, err := p.o.Dial(ctx, p.addr)
	if err != nil {
		return nil, err
	}
	if err := p.o.logIn(ctx, nc); err != nil {
		_ = nc.Close() // why it was given up counts
		return nil, err
	}
	on := newConn(nc, p.addr, p.o.StallTimeout, p.o.MaxValue, &p.wg)
	if p.greet != nil {
		if err := p.greet(ctx, on); err != nil {
			on.fail(err)
			return nil, err
		}
	}
	return on, nil
}

// load is how many calls of all connections are not finished yet.
func (p *pool) load() (n int) {
	for i := range p.places {
		if c := p.places[i].live(); c != nil {
			n += c.load()
		}
	}
	return n
}

// resting reports whether nobody may connect now.
func (p *pool) resting() bool {
	for i := range p.places {
		pl := &p.places[i]
		pl.mu.Lock()
		rests := time.Now().Before(pl.mu.until)
		pl.mu.Unlock()
		if !rests {
			return false
		}
	}
	return true
}

// restLocked keeps the place from being dialled for a while, longer each time.
func (pl *place) restLocked(err error) {
	rest := min(restMin<<min(pl.mu.fails, 10), restMax)
	rest = jitter(rest)
	pl.mu.fails++
	pl.mu.err, pl.mu.until = err, time.Now().Add(rest)
}

// start counts a dial in, unless the pool is closed.
func (p *pool) start() bool {
	p.closing.Lock()
	defer p.closing.Unlock()
	if p.ctx.Err() != nil {
		return false
	}
	p.wg.Add(1)
	return true
}

// close ends all connections for this reason and waits for everything the pool
// has started.
func (p *pool) close(why error) {
	p.closing.Lock()
	p.stop(why)
	p.closing.Unlock()
	for i := range p.places {
		pl := &p.places[i]
		pl.mu.Lock()
		if pl.mu.conn != nil {
			pl.mu.conn.fail(context.Cause(p.ctx))
		}
		pl.mu.Unlock()
	}
	p.wg.Wait()
}

// jitter is a random time between half of d and d, so that many clients do not
// come back together.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }
