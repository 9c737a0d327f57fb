package load

import (
	"math"
	"time"
)

// schedule is the state of an open loop. Requests are due at random, as those
// of many independent clients are (Poisson), whether or not the server has
// answered the ones before.
//
// Why latency counts from when a request was due:
//
//	1 The server stalls for 100 ms; all connections wait for it.
//	2 10 000 requests come due that no connection is free for.
//	3 Counted from when they are sent, they all look fast: the stall shows up
//	  once for each connection, and a percentile does not see it.
type schedule struct {
	idle []int // connections with nothing under way
	due  time.Duration
	mean float64 // between two requests, in nanoseconds
	rng  rng
	late Histogram
}

// advance draws when the next request is due.
func (s *schedule) advance() {
	u := float64(s.rng.next()>>11+1) / (1 << 53) // above 0, up to 1
	s.due += time.Duration(-math.Log(u) * s.mean)
}

// overtime is how long an open loop waits in the end for what was due before.
const overtime = 2 * time.Second

// RunOpen sends rate requests a second, warm for a time that is not counted and
// then for d. A generator that ran a closed loop cannot run an open one.
func (g *Generator) RunOpen(rate float64, warm, d time.Duration, warmed func()) (Result, error) {
	defer g.together()()
	g.open = &schedule{mean: float64(time.Second) / rate, rng: rng(g.w.Seed + 2), due: clock()}
	for i := range g.conns {
		g.open.idle = append(g.open.idle, i)
	}
	if _, err := g.openUntil(clock() + warm); err != nil {
		return Result{}, err
	}
	if warmed != nil {
		warmed()
	}
	g.latency.Reset()
	g.open.late.Reset()
	began, before, idle := clock(), g.done, g.idle
	kept, err := g.openUntil(began + d)
	if err != nil {
		return Result{}, err
	}
	r, err := g.result(before, idle, clock()-began)
	r.Late, r.Kept = &g.open.late, kept
	return r, err
}

// openUntil sends everything that is due before end, and says whether all of it
// could be sent in time.
func (g *Generator) openUntil(end time.Duration) (kept bool, err error) {
	s := g.open
	waited := false // the next request had to wait for a connection
	for last, got := clock(), true; ; {
		now := clock()
		if !got {
			g.idle += now - last
		}
		last = now
		for s.due <= now && s.due < end {
			if len(s.idle) == 0 {
				waited = true
				break
			}
			i := s.idle[0]
			s.idle = s.idle[:copy(s.idle, s.idle[1:])]
			if !waited {
				s.late.Add(now - s.due)
			}
			waited = false
			if g.batch.ring != nil {
				g.enlist(i, s.due)
			} else if err := g.send(i, s.due); err != nil {
				return false, err
			}
			s.advance()
			if len(g.batch.sent) == batchConns {
				break // who came first need not wait for all
			}
			now = clock()
		}
		if len(g.batch.sent) > 0 {
			if err := g.sendOff(); err != nil {
				return false, err
			}
		}
		if now >= end && (s.due >= end || now >= end+overtime) {
			return s.due >= end, nil
		}
		if got, err = g.round(now); err != nil {
			return false, err
		}
	}
}
