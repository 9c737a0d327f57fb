package server

import (
	"time"

	"github.com/leasecache/leasecache/shard"
)

// clock turns the system's clock into what the rules take: nanoseconds on the
// monotonic clock, above zero from the start.
type clock struct {
	origin time.Time
}

// newClock starts a clock. It begins at one second, so that zero is the past.
func newClock() clock { return clock{origin: time.Now().Add(-time.Second)} }

func (c clock) now() int64 { return int64(time.Since(c.origin)) }

func (c clock) of(t time.Time) int64 { return int64(t.Sub(c.origin)) }

// reading is one look at the clock; it serves all commands of a batch.
type reading struct {
	now  int64 // monotonic nanoseconds
	unix int64 // wall clock, seconds: only for a client's absolute expiry times

	session shard.Session // live then; 0 is none, or not asked for: see Server.read
}

// read is for who only looks; Server.read is for commands.
func (c clock) read() reading {
	t := time.Now()
	return reading{now: c.of(t), unix: t.Unix()}
}

// sinceEpoch is what makes of a time of this clock, by the wall clock of now,
// nanoseconds since 1970.
func (c clock) sinceEpoch() int64 {
	t := time.Now()
	return t.UnixNano() - int64(t.Sub(c.origin))
}

const (
	second = int64(time.Second)

	// longestRelative is the largest expiry time in seconds that memcached takes
	// as relative; above it is a Unix time.
	longestRelative = 60 * 60 * 24 * 30

	// gone is an expiry in the past.
	gone = int64(1)
)

// expiry turns a client's expiry time into the server's: 0 is never, below 0
// is at once, up to 30 days is relative, above is a Unix time.
func (r reading) expiry(exptime int64) int64 {
	switch {
	case exptime == 0:
		return 0
	case exptime < 0:
		return gone
	case exptime > longestRelative:
		exptime -= r.unix
		if exptime <= 0 {
			return gone
		}
	}
	const longest = int64(1) << 33 // seconds that still fit; 272 years are for ever
	return r.now + min(exptime, longest)*second
}

// ttl turns an expiry into what clients are shown: whole seconds left, begun
// ones counted, and -1 for ever.
func (r reading) ttl(expires int64) int64 {
	if expires == 0 {
		return -1
	}
	return (max(0, expires-r.now) + second - 1) / second
}
