package consensus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hashicorp/raft"

	"github.com/leasecache/leasecache/internal/peer"
	"github.com/leasecache/leasecache/shard/control"
)

var (
	// ErrUnknown says that an entry may have been agreed on, or may yet be. Entries name
	// what they were decided on, so who wants to know looks at the State, and may propose
	// again.
	ErrUnknown = errors.New("it is unknown whether it was agreed on")
	// ErrNoLeader says that nothing can be agreed on now, and that nothing was proposed.
	ErrNoLeader = errors.New("no leader")
)

const (
	hopLimit  = 2 * time.Second // for one try at one node
	lookAgain = 50 * time.Millisecond
)

// answer is what a leader says to a proposal. Without an Index it did nothing.
type answer struct {
	Index   uint64
	Result  control.Result
	Leader  string `json:",omitempty"` // who may know better
	Unknown bool   `json:",omitempty"`
	Why     string `json:",omitempty"`
}

// Propose has an entry agreed on and returns when this node has applied it. The error
// wraps ErrUnknown if it may have been, and may yet be; otherwise it was not, and will
// not be.
func (n *Node) Propose(ctx context.Context, e control.Entry) (control.Result, error) {
	select {
	case <-n.started:
	case <-n.ended:
		return control.Result{}, fmt.Errorf("%w: the node stops", ErrNoLeader)
	case <-ctx.Done():
		return control.Result{}, fmt.Errorf("%w: this node has not joined yet", ErrNoLeader)
	}
	data := control.Encode(e)
	for {
		a, err := n.tryAll(ctx, data)
		switch {
		case err != nil:
			return control.Result{}, err
		case a.Unknown:
			return control.Result{}, fmt.Errorf("%w: %s", ErrUnknown, a.Why)
		case a.Index != 0:
			if err := n.fsm.reached(ctx, a.Index); err != nil {
				return a.Result, fmt.Errorf("it was agreed on, but this node has not followed yet: %w", err)
			}
			return a.Result, nil
		}
		select { // an election is under way, or this node is cut off
		case <-time.After(lookAgain):
		case <-ctx.Done():
			return control.Result{}, fmt.Errorf("%w: %s", ErrNoLeader, a.Why)
		case <-n.ended:
			return control.Result{}, fmt.Errorf("%w: the node stops", ErrNoLeader)
		}
	}
}

// tryAll asks who leads as far as this node knows; and if it does not know, as after a
// restart at another address, all others.
func (n *Node) tryAll(ctx context.Context, data []byte) (answer, error) {
	leader := n.leaderID()
	if leader == n.id.Node {
		got := make(chan answer, 1)
		go func() { got <- n.propose(data) }()
		select {
		case a := <-got:
			if a.Index != 0 || a.Unknown {
				return a, nil
			}
			leader = ""
		case <-ctx.Done():
			return answer{}, fmt.Errorf("%w: %w", ErrUnknown, ctx.Err())
		}
	}
	if leader != "" {
		return n.ask(ctx, leader, data)
	}
	last := answer{Why: n.whyNoLeader()}
	for _, other := range n.others() {
		a, err := n.ask(ctx, other, data)
		if err != nil || a.Index != 0 || a.Unknown {
			return a, err
		}
		if a.Leader != "" && a.Leader != n.id.Node && a.Leader != other {
			if a, err := n.ask(ctx, a.Leader, data); err != nil || a.Index != 0 || a.Unknown {
				return a, err
			}
		}
	}
	return last, nil
}

// ask proposes through another node.
func (n *Node) ask(ctx context.Context, node string, data []byte) (answer, error) {
	deadline := time.Now().Add(hopLimit)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	got := make(chan answer, 1)
	err := n.pool.Call(peer.Call{
		Node: node, Kind: peer.KindPropose, Deadline: deadline, Payload: [][]byte{data},
		Done: func(reply []byte, sent bool, err error) {
			var a answer
			if err == nil {
				err = json.Unmarshal(reply, &a)
			}
			if err != nil {
				a = answer{Unknown: sent, Why: err.Error()}
			}
			got <- a
		},
	})
	if err != nil {
		return answer{Why: err.Error()}, nil
	}
	select {
	case a := <-got:
		return a, nil
	case <-ctx.Done():
		return answer{}, fmt.Errorf("%w: %w", ErrUnknown, ctx.Err())
	}
}

// propose has raft agree on an entry, if this node leads.
func (n *Node) propose(data []byte) answer {
	if n.raft.State() != raft.Leader {
		return answer{Leader: n.leaderID(), Why: n.whyNoLeader()}
	}
	f := n.raft.Apply(data, hopLimit)
	switch err := f.Error(); {
	case err == nil:
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrEnqueueTimeout), errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return answer{Why: err.Error()} // it did not come into the log
	default:
		return answer{Unknown: true, Why: err.Error()}
	}
	r, ok := f.Response().(control.Result)
	if !ok {
		return answer{Unknown: true, Why: fmt.Sprint(f.Response())}
	}
	r.Changed = nil // who wants to know looks at the State
	return answer{Index: f.Index(), Result: r}
}

// Leader is who leads; or, if this node knows of nobody, what is missing.
func (n *Node) Leader() (id string, ok bool, why string) {
	select {
	case <-n.started:
	default:
		return "", false, "this node has not joined yet"
	}
	if id = n.leaderID(); id == "" {
		return "", false, n.whyNoLeader()
	}
	return id, true, ""
}

// leaderID is who leads as far as this node knows, or "".
func (n *Node) leaderID() string {
	_, id := n.raft.LeaderWithID()
	return string(id)
}

func (n *Node) others() []string {
	var ids []string
	n.fsm.view(func(st *control.State) { ids = slices.Sorted(maps.Keys(st.Members)) })
	for _, s := range n.servers() {
		if id := string(s.ID); !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return slices.DeleteFunc(ids, func(id string) bool { return id == n.id.Node })
}

// whyNoLeader says what is missing, for people.
func (n *Node) whyNoLeader() string {
	var voting []string
	for _, s := range n.servers() {
		if s.Suffrage == raft.Voter && string(s.ID) != n.id.Node {
			voting = append(voting, string(s.ID))
		}
	}
	if len(voting) == 0 {
		return "there is no other voter that this node knows of: wait a moment"
	}
	return fmt.Sprintf("a majority of the voters has to be reachable; besides %s they are %v", n.id.Node, voting)
}
