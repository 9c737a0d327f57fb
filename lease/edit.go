package lease

// Current is what an Editor is shown of a key. Item's slices alias the Store:
// they hold until the Editor returns.
type Current struct {
	Item   Item
	Found  bool   // there is a value that plain commands see
	Barred bool   // quarantined or in doubt: nothing is found, and nothing will be stored
	Stub   uint64 // the version shown of a value that somebody is to bring (see Meta); 0 is none
}

// Action is what an Editor wants done.
type Action uint8

const (
	Nothing  Action = iota
	PutItem         // store the item, as a new version
	PutStale        // store the item in place of a marked one, whose version and lease stay
	SetHead         // give the item there is the header of this one, as a new version
	FillStub        // store the item as the fill that the stub waits for
	Remove          // remove the value
)

// Edit is an Editor's decision. Item.Version and the times are not its affair;
// Item.CAS is, if a client chose it. For all but SetHead the Item must not alias
// the Store.
type Edit struct {
	Action Action
	Item   Item
}

// Editor decides what becomes of a key's value, under the key's lock. It must
// neither block nor call the Table.
type Editor interface {
	Edit(*Current) Edit
}

// Edit lets an Editor look at a key and change its value in one step, as
// memcached's conditional commands do. It returns the version that clients are
// shown of what was stored, 0 if nothing was.
//
// What is stored voids the key's lease. While the key is quarantined or in doubt
// nothing is stored, and what would have been invalidates, as with Put.
//
// err is the Store's; the key has no value then.
func (t *Table) Edit(now int64, hash uint64, key []byte, by Editor) (shown uint64, err error) {
	t.tick(now)
	e := t.settled(now, key)
	cur := &t.current
	*cur = Current{Barred: t.barred(e, now)}
	if !cur.Barred {
		it, ok := t.peek(now, hash, key)
		if ok && it.StaleUntil == 0 {
			cur.Item, cur.Found = it, true
		} else if t.stubbed(now, e) {
			cur.Stub = e.stub.shown
		}
	}
	edit := by.Edit(cur)
	it := &edit.Item
	switch {
	case edit.Action == Nothing:
		return 0, nil
	case cur.Barred || edit.Action == Remove:
		t.store.Delete(hash, key)
		t.void(now, e)
		return 0, nil
	case edit.Action == FillStub:
		token := e.lease.token
		it.Version, it.Stored = token, now
		err = t.store.Put(hash, key, *it)
		t.stats.Filled++
		t.endLease(now, e, token)
		return it.Shown(), err
	case edit.Action == PutStale:
		// The version stays, so that whoever won the right to refresh the newest
		// version can still bring it (memcached's own bump here leaves a value that
		// is stale for ever: #1067).
		it.Version, it.CAS, it.Stored = cur.Item.Version, cur.Item.CAS, now
		return it.Shown(), t.store.Put(hash, key, *it)
	}
	token := t.tokens.Next()
	it.Version = token
	if len(it.Tags) > 0 {
		// Tags are held against the lease under which they were read; what clients
		// are shown grows all the same.
		it.Version = cur.Item.Version
		if it.CAS == 0 {
			it.CAS = uint64(token)
		}
	}
	if edit.Action == SetHead {
		t.store.Update(hash, key, *it)
	} else {
		it.Stored = now
		err = t.store.Put(hash, key, *it)
	}
	if e != nil {
		t.voidLease(now, e, token)
		t.reconsider(now, e)
		t.rest(now, e)
	}
	return it.Shown(), err
}
