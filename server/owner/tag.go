package owner

import (
	"errors"
	"fmt"

	"github.com/leasecache/leasecache/lease"
	"github.com/leasecache/leasecache/shard"
)

// ErrPartial says that what concerns every shard was done in some of them only;
// repeating it is safe. It comes with ErrUnavailable.
var ErrPartial = errors.New("done in part, repeat it")

// BumpTag makes void, in every shard, what has the tag. The token is of the
// tag's own shard. risen is in how many shards an older bump had to be
// forgotten for it, which voids all tagged values from before that one. done, if
// there is one, is told each shard in which it was done. Errors wrap
// ErrUnavailable, and ErrPartial if it is done in some shards.
func (w *Owner) BumpTag(now int64, tag []byte, done func(shard.ID)) (own lease.Token, risen int, err error) {
	home := shard.Of(tag, uint32(len(w.shards)))
	err = w.each(now, done, func(s *owned) {
		floor := s.table.TagFloor()
		token := s.table.BumpTag(now, tag)
		if s.id == home {
			own = token
		}
		if s.table.TagFloor() != floor {
			risen++
		}
	})
	return own, risen, err
}

// Flush makes void, in every shard, every value, now or at a later time.
// done and the errors are those of BumpTag.
func (w *Owner) Flush(now, at int64, done func(shard.ID)) error {
	return w.each(now, done, func(s *owned) { s.table.Flush(now, at) })
}

// each has every shard do something, one lock after another, also behind one that
// is not served here: who repeats it, or asks all owners, then lacks fewer.
func (w *Owner) each(now int64, told func(shard.ID), f func(*owned)) error {
	var refused error
	done := 0
	for i := range w.shards {
		s, err := w.lock(now, uint64(i)) // a hash below the count is its own shard
		if err != nil {
			refused = err
			continue
		}
		f(s)
		w.unlock(s)
		done++
		if told != nil {
			told(s.id)
		}
	}
	if refused != nil && done > 0 {
		return fmt.Errorf("%w; %w: %d of %d shards", refused, ErrPartial, done, len(w.shards))
	}
	return refused
}
