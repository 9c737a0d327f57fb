package owner

import (
	"fmt"
	"sync"
	"time"

	"github.com/leasecache/leasecache/lease"
	"github.com/leasecache/leasecache/shard"
)

// The right to serve: a session with its end, and a gate for each shard. Both are
// looked at under the lock that a command's effect is made under, so whoever closes
// a gate knows, when the call returns, that no command is between its check and its
// effect, and that none will come (H6).
//
// The end of the session needs no such exclusion, and a command may be later than
// it. What must hold is less: the command's reading of the clock is from before the
// end, and was taken when the request had been received already. Schedule (paused):
//
//	1 A batch is received, then the clock is read: the session is live.
//	2 The process is stopped; the session runs out; another node opens the shard,
//	  with nothing in memory; a writer commits there; its invalidation is
//	  acknowledged.
//	3 The process goes on. A command of the batch takes the bucket's lock before Lapse
//	  does, and has its effect; or had it before 2, and its reply is late.
//	4 Lapse drops everything.
//
// That is as if the command had its effect, in the order in which the locks were
// taken, just before the session ended: it had been asked for before that, is
// answered after it, and nobody but other commands with readings as old saw or sees
// what it did. To who asked, its reply is one that took long on the way.
//   - A hit: no invalidation that was acknowledged before the end is missing from it,
//     and one after the end was under way together with the read.
//   - ld, lc, lt: whoever sent it had committed before it was received, so before the
//     shard was opened by another, who loads what it shows later than that.
//   - lw: its note is of an epoch that is over. It was made, and the new owner is in
//     doubt, or closed for longer than the intent's writer may take; or it is refused.
//   - ls: what is stored is older than the shard's next opening, even here: void.
//
// Were the clock read before the request is received, the first of these would be
// wrong: 1 reading · 2 another owner, who acknowledges an invalidation · 3 a read
// arrives and hits what was there before.

// session is which session this Owner is in. Its lock is taken before buckets'.
type session struct {
	mu     sync.Mutex
	id     shard.Session // 0 is none
	lapsed shard.Session // the newest that is over: no call for it, or for one before, counts
}

// Extend begins a session or makes it longer: until, by Clock, commands are served in
// shards that are open. It returns false, for ever, if the session was found to be
// over here: then everything was dropped, and it must be given back.
func (w *Owner) Extend(id shard.Session, until int64) bool {
	w.session.mu.Lock()
	defer w.session.mu.Unlock()
	if id <= w.session.lapsed {
		return false
	}
	w.session.id = id
	for i := range w.buckets {
		b := &w.buckets[i]
		b.mu.Lock()
		if !b.mu.stopped {
			b.mu.until = until
			if b.mu.wakeAt == 0 { // it may have fired just before, and found the session over
				for _, s := range b.shards {
					if s.open {
						w.wake(b, s.table.NextDue())
					}
				}
			}
		}
		b.mu.Unlock()
	}
	return true
}

// Lapse ends a session: all gates are closed, readers who waited are told so, and
// nothing of what was held will ever be shown. It returns when that is done, also to
// who comes second. A session that is over already, or not known, is left alone.
func (w *Owner) Lapse(id shard.Session) { w.lapse(id, func(*owned) {}) }

// Rest is Lapse before the session's time, for a clean stop. It returns those of the
// shards that were open in which no writer is outstanding: looked at under the shut
// gate, so that none begins after it.
func (w *Owner) Rest(id shard.Session) (calm []shard.ID) {
	now := w.clock()
	w.lapse(id, func(s *owned) {
		if now < s.bucket.mu.until && s.open {
			s.table.Advance(now)
			if s.table.Quiet(now) {
				calm = append(calm, s.id)
			}
		}
	})
	return calm
}

// lapse calls look for each shard before it is shut.
func (w *Owner) lapse(id shard.Session, look func(*owned)) {
	w.session.mu.Lock()
	defer w.session.mu.Unlock()
	w.session.lapsed = max(w.session.lapsed, id)
	if w.session.id == 0 || w.session.id > id {
		return
	}
	w.session.id = 0
	for i := range w.buckets {
		b := &w.buckets[i]
		b.mu.Lock()
		if !b.mu.stopped { // else those who waited were told something else
			for _, s := range b.shards {
				look(s)
				s.shut()
			}
		}
		b.mu.until = 0
		b.mu.Unlock()
	}
}

