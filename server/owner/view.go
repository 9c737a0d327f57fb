package owner

import (
	"github.com/leasecache/leasecache/lease"
	"github.com/leasecache/leasecache/shard"
)

// ShardView is one shard, for people to look at.
type ShardView struct {
	ID    shard.ID
	State lease.ShardState
	Stats lease.Stats
	Noted shard.Note
}

// Shards shows every shard that is open here. It works when the session is over
// or the node stops, too.
func (w *Owner) Shards(now int64) []ShardView {
	views := make([]ShardView, 0, len(w.shards))
	for i := range w.shards {
		s := &w.shards[i]
		s.bucket.mu.Lock()
		if s.open {
			views = append(views, ShardView{ID: s.id, State: s.table.Shard(now), Stats: s.table.Stats(), Noted: s.noted})
		}
		s.bucket.mu.Unlock()
	}
	return views
}

// Serving is how many shards are open here.
func (w *Owner) Serving() (n int) {
	for i := range w.shards {
		s := &w.shards[i]
		s.bucket.mu.Lock()
		if s.open {
			n++
		}
		s.bucket.mu.Unlock()
	}
	return n
}

// Keys shows every key with lease state in the shards served here, until f returns false. f is called
// without a lock, on copies made shard by shard.
func (w *Owner) Keys(now int64, f func(shard.ID, lease.KeyState) bool) {
	for i := range w.shards {
		s, err := w.lock(now, uint64(i))
		if err != nil {
			continue
		}
		var states []lease.KeyState
		s.table.Each(now, func(k lease.KeyState) bool {
			states = append(states, k)
			return true
		})
		w.unlock(s)
		for _, k := range states {
			if !f(s.id, k) {
				return
			}
		}
	}
}

// KeyView is all that is known of one key; the slices are the caller's own.
type KeyView struct {
	Shard  ShardView
	Lease  lease.KeyState
	Answer lease.Answer // what a peek is told
	Found  bool         // Item holds the value, which may be stale
	Item   lease.Item
}

// Inspect shows a key without changing anything but what ran out.
func (w *Owner) Inspect(now int64, hash uint64, key []byte) (KeyView, error) {
	s, err := w.lock(now, hash)
	if err != nil {
		return KeyView{}, err
	}
	defer w.unlock(s)
	v := KeyView{
		Shard: ShardView{ID: s.id, State: s.table.Shard(now), Stats: s.table.Stats(), Noted: s.noted},
		Lease: s.table.Inspect(now, hash, key),
	}
	peek := peeker{&v}
	s.store.looking = true
	defer func() { s.store.looking = false }()
	s.table.Lease(now, hash, key, lease.Read{Peek: true, StaleOK: true}, peek)
	return v, nil
}

// peeker copies the answer to a peek, which never waits.
type peeker struct{ v *KeyView }

func (p peeker) Park() lease.Reader { panic("owner: a peek does not wait") }

func (p peeker) Answer(a *lease.Answer) {
	p.v.Answer = *a
	if a.Kind == lease.Hit {
		p.v.Found = true
		p.v.Item = a.Item
		p.v.Item.Value = append([]byte(nil), a.Item.Value...)
		p.v.Item.Tags = append([]byte(nil), a.Item.Tags...)
		p.v.Answer.Item = p.v.Item
	}
}

// Stats sums up the counts of all shards.
func (w *Owner) Stats() lease.Stats {
	var sum lease.Stats
	for i := range w.shards {
		s := &w.shards[i]
		s.bucket.mu.Lock()
		st := s.table.Stats()
		s.bucket.mu.Unlock()
		sum.Add(&st)
	}
	return sum
}
