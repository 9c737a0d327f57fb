package admin

import (
	"net/http"

	"github.com/leasecache/leasecache/lease"
	"github.com/leasecache/leasecache/server/admin/api"
	"github.com/leasecache/leasecache/server/owner"
)

func stateOf(s *lease.ShardState) string {
	switch {
	case s.ClosedFor > 0:
		return api.ShardClosed
	case s.DoubtBelow != 0:
		return api.ShardDoubt
	}
	return api.ShardOpen
}

func shardCounts(views []owner.ShardView) api.ShardCounts {
	c := api.ShardCounts{Total: int64(len(views))}
	for i := range views {
		switch stateOf(&views[i].State) {
		case api.ShardClosed:
			c.Closed++
		case api.ShardDoubt:
			c.Doubt++
		default:
			c.Open++
		}
	}
	return c
}

func (s *Server) shardJSON(v *owner.ShardView) api.Shard {
	node, _, _ := s.srv.Node()
	return api.Shard{
		Shard: uint32(v.ID), Owner: node, Epoch: uint64(v.State.Epoch), State: stateOf(&v.State),
		DoubtBelow: api.Token(v.State.DoubtBelow), ClosedForMS: millis(v.State.ClosedFor),
		NotedFenced: v.Noted.Fenced, NotedBoundedMS: v.Noted.Bounded.Milliseconds(),
		LastToken: api.Token(v.State.Last), TagFloor: api.Token(v.State.TagFloor),
		Leases: int64(v.Stats.Leases), Intents: int64(v.Stats.Intents), Doubts: int64(v.Stats.DoubtedKeys),
	}
}

func (s *Server) shards(*http.Request) (any, error) {
	_, cluster, _ := s.srv.Node()
	out := api.Shards{Cluster: cluster, Shards: []api.Shard{}}
	for _, v := range s.srv.Shards() {
		out.Shards = append(out.Shards, s.shardJSON(&v))
	}
	return out, nil
}
