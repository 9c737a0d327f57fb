package owner

import (
	"github.com/leasecache/leasecache/internal/storage/memory"
	"github.com/leasecache/leasecache/lease"
	"github.com/leasecache/leasecache/shard"
)

// Place is how far a walk over all values has come. The zero Place is the start.
type Place struct {
	bucket int
	in     memory.Place
}

// Walk shows the values of open shards that plain commands would see, a few at a time: whose
// turn it is, under the lock of their bucket. It marks nothing as read. more is
// false after the last step.
//
// A key that plain commands see from the first step to the last is shown exactly
// once, and none twice (memory.Place says why). What is stored, hidden or removed
// meanwhile is judged at its turn. An error wraps ErrUnavailable, and ends the walk.
func (w *Owner) Walk(at Place, now int64, f func(key []byte, it *lease.Item)) (next Place, more bool, err error) {
	b := &w.buckets[at.bucket]
	b.mu.Lock()
	defer b.mu.Unlock()
	if now >= b.mu.until {
		return at, false, b.refusal(now)
	}
	w.settle(b, now)
	var shown lease.Item
	at.in, more = b.mu.part.Walk(at.in, now, func(key []byte, it memory.Item) {
		s := w.shardOf(shard.Hash(key))
		if shown = fromMemory(&it); s.open && s.table.Sight(now, key, &shown) == lease.Seen {
			f(key, &shown)
		}
	})
	if !more {
		at = Place{bucket: at.bucket + 1}
		more = at.bucket < len(w.buckets)
	}
	return at, more, nil
}

// Look is what somebody who watches finds of a key: how long the value is that
// plain commands would see now, and if they would see none, why. It changes
// nothing but what ran out.
func (w *Owner) Look(now int64, hash uint64, key []byte) (Found, int, error) {
	s, err := w.lock(now, hash)
	if err != nil {
		return Absent, 0, err
	}
	defer w.unlock(s)
	s.table.Advance(now)
	it, ok, expired := s.store.part.Look(hash, key, now)
	if !ok {
		return Absent, 0, nil
	}
	s.item = fromMemory(&it)
	switch sight := s.table.Sight(now, key, &s.item); {
	case sight == lease.Hidden:
		return Absent, 0, nil
	case expired:
		return Expired, 0, nil
	case sight == lease.Gone:
		return Flushed, 0, nil
	}
	return Present, len(it.Value), nil
}

// Found is what Look finds.
type Found uint8

const (
	Absent  Found = iota // also: hidden
	Present              // a value that plain commands see
	Expired              // one whose time is over, and that nobody met since
	Flushed              // one that a flush or a tag voided, likewise
)
