package peer

import (
	"encoding/binary"
	"time"
)

// A request is served by its deadline or not at all. Who asked has given it up by
// then, and said so; done much later, a store would undo what others, over other
// connections, have stored since: of an owner that was stopped for a while, the
// buffers of its connections are full of such requests.
//
// So a question names its deadline, in the time of who serves it: nanoseconds since
// its Listener was made. The dialer reckons it from a pace: a moment of the one
// clock and a later one of the other:
//
//	1 the listener reads its clock: theirs   2 says it, in a hello or to a ping
//	3 the dialer reads it, then its own clock: ours
//
// 3 is after 1, so the deadline comes early by the time from 1 to 3, never late but
// for what the clocks' rates differ since: a sync is seconds old where there is
// traffic, and no connection is idle for longer than a minute. It is looked at where
// the clock is read, once for all that arrived together: a node that is stopped
// behind this look is late by as long as it was stopped, but no longer than its
// session lasts (server/owner/gate.go).
type pace struct {
	theirs int64 // 0: there was none
	ours   time.Time
}

// until is a deadline in their time; 0 is none.
func (s pace) until(deadline time.Time) int64 {
	if s.theirs == 0 || deadline.IsZero() {
		return 0
	}
	return max(1, s.theirs+int64(deadline.Sub(s.ours)))
}

// longestPace is how old a sync may be that is better than a newer one.
const longestPace = 5 * time.Second

const clockLen = 8 // of the answer to a ping

// paced takes a sync. The one that was said the faster is the better one, as long as
// the clocks' rates do not matter.
func (c *conn) paced(said []byte) {
	if len(said) != clockLen {
		return
	}
	next := pace{theirs: int64(binary.BigEndian.Uint64(said)), ours: time.Now()}
	c.mu.Lock()
	defer c.mu.Unlock()
	age := next.ours.Sub(c.mu.pace.ours)
	if next.theirs-c.mu.pace.theirs >= int64(age) || age >= longestPace {
		c.mu.pace = next
	}
}

// standsLocked says the deadlines of what was asked for before there was a sync.
func (c *conn) standsLocked(theirs int64) {
	c.mu.pace = pace{theirs: theirs, ours: time.Now()}
	for i := range c.mu.slots.all {
		if s := &c.mu.slots.all[i]; s.id != 0 {
			c.mu.out.limit(s.at, c.mu.pace.until(s.deadline))
		}
	}
}
