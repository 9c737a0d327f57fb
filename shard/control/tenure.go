package control

import (
	"time"

	"github.com/leasecache/leasecache/shard"
)

// Step is what a node does about a shard when its State has changed.
type Step uint8

const (
	Keep      Step = iota // nothing: it is as it was
	Close                 // somebody else's: shut the gate, tell those who wait, drop what is there
	OpenCold              // ours, with nothing in memory; drop what is there
	OpenMoved             // ours, with what came under the transfer Via; drop what is there
	Rise                  // ours as before, at a higher epoch: leases end, all else stays
	GiveUp                // ours, but the transfer it came by is not here: do not serve it, propose a Reset
)

// Next is what a node does about a shard that it has open at an epoch, 0 if it has
// not, when its live session is mine, 0 if it has none. holds says whether it has a
// transfer of this shard complete.
//
// It goes by the newest State and by nothing before: a node that lags, or that got
// a snapshot, does not see every entry. What came under a transfer is kept by its
// id, apart from the shard (R6):
//
//	1 x moves from A to B; A's State lags behind. 2 x moves back to A at once: A
//	takes the stream. 3 A applies the first move: "x is B's, drop all of x". Had it
//	dropped the stream as well, it would apply the second, and serve x without its
//	intents.
func (st *State) Next(id shard.ID, mine shard.Session, open shard.Epoch, holds func(transfer uint64) bool) Step {
	s := &st.Shards[id]
	switch {
	case mine == 0 || s.Session != mine:
		if open == 0 {
			return Keep
		}
		return Close
	case open == s.Epoch:
		return Keep
	case open != 0 && open >= s.Since:
		return Rise
	case s.Via == 0:
		return OpenCold
	case holds(s.Via):
		return OpenMoved
	}
	return GiveUp
}

// Start is what an owner has to know of a shard before it serves it.
type Start struct {
	Epoch      shard.Epoch
	DoubtBelow uint64
	// Closed is how long the shard answers "go to the source", from the first serve
	// on. Of a shard that came by a transfer the transfer says it.
	Closed time.Duration
	// Near is how long the first acknowledgement of an invalidation or an intent has
	// to wait, from the first serve on, for near sessions of the former owner.
	Near     time.Duration
	Noted    shard.Note
	TagFloor uint64
	Via      uint64
}

// Start is that of a shard which Next says to open.
func (st *State) Start(id shard.ID) Start {
	s := &st.Shards[id]
	start := Start{
		Epoch: s.Epoch, DoubtBelow: s.DoubtBelow,
		Noted: s.Noted, TagFloor: s.TagFloor, Via: s.Via,
	}
	if s.Via == 0 {
		start.Closed = st.Settings.Closure(s.Noted.Bounded)
	}
	if s.NearWait > 0 {
		start.Near = st.Settings.Wait(s.NearWait)
	}
	return start
}
