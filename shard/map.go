package shard

import (
	"encoding/json"
	"errors"
	"fmt"
)

// HashName is the name of Hash in a Map. A client that does not know the name
// cannot place keys.
const HashName = "xxh64"

// MaxCount is the largest number of shards of a cluster.
const MaxCount = 1 << 16

// ErrMap is the reason for refusing a Map.
var ErrMap = errors.New("bad shard map")

// Map says who owns each shard and at which epoch. It is the answer to `lm`;
// its JSON form is the wire's.
type Map struct {
	Version uint64 `json:"version"` // rises with every change of the rest
	Cluster string `json:"cluster"`
	Shards  uint32 `json:"shards"` // 1 to MaxCount
	Hash    string `json:"hash"`   // HashName
	// SessionTTL is in milliseconds.
	SessionTTL int64  `json:"session_ttl_ms"`
	Nodes      []Node `json:"nodes"`
	// Owners and Epochs have one entry a shard. A shard without an owner
	// keeps the epoch it had.
	Owners []Owner `json:"owners"`
	Epochs []Epoch `json:"epochs"`
}

// ParseMap reads the JSON form and checks it. The error wraps ErrMap.
func ParseMap(data []byte) (Map, error) {
	var m Map
	if err := json.Unmarshal(data, &m); err != nil {
		return Map{}, fmt.Errorf("%w: %w", ErrMap, err)
	}
	if err := m.Check(); err != nil {
		return Map{}, err
	}
	return m, nil
}

// Check returns an error that wraps ErrMap unless every shard has an entry and
// every entry can be used as it is.
func (m *Map) Check() error {
	switch {
	case m.Hash != HashName:
		return fmt.Errorf("%w: hash %.20q, want %s", ErrMap, m.Hash, HashName)
	case m.Shards < 1 || m.Shards > MaxCount:
		return fmt.Errorf("%w: %d shards, want 1 to %d", ErrMap, m.Shards, MaxCount)
	case len(m.Owners) != int(m.Shards) || len(m.Epochs) != int(m.Shards):
		return fmt.Errorf("%w: %d owners and %d epochs for %d shards",
			ErrMap, len(m.Owners), len(m.Epochs), m.Shards)
	}
	for i, o := range m.Owners {
		if o < NoOwner || int(o) >= len(m.Nodes) {
			return fmt.Errorf("%w: shard %d is owned by node %d of %d", ErrMap, i, o, len(m.Nodes))
		}
		if m.Epochs[i] > MaxEpoch {
			return fmt.Errorf("%w: shard %d has epoch %d, above %d", ErrMap, i, m.Epochs[i], MaxEpoch)
		}
	}
	return nil
}

// Of is the shard of a key in a map that passed Check.
func (m *Map) Of(key []byte) ID { return Of(key, m.Shards) }

// Owner is the node that serves the shard, and its epoch; false if nobody does.
func (m *Map) Owner(s ID) (Node, Epoch, bool) {
	o := m.Owners[s]
	if o == NoOwner {
		return Node{}, m.Epochs[s], false
	}
	return m.Nodes[o], m.Epochs[s], true
}
