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
	Refused bool   `json:",omitempty"` // by the leader, for ever
	Why     string `json:",omitempty"`
}

// final says that asking others changes nothing.
func (a *answer) final() bool { return a.Index != 0 || a.Unknown || a.Refused }

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
	data, err := encode(e)
	if err != nil {
		return control.Result{}, err
	}
	for {
		a, err := n.tryAll(ctx, data)
		switch {
		case err != nil:
			return control.Result{}, err
		case a.Unknown:
			return control.Result{}, fmt.Errorf("%w: %s", ErrUnknown, a.Why)
		case a.Refused:
			return control.Result{Code: control.Refused}, nil
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

// encode refuses what could not be read again: agreed on, it would end every node.
func encode(e control.Entry) ([]byte, error) {
	data := control.Encode(e)
	if _, err := control.Decode(data); err != nil {
		return nil, fmt.Errorf("nothing was proposed: %T is no entry: %w", e, err)
	}
	return data, nil
}

// tryAll asks who leads as far as this node knows; and if it does not know, as after a
// restart at another address, all others. Those may know, and pass it on.
func (n *Node) tryAll(ctx context.Context, data []byte) (answer, error) {
	leader := n.leaderID()
	if leader == n.id.Node {
		got := make(chan answer, 1)
		go func() { got <- n.propose(data) }()
		select {
		case a := <-got:
			if a.final() {
				return a, nil
			}
			leader = ""
		case <-ctx.Done():
			return answer{}, fmt.Errorf("%w: %w", ErrUnknown, ctx.Err())
		}
	}
	if leader != "" {
		return n.ask(ctx, leader, firstHop, data)
	}
	last := answer{Why: n.whyNoLeader()}
	for _, other := range n.others() {
		a, err := n.ask(ctx, other, firstHop, data)
		if err != nil || a.final() {
			return a, err
		}
	}
	return last, nil
}

// A proposal begins with how often it was passed on. Once is enough, and cannot go round.
const (
	firstHop  byte = 0
	secondHop byte = 1
)

// proposed is for another node: by this one, if it leads, or by who does. Its sender may
// not know where that is, when both came back at other addresses.
func (n *Node) proposed(payload []byte) answer {
	if len(payload) < 1 {
		return answer{Why: "an empty proposal"}
	}
	a := n.propose(payload[1:])
	if payload[0] != firstHop || a.final() || a.Leader == "" || a.Leader == n.id.Node {
		return a
	}
	ctx, cancel := context.WithTimeout(context.Background(), hopLimit)
	defer cancel()
	passed, err := n.ask(ctx, a.Leader, secondHop, payload[1:])
	if err != nil {
		return answer{Unknown: true, Why: err.Error()}
	}
	return passed
}

// ask proposes through another node.
func (n *Node) ask(ctx context.Context, node string, hop byte, data []byte) (answer, error) {
	deadline := time.Now().Add(hopLimit)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	got := make(chan answer, 1)
	err := n.pool.Call(peer.Call{
		Node: node, Kind: peer.KindPropose, Deadline: deadline, Payload: [][]byte{{hop}, data},
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
	e, err := control.Decode(data)
	if err != nil { // of another release, maybe; what this one cannot read it must not have agreed on
		return answer{Refused: true, Why: err.Error()}
	}
	if n.stranger(e) {
		return answer{Refused: true}
	}
	return n.agree(data)
}

// stranger says that an entry brings in a node. That is for admit alone, which asks
// whether it may be:
//
//	1 n3 is stopped, and forgotten. 2 It is started again, knows nothing of that, and tells
//	the leader its new address: n3 is a member again.
func (n *Node) stranger(e control.Entry) (is bool) {
	put, ok := e.(control.PutMember)
	if !ok {
		return false
	}
	n.fsm.view(func(st *control.State) {
		_, there := st.Members[put.Node]
		is = !there && len(st.Members) > 0
	})
	return is
}

// agree has raft agree on an entry.
func (n *Node) agree(data []byte) answer {
	f := n.raft.Apply(data, hopLimit)
	switch err := f.Error(); {
	case err == nil:
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrEnqueueTimeout), errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return answer{Why: err.Error()} // it did not come into the log
	default:
		return answer{Unknown: true, Why: err.Error()}
	}
	n.tell()
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
