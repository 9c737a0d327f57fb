package owner

import (
	"github.com/leasecache/leasecache/lease"
	"github.com/leasecache/leasecache/shard"
)

// BumpTag makes void, in every shard, what has the tag. The token is of the
// tag's own shard. After an error it is done in some shards; repeating is safe.
func (w *Owner) BumpTag(now int64, tag []byte) (lease.Token, error) {
	var own lease.Token
	home := shard.Of(tag, uint32(len(w.shards)))
	err := w.each(now, func(s *owned) {
		token := s.table.BumpTag(now, tag)
		if s.id == home {
			own = token
		}
	})
	return own, err
}

// Flush makes void, in every shard, every value, now or at a later time.
func (w *Owner) Flush(now, at int64) error {
	return w.each(now, func(s *owned) { s.table.Flush(now, at) })
}

// each has every shard do something, one lock after another.
func (w *Owner) each(now int64, f func(*owned)) error {
	for i := range w.shards {
		s, err := w.lock(uint64(i)) // a hash below the count is its own shard
		if err != nil {
			return err
		}
		f(s)
		w.unlock(s)
	}
	return nil
}
