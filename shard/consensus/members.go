package consensus

import (
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/leasecache/leasecache/shard/control"
)

const (
	membersEvery = 250 * time.Millisecond
	// maxLag is how many entries a node may be behind and be well.
	maxLag = 256
	// quietFor is how long a node that is well says nothing at most: three renewals.
	quietFor = 1500 * time.Millisecond
)

// roll is what the leader hears of other nodes.
type roll struct {
	mu sync.Mutex // nothing is done under it but to look
	of map[string]report
}

type report struct{ since, last time.Time }

// heard notes a message of a node that has applied the log so far.
func (r *roll) heard(node string, applied, committed uint64) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.of == nil {
		r.of = make(map[string]report)
	}
	was := r.of[node]
	if now.Sub(was.last) > quietFor || applied+maxLag < committed {
		was.since = now
	}
	was.last = now
	r.of[node] = was
}

// begin forgets what an earlier time as a leader has heard, and counts silence from now.
func (r *roll) begin(c raft.Configuration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.of = make(map[string]report)
	for _, s := range c.Servers {
		r.of[string(s.ID)] = report{time.Now(), time.Now()}
	}
}

func (r *roll) standing(s raft.Server, stable time.Duration) standing {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, of := time.Now(), r.of[string(s.ID)]
	out := standing{node: string(s.ID), voter: s.Suffrage == raft.Voter, silent: now.Sub(of.last)}
	if well := now.Sub(of.since); out.silent <= quietFor && well >= stable {
		out.well = well
	}
	return out
}

// tendMembers follows the State with raft's configuration while this node leads: who is
// a member gets the log, at his newest address, and some of them vote.
func (n *Node) tendMembers() {
	tick := time.NewTicker(membersEvery)
	defer tick.Stop()
	leads := uint64(0)
	for {
		select {
		case <-tick.C:
		case <-n.membersWake:
		case <-n.ended:
			return
		}
		n.fsm.view(func(st *control.State) { n.pulse.look(st, time.Now()) })
		if err := setPatience(n.raft); err != nil {
			n.cfg.Logger.Warn("raft's timeouts stay as they are", "err", err)
		}
		leads = n.tend(leads)
	}
}

// tend makes one change at most. It names the configuration that it was decided on, so
// that one that was made beside it is not undone. Returned is the term it has led in.
func (n *Node) tend(before uint64) uint64 {
	f := n.raft.GetConfiguration()
	term := n.raft.CurrentTerm()
	if f.Error() != nil || n.raft.State() != raft.Leader {
		return 0
	}
	c, at := f.Configuration(), f.Index()
	if term != before {
		n.roll.begin(c)
	}
	ours := false
	members := make(map[string]string)
	n.fsm.view(func(st *control.State) {
		// Else what this State says of members may be long out of date.
		ours = st.Term == term && st.Leader == n.id.Node
		for id, m := range st.Members {
			members[id] = m.Peer
		}
	})
	if !ours || len(members) == 0 {
		return term
	}
	if change := n.change(c, at, members); change != nil {
		if err := change().Error(); err != nil {
			n.cfg.Logger.Warn("raft's configuration was not changed", "err", err)
		} else {
			wake(n.membersWake)
		}
	}
	return term
}

func (n *Node) change(c raft.Configuration, at uint64, members map[string]string) func() raft.IndexFuture {
	there := make(map[string]bool)
	var all []standing
	for _, s := range c.Servers {
		id := string(s.ID)
		there[id] = true
		hostport, member := members[id]
		switch {
		case !member:
			return n.remove(s, at)
		case s.Address != raftAddress(id, hostport):
			return n.enlist(id, hostport, s.Suffrage == raft.Voter, at)
		}
		all = append(all, n.roll.standing(s, n.cfg.stable))
	}
	for id, hostport := range members {
		if !there[id] {
			n.cfg.Logger.Info("node joins", "node", id, "addr", hostport)
			return n.enlist(id, hostport, false, at)
		}
	}
	v, ok := nextVote(n.id.Node, all)
	if !ok {
		return nil
	}
	n.cfg.Logger.Info("another node votes, or votes no more", "node", v.node, "votes", v.on)
	if v.on {
		return n.enlist(v.node, members[v.node], true, at)
	}
	return func() raft.IndexFuture { return n.raft.DemoteVoter(raft.ServerID(v.node), at, diskLimit) }
}

func (n *Node) enlist(id, hostport string, votes bool, at uint64) func() raft.IndexFuture {
	return func() raft.IndexFuture {
		if votes {
			return n.raft.AddVoter(raft.ServerID(id), raftAddress(id, hostport), at, diskLimit)
		}
		return n.raft.AddNonvoter(raft.ServerID(id), raftAddress(id, hostport), at, diskLimit)
	}
}

// remove takes a node that was forgotten out. A leader that was hands over first.
func (n *Node) remove(s raft.Server, at uint64) func() raft.IndexFuture {
	if string(s.ID) == n.id.Node {
		_ = n.raft.LeadershipTransfer().Error()
		return nil
	}
	n.cfg.Logger.Info("node leaves", "node", s.ID)
	return func() raft.IndexFuture { return n.raft.RemoveServer(s.ID, at, diskLimit) }
}
