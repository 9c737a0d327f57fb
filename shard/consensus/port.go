package consensus

import (
	"encoding/binary"
	"encoding/json"
	"slices"

	"github.com/leasecache/leasecache/internal/peer"
	"github.com/leasecache/leasecache/shard/control"
)

// talk serves another node's connection to the cluster port.
type talk struct {
	n       *Node
	from    peer.Hello
	clients peer.Conversation // what it asks for its clients
}

func (t talk) Close() { t.clients.Close() }

// Serve does not block: what takes an agreement has a goroutine.
func (t talk) Serve(q peer.Request, r peer.Reply) {
	switch q.Kind {
	case peer.KindRequest:
		t.clients.Serve(q, r)
	case peer.KindRenew:
		t.heard(q.Payload)
	case peer.KindPropose:
		data := slices.Clone(q.Payload)
		t.n.spawn(func() { reply(r, t.n.proposed(data)) })
	case peer.KindFind:
		reply(r, t.n.met(t.from.Node, q.Payload))
	case peer.KindImport:
		said, why := t.n.handed(q.Payload)
		r.Send([]byte{byte(said)}, []byte(why))
	case peer.KindJoin:
		data := slices.Clone(q.Payload)
		t.n.spawn(func() { reply(r, t.n.admit(t.from, data)) })
	default:
		r.Fail("this node does not serve that yet: run the same release on all nodes")
	}
}

func reply(r peer.Reply, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		r.Fail(err.Error())
		return
	}
	r.Send(data)
}

// A message that awaits no answer is how far the sender has applied the log, u64, and an
// entry.
func oneWay(applied uint64, e control.Entry) [][]byte {
	return [][]byte{binary.BigEndian.AppendUint64(nil, applied), control.Encode(e)}
}

func (t talk) heard(payload []byte) {
	if len(payload) < 8 {
		return
	}
	e, err := control.Decode(payload[8:])
	if err != nil {
		t.n.cfg.Logger.Warn("node sends what is not understood", "node", t.from.Node, "err", err)
		return
	}
	t.n.roll.heard(t.from.Node, binary.BigEndian.Uint64(payload), t.n.raft.CommitIndex())
	switch e.(type) {
	case control.Init, control.Term, control.PutMember:
		return // these have ways of their own
	}
	t.n.leader.hear(e)
}

// send has the leader hear of an entry, if one is known and can be reached. Nobody
// answers: what came of it the State will show.
func (n *Node) send(e control.Entry) {
	switch leader := n.leaderID(); leader {
	case "":
	case n.id.Node:
		n.leader.hear(e)
	default:
		var applied uint64
		n.fsm.view(func(st *control.State) { applied = st.Index })
		_ = n.pool.Call(peer.Call{Node: leader, Kind: peer.KindRenew, Payload: oneWay(applied, e)})
	}
}
