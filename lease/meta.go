package lease

// memcached's meta commands have leases of their own: N makes a stub for a key
// that has no value, R and the stale mark ask one reader to refresh, and W, X, Z
// tell who. They run on our leases: whoever is told W holds the key's lease, with
// its own deadline, so that a winner who died is replaced. The versions they are
// shown are what memcached's clients fill with.

// stub is a value that somebody was told to bring. It is there for meta commands
// only, and as long as the lease that it came with.
type stub struct {
	token Token  // of that lease
	shown uint64 // its version to clients
	until int64  // its time to live; 0 is for ever
	read  bool   // by meta commands that leave a mark
}

// Meta is what a meta reader asks for. Times are nanoseconds.
type Meta struct {
	Vivify       bool   // N: take the lease if there is no value
	VivifyUntil  int64  // when the stub goes; 0 is never
	VivifyAs     uint64 // the version shown of the stub; 0 is the lease's token
	RefreshBelow int64  // R: refresh if less time to live is left; 0 is never
	TouchFirst   bool   // T stands before R
	Touch        bool   // T: a new time to live
	Expires      int64
	Unmarked     bool // u: the read leaves no trace
}

// MetaView is what a meta reader is shown under the key's lock. It keeps nothing
// of it.
type MetaView struct {
	Item  Item // as it was before the read; of a stub only CAS, Expires and Fetched
	Stub  bool
	Won   bool // W: this reader is to bring the value
	Stale bool // X
	Taken bool // Z: another was told to
}

// MetaViewer is shown what a meta read found.
type MetaViewer interface {
	ViewMeta(*MetaView)
}

// Meta answers a meta read, and reports whether it found anything.
func (t *Table) Meta(now int64, hash uint64, key []byte, q Meta, v MetaViewer) bool {
	t.tick(now)
	e := t.settled(now, key)
	if t.barred(e, now) {
		return false
	}
	view := &t.view
	*view = MetaView{Taken: t.leaseLive(e, now)}
	read := Read{}
	switch it, ok := t.metaItem(now, hash, key, q.Unmarked); {
	case ok:
		view.Item, view.Stale = it, it.Marked
		judged := it.Expires
		if q.Touch && q.TouchFirst {
			judged = q.Expires
		}
		wanted := it.Marked || (q.RefreshBelow > 0 && judged != 0 && judged-now < q.RefreshBelow)
		if wanted && !view.Taken {
			t.grant(now, e, hash, key, &read, false)
			view.Won = true
		}
		v.ViewMeta(view)
		if q.Touch {
			it.Expires, it.Fetched = q.Expires, it.Fetched || !q.Unmarked
			t.store.Update(hash, key, it)
		}
		return true
	case view.Taken && t.stubbed(now, e):
		view.Item = Item{CAS: e.stub.shown, Expires: e.stub.until, Fetched: e.stub.read}
		e.stub.read = e.stub.read || !q.Unmarked
	case !q.Vivify:
		return false
	case view.Taken:
		// A lease that lg gave: for this reader it is a stub of somebody else.
		view.Item = Item{Version: e.lease.token}
	default:
		if q.VivifyUntil != 0 {
			read.LeaseFor = min(t.limits.LeaseFor, q.VivifyUntil-now)
			if read.LeaseFor <= 0 {
				return false // gone before it came
			}
		}
		a := t.grant(now, e, hash, key, &read, false)
		e = t.find(key)
		e.stub = stub{token: a.Token, shown: q.VivifyAs, until: q.VivifyUntil, read: !q.Unmarked}
		if e.stub.shown == 0 {
			e.stub.shown = uint64(a.Token)
		}
		view.Won = true
		view.Item = Item{CAS: e.stub.shown, Expires: q.VivifyUntil}
	}
	view.Stub = true
	v.ViewMeta(view)
	return true
}

func (t *Table) metaItem(now int64, hash uint64, key []byte, unmarked bool) (it Item, ok bool) {
	if unmarked {
		it, ok = t.peek(now, hash, key)
	} else {
		it, ok = t.lookup(now, hash, key)
	}
	return it, ok && it.StaleUntil == 0
}

// stubbed reports whether the key has a stub that may be filled: nobody took a
// newer lease, nothing voided it, and its time is not over.
func (t *Table) stubbed(now int64, e *entry) bool {
	return e != nil && e.stub.token != 0 && e.stub.token == e.lease.token && e.stub.token > t.tags.flushed &&
		(e.stub.until == 0 || now < e.stub.until)
}
