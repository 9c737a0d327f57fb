package memory

import "errors"

// ErrTooLarge says that a record can never be stored: its value is above
// Options.MaxItem, its key above MaxKey or its tags above MaxTags.
var ErrTooLarge = errors.New("item too large for the store")

const (
	// MaxKey is the length in bytes of the longest key.
	MaxKey = 250
	// MaxTags is the largest number of bytes in Item.Tags.
	MaxTags = 8 * 65
)

// Item is what is kept for a key. Times are nanoseconds on the caller's
// monotonic clock ("now-times"); they may be negative for items that are older
// than the process.
type Item struct {
	Version uint64 // token of the lease that filled it, or a fresh one for a plain store
	CAS     uint64 // chosen by a client; 0 = none
	Flags   uint32
	Fetched bool  // read by Get since it was stored
	Bits    uint8 // four bits of the caller's own
	Expires int64 // now-time from which on nobody wants it; 0 = never

	// StaleUntil is not 0 for an invalidated value that is kept for those who
	// accept stale: the now-time from which on they do not want it either. It
	// goes at the earlier of the two times. Both are kept in steps of ExpiryStep,
	// rounded down.
	StaleUntil int64

	// Stored and Accessed are kept in steps of TimeStep, rounded down. What was not
	// read or stored for a hundred days looks as if it had been.
	Stored, Accessed int64

	Tags  []byte // opaque, at most MaxTags bytes
	Value []byte
}

// dies is when nobody wants the item any more; 0 is never.
func (it *Item) dies() int64 { return sooner(it.Expires, it.StaleUntil) }

// TimeStep is the resolution of Item.Stored and Item.Accessed in nanoseconds, about
// half a second: so a time takes three bytes of a record. ExpiryStep is that of
// Item.Expires and Item.StaleUntil, about 66 microseconds.
const (
	TimeStep   = 1 << timeShift
	ExpiryStep = 1 << expiryShift

	timeShift   = 29
	expiryShift = 16
)
