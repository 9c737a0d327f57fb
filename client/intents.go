package client

import (
	"cmp"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// Guard is one row of the fence that a writer must check: the write may go on
// only if the row of Shard is not above Token.
type Guard struct {
	Shard uint32
	Token uint64
}

// Intents are the open intents of one update, on keys of one cluster. Copies
// share their state.
type Intents struct {
	list    []Intent // by key
	guards  []Guard  // by shard
	unknown *atomic.Bool
}

// NewIntents puts intents together that were begun one by one. They must be of
// one cluster and on different keys.
func NewIntents(list ...Intent) (Intents, error) {
	if len(list) == 0 {
		return Intents{}, fmt.Errorf("%w: no intents", ErrInvalid)
	}
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b Intent) int { return cmp.Compare(a.Key, b.Key) })
	// A key's run-out first token must not ride on a later token of another key:
	// the row is the shard's, so the smallest token of the shard counts.
	smallest := make(map[uint32]uint64)
	for i, in := range list {
		if in.Cluster != list[0].Cluster {
			return Intents{}, fmt.Errorf("%w: intents of clusters %s and %s", ErrInvalid, list[0].Cluster, in.Cluster)
		}
		if i > 0 && in.Key == list[i-1].Key {
			return Intents{}, fmt.Errorf("%w: two intents on key %q", ErrInvalid, in.Key)
		}
		if t, ok := smallest[in.Shard]; !ok || in.Token < t {
			smallest[in.Shard] = in.Token
		}
	}
	guards := make([]Guard, 0, len(smallest))
	for s, t := range smallest {
		guards = append(guards, Guard{Shard: s, Token: t})
	}
	slices.SortFunc(guards, func(a, b Guard) int { return cmp.Compare(a.Shard, b.Shard) })
	return Intents{list: list, guards: guards, unknown: new(atomic.Bool)}, nil
}

// Cluster is the id of the cluster, part of every row of the fence.
func (in Intents) Cluster() string {
	if len(in.list) == 0 {
		return ""
	}
	return in.list[0].Cluster
}

// Guards are the rows to check, one per shard in ascending order of shards, each
// with the smallest token the writer has in it.
func (in Intents) Guards() []Guard { return slices.Clone(in.guards) }

// All returns the intents in ascending order of keys.
func (in Intents) All() []Intent { return slices.Clone(in.list) }

// Deadline is when the first of the intents runs out.
func (in Intents) Deadline() time.Time {
	var first time.Time
	for _, i := range in.list {
		if first.IsZero() || i.Deadline.Before(first) {
			first = i.Deadline
		}
	}
	return first
}

// MarkUnknown notes that a transaction of this update ended with an unknown
// outcome. From then on nothing opens the keys, whatever the write function
// returns: neither a second transaction that succeeds under the same intents nor
// one that surely rolled back says what became of the first. It cannot be undone.
func (in Intents) MarkUnknown() {
	if in.unknown != nil {
		in.unknown.Store(true)
	}
}

// OutcomeUnknown reports whether MarkUnknown was called.
func (in Intents) OutcomeUnknown() bool { return in.unknown != nil && in.unknown.Load() }
