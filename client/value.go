package client

import (
	"context"
	"fmt"
	"time"
)

// Value is what a loader returns and what a read returns.
type Value struct {
	Data  []byte // owned by whoever has the Value
	Flags uint32 // client flags, stored with the value; the highest bit is reserved

	// For loaders: how the value is to be cached.
	TTL  time.Duration // as FillOptions.TTL; negative: not at all
	Tags []string      // as FillOptions.Tags

	// For readers: where the value comes from.

	// Cached: the cache has this value: it was a hit, or its fill was accepted. A
	// value that is not is a right answer to this read, and must not be kept in
	// any cache of the caller's own.
	Cached bool
	// Stale: the value was invalidated; only under WithStale.
	Stale bool
}

// Loader reads the value of key from the source of truth. It is called after
// the server has answered; the package comment says what it must keep to. It
// returns ErrNotFound, itself or wrapped, if there is no such thing; the Tags of
// the Value that comes with it are the negative entry's.
type Loader func(ctx context.Context, key string) (Value, error)

// A negative entry ("not there") is an empty value with this client flag. Other
// clients see an item of no bytes; a value with the flag that is not empty is
// not ours and is taken as it is.
const negativeFlag uint32 = 1 << 31

func isNegative(data []byte, flags uint32) bool { return flags&negativeFlag != 0 && len(data) == 0 }

// checkValue refuses what cannot be cached as it is, by the fault of the loader.
func checkValue(v *Value) error {
	if v.Flags&negativeFlag != 0 {
		return fmt.Errorf("%w: the highest bit of the client flags is reserved", ErrInvalid)
	}
	return nil
}

// GetOption changes one call of Get or GetMulti.
type GetOption func(*getOptions)

type getOptions struct {
	lease   time.Duration
	maxWait time.Duration
	refresh time.Duration
	stale   bool
}

// WithRefresh lets one reader load the value anew, in its own call, when less
// than d (rounded up to seconds) of its time to live is left; all others go on
// hitting it. If that load fails the reader gets the value that is there, which
// is still right.
func WithRefresh(d time.Duration) GetOption { return func(o *getOptions) { o.refresh = d } }

// WithStale accepts a value that was invalidated by InvalidateStale, while one
// reader loads the new one. It gives up what the cache promises, for this read.
func WithStale() GetOption { return func(o *getOptions) { o.stale = true } }

// WithLease asks for leases of this length instead of Options.Lease.
func WithLease(d time.Duration) GetOption { return func(o *getOptions) { o.lease = d } }

// WithMaxWait waits so long for somebody else's load instead of
// Options.MaxWait; 0 or less: not at all.
func WithMaxWait(d time.Duration) GetOption { return func(o *getOptions) { o.maxWait = d } }

func (c *Client) getOptions(opts []GetOption) getOptions {
	o := getOptions{lease: c.o.Lease, maxWait: c.o.MaxWait}
	for _, opt := range opts {
		opt(&o)
	}
	o.maxWait = min(o.maxWait, maxLength)
	return o
}

func (o *getOptions) read(canFence bool) LeaseOptions {
	return LeaseOptions{Length: o.lease, Stale: o.stale, Refresh: o.refresh, CanFence: canFence}
}
