package main

import (
	"github.com/leasecache/leasecache/server/admin"
	"github.com/leasecache/leasecache/server/admin/api"
	"github.com/leasecache/leasecache/shard/consensus"
	"github.com/leasecache/leasecache/shard/control"
)

// operated is a member as the admin port sees it.
type operated struct{ consensus.Operator }

var _ admin.Cluster = operated{}

// operate is nil without a cluster.
func (m *member) operate() admin.Cluster {
	if m == nil {
		return nil
	}
	return operated{m.Operator()}
}

func (o operated) Nodes() api.Nodes {
	v := o.Overview()
	out := api.Nodes{Cluster: v.Cluster, Leader: v.Leader, NoLeader: v.Why, Term: v.Term, Nodes: []api.Node{}}
	for i := range v.Nodes {
		out.Nodes = append(out.Nodes, nodeOf(&v.Nodes[i], v.Leader))
	}
	return out
}

func nodeOf(m *control.Standing, leader string) api.Node {
	n := api.Node{
		ID: m.ID, Clients: m.Client, Admin: m.Admin, Peers: m.Peer,
		Alive: m.Session != 0, Leads: m.ID == leader, Votes: m.Votes, Draining: m.Draining, Forgotten: m.Forgotten,
		Shards: int64(m.Shards), MemoryBytes: int64(m.Weight), HeardMS: -1,
	}
	if m.Heard >= 0 {
		n.HeardMS = m.Heard.Milliseconds()
	}
	return n
}

func (o operated) Owners() []api.Owner {
	v := o.Overview()
	out := make([]api.Owner, len(v.Shards))
	for i, s := range v.Shards {
		out[i] = api.Owner{Shard: uint32(i), Node: s.Owner, Epoch: uint64(s.Epoch), MovesTo: s.To}
	}
	return out
}

func (o operated) Gauges() admin.Gauges {
	g := o.Operator.Gauges()
	return admin.Gauges{Leads: g.Leads, Term: g.Term, SessionLeft: g.Left, Owned: g.Owned, Moved: g.Moved, CalledOff: g.Stayed}
}
