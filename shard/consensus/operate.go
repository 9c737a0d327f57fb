package consensus

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hashicorp/raft"

	"github.com/leasecache/leasecache/shard"
	"github.com/leasecache/leasecache/shard/control"
)

// What operators look at and ask for. Any node answers; what is asked for is agreed on like
// all else, and errors are sentences that say what to do.

// Member is one node, as this one knows it.
type Member struct {
	ID                  string
	Peer, Client, Admin string // host:port, or ""
	Weight              uint64 // bytes of memory
	Alive               bool   // it has a session
	Voter, Leader       bool
	Draining            bool // is to own nothing: an operator said so, or it is about to stop
	Forgotten           bool // is gone when its session is over
	Shards              int  // that it owns
}

// Members are all nodes of the cluster, by their ids.
func (n *Node) Members() []Member {
	leader, _, _ := n.Leader()
	votes := n.voters()
	var all []Member
	n.fsm.view(func(st *control.State) {
		owned := make(map[shard.Session]int)
		for i := range st.Shards {
			owned[st.Shards[i].Session]++
		}
		for _, id := range slices.Sorted(maps.Keys(st.Members)) {
			m := st.Members[id]
			v := Member{
				ID: id, Peer: m.Peer, Client: m.Client, Admin: m.Admin, Weight: m.Weight,
				Alive: m.Session != 0, Voter: votes[id], Leader: id == leader,
				Draining: m.Draining || st.Sessions[m.Session].Leaving, Forgotten: m.Forgotten,
			}
			for session, s := range st.Sessions {
				if s.Node == id {
					v.Shards += owned[session]
				}
			}
			all = append(all, v)
		}
	})
	return all
}

func (n *Node) voters() map[string]bool {
	votes := make(map[string]bool)
	select {
	case <-n.started:
	default:
		return votes
	}
	for _, s := range n.servers() {
		if s.Suffrage == raft.Voter {
			votes[string(s.ID)] = true
		}
	}
	return votes
}

// Term is raft's, 0 before Run.
func (n *Node) Term() uint64 {
	select {
	case <-n.started:
		return n.raft.CurrentTerm()
	default:
		return 0
	}
}

// Moves counts planned moves away from this node.
func (n *Node) Moves() (done, calledOff uint64) { return n.tally.done.Load(), n.tally.off.Load() }

// Move has one shard moved as planned, and returns when it is there. Nothing holds it
// there: whatever makes the nodes even may move it again.
func (n *Node) Move(ctx context.Context, id shard.ID, to string) error {
	var plan control.Plan
	var there bool
	var err error
	n.fsm.view(func(st *control.State) { plan, there, err = planOf(st, id, to) })
	if err != nil || there {
		return err
	}
	r, err := n.Propose(ctx, plan)
	switch {
	case err != nil:
		return fmt.Errorf("shard %d: %w", id, err)
	case r.Code != control.OK || len(r.Items) != 1 || r.Items[0] != control.OK:
		return fmt.Errorf("shard %d is on its way elsewhere at this moment: try again", id)
	}
	for {
		done := false
		n.fsm.view(func(st *control.State) {
			s := &st.Shards[id]
			switch at := plan.Moves[0]; {
			case s.Epoch == at.Epoch && s.Session == plan.From:
			case s.Session == at.To:
				done = true
			default:
				done, err = true, fmt.Errorf("the move of shard %d to %s was called off: see the logs of both nodes, and try again", id, to)
			}
		})
		if done {
			return err
		}
		select {
		case <-time.After(moveLook):
		case <-ctx.Done():
			return fmt.Errorf("shard %d is still on its way to %s: see `leasectl nodes`", id, to)
		}
	}
}

// moveLook is how often Move looks whether the shard is there.
const moveLook = 5 * time.Millisecond

func planOf(st *control.State, id shard.ID, to string) (p control.Plan, there bool, err error) {
	if int(id) >= len(st.Shards) {
		return p, false, fmt.Errorf("there is no shard %d: they are 0 to %d", id, len(st.Shards)-1)
	}
	m, known := st.Members[to]
	s := &st.Shards[id]
	switch {
	case !known:
		return p, false, noMember(st, to)
	case m.Session == 0:
		return p, false, fmt.Errorf("%s has no session: start it, and wait until it is ready", to)
	case m.Draining || m.Forgotten || st.Sessions[m.Session].Leaving:
		return p, false, fmt.Errorf("%s is to own nothing: `leasectl drain --undo %s` ends that, if it does not stop", to, to)
	case s.Session == 0:
		return p, false, fmt.Errorf("nobody owns shard %d at present: wait until somebody does", id)
	case s.Session == m.Session:
		return p, true, nil
	}
	return control.Plan{From: s.Session, Moves: []control.Owner{{Shard: id, Epoch: s.Epoch, To: m.Session}}}, false, nil
}

func noMember(st *control.State, node string) error {
	return fmt.Errorf("there is no node %s: there are %v", node, slices.Sorted(maps.Keys(st.Members)))
}

// SetDraining has a node own nothing, or ends that. It returns when that is agreed on; the
// shards go one after the other.
func (n *Node) SetDraining(ctx context.Context, node string, on bool) error {
	r, err := n.Propose(ctx, control.Drain{Node: node, On: on})
	return n.ofMember(node, r, err)
}

// Forget removes a node that does not come back. A live one is removed when its session is
// over, which it is given no more.
func (n *Node) Forget(ctx context.Context, node string) error {
	var err error
	votes := n.voters()
	n.fsm.view(func(st *control.State) { err = mayForget(st, votes, node) })
	if err != nil {
		return err
	}
	r, err := n.Propose(ctx, control.Forget{Node: node})
	return n.ofMember(node, r, err)
}

// mayForget refuses what would leave fewer voters alive than a majority: nothing could be
// agreed on any more, not even to undo it.
func mayForget(st *control.State, votes map[string]bool, node string) error {
	if _, known := st.Members[node]; !known {
		return noMember(st, node)
	}
	if len(st.Members) == 1 {
		return fmt.Errorf("%s is the only node", node)
	}
	if !votes[node] {
		return nil
	}
	left, alive := 0, 0
	var down []string
	for id := range votes {
		switch {
		case id == node:
			continue
		case st.Members[id].Session != 0:
			alive++
		default:
			down = append(down, id)
		}
		left++
	}
	if alive < left/2+1 {
		slices.Sort(down)
		return fmt.Errorf("without %s only %d of %d voters would be alive, and nothing could be agreed on: start one of %v again, or wait until another node votes (`leasectl nodes`)",
			node, alive, left, down)
	}
	return nil
}

func (n *Node) ofMember(node string, r control.Result, err error) error {
	switch {
	case err != nil:
		return err
	case r.Code == control.NotFound:
		n.fsm.view(func(st *control.State) { err = noMember(st, node) })
		return err
	case r.Code != control.OK:
		return fmt.Errorf("%s: %v", node, r.Code)
	}
	return nil
}
