package api

// Nodes is the answer of [PathNodes]: the cluster as the node that is asked knows it.
type Nodes struct {
	Cluster  string `json:"cluster"`
	Leader   string `json:"leader,omitempty"`
	NoLeader string `json:"no_leader,omitempty"` // why none is known
	Term     uint64 `json:"term"`
	Nodes    []Node `json:"nodes"`
}

// Node is a member of the cluster.
type Node struct {
	ID          string `json:"id"`
	Clients     string `json:"clients"` // addresses: host:port, or empty
	Admin       string `json:"admin"`
	Peers       string `json:"peers"`
	Alive       bool   `json:"alive"` // it has a session
	Leads       bool   `json:"leads"`
	Votes       bool   `json:"votes"`
	Draining    bool   `json:"draining"` // it is to own nothing
	Forgotten   bool   `json:"forgotten"`
	Shards      int64  `json:"shards"`
	MemoryBytes int64  `json:"memory_bytes"` // what it can carry
	HeardMS     int64  `json:"heard_ms"`     // since its last renewal; -1: the node that is asked has seen none
}

// Owners is the answer of [PathOwners]: every shard of the cluster, in their order.
type Owners struct {
	Cluster string  `json:"cluster"`
	Shards  []Owner `json:"shards"`
}

// Owner is who owns a shard.
type Owner struct {
	Shard   uint32 `json:"shard"`
	Node    string `json:"node"` // empty: nobody
	Epoch   uint64 `json:"epoch"`
	MovesTo string `json:"moves_to,omitempty"` // a planned move is under way
}

// MoveRequest is the body of a POST to [PathMove].
type MoveRequest struct {
	Shard uint32 `json:"shard"`
	Node  string `json:"node"`
}

// DrainRequest is the body of a POST to [PathDrain].
type DrainRequest struct {
	Node string `json:"node"`
	Undo bool   `json:"undo,omitempty"`
}

// ForgetRequest is the body of a POST to [PathForget].
type ForgetRequest struct {
	Node string `json:"node"`
}

// Done is the answer to what was asked for and is agreed on.
type Done struct {
	OK bool `json:"ok"`
}
