package control

import (
	"fmt"

	"github.com/leasecache/leasecache/shard"
)

// Code says whether an entry had its effect. It is a plain number, which survives
// the way back to whoever proposed it.
type Code uint8

const (
	OK       Code = iota
	Stale         // what it names was so, and is so no more
	NotFound      // it names what is not there
	Refused       // it cannot be done, now or ever
)

func (c Code) String() string {
	switch c {
	case OK:
		return "done"
	case Stale:
		return "out of date"
	case NotFound:
		return "not there"
	case Refused:
		return "refused"
	}
	return fmt.Sprintf("code %d", uint8(c))
}

// Result is what came of an entry. Code is that of the whole; an entry with several
// items is OK as a whole and has a Code for each.
type Result struct {
	Code    Code
	Items   []Code
	Epoch   shard.Epoch // of the shard, after Raise, Moved and Cancel
	Changed []shard.ID  // shards that have another owner, epoch or transfer
}