// Start is what has to be known of a shard before it is served.
type Start struct {
	Epoch      shard.Epoch
	DoubtBelow uint64          // fenced intents below it may be outstanding; 0 is none
	Closed     time.Duration   // how long the shard is closed from now on, after bounded intents
	Noted      shard.Note      // what the keeper holds already
	Moved      *lease.Handover // what the former owner handed over; nil: there is none, or it is lost
}

// Open begins to serve a shard, of which nothing is known but what Start says: what
// is in memory of a former tenure is dropped, also values that were moved away and back. Its closure counts from this moment:
// nothing was served before it. Nothing is opened, with an error, without a session,
// or if the epoch is not above all that the shard had here.
func (w *Owner) Open(id shard.ID, st Start) error {
	now := w.clock()
	s := &w.shards[id]
	b := s.bucket
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.mu.until == 0:
		return b.refusal(now)
	case uint32(st.Epoch) <= s.tokens.Epoch():
		return fmt.Errorf("shard %d cannot be opened at epoch %d: it had epoch %d here", id, st.Epoch, s.tokens.Epoch())
	case st.Moved != nil && st.Moved.Newest() >= lease.FirstToken(uint32(st.Epoch)):
		return fmt.Errorf("shard %d cannot be opened at epoch %d: what was handed over has tokens of it already", id, st.Epoch)
	}
	s.shut()
	start := lease.Start{DoubtBelow: lease.Token(st.DoubtBelow)}
	if st.Closed > 0 {
		start.ClosedUntil = now + int64(st.Closed)
	}
	s.table.Restart(uint32(st.Epoch), start)
	if st.Moved != nil {
		s.table.TakeOver(now, st.Moved)
		w.wake(b, s.table.NextDue())
	}
	s.since, s.noted, s.open = st.Epoch, st.Noted, true
	return nil
}

// Raise moves a shard that is open, or that was to leave, to a higher epoch under this
// owner, and opens it: leases end, everything else stays. An epoch that it has already, or is above, changes nothing.
func (w *Owner) Raise(id shard.ID, to shard.Epoch) {
	s := &w.shards[id]
	s.bucket.mu.Lock()
	from := s.since
	s.bucket.mu.Unlock()
	w.raiseTo(s, from, to)
}

// Close ends the serving of a shard: when it returns no command has any effect on it
// any more, readers who waited are told, and what is in memory will never be shown.
func (w *Owner) Close(id shard.ID) {
	s := &w.shards[id]
	s.bucket.mu.Lock()
	defer s.bucket.mu.Unlock()
	if !s.bucket.mu.stopped { // else they are told, and what there is may be listed still
		s.shut()
	}
}

// shut closes a gate, and lets go of what is known of the shard. Its values stay in
// the store until it needs the room; the next Open is above their versions. The
// bucket is locked.
func (s *owned) shut() {
	if !s.open && !s.leaving {
		return
	}
	s.open, s.leaving, s.noted = false, false, shard.Note{}
	s.table.Close(lease.NotOwner)
	s.table.Forget()
}

var errStopping = unavailable("the node is stopping")

// lock takes the lock of the key's shard for a command. When it returns an
// error nothing is locked. Session and gate are looked at under the lock that
// the command's effect will be made under.
func (w *Owner) lock(now int64, hash uint64) (*owned, error) {
	s := w.shardOf(hash)
	b := s.bucket
	b.mu.Lock()
	if now >= b.mu.until || !s.open {
		err := b.refusal(now)
		if s.leaving && now < b.mu.until {
			err = errLeaving
		}
		b.mu.Unlock()
		return nil, err
	}
	if s.tokens.Left() < w.reserve {
		if err := w.shortOfTokens(s); err != nil {
			b.mu.Unlock()
			return nil, err
		}
	}
	return s, nil
}

// refusal is why nothing is done for a command in a shard that is not served. The
// bucket is locked.
func (b *bucket) refusal(now int64) error {
	switch {
	case b.mu.stopped:
		return errStopping
	case now >= b.mu.until:
		return errNoSession
	}
	return ErrNotOwner
}
