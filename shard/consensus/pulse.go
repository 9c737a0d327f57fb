package consensus

import (
	"sync"
	"time"

	"github.com/leasecache/leasecache/shard"
	"github.com/leasecache/leasecache/shard/control"
)

// pulse is when this node last saw a session renewed in the log, which all nodes see. It is
// for people: who may serve is decided by the Holder and the Grantor alone.
type pulse struct {
	mu sync.Mutex // nothing is done under it but to look
	of map[shard.Session]beat
}

type beat struct {
	seq uint64
	at  time.Time // zero: it was there when this node looked first
}

// look is to be called a few times a second.
func (p *pulse) look(st *control.State, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	first := p.of == nil
	if first {
		p.of = make(map[shard.Session]beat)
	}
	for id, s := range st.Sessions {
		switch b, ok := p.of[id]; {
		case !ok && first:
			p.of[id] = beat{seq: s.Seq}
		case !ok, b.seq != s.Seq:
			p.of[id] = beat{s.Seq, now}
		}
	}
	for id := range p.of {
		if _, ok := st.Sessions[id]; !ok {
			delete(p.of, id)
		}
	}
}

// heard is how long ago, or -1.
func (p *pulse) heard(s shard.Session, now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if b := p.of[s]; !b.at.IsZero() {
		return now.Sub(b.at)
	}
	return -1
}
