package api

// Answers: what an lg without flags would be told now.
const (
	AnswerHit         = "hit"
	AnswerLease       = "lease"       // a miss; the reader would get the lease
	AnswerWait        = "wait"        // a miss; another holds the lease
	AnswerQuarantined = "quarantined" // an intent is open: read the source, do not fill
	AnswerDoubt       = "doubt"       // read the source, do not fill, or fence it first
	AnswerClosed      = "closed"      // the shard is closed after bounded intents of a former life
)

// Inspect is the answer of [PathInspect]: all that is known of one key. Looking changes nothing: it grants no lease and
// does not count as a read.
type Inspect struct {
	Name
	Shard    uint32   `json:"shard"`
	Epoch    uint64   `json:"epoch"`
	Answer   string   `json:"answer"` // one of the Answer… constants
	Value    *Value   `json:"value"`  // null: none
	Lease    *Lease   `json:"lease"`  // null: none live
	Parked   int64    `json:"parked"`
	Intents  []Intent `json:"intents"`
	Doubts   []Token  `json:"doubts"`
	LastVoid Token    `json:"last_void"` // newest invalidation, mutation or intent that is remembered; 0 = none

	ShardState  string `json:"shard_state"` // ShardOpen, ShardDoubt, ShardClosed
	DoubtBelow  Token  `json:"doubt_below"`
	ClosedForMS int64  `json:"closed_for_ms"`
}

// Value describes a stored value without its bytes.
type Value struct {
	Size    int      `json:"size"`
	Flags   uint32   `json:"flags"`
	Version Token    `json:"version"` // token of the lease that filled it, or a fresh one for a plain store
	CAS     uint64   `json:"cas,string"`
	Stale   bool     `json:"stale"`   // invalidated, kept for those who accept stale
	TTLMS   int64    `json:"ttl_ms"`  // -1: none
	AgeMS   int64    `json:"age_ms"`  // since it was stored
	IdleMS  int64    `json:"idle_ms"` // since it was last read or stored
	Fetched bool     `json:"fetched"` // read since it was stored
	Tags    []string `json:"tags"`
}

// Get is the answer of [PathGet]: a fresh value with its bytes. A stale copy, like a quarantined key, is shown as not found, as
// a plain get shows it; Answer says why.
type Get struct {
	Name
	Found  bool   `json:"found"`
	Answer string `json:"answer"`
	Meta   *Value `json:"meta"`
	Data   []byte `json:"data"` // base64
}

// InvalidateRequest is the body of [PathInvalidate]: keys, or one tag, not both. Keys are acknowledged one by one in the given order;
// repeating the request is safe.
type InvalidateRequest struct {
	Keys   []string `json:"keys,omitempty"`
	Keys64 []string `json:"keys64,omitempty"`
	Tag    string   `json:"tag,omitempty"`
}

// Names lists the keys of the request, text before base64.
func (r InvalidateRequest) Names() []Name {
	names := make([]Name, 0, len(r.Keys)+len(r.Keys64))
	for _, k := range r.Keys {
		names = append(names, Name{Key: k})
	}
	for _, k := range r.Keys64 {
		names = append(names, Name{Key64: k})
	}
	return names
}

// Invalidated answers an [InvalidateRequest] once every lease and every value concerned is gone.
type Invalidated struct {
	Keys []InvalidatedKey `json:"keys"`
	Tag  string           `json:"tag,omitempty"`
	// Token is the token of the tag's own shard, good for logs only; "0" when keys were invalidated.
	Token Token `json:"token"`
}

// InvalidatedKey says that leases of the key below Token are void.
type InvalidatedKey struct {
	Name
	Token Token `json:"token"`
}
