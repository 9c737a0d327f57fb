package lease

// Stats count what happened in a table since it was made; those that are an int
// are what there is now.
type Stats struct {
	Granted, Filled, Dropped, Invalidated     uint64
	IntentsBegun, IntentsRunOut, Folds        uint64
	FloorRises                                uint64
	RefusedInvalidated, RefusedSuperseded     uint64
	RefusedQuarantine, RefusedOtherEpoch      uint64
	RefusedTag, RefusedUnknown, RefusedFenced uint64
	DoubtsCleared                             uint64
	Flushed                                   uint64 // values found that a flush had made void
	Parked, Leases, Intents, Doubts, Tags     int
	Bounded                                   int // of Intents
	DoubtedKeys                               int
	ShardInDoubt                              bool
}

func (s *Stats) count(r Reason) {
	switch r {
	case Invalidated:
		s.RefusedInvalidated++
	case Superseded:
		s.RefusedSuperseded++
	case Quarantine:
		s.RefusedQuarantine++
	case OtherEpoch:
		s.RefusedOtherEpoch++
	case TagBumped:
		s.RefusedTag++
	case Unknown:
		s.RefusedUnknown++
	case NotFenced:
		s.RefusedFenced++
	}
}

// Stats returns the table's counts. It walks over nothing: whoever asks holds up
// the readers of the shard.
func (t *Table) Stats() Stats {
	s := t.stats
	s.Intents, s.Doubts, s.Tags = t.intents, t.doubts, len(t.tags.bumps)
	s.DoubtedKeys = len(t.doubted)
	s.FloorRises += t.tags.rises
	s.ShardInDoubt = t.doubtBelow != 0
	return s
}

// counted is what happened, without what there is now.
func (s Stats) counted() Stats {
	s.Parked, s.Leases, s.Intents, s.Doubts, s.Tags = 0, 0, 0, 0, 0
	s.Bounded, s.DoubtedKeys, s.ShardInDoubt = 0, 0, false
	return s
}

// ShardState is what holds for every key of a shard.
type ShardState struct {
	Epoch      uint32
	Last       Token
	DoubtBelow Token // 0: the shard is not in doubt
	ClosedFor  int64 // nanoseconds
	TagFloor   Token
}

// Shard returns the state of the shard as a whole.
func (t *Table) Shard(now int64) ShardState {
	return ShardState{
		Epoch:      t.Epoch(),
		Last:       t.Last(),
		DoubtBelow: t.doubtBelow,
		ClosedFor:  max(0, t.closedUntil-now),
		TagFloor:   t.tags.floor,
	}
}

// KeyState is the lease state of one key, for people to look at. Times are
// nanoseconds left. Its slices are the caller's own.
type KeyState struct {
	Key        []byte
	Lease      Token // 0: none
	LeaseLeft  int64 // below 0: it ran out, and nobody took another
	LeaseDoubt bool
	Waiting    int
	Void       Token // newest void that is remembered
	Intents    []IntentState
	Doubts     []Token
}

// IntentState is one open intent.
type IntentState struct {
	Token Token
	Kind  IntentKind
	Left  int64
}

// Inspect returns the lease state of a key; all zero but Key if there is none.
func (t *Table) Inspect(now int64, hash uint64, key []byte) KeyState {
	t.tick(now)
	e := t.settled(now, key)
	if e == nil {
		return KeyState{Key: append([]byte(nil), key...)}
	}
	return e.state(now)
}

// Each shows every key with lease state, in no order, until f returns false.
func (t *Table) Each(now int64, f func(KeyState) bool) {
	t.Advance(now)
	for _, e := range t.entries {
		if !f(e.state(now)) {
			return
		}
	}
}

func (e *entry) state(now int64) KeyState {
	s := KeyState{
		Key:        append([]byte(nil), e.key...),
		Lease:      e.lease.token,
		LeaseDoubt: e.lease.doubt,
		Waiting:    len(e.waiters),
		Void:       e.void,
	}
	if e.lease.token != 0 {
		s.LeaseLeft = e.lease.deadline - now
	}
	for i := range e.doubts {
		s.Doubts = append(s.Doubts, e.doubts[i].token)
	}
	for _, in := range e.intents {
		s.Intents = append(s.Intents, IntentState{Token: in.token, Kind: in.kind, Left: in.deadline - now})
	}
	return s
}

// Add adds the counts of another table.
func (s *Stats) Add(o *Stats) {
	s.Granted += o.Granted
	s.Filled += o.Filled
	s.Dropped += o.Dropped
	s.Invalidated += o.Invalidated
	s.IntentsBegun += o.IntentsBegun
	s.IntentsRunOut += o.IntentsRunOut
	s.Folds += o.Folds
	s.FloorRises += o.FloorRises
	s.RefusedInvalidated += o.RefusedInvalidated
	s.RefusedSuperseded += o.RefusedSuperseded
	s.RefusedQuarantine += o.RefusedQuarantine
	s.RefusedOtherEpoch += o.RefusedOtherEpoch
	s.RefusedTag += o.RefusedTag
	s.RefusedUnknown += o.RefusedUnknown
	s.RefusedFenced += o.RefusedFenced
	s.Parked += o.Parked
	s.Leases += o.Leases
	s.Intents += o.Intents
	s.Doubts += o.Doubts
	s.DoubtsCleared += o.DoubtsCleared
	s.Flushed += o.Flushed
	s.Bounded += o.Bounded
	s.DoubtedKeys += o.DoubtedKeys
	s.Tags += o.Tags
	s.ShardInDoubt = s.ShardInDoubt || o.ShardInDoubt
}
