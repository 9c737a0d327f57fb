package api

// States of a shard, worst last.
const (
	ShardOpen   = "open"
	ShardDoubt  = "doubt"  // fills wait for one fence of the source
	ShardClosed = "closed" // fills wait for a time: bounded intents of a former life may still commit
)

// Shards is the answer of [PathShards], by ascending shard. It is never cut: there are as many as --shards says.
type Shards struct {
	Cluster string  `json:"cluster"`
	Shards  []Shard `json:"shards"`
}

// Shard is one shard as its owner sees it.
type Shard struct {
	Shard          uint32 `json:"shard"`
	Owner          string `json:"owner"` // node id
	Epoch          uint64 `json:"epoch"`
	State          string `json:"state"` // ShardOpen, ShardDoubt, ShardClosed
	DoubtBelow     Token  `json:"doubt_below"`
	ClosedForMS    int64  `json:"closed_for_ms"`
	NotedFenced    bool   `json:"noted_fenced"`     // this epoch may have fenced intents
	NotedBoundedMS int64  `json:"noted_bounded_ms"` // the longest bounded intent noted; 0 = none
	LastToken      Token  `json:"last_token"`
	TagFloor       Token  `json:"tag_floor"`
	Leases         int64  `json:"leases"`
	Intents        int64  `json:"intents"`
	Doubts         int64  `json:"doubts"` // keys in doubt
}

// Leases is the answer of [PathLeases]: live leases.
type Leases struct {
	Leases    []Lease `json:"leases"`
	Total     int64   `json:"total"`
	Truncated bool    `json:"truncated"`
}

// Lease is a reader's right to fill one key.
type Lease struct {
	Name
	Shard   uint32 `json:"shard"`
	Token   Token  `json:"token"`
	LeftMS  int64  `json:"left_ms"`
	Doubt   bool   `json:"doubt"`   // its holder must fence the source first
	Refresh bool   `json:"refresh"` // the key has a value meanwhile
	Parked  int64  `json:"parked"`  // readers waiting for the fill
}

// Intents is the answer of [PathIntents]: live intents. A key with several writers has several.
type Intents struct {
	Intents   []Intent `json:"intents"`
	Total     int64    `json:"total"`
	Truncated bool     `json:"truncated"`
}

// Kinds of an intent.
const (
	KindFenced  = "fenced"
	KindBounded = "bounded"
)

// Intent is a writer's right to write one key.
type Intent struct {
	Name
	Shard  uint32 `json:"shard"`
	Token  Token  `json:"token"`
	Kind   string `json:"kind"` // KindFenced, KindBounded
	LeftMS int64  `json:"left_ms"`
}

// Doubts is the answer of [PathDoubts]: keys whose last writer's outcome is unknown, and shards that may have such keys.
type Doubts struct {
	Shards    []ShardInDoubt `json:"shards"`
	Keys      []Doubt        `json:"keys"`
	Total     int64          `json:"total"` // of the keys
	Truncated bool           `json:"truncated"`
}

// ShardInDoubt is cleared by one fence of its row at or above Below.
type ShardInDoubt struct {
	Shard uint32 `json:"shard"`
	Epoch uint64 `json:"epoch"`
	Below Token  `json:"below"`
}

// Doubt is one key in doubt, with the tokens of the intents that ran out, ascending.
type Doubt struct {
	Name
	Shard  uint32  `json:"shard"`
	Tokens []Token `json:"tokens"`
}
