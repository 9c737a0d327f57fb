package shard

// Owner is who serves a shard: an index into the nodes of the Map it stands
// in, or NoOwner.
type Owner int32

// NoOwner stands for a shard that nobody may serve at the moment.
const NoOwner Owner = -1

// Node is a member of the cluster as clients see it.
type Node struct {
	ID    string    `json:"id"`
	Addr  string    `json:"addr"` // host:port of the client port
	State NodeState `json:"state"`
}

// NodeState says whether a node can be talked to.
type NodeState string

const (
	// Alive is the state of a node that holds a live session, Down of one that
	// does not.
	Alive NodeState = "alive"
	Down  NodeState = "down"
)
