package lease

// Item is a value with what the rules need to know of it. Tags and Value given
// by a Store alias its memory: they hold until the next call on the Store.
type Item struct {
	Version    Token  // token of the lease that filled it, or a fresh one for a plain store: what every rule compares
	CAS        uint64 // a version chosen by a client, shown instead of Version; 0 is none
	Flags      uint32 // the client's own flags
	Expires    int64  // when the value's time to live ends; 0 is never
	StaleUntil int64  // not 0: invalidated, kept until then for readers who accept stale
	Stored     int64  // when it was stored
	Accessed   int64  // when it was last read, or stored
	Fetched    bool   // read since it was stored
	Marked     bool   // memcached's stale mark (md I): shown, and somebody is asked to refresh it
	Tags       []byte // as AppendTag wrote them
	Value      []byte
}

// Shown returns the version that clients see.
func (it *Item) Shown() uint64 {
	if it.CAS != 0 {
		return it.CAS
	}
	return uint64(it.Version)
}

// stale reports whether the value is shown only to who accepts a stale one.
func (it *Item) stale() bool { return it.StaleUntil != 0 || it.Marked }

// Store keeps the values of a Table's keys. It may lose any value at any time:
// a lost value is a miss, never a wrong answer. hash is shard.Hash(key).
type Store interface {
	// Get returns the item of a key and marks it as read; what is past its time
	// is absent.
	Get(hash uint64, key []byte, now int64) (Item, bool)
	// Peek is Get without the mark.
	Peek(hash uint64, key []byte, now int64) (Item, bool)
	// Put stores a copy of the item and replaces what was there. After an error
	// the key has no value.
	Put(hash uint64, key []byte, it Item) error
	// Update replaces the header of a stored item; Tags and Value are ignored.
	Update(hash uint64, key []byte, it Item) bool
	// Delete removes the value, and reports whether there was one.
	Delete(hash uint64, key []byte) bool
}
