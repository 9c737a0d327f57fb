package owner

import "github.com/leasecache/leasecache/lease"

// The commands on one key. hash is shard.Hash(key), now one reading of the
// clock, which may serve a whole batch. Every error wraps ErrUnavailable unless
// said otherwise, and then nothing was done.

// Viewer is shown an item under the key's lock; it keeps nothing of it.
type Viewer interface {
	View(*lease.Item)
}

// Get shows the value that plain commands see, and reports whether there is one.
func (w *Owner) Get(now int64, hash uint64, key []byte, v Viewer) (bool, error) {
	s, err := w.lock(now, hash)
	if err != nil {
		return false, err
	}
	var ok bool
	if s.item, ok = s.table.Get(now, hash, key); ok {
		v.View(&s.item)
	}
	w.unlock(s)
	return ok, nil
}

// GetAndTouch is Get and Touch in one step. The value is shown although its new
// time is past.
func (w *Owner) GetAndTouch(now int64, hash uint64, key []byte, expires int64, v Viewer) (bool, error) {
	s, err := w.lock(now, hash)
	if err != nil {
		return false, err
	}
	var ok bool
	if s.item, ok = s.table.Get(now, hash, key); ok {
		v.View(&s.item)
		s.table.Touch(now, hash, key, expires)
	}
	w.unlock(s)
	return ok, nil
}

// Lease answers a read; see lease.Table.Lease.
func (w *Owner) Lease(now int64, hash uint64, key []byte, q lease.Read, r lease.Reader) error {
	s, err := w.lock(now, hash)
	if err != nil {
		return err
	}
	s.table.Lease(now, hash, key, q, r)
	w.unlock(s)
	return nil
}

// Cancel forgets a reader that waits and hung up.
func (w *Owner) Cancel(now int64, hash uint64, key []byte, r lease.Reader) {
	s, err := w.lock(now, hash)
	if err != nil {
		return // the gate is closed: whoever waited was answered
	}
	s.table.Cancel(now, key, r)
	w.unlock(s)
}

// Fill is set-if-lease-valid; see lease.Table.Fill. The error may also be the
// store's: no room for the value.
func (w *Owner) Fill(now int64, hash uint64, key []byte, token lease.Token, it lease.Item, fenced bool) (lease.Reason, error) {
	s, err := w.lock(now, hash)
	if err != nil {
		return 0, err
	}
	reason, cleared, err := s.table.Fill(now, hash, key, token, it, fenced)
	if cleared {
		w.keeper.Fenced(s.id, uint64(token))
	}
	w.unlock(s)
	return reason, err
}

// GiveBack ends a lease whose holder will not fill, and reports whether the
// token was the key's lease.
func (w *Owner) GiveBack(now int64, hash uint64, key []byte, token lease.Token) (bool, error) {
	s, err := w.lock(now, hash)
	if err != nil {
		return false, err
	}
	ended := s.table.GiveBack(now, hash, key, token)
	w.unlock(s)
	return ended, nil
}

// Invalidate makes the value void, and the lease.
func (w *Owner) Invalidate(now int64, hash uint64, key []byte, keepStale int64) (lease.Token, error) {
	s, err := w.lock(now, hash)
	if err != nil {
		return 0, err
	}
	token := s.table.Invalidate(now, hash, key, keepStale)
	w.unlock(s)
	return token, nil
}

// Put is a plain store; the version is 0 when nothing was stored. The error may
// also be the store's: no room for the value, and the old one is gone.
func (w *Owner) Put(now int64, hash uint64, key []byte, mode lease.Mode, it lease.Item) (lease.Token, error) {
	s, err := w.lock(now, hash)
	if err != nil {
		return 0, err
	}
	version, err := s.table.Put(now, hash, key, mode, it)
	w.unlock(s)
	return version, err
}

// Delete is a plain delete; it reports whether there was a value.
func (w *Owner) Delete(now int64, hash uint64, key []byte) (bool, error) {
	s, err := w.lock(now, hash)
	if err != nil {
		return false, err
	}
	found := s.table.Delete(now, hash, key)
	w.unlock(s)
	return found, nil
}

// Touch gives a value a new expiry.
func (w *Owner) Touch(now int64, hash uint64, key []byte, expires int64) (bool, error) {
	s, err := w.lock(now, hash)
	if err != nil {
		return false, err
	}
	found := s.table.Touch(now, hash, key, expires)
	w.unlock(s)
	return found, nil
}

// End ends a write intent by its token.
func (w *Owner) End(now int64, hash uint64, key []byte, token lease.Token) (lease.Outcome, error) {
	s, err := w.lock(now, hash)
	if err != nil {
		return 0, err
	}
	out := s.table.End(now, hash, key, token)
	w.unlock(s)
	return out, nil
}

// Abort ends a write intent, by its token or, if that is 0, by its nonce. The
// token of the key's lease gives the lease back instead (GaveBack).
func (w *Owner) Abort(now int64, hash uint64, key []byte, token lease.Token, nonce []byte) (out lease.Outcome, gaveBack bool, err error) {
	s, err := w.lock(now, hash)
	if err != nil {
		return 0, false, err
	}
	switch {
	case token == 0:
		out = s.table.EndNonce(now, hash, key, nonce)
	case s.table.GiveBack(now, hash, key, token):
		gaveBack = true
	default:
		out = s.table.End(now, hash, key, token)
	}
	w.unlock(s)
	return out, gaveBack, nil
}

// Edit lets an Editor look at a key and change it; see lease.Table.Edit. The
// error may also be the store's.
func (w *Owner) Edit(now int64, hash uint64, key []byte, by lease.Editor) (shown uint64, err error) {
	s, err := w.lock(now, hash)
	if err != nil {
		return 0, err
	}
	shown, err = s.table.Edit(now, hash, key, by)
	w.unlock(s)
	return shown, err
}

// Meta answers a meta read; see lease.Table.Meta.
func (w *Owner) Meta(now int64, hash uint64, key []byte, q lease.Meta, v lease.MetaViewer) (bool, error) {
	s, err := w.lock(now, hash)
	if err != nil {
		return false, err
	}
	found := s.table.Meta(now, hash, key, q, v)
	w.unlock(s)
	return found, nil
}
