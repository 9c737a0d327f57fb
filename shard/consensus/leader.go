package consensus

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/leasecache/leasecache/shard"
	"github.com/leasecache/leasecache/shard/control"
)

const (
	dutiesEvery = 100 * time.Millisecond
	// gather is how long a renewal waits for those of others, so that a large cluster
	// writes some four entries a second.
	gather = 250 * time.Millisecond
	// diskLimit is how long a leader's renewals may take to be agreed on. Who loses his
	// majority steps down much sooner; so it is the disk, and others should lead.
	diskLimit = 2 * time.Second
	// maxRenewals of one entry; a copy of a renewal has no effect.
	maxRenewals = 4096
	maxAsks     = 4096
)

var errStuck = fmt.Errorf("this node leads, and nothing was agreed on within %v: look after the disk of its data directory and start it again", diskLimit)

// leader is the loop that acts while this node leads. What was decided may be overtaken
// by another leader at any time: every entry says what it was decided on.
type leader struct {
	n       *Node
	grantor control.Grantor
	term    uint64    // that this node leads in, as far as it knows; 0 = it does not
	leads   bool      // its Term entry was applied here
	told    bool      // what leads was when the log was told
	asked   time.Time // when Term was proposed
	wg      sync.WaitGroup

	// mu guards what waits for the loop; it comes from the cluster port and the agent.
	// Nothing is done under it but to put them there and to take them.
	mu    sync.Mutex
	batch []control.Renewal
	first time.Time
	asks  []control.Entry // of nodes that await no answer
}

// hear takes an entry that a node wants agreed on, and does not wait: whoever calls reads
// a connection, or has a session to watch. What is too much is lost, and asked for again.
func (l *leader) hear(e control.Entry) {
	l.mu.Lock()
	switch r, renews := e.(control.Renew); {
	case !renews && len(l.asks) < maxAsks:
		l.asks = append(l.asks, e)
	case renews && len(l.batch)+len(r.Renewals) <= maxRenewals:
		if len(l.batch) == 0 {
			l.first = time.Now()
		}
		l.batch = append(l.batch, r.Renewals...)
	}
	l.mu.Unlock()
	l.n.wakeLeader()
}

// take returns what is to go now. Renewals are when all sessions' are there, or the first
// has waited long enough.
func (l *leader) take(sessions int) []control.Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := l.asks
	l.asks = nil
	if len(l.batch) > 0 && (time.Since(l.first) >= gather || distinct(l.batch) >= sessions) {
		out = append(out, control.Renew{Renewals: l.batch})
		l.batch = nil
	}
	return out
}

func distinct(rs []control.Renewal) int {
	seen := make(map[shard.Session]bool, len(rs))
	for _, r := range rs {
		seen[r.Session] = true
	}
	return len(seen)
}

func (l *leader) run() {
	defer l.wg.Wait()
	tick := time.NewTicker(dutiesEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-l.n.leaderWake:
		case <-l.n.ended:
			return
		}
		l.step()
	}
}

func (l *leader) step() {
	defer l.tell()
	term := l.n.raft.CurrentTerm()
	if l.n.raft.State() != raft.Leader || l.n.raft.CurrentTerm() != term {
		l.depose(0)
		return
	}
	if term != l.term {
		l.depose(term)
	}
	if !l.leads && time.Since(l.asked) > diskLimit/2 {
		l.asked = time.Now()
		l.async(control.Term{Term: term, Node: l.n.id.Node})
	}
	var duties []control.Entry
	sessions := 0
	l.n.fsm.view(func(st *control.State) {
		sessions = len(st.Sessions)
		duties = l.duties(st)
	})
	for _, e := range append(l.take(sessions), duties...) {
		l.async(e)
	}
}

// tell logs who leads: where things went wrong, this is what one looks for first.
func (l *leader) tell() {
	if l.leads == l.told {
		return
	}
	if l.told = l.leads; l.leads {
		l.n.cfg.Logger.Info("this node leads", "term", l.term)
	} else {
		l.n.cfg.Logger.Info("this node leads no more")
	}
}

// duties are what is to be proposed by the State, whose lock is held: so the clock is read
// after what it shows was applied.
//
// The Grantor begins when this node has applied its own Term entry, not when raft says
// that it leads (H9, and Grantor.Elected):
//
//	1 Raft says: B leads. 2 B has not applied the last entries of A's term yet, and counts
//	all sessions from what it knows. 3 Among those entries is the registration of C, which
//	serves already. 4 B gives C's shards away as nobody's.
func (l *leader) duties(st *control.State) []control.Entry {
	now := l.n.cfg.Clock().Mono
	switch {
	case st.Term > l.term || (st.Term == l.term && st.Leader != l.n.id.Node):
		l.leads = false // another announced himself since
		l.grantor.Deposed()
		return nil
	case st.Term < l.term:
		return nil
	case !l.leads:
		l.leads = true
		l.grantor.Elected(now, st)
	}
	l.grantor.Applied(now, st)
	return l.grantor.Duties(now, st)
}

func (l *leader) depose(term uint64) {
	l.term, l.leads, l.asked = term, false, time.Time{}
	l.grantor.Deposed()
	if term == 0 {
		l.mu.Lock()
		l.batch, l.asks = nil, nil // their senders ask the next one
		l.mu.Unlock()
	}
}

// async proposes an entry and does not wait. A leader whose entries are neither agreed on
// nor refused ends its process: raft sends heartbeats while its disk hangs, and nobody
// else would ever be elected.
func (l *leader) async(e control.Entry) {
	data, err := encode(e)
	if err != nil {
		l.n.cfg.Logger.Error("entry is not proposed", "err", err)
		return
	}
	f := l.n.raft.Apply(data, diskLimit)
	l.wg.Go(func() {
		done := make(chan error, 1)
		go func() { done <- f.Error() }()
		err, answered := within(diskLimit, done, l.n.ended)
		stuck := !answered || errors.Is(err, raft.ErrEnqueueTimeout)
		if stuck && l.n.raft.State() == raft.Leader {
			l.n.die(errStuck)
		}
	})
}
