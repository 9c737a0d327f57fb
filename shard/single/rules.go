package single

import (
	"fmt"
	"slices"
	"time"

	"github.com/leasecache/leasecache/shard"
)

// A shard that may have bounded intents of a former life stays closed for the
// longest of them, as long as that can be on the slowest clock allowed, and
// for the margin the source has for showing or failing a COMMIT.
const (
	driftPercent = 20
	margin       = 500 * time.Millisecond
)

// Note is what may be outstanding in the source.
type Note = shard.Note

// State is what a shard has to know before it serves.
type State struct {
	Epoch shard.Epoch
	// DoubtBelow is above every token under which a fenced intent of a former
	// epoch may be outstanding; 0 = none. Only a fence clears it.
	DoubtBelow uint64
	// Closed is how long the shard answers "go to the source", counted from
	// the moment this life first serves, because of bounded intents of a
	// former life; 0 = open. Raise and Quiet leave it as the start found it.
	Closed time.Duration
	// Noted is what may be outstanding of this epoch, and bounded intents of
	// former ones until Quiet is told that their closure has passed.
	Noted Note
}

// settings are fixed when the cluster is made.
type settings struct {
	cluster    string
	node       string
	shards     uint32
	sessionTTL time.Duration
	longest    time.Duration // longest intent
}

// state is everything a life hands to the next. A published state is never
// changed: the steps below work on a clone.
type state struct {
	settings
	version uint64 // of the Map: rises with every change of an epoch
	session shard.Session
	shards  []State
}

// first is the state of a cluster nobody has served yet, one restart short of
// its first life. before is the epoch that restart starts from: it is random,
// because "nobody" means nobody that is remembered. A directory may have been
// lost, a container thrown away, while clients still hold tokens of that life.
func first(s settings, before shard.Epoch) *state {
	st := &state{
		settings: s,
		version:  uint64(before),
		session:  shard.Session(before),
		shards:   make([]State, s.shards),
	}
	for i := range st.shards {
		st.shards[i].Epoch = before
	}
	return st
}

func (st *state) equal(other *state) bool {
	return st.settings == other.settings && st.version == other.version &&
		st.session == other.session && slices.Equal(st.shards, other.shards)
}

func (st *state) clone() *state {
	next := *st
	next.shards = slices.Clone(st.shards)
	return &next
}

// restart is the start of a life, after a clean stop as after any other.
//
// Schedule H4, which is why doubt goes by "noted or in doubt already":
//
//	1 epoch 5: writer W notes an intent, stalls in its transaction
//	2 restart: epoch 6, in doubt; nobody fences, nobody begins an intent
//	3 restart: epoch 7; epoch 6 noted nothing
//	4 were 7 open, a reader would fill the old value
//	5 W commits: the old value is served for ever
func (st *state) restart() error {
	for i := range st.shards {
		s := &st.shards[i]
		if s.Epoch >= shard.MaxEpoch {
			return fmt.Errorf("%w: shard %d has had all %d", ErrEpochs, i, shard.MaxEpoch)
		}
		s.Epoch++
		if s.Noted.Fenced || s.DoubtBelow > 0 {
			s.DoubtBelow = s.Epoch.Base()
		}
		s.Noted.Fenced = false
		// The bounded note stays: a crash within the closure must close the
		// next life too, and in full, as nobody knows how much of it passed.
		s.Closed = closure(s.Noted.Bounded)
	}
	st.version++
	st.session++
	return nil
}

func closure(longest time.Duration) time.Duration {
	if longest == 0 {
		return 0
	}
	return longest + longest*driftPercent/100 + margin
}

// note adds to what is noted. The epoch is compared here, at the moment the
// note takes effect, and not when it was asked for: a Raise before it in the
// same batch makes it stale.
func (st *state) note(id shard.ID, e shard.Epoch, n Note) error {
	s := &st.shards[id]
	if s.Epoch != e {
		return fmt.Errorf("%w: shard %d is at epoch %d, not %d", ErrStale, id, s.Epoch, e)
	}
	if n.Bounded > st.longest {
		return fmt.Errorf("%w: %v is longer than %v", ErrTooLong, n.Bounded, st.longest)
	}
	s.Noted.Fenced = s.Noted.Fenced || n.Fenced
	s.Noted.Bounded = max(s.Noted.Bounded, wholeMillis(n.Bounded))
	return nil
}

// raise is a planned move of the shard to its own owner: intents live on, so
// notes and doubt stay (schedule R4).
func (st *state) raise(id shard.ID, from, atLeast shard.Epoch) (shard.Epoch, error) {
	s := &st.shards[id]
	if s.Epoch != from {
		return 0, fmt.Errorf("%w: shard %d is at epoch %d, not %d", ErrStale, id, s.Epoch, from)
	}
	to := max(from+1, atLeast)
	if to > shard.MaxEpoch {
		return 0, fmt.Errorf("%w: shard %d cannot go to %d", ErrEpochs, id, to)
	}
	s.Epoch = to
	st.version++
	return to, nil
}

// fenced clears the doubt of former epochs if the fence covers all of it.
func (st *state) fenced(id shard.ID, token uint64) {
	if s := &st.shards[id]; token >= s.DoubtBelow {
		s.DoubtBelow = 0
	}
}

// quiet forgets what was noted. Doubt of former epochs is a fence's to clear.
func (st *state) quiet(ids []shard.ID) {
	for _, id := range ids {
		st.shards[id].Noted = Note{}
	}
}

func wholeMillis(d time.Duration) time.Duration {
	return (d + time.Millisecond - 1).Truncate(time.Millisecond)
}
