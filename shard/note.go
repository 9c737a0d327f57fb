package shard

import (
	"errors"
	"time"
)

// Note is what may be outstanding in the source: write intents of a shard, by
// kind. It is durable before the first intent of its kind is added.
type Note struct {
	Fenced  bool          // intents whose writers check the fence
	Bounded time.Duration // the longest bounded intent; 0 = none. Kept in whole milliseconds, rounded up
}

// ErrStale says that the shard has another epoch, or another owner, by now.
var ErrStale = errors.New("epoch is not current")
