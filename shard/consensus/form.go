package consensus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/leasecache/leasecache/internal/peer"
	"github.com/leasecache/leasecache/shard"
	"github.com/leasecache/leasecache/shard/control"
)

const (
	defaultShards = 1024
	joinAgain     = 500 * time.Millisecond
	joinLimit     = 5 * time.Second
)

// enter takes the node into a cluster, if its directory is in none: one of its own, or
// the one it is told to join. What is agreed on comes later; here the directory learns
// which cluster it belongs to, for ever.
func (n *Node) enter(ctx context.Context) error {
	if n.id.Cluster != "" {
		return nil // --join says where the cluster was; it is found by what the log says
	}
	if len(n.cfg.Join) > 0 {
		return n.join(ctx)
	}
	n.id.Cluster, n.id.Incarnation, n.id.Phase = n.cfg.ClusterID, 1, forming
	if n.id.Cluster == "" {
		n.id.Cluster = mint()
	}
	if err := shard.CheckName(n.id.Cluster); err != nil {
		return fmt.Errorf("--cluster-id: %w", err)
	}
	n.id.Shards = n.cfg.Shards
	if n.id.Shards == 0 {
		n.id.Shards = defaultShards
	}
	if n.id.Shards > shard.MaxCount {
		return fmt.Errorf("--shards: a cluster has at most %d", shard.MaxCount)
	}
	set := n.settings()
	if err := set.Check(); err != nil {
		return fmt.Errorf("--session-ttl: %w", err)
	}
	return n.id.save(n.cfg.Dir)
}

func (n *Node) settings() control.Settings {
	s := control.DefaultSettings()
	if n.cfg.SessionTTL != 0 {
		s.TTL = n.cfg.SessionTTL
	}
	return s
}

// first is the entry that makes the cluster. Epochs begin at random: an operator may give
// the cluster the id of one whose directory he lost, and the source knows its tokens.
func (n *Node) first() control.Init {
	if n.begin != nil {
		return n.begin.First
	}
	e := control.Init{Cluster: n.id.Cluster, Incarnation: n.id.Incarnation, Settings: n.settings()}
	epoch := shard.Epoch(1 + rand.Uint32N(1<<22-1))
	for range n.id.Shards {
		e.Shards = append(e.Shards, control.Former{Epoch: epoch})
	}
	return e
}

// joinAsk is what a node says that wants to be in. Who it is its hello has said.
type joinAsk struct {
	Peer, Client, Admin string
	Weight              uint64
	Shards              uint32 `json:",omitempty"`
	Cluster             string `json:",omitempty"`
}

type joinAnswer struct {
	In          bool
	Cluster     string `json:",omitempty"`
	Incarnation uint64 `json:",omitempty"`
	Shards      uint32 `json:",omitempty"`
	Refused     string `json:",omitempty"` // it cannot be, ever
	Leader      string `json:",omitempty"` // address of who can say more
	Why         string `json:",omitempty"` // not now
}

