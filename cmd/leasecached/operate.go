package main

import (
	"github.com/leasecache/leasecache/server/admin"
	"github.com/leasecache/leasecache/server/admin/api"
)

// operated is a member as the admin port sees it.
type operated struct{ *member }

var _ admin.Cluster = operated{}

// operate is nil without a cluster.
func (m *member) operate() admin.Cluster {
	if m == nil {
		return nil
	}
	return operated{m}
}

func (o operated) Nodes() (all []api.Node) {
	for _, m := range o.Members() {
		all = append(all, api.Node{
			ID: m.ID, Clients: m.Client, Admin: m.Admin, Peers: m.Peer,
			Alive: m.Alive, Leads: m.Leader, Votes: m.Voter, Draining: m.Draining, Forgotten: m.Forgotten,
			Shards: int64(m.Shards), MemoryBytes: int64(m.Weight),
		})
	}
	return all
}
