package owner

import (
	"errors"
	"fmt"

	"github.com/leasecache/leasecache/lease"
	"github.com/leasecache/leasecache/shard"
)

// BumpTag makes void, in every shard, what has the tag. The token is of the
// tag's own shard. Errors wrap ErrUnavailable, and ErrPartly if it is done in some shards.
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
// Errors are those of BumpTag.
func (w *Owner) Flush(now, at int64) error {
	return w.each(now, func(s *owned) { s.table.Flush(now, at) })
}

// ErrPartly says that a command for all shards had its effect in some of them.
// Repeating it is safe.
var ErrPartly = errors.New("it was done in some shards only and may be repeated")

// each has every shard do something, one lock after another.
func (w *Owner) each(now int64, f func(*owned)) error {
	for i := range w.shards {
		s, err := w.lock(uint64(i)) // a hash below the count is its own shard
		if err != nil && i > 0 {
			return fmt.Errorf("%w; %w", err, ErrPartly)
		}
		if err != nil {
			return err
		}
		f(s)
		w.unlock(s, now)
	}
	return nil
}
