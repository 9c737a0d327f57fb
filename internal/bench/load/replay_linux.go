package load

import (
	"fmt"
	"iter"

	"golang.org/x/sys/unix"
)

// Request is one of a trace: a key, and the size of its value.
type Request struct{ Key, Size uint32 }

// Replayed is what came of a trace.
type Replayed struct{ Requests, Hits, Refused int }

// replayBatch requests go together: their misses are filled after all of them,
// which moves a fill by less than a thousandth of any cache that is tried.
const replayBatch = 128

// Replay sends a trace the way a cache-aside client does: get, and on a miss
// set. Requests before warm are sent and not counted.
func Replay(addr string, d Dialect, trace iter.Seq[Request], warm int) (Replayed, error) {
	return replay(addr, d, trace, warm, true)
}

// Probe asks for keys and sets nothing: how many of them does the server hold?
func Probe(addr string, d Dialect, keys iter.Seq[Request]) (Replayed, error) {
	return replay(addr, d, keys, 0, false)
}

func replay(addr string, d Dialect, trace iter.Seq[Request], warm int, fill bool) (Replayed, error) {
	g, err := New(addr, Workload{Dialect: d, Conns: 1, Keys: 1})
	if err != nil {
		return Replayed{}, err
	}
	defer g.Close()
	c := &g.conns[0]
	c.check.keep, c.check.lenient = true, true
	p := &player{g: g, d: d, fill: fill}
	var out Replayed
	counted := 0 // requests sent
	flush := func() error {
		misses, refused, err := p.batch()
		if err != nil {
			return err
		}
		if counted > warm {
			out.Requests += p.n
			out.Hits += p.n - misses
			out.Refused += refused
		}
		p.n = 0
		return nil
	}
	for r := range trace {
		p.add(r)
		if counted++; p.n == replayBatch {
			if err := flush(); err != nil {
				return out, err
			}
		}
	}
	if p.n > 0 {
		if err := flush(); err != nil {
			return out, err
		}
	}
	return out, nil
}

// player collects one batch.
type player struct {
	g    *Generator
	d    Dialect
	n    int
	out  []byte
	fill bool // what was missed
}

func (p *player) add(r Request) {
	k := &p.g.conns[0].check
	if p.n == 0 {
		k.begin()
		p.out = p.out[:0]
	}
	key := [1]uint32{r.Key}
	p.out, k.steps = appendGet(p.out, k.steps, p.d, key[:], 0, r.Size)
	p.n++
}

// batch sends the gets, then the sets for what was missed.
func (p *player) batch() (misses, refused int, err error) {
	k := &p.g.conns[0].check
	k.missed, k.misses, k.refused = k.missed[:0], 0, 0
	if err := p.exchange(); err != nil {
		return 0, 0, err
	}
	misses = len(k.missed)
	if misses == 0 || !p.fill {
		return misses, 0, nil
	}
	k.begin()
	p.out = p.out[:0]
	for _, s := range k.missed {
		p.out, k.steps = appendSet(p.out, k.steps, p.d, s.key, s.generation, s.size)
	}
	err = p.exchange()
	return misses, k.refused, err
}

func (p *player) exchange() error {
	if err := p.g.transmit(0, p.out); err != nil {
		return err
	}
	sent := clock()
	for {
		n, err := poll(p.g.epfd, p.g.events[:])
		if err != nil {
			return err
		}
		if n == 0 && clock()-sent > silence {
			return fmt.Errorf("no reply for %v", silence)
		}
		for _, e := range p.g.events[:n] {
			if len(p.g.conns[0].left) > 0 {
				if err := p.g.goOn(0); err != nil {
					return err
				}
			}
			if e.Events == unix.EPOLLOUT {
				continue
			}
			if ended, err := p.g.receive(0); err != nil || ended {
				return err
			}
		}
	}
}
