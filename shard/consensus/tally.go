package consensus

import (
	"sync/atomic"
	"time"

	"github.com/leasecache/leasecache/shard"
	"github.com/leasecache/leasecache/shard/control"
)

// tally counts for the node's life.
type tally struct {
	gone, stayed atomic.Uint64 // planned moves of this node's shards
	until        atomic.Int64  // of its session, by the Clock's monotonic side; 0: it has none
}

func (t *tally) moved(stays bool) {
	if stays {
		t.stayed.Add(1)
		return
	}
	t.gone.Add(1)
}

// counted is a Host whose session can be read by others.
type counted struct {
	Host
	t *tally
}

func (c counted) Extend(s shard.Session, until control.Deadline) bool {
	ok := c.Host.Extend(s, until)
	if ok {
		c.t.until.Store(int64(until.Mono))
	} else {
		c.t.until.Store(0)
	}
	return ok
}

func (c counted) Lapse(s shard.Session) {
	c.t.until.Store(0)
	c.Host.Lapse(s)
}

func (c counted) Rest(s shard.Session) []shard.ID {
	c.t.until.Store(0)
	return c.Host.Rest(s)
}

// Gauges reads them.
func (p Operator) Gauges() control.Gauges {
	n := p.n
	g := control.Gauges{Moved: n.tally.gone.Load(), Stayed: n.tally.stayed.Load()}
	n.fsm.view(func(st *control.State) {
		session := st.Members[n.id.Node].Session
		if session == 0 {
			return
		}
		for i := range st.Shards {
			if st.Shards[i].Session == session {
				g.Owned++
			}
		}
	})
	if until := control.Mono(n.tally.until.Load()); until != 0 {
		g.Left = max(0, time.Duration(until-n.cfg.Clock().Mono))
	}
	select {
	case <-n.started:
		g.Term, g.Leads = n.raft.CurrentTerm(), n.leaderID() == n.id.Node
	default:
	}
	return g
}
