package control

import (
	"maps"
	"slices"
	"time"

	"github.com/leasecache/leasecache/shard"
)

// Overview is a cluster as one node shows it to people.
type Overview struct {
	Node     string // whose view it is
	Cluster  string
	Leader   string // "" if that node knows of none; then Why says what is missing
	Why      string
	Term     uint64
	Settings Settings
	Nodes    []Standing // by id
	Shards   []Place
}

// Standing is a member.
type Standing struct {
	ID string
	Member
	Votes  bool
	Shards int           // it owns
	TTL    time.Duration // of its session
	// Heard is how long ago the node that shows it applied a renewal of the member; below 0:
	// it has not yet.
	Heard time.Duration
}

// Place is where a shard is.
type Place struct {
	Owner string // "" is nobody
	Epoch shard.Epoch
	To    string // whom it is being moved to, or ""
}

// Refusal is what cannot be done as an operator wants it. Its text is a sentence that says
// what to do.
type Refusal struct{ Text string }

func (r *Refusal) Error() string { return r.Text }

// Overview shows what is agreed on; the rest of it is left empty.
func (st *State) Overview() Overview {
	o := Overview{Cluster: st.Cluster, Settings: st.Settings, Shards: make([]Place, len(st.Shards))}
	owned := make(map[string]int)
	for i := range st.Shards {
		s := &st.Shards[i]
		o.Shards[i] = Place{Owner: st.Sessions[s.Session].Node, Epoch: s.Epoch, To: st.Sessions[s.Transfer.To].Node}
		owned[o.Shards[i].Owner]++
	}
	for _, id := range slices.Sorted(maps.Keys(st.Members)) {
		m := st.Members[id]
		o.Nodes = append(o.Nodes, Standing{ID: id, Member: m, Shards: owned[id], TTL: st.Sessions[m.Session].TTL, Heard: -1})
	}
	return o
}

// Gauges are a node's part in the cluster, as numbers.
type Gauges struct {
	Leads         bool
	Term          uint64
	Left          time.Duration // of its session, by its own monotonic clock; 0: it has none
	Owned         int
	Moved, Stayed uint64 // planned moves of its shards that were done, or called off
}
