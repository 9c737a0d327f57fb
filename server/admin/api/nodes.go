package api

// Nodes is the answer of [PathNodes], as the node that is asked knows its cluster, by ascending id.
type Nodes struct {
	Cluster string `json:"cluster"`
	Node    string `json:"node"`          // who answers
	Leader  string `json:"leader"`        // node id; empty: this node knows of none
	Why     string `json:"why,omitempty"` // what is missing to have one
	Term    uint64 `json:"term"`
	Nodes   []Node `json:"nodes"`
}

// Node is a member of the cluster.
type Node struct {
	ID          string `json:"id"`
	Clients     string `json:"clients"` // host:port for clients
	Admin       string `json:"admin"`
	Peers       string `json:"peers"` // host:port for other nodes
	MemoryBytes uint64 `json:"memory_bytes"`
	Leader      bool   `json:"leader"`
	Voter       bool   `json:"voter"`
	Session     uint64 `json:"session"`  // 0 = none: it may serve nothing
	TTLMS       int64  `json:"ttl_ms"`   // of the session
	HeardMS     int64  `json:"heard_ms"` // since this node saw its session renewed; -1 = not yet
	Draining    bool   `json:"draining"`
	Forgotten   bool   `json:"forgotten"`
	Shards      int64  `json:"shards"` // it owns
}

// MoveRequest is the body of [PathMove]: the shard moves to the node as planned, with what is known of its writers and
// without its values.
type MoveRequest struct {
	Shard uint32 `json:"shard"`
	Node  string `json:"node"`
}

// DrainRequest is the body of [PathDrain]: the node is to own nothing, or, to undo that, its part again.
type DrainRequest struct {
	Node string `json:"node"`
	Undo bool   `json:"undo,omitempty"`
}

// ForgetRequest is the body of [PathForget]: the node leaves the cluster for good.
type ForgetRequest struct {
	Node string `json:"node"`
}

// Done says that it was agreed on.
type Done struct {
	Done bool `json:"done"`
}