// join asks one address after the other until the leader has taken this node in. It
// returns early only with what an operator has to mend.
func (n *Node) join(ctx context.Context) error {
	said := ""
	for {
		why := fmt.Errorf("there is no address to join but its own: give --join the address of another node")
		for _, addr := range n.cfg.Join {
			done, err := n.joinAt(ctx, addr)
			if done {
				return err
			}
			if err != nil {
				why = err
			}
		}
		if text := why.Error(); text != said {
			n.cfg.Logger.Warn("cannot join yet", "err", why)
			said = text
		}
		select {
		case <-time.After(joinAgain):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// joinAt asks one address, and whom it names. The first result says that asking is over.
func (n *Node) joinAt(ctx context.Context, addr string) (bool, error) {
	m := n.myself()
	ask, err := json.Marshal(joinAsk{Peer: m.Peer, Client: m.Client, Admin: m.Admin, Weight: m.Weight, Shards: n.cfg.Shards, Cluster: n.cfg.ClusterID})
	if err != nil {
		return true, err
	}
	for range 3 { // the leader may change meanwhile
		ctx, cancel := context.WithTimeout(ctx, joinLimit)
		reply, _, err := peer.Exchange(ctx, n.peers, addr, peer.KindJoin, ask)
		cancel()
		if err != nil {
			return refusedForGood(err)
		}
		var a joinAnswer
		if err := json.Unmarshal(reply, &a); err != nil {
			return false, fmt.Errorf("%s answers what is not understood: %w", addr, err)
		}
		switch {
		case a.In:
			n.id.Cluster, n.id.Incarnation, n.id.Shards, n.id.Phase = a.Cluster, a.Incarnation, a.Shards, joining
			return true, n.id.save(n.cfg.Dir)
		case a.Refused != "":
			return true, &Mismatch{a.Refused}
		case a.Leader == "" || a.Leader == addr:
			return false, fmt.Errorf("%s cannot take nodes in now: %s", addr, a.Why)
		}
		addr = a.Leader
	}
	return false, fmt.Errorf("%s says that another node leads", addr)
}

// refusedForGood tells what an operator has to mend from what passes.
func refusedForGood(err error) (bool, error) {
	var r *peer.Refusal
	if !errors.As(err, &r) {
		return false, err
	}
	switch r.Reason {
	case peer.SameNode: // the same list of addresses on all nodes is fine
		return false, nil
	case peer.NoCluster: // the other one has only just been started
		return false, err
	}
	return true, err
}

// admit is the leader's side of join: the State says first that the node is a member,
// then raft sends it the log. In both a second time is harmless, and is how a node that
// lost the answer, or changed its address, asks again.
func (n *Node) admit(from peer.Hello, data []byte) joinAnswer {
	var ask joinAsk
	if err := json.Unmarshal(data, &ask); err != nil {
		return joinAnswer{Refused: "the request to join is not understood: run the same release on all nodes"}
	}
	if leader := n.leaderID(); leader != n.id.Node {
		addr, _ := n.address(leader)
		return joinAnswer{Leader: addr, Why: n.whyNoLeader()}
	}
	a := joinAnswer{Cluster: n.id.Cluster, Incarnation: n.id.Incarnation}
	forgotten := false
	n.fsm.view(func(st *control.State) {
		if st.Cluster != "" {
			a.Incarnation, a.Shards = st.Incarnation, uint32(len(st.Shards))
		}
		forgotten = st.Members[from.Node].Forgotten
	})
	switch {
	case a.Shards == 0:
		return joinAnswer{Why: "the cluster is being made"}
	case ask.Cluster != "" && ask.Cluster != a.Cluster:
		return joinAnswer{Refused: fmt.Sprintf("%s is in cluster %s, not in %s: correct --join, or leave --cluster-id out", n.id.Node, a.Cluster, ask.Cluster)}
	case ask.Shards != 0 && ask.Shards != a.Shards:
		return joinAnswer{Refused: fmt.Sprintf("cluster %s was made with %d shards, which cannot be changed: start %s with --shards %d, or without",
			a.Cluster, a.Shards, from.Node, a.Shards)}
	case forgotten:
		return joinAnswer{Refused: fmt.Sprintf("%s was forgotten: start it on an empty directory under another --node-id", from.Node)}
	}
	r := n.agree(control.Encode(control.PutMember{
		Node: from.Node, Birth: from.Birth, Peer: ask.Peer, Client: ask.Client, Admin: ask.Admin, Weight: ask.Weight,
	}))
	ctx, cancel := context.WithTimeout(context.Background(), joinLimit)
	defer cancel()
	switch {
	case r.Index == 0:
		return joinAnswer{Why: r.Why}
	case r.Result.Code != control.OK:
		return joinAnswer{Refused: fmt.Sprintf("%s cannot be a member as it is: start it on an empty directory under another --node-id", from.Node)}
	}
	if err := n.enlisted(ctx, from.Node, ask.Peer); err != nil {
		return joinAnswer{Why: err.Error()}
	}
	a.In = true
	return a
}

// enlisted waits until raft sends the log to a node.
func (n *Node) enlisted(ctx context.Context, node, hostport string) error {
	for {
		for _, s := range n.servers() {
			if string(s.ID) == node && s.Address == raftAddress(node, hostport) {
				return nil
			}
		}
		wake(n.membersWake)
		select {
		case <-time.After(lookAgain):
		case <-ctx.Done():
			return fmt.Errorf("the members cannot agree on a new one: %s", n.whyNoLeader())
		case <-n.ended:
			return errStopped
		}
	}
}

// myself is this node as others are to see it.
func (n *Node) myself() control.PutMember {
	text := func(f func() string) string {
		if f == nil {
			return ""
		}
		return f()
	}
	return control.PutMember{
		Node: n.id.Node, Birth: n.id.Birth, Peer: n.hostport(), Client: text(n.cfg.ClientAddr), Admin: text(n.cfg.AdminAddr),
		Weight: uint64(max(n.cfg.Memory, 0)),
	}
}

// announce makes the cluster if this directory forms one, and then has the members know
// what changed about this node: its addresses after a restart, its memory.
func (n *Node) announce() {
	ctx, cancel := n.untilEnded()
	defer cancel()
	tick := time.NewTicker(membersEvery)
	defer tick.Stop()
	compared := false
	for {
		compared = compared || n.compareTTL()
		if n.id.Phase == forming {
			_, _ = n.Propose(ctx, n.first()) // if it was there already it has no effect
		}
		if err := n.present(ctx); err != nil {
			n.cfg.Logger.Warn("the members do not know this node's address yet", "err", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// compareTTL warns of a TTL that is given and does not count. False: the cluster's is not
// known yet.
func (n *Node) compareTTL() bool {
	var ttl time.Duration
	n.fsm.view(func(st *control.State) { ttl = st.Settings.TTL })
	if given := n.cfg.SessionTTL; ttl != 0 && given != 0 && given != ttl {
		n.cfg.Logger.Warn("--session-ttl counts where a cluster is made: the one given is ignored", "given", given, "counts", ttl)
	}
	return ttl != 0
}

// present proposes what is to be known of this node if the State says something else.
func (n *Node) present(ctx context.Context) error {
	want := n.myself()
	empty, there, same := false, false, false
	n.fsm.view(func(st *control.State) {
		var m control.Member
		empty = st.Cluster == ""
		m, there = st.Members[want.Node]
		same = m.Birth == want.Birth && m.Peer == want.Peer && m.Client == want.Client && m.Admin == want.Admin && m.Weight == want.Weight
	})
	switch {
	case there && n.id.Phase != member:
		n.id.Phase = member
		if err := n.id.save(n.cfg.Dir); err != nil {
			n.die(err)
			return err
		}
		if n.begin != nil {
			if err := n.inherited(n.begin); err != nil {
				return err // the next start tells it
			}
		}
	case empty && !n.moved(), !empty && !there && n.id.Phase == member:
		return nil // it has not followed yet; or it was forgotten, and stays so
	}
	if same {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, joinLimit)
	defer cancel()
	r, err := n.Propose(ctx, want)
	if err == nil && r.Code == control.Refused {
		err = fmt.Errorf("%s was forgotten, or is known with another data directory: start it on an empty one under another --node-id, with --join", want.Node)
		n.die(err)
	}
	return err
}

// moved says that raft's configuration has this node at another address: as the leader
// cannot reach it there, the State will not tell.
func (n *Node) moved() bool {
	return slices.ContainsFunc(n.servers(), func(s server) bool {
		return string(s.ID) == n.id.Node && s.Address != raftAddress(n.id.Node, n.hostport())
	})
}
