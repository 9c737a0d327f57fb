package consensus_test

import (
	"context"
	"time"

	"github.com/leasecache/leasecache/shard"
	"github.com/leasecache/leasecache/shard/consensus"
)

// The observer knows the true time. It fails the run when
//
//   - a command is done at a node, by a reading of the clock that was taken after another
//     node had opened the shard at a higher epoch (P6; why the reading counts and not the
//     effect: package owner, gate.go);
//   - a node opens a shard that another would answer for at that moment;
//   - an epoch of a shard is begun twice, or below one that was begun, by a node whose
//     session is live.

// opening is that of a shard at an epoch.
type opening struct {
	by    *plane
	epoch shard.Epoch
	at    time.Time // when it was open; zero: it is being opened
}

func (s *sim) adopt(w *plane) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.planes = append(s.planes, w)
}

// opens is told before a shard is opened.
func (s *sim) opens(w *plane, id shard.ID, e shard.Epoch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.book[id] {
		switch {
		case o.epoch == e:
			s.failLocked("%s begins epoch %d of shard %d, which %s began", w.p.on, e, id, o.by.p.on)
		case o.epoch > e && !o.at.IsZero() && w.live():
			s.failLocked("%s begins epoch %d of shard %d after %s began %d", w.p.on, e, id, o.by.p.on, o.epoch)
		}
	}
	s.book[id] = append(s.book[id], opening{by: w, epoch: e})
}

// opened is told when it is open.
func (s *sim) opened(w *plane, id shard.ID, e shard.Epoch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.book[id] {
		if o := &s.book[id][i]; o.by == w && o.epoch == e {
			o.at = time.Now()
		}
	}
	s.sayLocked("%s serves shard %d at %d", w.p.on, id, e)
	s.seen["a shard is opened"]++
	if !w.live() {
		return
	}
	for _, other := range s.planes {
		if other != w && other.answers(id) {
			s.failLocked("%s opens shard %d at %d, and %s answers for it at %d", w.p.on, id, e, other.p.on, other.epoch(id))
		}
	}
}

// done is told of a command that had an effect or an answer at an epoch, by a reading that
// was taken at a moment.
func (s *sim) done(w *plane, id shard.ID, e shard.Epoch, reading time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen["a command is done"]++
	if time.Since(reading) > 0 {
		s.seen["a command is done late"]++
	}
	for _, o := range s.book[id] {
		if e == 0 && o.by == w { // opened and closed since; at that epoch, or below it
			e = o.epoch
		}
	}
	for _, o := range s.book[id] {
		if o.by != w && o.epoch > e && !o.at.IsZero() && o.at.Before(reading) {
			s.failLocked("%s does a command in shard %d at epoch %d, by a reading of %v; at %v %s opened it at %d",
				w.p.on, id, e, reading.Sub(s.begin), o.at.Sub(s.begin), o.by.p.on, o.epoch)
			return
		}
	}
}

// live says that a command would find the session live.
func (w *plane) live() bool {
	now := w.p.on.clock.read()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.session != 0 && !w.gone && w.until.Held(now)
}

// answers says that a command for a shard would be done.
func (w *plane) answers(id shard.ID) bool { return w.epoch(id) != 0 && w.live() }

// bug is one that is planted, for the simulation to find.
type bug int

const (
	_ bug = iota
	bugForever
	bugFromApply
	bugNoNote
	bugNoDoubt
	bugNoClosure
	bugOpensAgain
	bugDrift
	bugOneClock
	bugNoIntents
	bugOwnTTL
)

// forgetful is a keeper that says it has noted what it has not.
type forgetful struct{ *consensus.Keeper }

func (forgetful) Note(context.Context, shard.ID, shard.Epoch, shard.Note) error { return nil }
