package load

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Result is what a run saw.
type Result struct {
	Elapsed  time.Duration
	Requests int
	Keys     int // answers for a key, those of misses included
	Misses   int
	Refused  int           // sets for which the server had no room
	Idle     time.Duration // that the generator spent waiting for the server
	Latency  *Histogram    // of batches; valid until the next run

	// Of open loops.
	Late *Histogram // how late the generator itself was, connections being free
	Kept bool       // whether the server kept up: nothing was left over in the end
}

// Run keeps every connection busy for a time, and until there was an answer. Batches under way when it begins
// or ends count where they end; a first run after New warms up.
func (g *Generator) Run(d time.Duration) (Result, error) {
	return g.closed(clock() + d)
}

// RunKeys asks for n more keys, or a batch more, and waits for all the answers:
// what it stored is stored when it returns.
func (g *Generator) RunKeys(n int) (Result, error) {
	g.limit = g.asked + n
	r, err := g.closed(1 << 62)
	g.limit, g.begun = 0, false
	return r, err
}

func (g *Generator) closed(until time.Duration) (Result, error) {
	defer g.together()()
	g.latency.Reset()
	began, before, idle := clock(), g.done, g.idle
	if !g.begun {
		g.begun = true
		for i := range g.conns {
			if g.limit > 0 && g.asked >= g.limit {
				break
			}
			if err := g.send(i, clock()); err != nil {
				return Result{}, err
			}
		}
	}
	heard := began
	for last, got := began, true; ; {
		now := clock()
		if !got {
			g.idle += now - last
		}
		last = now
		over := now >= until && g.done.keys > before.keys
		if over || (g.limit > 0 && g.asked >= g.limit && g.done.keys >= g.asked) {
			return g.result(before, idle, now-began)
		}
		var err error
		if got, err = g.round(now); err != nil {
			return Result{}, err
		}
		if got {
			heard = now
		} else if now-heard > silence {
			return Result{}, fmt.Errorf("no reply for %v", silence)
		}
	}
}

// round serves all sockets that are ready.
func (g *Generator) round(now time.Duration) (got bool, err error) {
	if len(g.crowds) > 0 && now-g.ticked >= tick {
		g.ticked = now
		for _, c := range g.crowds {
			c.tick()
		}
	}
	n, err := poll(g.epfd, g.events[:])
	if err != nil {
		return false, fmt.Errorf("epoll: %w", err)
	}
	for _, e := range g.events[:n] {
		i := int(e.Fd)
		if e.Events&unix.EPOLLOUT != 0 {
			if err := g.goOn(i); err != nil {
				return false, err
			}
		}
		if e.Events&^unix.EPOLLOUT == 0 {
			continue
		}
		if g.batch.ring != nil {
			if g.batch.ready = append(g.batch.ready, i); len(g.batch.ready) == batchConns {
				if err := g.exchange(); err != nil {
					return false, err
				}
			}
			continue
		}
		ended, err := g.receive(i)
		if err != nil {
			return false, err
		}
		if !ended {
			continue
		}
		if now := clock(); g.next(i, now) {
			if err := g.send(i, now); err != nil {
				return false, err
			}
		}
	}
	if len(g.batch.ready) > 0 {
		return true, g.exchange()
	}
	return n > 0, nil
}

// next takes note of the end of a batch of connection i, and reports whether the next
// is to be sent.
func (g *Generator) next(i int, now time.Duration) bool {
	g.latency.Add(now - g.conns[i].since)
	if g.open != nil && (g.limit == 0 || g.asked < g.limit) {
		g.open.idle = append(g.open.idle, i)
		return false
	}
	return g.limit == 0 || g.asked < g.limit
}

func (g *Generator) result(before counts, idle, elapsed time.Duration) (Result, error) {
	r := Result{
		Elapsed:  elapsed,
		Requests: g.done.requests - before.requests,
		Keys:     g.done.keys - before.keys,
		Misses:   g.done.misses - before.misses,
		Refused:  g.done.refused - before.refused,
		Idle:     g.idle - idle,
		Latency:  &g.latency,
	}
	if r.Keys == 0 {
		return r, fmt.Errorf("nothing was answered in %v", elapsed)
	}
	if !g.w.MayMiss && r.Misses*1000 > r.Keys*maxMisses {
		return r, fmt.Errorf("%w: %d of %d", ErrMisses, r.Misses, r.Keys)
	}
	return r, nil
}

// CheckWritten reads back the latest keys that were set, over connections of its
// own: a server that says STORED and stores nothing is found out.
func (g *Generator) CheckWritten(addr string) error {
	w := g.w
	w.Conns, w.Depth, w.Sets = 1, 1, 0
	w.Order, w.List = ByList, g.Written()
	if len(w.List) == 0 {
		return nil
	}
	r, err := New(addr, w)
	if err != nil {
		return err
	}
	defer r.Close()
	if _, err := r.RunKeys(len(w.List)); err != nil {
		return fmt.Errorf("reading back what was set: %w", err)
	}
	return nil
}
