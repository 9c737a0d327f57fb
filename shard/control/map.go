package control

import (
	"maps"
	"slices"

	"github.com/leasecache/leasecache/shard"
)

// Map is the state as clients see it. A node with a session is alive; whether it
// still is, only it can know.
func (st *State) Map() shard.Map {
	m := shard.Map{
		Version: st.Version, Cluster: st.Cluster, Shards: uint32(len(st.Shards)), Hash: shard.HashName,
		SessionTTL: st.Settings.TTL.Milliseconds(),
		Nodes:      []shard.Node{},
		Owners:     make([]shard.Owner, len(st.Shards)),
		Epochs:     make([]shard.Epoch, len(st.Shards)),
	}
	places := make(map[string]shard.Owner, len(st.Members))
	for _, id := range slices.Sorted(maps.Keys(st.Members)) {
		n := shard.Node{ID: id, Addr: st.Members[id].Client, State: shard.Down}
		if st.Members[id].Session != 0 {
			n.State = shard.Alive
		}
		places[id] = shard.Owner(len(m.Nodes))
		m.Nodes = append(m.Nodes, n)
	}
	for i := range st.Shards {
		s := &st.Shards[i]
		m.Epochs[i], m.Owners[i] = s.Epoch, shard.NoOwner
		if st.live(s.Session) {
			m.Owners[i] = places[st.Sessions[s.Session].Node]
		}
	}
	return m
}
