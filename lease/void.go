package lease

// Invalidate makes the key's value void and ends its lease. With keepStale > 0
// (nanoseconds) the value stays for readers who accept stale, never longer than
// it would have lived. The token returned is above every lease voided.
func (t *Table) Invalidate(now int64, hash uint64, key []byte, keepStale int64) Token {
	t.tick(now)
	e := t.settled(now, key)
	t.dropValue(now, e, hash, key, keepStale)
	t.stats.Invalidated++
	return t.void(now, e)
}

// dropValue removes a value or, where that is allowed, makes it a stale copy.
func (t *Table) dropValue(now int64, e *entry, hash uint64, key []byte, keepStale int64) {
	if keepStale > 0 && !t.barred(e, now) {
		if it, ok := t.store.Peek(hash, key, now); ok && !t.gone(now, &it) {
			it.StaleUntil = now + keepStale
			if it.Expires != 0 {
				it.StaleUntil = min(it.StaleUntil, it.Expires)
			}
			t.store.Update(hash, key, it)
			return
		}
	}
	t.store.Delete(hash, key)
}

// void ends the key's lease for good, because something happened to the key,
// and hands the right to fill on to the first who waits.
func (t *Table) void(now int64, e *entry) Token {
	token := t.tokens.Next()
	if e == nil {
		return token
	}
	t.voidLease(now, e, token)
	t.reconsider(now, e)
	t.rest(now, e)
	return token
}

// voidLease ends the key's lease and remembers why, as long as somebody may
// come back with it.
func (t *Table) voidLease(now int64, e *entry, token Token) {
	if e.lease.token == 0 && e.void == 0 {
		return
	}
	e.void, e.voidUntil = token, now+t.limits.Linger
	t.dropLease(e)
}

// Mode says when a plain store takes place.
type Mode uint8

const (
	Set     Mode = iota // always
	Add                 // if the key has no value
	Replace             // if it has one
)

// Put is a plain store: it acts as memcached does and voids the key's lease.
// While the key is quarantined or in doubt it stores nothing and only
// invalidates. item.Version is ignored: it becomes the token returned, 0 when
// nothing was stored.
//
// err is the Store's; the old value is gone then and the lease void.
func (t *Table) Put(now int64, hash uint64, key []byte, mode Mode, item Item) (Token, error) {
	t.tick(now)
	e := t.settled(now, key)
	if t.barred(e, now) {
		// Its writer wrote something all the same. Schedule, were nothing done:
		//
		//	1 k holds v0. 2 Another key's doubt folds into the shard's, which hides v0.
		//	3 A plain writer writes v1 and sets k: not stored.
		//	4 The shard is fenced: k shows v0 again.
		t.store.Delete(hash, key)
		t.void(now, e)
		return 0, nil
	}
	if mode != Set {
		it, ok := t.peek(now, hash, key)
		if present := ok && it.StaleUntil == 0; present != (mode == Replace) {
			return 0, nil
		}
	}
	item.Version, item.Stored = t.tokens.Next(), now
	err := t.store.Put(hash, key, item)
	if e != nil {
		t.voidLease(now, e, item.Version)
		t.reconsider(now, e)
		t.rest(now, e)
	}
	return item.Version, err
}

// Delete is memcached's delete: it reports whether there was a value, and voids
// the key's lease either way; a stale copy goes too.
func (t *Table) Delete(now int64, hash uint64, key []byte) bool {
	t.tick(now)
	e := t.settled(now, key)
	it, ok := t.peek(now, hash, key)
	found := ok && it.StaleUntil == 0 && !t.barred(e, now)
	t.store.Delete(hash, key)
	t.void(now, e)
	return found
}

// Touch gives a value a new time to live (0 is for ever) and voids nothing. It
// counts as a read.
func (t *Table) Touch(now int64, hash uint64, key []byte, expires int64) bool {
	it, ok := t.Get(now, hash, key)
	if !ok {
		return false
	}
	it.Expires, it.Fetched = expires, true
	return t.store.Update(hash, key, it)
}
