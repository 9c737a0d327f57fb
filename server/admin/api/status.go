package api

// Status is the answer of [PathStatus]: one node at a glance. Counters count since the process started.
type Status struct {
	Node      string `json:"node"`
	Cluster   string `json:"cluster"`
	Version   string `json:"version"`
	Listen    string `json:"listen"` // address of the client port
	Admin     string `json:"admin"`
	UptimeMS  int64  `json:"uptime_ms"`
	Ready     bool   `json:"ready"`                // what /readyz says
	NotReady  string `json:"not_ready,omitempty"`  // why not
	Leader    string `json:"leader,omitempty"`     // of the cluster; empty also without a cluster
	NoLeader  string `json:"no_leader,omitempty"`  // what is missing to have one
	SessionMS int64  `json:"session_ms,omitempty"` // how long this node may serve yet, if nothing is renewed
	NoIntents string `json:"no_intents,omitempty"` // why lw is refused on this node; empty = it is not

	Memory      Memory      `json:"memory"`
	Connections Connections `json:"connections"`
	Reads       Reads       `json:"reads"`
	Leases      LeaseStats  `json:"leases"`
	Intents     IntentStats `json:"intents"`
	Doubts      DoubtStats  `json:"doubts"`
	Shards      ShardCounts `json:"shards"`

	Commands map[string]int64 `json:"commands"` // by verb: "get", "lg", …
}

// Memory is the state of the value store.
type Memory struct {
	LimitBytes int64 `json:"limit_bytes"`
	UsedBytes  int64 `json:"used_bytes"` // mapped and in use: records, index
	LiveBytes  int64 `json:"live_bytes"` // records that can still be read
	Items      int64 `json:"items"`
	Evictions  int64 `json:"evictions"`
	Expired    int64 `json:"expired"`
}

// Connections of the client port.
type Connections struct {
	Current int64 `json:"current"`
	Max     int64 `json:"max"` // 0 = no bound
	Total   int64 `json:"total"`
	Refused int64 `json:"refused"` // over the bound
}

// Reads counts keys, not commands, by outcome; a read that was given a stale copy it had asked for counts under Stale alone.
type Reads struct {
	Hits        int64 `json:"hits"`
	Misses      int64 `json:"misses"`
	Stale       int64 `json:"stale"`
	Quarantined int64 `json:"quarantined"` // QU e: an intent was open
	InDoubt     int64 `json:"in_doubt"`    // QU X
}

// LeaseStats: the rights to fill.
type LeaseStats struct {
	Live    int64            `json:"live"`   // given out and not voided, filled or superseded
	Parked  int64            `json:"parked"` // readers waiting for another's fill now
	Granted int64            `json:"granted"`
	Filled  int64            `json:"filled"`
	Refused map[string]int64 `json:"refused"` // fills, by the letter of NS r<reason>
	Dropped int64            `json:"dropped"` // because their memory was short
}

// IntentStats: the rights to write.
type IntentStats struct {
	LiveFenced  int64 `json:"live_fenced"`
	LiveBounded int64 `json:"live_bounded"`
	Begun       int64 `json:"begun"`
	Committed   int64 `json:"committed"`
	Aborted     int64 `json:"aborted"`
	RanOut      int64 `json:"ran_out"` // fenced ones became doubts
	Refused     int64 `json:"refused"` // SERVER_ERROR unavailable
}

// DoubtStats: what waits for a fence.
type DoubtStats struct {
	Keys    int64 `json:"keys"`
	Tokens  int64 `json:"tokens"` // a key may have several
	Shards  int64 `json:"shards"` // whole shards in doubt
	Cleared int64 `json:"cleared"`
}

// ShardCounts says in how many states the shards of this node are; a shard is counted once, under the worst.
type ShardCounts struct {
	Total  int64 `json:"total"`
	Open   int64 `json:"open"`
	Doubt  int64 `json:"doubt"`
	Closed int64 `json:"closed"`
}
