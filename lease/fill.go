package lease

// Reason says why a fill was not stored. The letters are the wire's.
type Reason byte

const (
	Stored      Reason = 0
	Invalidated Reason = 'i' // invalidated or mutated since
	Superseded  Reason = 's' // a newer lease was granted
	Quarantine  Reason = 'q' // a writer's intent is open
	OtherEpoch  Reason = 'o' // the shard changed owner, or its owner restarted
	TagBumped   Reason = 't' // one of its tags was bumped since, or everything was flushed
	Unknown     Reason = 'u' // no such lease; also one that was used already
	NotFenced   Reason = 'd' // in doubt, and the source was not fenced
)

// Fill stores a value if its token is the key's live lease and nothing happened
// to the key since it was granted. item.Version is ignored: it becomes the
// token. fenced says that the source was fenced at the token, durably, before
// the value was read; it is heeded for the shard even when the fill is refused,
// and shardCleared tells that it ended the shard's doubt.
//
// err is the Store's: the fill was in order, but no value could be kept.
//
// Whatever comes of it, the lease ends if it was the live one, before anyone is
// answered (U10: a fill that is sent twice is refused the second time).
func (t *Table) Fill(now int64, hash uint64, key []byte, token Token, item Item, fenced bool) (reason Reason, shardCleared bool, err error) {
	t.tick(now)
	if fenced && token <= t.tokens.Last() {
		shardCleared = t.Fence(now, token)
	}
	e := t.settled(now, key)
	reason = t.judge(now, e, token, item.Tags, fenced)
	if reason == Stored {
		item.Version, item.Stored = token, now
		err = t.store.Put(hash, key, item)
		t.stats.Filled++
	} else {
		t.stats.count(reason)
	}
	t.endLease(now, e, token)
	return reason, shardCleared, err
}

// judge is the fill rule. The reasons that are exact come first, in the order
// that the protocol gives; between the last three it says what is remembered.
func (t *Table) judge(now int64, e *entry, token Token, tags []byte, fenced bool) Reason {
	switch {
	case token.Epoch() != t.Epoch():
		return OtherEpoch
	case t.quarantinedUntil(e, now) > now:
		return Quarantine
	case t.tags.void(token, tags):
		return TagBumped
	case t.inDoubt(e):
		// A fence below the newest doubt fences nothing for this key (H2).
		return NotFenced
	case e == nil:
		return Unknown
	case token == e.lease.token:
		// Doubt belongs to the lease (H3):
		// 1 R2 gets doubt lease T2 for k and reads the old row without a fence.
		// 2 R3 gets T3 for k2 of the same shard and fences it, which waits for W: W
		//   commits k; the shard's doubt is over.
		// 3 R2 fills k with T2: no doubt stands any more, yet the value is old.
		if e.lease.doubt && !fenced {
			return NotFenced
		}
		return Stored
	case token < e.void:
		return Invalidated
	case token < e.lease.token:
		return Superseded
	}
	return Unknown
}

// GiveBack ends a lease whose holder will not fill. It reports whether the
// token was the key's lease; nothing is invalidated.
func (t *Table) GiveBack(now int64, hash uint64, key []byte, token Token) bool {
	t.tick(now)
	return t.endLease(now, t.settled(now, key), token)
}

// endLease ends the key's lease if the token is its own, and hands it on.
func (t *Table) endLease(now int64, e *entry, token Token) bool {
	if e == nil || token == 0 || e.lease.token != token {
		return false
	}
	t.dropLease(e)
	t.reconsider(now, e)
	t.rest(now, e)
	return true
}

// dropLease takes the lease from a key; those who wait for it are not looked at.
func (t *Table) dropLease(e *entry) {
	if e.lease.token != 0 {
		t.stats.Leases--
	}
	e.lease = held{}
}
