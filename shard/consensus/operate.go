package consensus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/raft"

	"github.com/leasecache/leasecache/shard"
	"github.com/leasecache/leasecache/shard/control"
)

// Operator is what people see of the cluster and do about it, on any node. What is done is
// decided by the State of the node that was asked; the entry names what it was decided on,
// so that it has no effect if that has changed. Refusals are *control.Refusal.
type Operator struct{ n *Node }

// Operator returns the node's.
func (n *Node) Operator() Operator { return Operator{n} }

// Overview is the cluster as this node sees it.
func (p Operator) Overview() control.Overview {
	n := p.n
	var o control.Overview
	n.fsm.view(func(st *control.State) { o = st.Overview() })
	o.Node = n.id.Node
	if o.Cluster == "" {
		o.Cluster = n.id.Cluster
	}
	select {
	case <-n.started:
	default:
		o.Why = "this node has not joined yet"
		return o
	}
	o.Leader, o.Term = n.leaderID(), n.raft.CurrentTerm()
	if o.Leader == "" {
		o.Why = n.whyNoLeader()
	}
	now := time.Now()
	votes := n.voting()
	for i := range o.Nodes {
		m := &o.Nodes[i]
		m.Votes = slices.Contains(votes, m.ID)
		m.Heard = n.pulse.heard(m.Session, now)
	}
	return o
}

// voting is who votes, by the newest configuration that this node knows.
func (n *Node) voting() []string {
	var ids []string
	for _, s := range n.servers() {
		if s.Suffrage == raft.Voter {
			ids = append(ids, string(s.ID))
		}
	}
	slices.Sort(ids)
	return ids
}

func refusef(format string, args ...any) error {
	return &control.Refusal{Text: fmt.Sprintf(format, args...)}
}

// find looks an id up.
func find(o *control.Overview, node string) (*control.Standing, error) {
	i := slices.IndexFunc(o.Nodes, func(m control.Standing) bool { return m.ID == node })
	if i < 0 {
		return nil, refusef("no node is called %s: `leasectl nodes` lists them", node)
	}
	return &o.Nodes[i], nil
}

// Move has a shard move to a node as planned, and returns when it has, or stays.
func (p Operator) Move(ctx context.Context, id shard.ID, node string) error {
	n, o := p.n, p.Overview()
	to, err := find(&o, node)
	switch {
	case err != nil:
		return err
	case int(id) >= len(o.Shards):
		return refusef("there is no shard %d: they are numbered from 0 to %d", id, len(o.Shards)-1)
	}
	s := o.Shards[id]
	switch {
	case s.Owner == node:
		return refusef("shard %d is %s's already", id, node)
	case s.Owner == "":
		return refusef("nobody owns shard %d at present, so nobody can hand it over: wait until the leader gives it away", id)
	case s.To != "":
		return refusef("shard %d is on its way to %s: wait until it is there", id, s.To)
	case to.Session == 0:
		return refusef("%s has no session, so it can own nothing: start it first", node)
	case to.Draining:
		return refusef("%s is drained, and would hand it on at once: `leasectl drain %s --undo` first", node, node)
	case to.Forgotten:
		return refusef("%s is forgotten, and about to leave: name another node", node)
	}
	var from shard.Session
	n.fsm.view(func(st *control.State) { from = st.Shards[id].Session })
	plan := control.Plan{From: from, Moves: []control.Owner{{Shard: id, Epoch: s.Epoch, To: to.Session}}}
	r, err := n.operate(ctx, plan)
	if err == nil && len(r.Items) == 1 {
		r.Code = r.Items[0]
	}
	switch {
	case err != nil:
		return err
	case r.Code != control.OK:
		return refusef("shard %d has moved meanwhile, or %s has lost its session: look at `leasectl shards`, and do it again", id, node)
	}
	return n.arrives(ctx, id, s.Epoch, node)
}

// arrives waits for the end of a planned move.
func (n *Node) arrives(ctx context.Context, id shard.ID, was shard.Epoch, node string) error {
	for {
		changed := n.fsm.next()
		var owner string
		over := false
		n.fsm.view(func(st *control.State) {
			s := &st.Shards[id]
			owner, over = st.Sessions[s.Session].Node, s.Epoch != was
		})
		switch {
		case over && owner == node:
			return nil
		case over:
			return refusef("shard %d stays with %s: %s could not be handed it in time, see the log of either", id, owner, node)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("shard %d is still on its way: `leasectl shards` shows when it has arrived", id)
		}
	}
}

// Drain has a node own nothing, or ends that. It returns when that is agreed on; the shards
// move after that.
func (p Operator) Drain(ctx context.Context, node string, on bool) error {
	n, o := p.n, p.Overview()
	m, err := find(&o, node)
	if err != nil {
		return err
	}
	others := slices.ContainsFunc(o.Nodes, func(m control.Standing) bool {
		return m.ID != node && m.Session != 0 && !m.Draining && !m.Forgotten
	})
	switch {
	case m.Draining == on:
		return nil
	case on && !others:
		return refusef("there is no other node to take the shards of %s: start one, or end the drain of one (`leasectl drain NODE --undo`)", node)
	}
	r, err := n.operate(ctx, control.Drain{Node: node, On: on})
	if err == nil && r.Code != control.OK {
		err = refusef("%s has left meanwhile", node)
	}
	return err
}

// Forget takes a node out of the cluster for good. It returns when that is agreed on; it is
// out when its session is over.
func (p Operator) Forget(ctx context.Context, node string) error {
	n, o := p.n, p.Overview()
	m, err := find(&o, node)
	if err != nil {
		return err
	}
	if m.Shards > 0 && n.alive(m) {
		return refusef("%s runs and owns %d shards: `leasectl drain %s` first, wait until it owns none, and stop it", node, m.Shards, node)
	}
	if err := n.quorumWithout(&o, node); err != nil {
		return err
	}
	r, err := n.operate(ctx, control.Forget{Node: node})
	if err == nil && r.Code == control.Refused {
		err = refusef("%s cannot be forgotten", node)
	}
	return err // one that is gone already is forgotten
}

// alive says that a node was heard of within its session, so far as this one can know.
func (n *Node) alive(m *control.Standing) bool {
	return m.ID == n.id.Node || m.Session != 0 && m.Heard >= 0 && m.Heard <= m.TTL
}

// quorumWithout refuses if the voters that are left without a node could agree on nothing:
//
//	1 n1, n2, n3 vote, n3 is dead. 2 n2 is forgotten: n1 and n3 vote, and both are needed.
//	3 Nothing can be agreed on, not even that n2 comes back.
func (n *Node) quorumWithout(o *control.Overview, node string) error {
	votes := n.voting()
	if !slices.Contains(votes, node) {
		return nil
	}
	left := slices.DeleteFunc(slices.Clone(votes), func(id string) bool { return id == node })
	if len(left) == 0 {
		return refusef("%s is the only voter, and without it nothing can be agreed on: start a second node and a third, and wait until one votes", node)
	}
	var dead []string
	for _, id := range left {
		if m, err := find(o, id); err != nil || !n.alive(m) {
			dead = append(dead, id)
		}
	}
	if len(left)-len(dead) > len(left)/2 {
		return nil
	}
	return refusef("without %s %d of %d voters can be reached, and a majority is needed: start %s first, or forget it instead",
		node, len(left)-len(dead), len(left), strings.Join(dead, " or "))
}

// operate has an entry agreed on, and says what an operator can do if it was not.
func (n *Node) operate(ctx context.Context, e control.Entry) (control.Result, error) {
	r, err := n.Propose(ctx, e)
	if errors.Is(err, ErrUnknown) {
		err = fmt.Errorf("%w: look at it with `leasectl nodes`, and do it again; twice does no harm", err)
	}
	return r, err
}
