package consensus_test

import (
	"context"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/internal/peer"
	"github.com/leasecache/leasecache/internal/storage/memory"
	"github.com/leasecache/leasecache/lease"
	"github.com/leasecache/leasecache/server/owner"
	"github.com/leasecache/leasecache/shard"
	"github.com/leasecache/leasecache/shard/consensus"
	"github.com/leasecache/leasecache/shard/control"
)

// plane is the data plane of a process: an owner.Owner, told what to serve as the server's
// Host tells it, and asked as a connection does. See Server.read and Host in package
// server, which this stands for.
type plane struct {
	p     *simProc
	owner *owner.Owner
	cache *memory.Cache

	mu      sync.Mutex // also over Owner.Extend and Lapse, as Server.ending
	session shard.Session
	until   control.Deadline
	gone    bool // its process was killed
	left    bool // nobody tells it anything any more
	routed  uint64

	at [simShards]epochs // what it opened; written by the agent alone, under at's lock
	em sync.Mutex
}

// epochs of a shard in one process.
type epochs struct{ now shard.Epoch } // 0 is not open

func newPlane(p *simProc, k *consensus.Keeper) *plane {
	cache, err := memory.New(memory.Options{Bytes: 1 << 20, MaxItem: 4096, MaxPartitions: 2})
	require.NoError(p.on.s.t, err)
	w := &plane{p: p, cache: cache}
	w.owner = owner.New(owner.Options{
		Keeper: p.on.s.keeper(k), Cache: cache, Limits: lease.DefaultLimits(), Clock: w.mono, Reading: w.read,
	})
	p.on.s.adopt(w)
	return w
}

func (w *plane) mono() int64 { return int64(w.p.on.clock.read().Mono) }

// read is a reading for a command.
func (w *plane) read() int64 {
	now := w.p.on.clock.read()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.session != 0 && !w.until.Held(now) {
		w.owner.Lapse(w.session)
		w.session = 0
	}
	return int64(now.Mono)
}

// Extend, Lapse, Rest, Leave, Open, Raise, Close, Route and Conversation are consensus.Host.
func (w *plane) Extend(id shard.Session, until control.Deadline) bool {
	if !w.told() {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch now := w.p.on.clock.read(); w.p.on.s.bug {
	case bugForever:
		until = control.Deadline{Mono: now.Mono + control.Mono(time.Hour), Wall: now.Wall + control.Wall(time.Hour)}
	case bugFromApply:
		until = control.Deadline{Mono: now.Mono + control.Mono(w.p.on.s.ttl), Wall: now.Wall + control.Wall(w.p.on.s.ttl)}
	case bugOwnTTL:
		until = control.Deadline{Mono: now.Mono + control.Mono(10*time.Second), Wall: now.Wall + control.Wall(10*time.Second)}
	}
	if !w.owner.Extend(id, int64(until.Mono)) {
		return false
	}
	w.session, w.until = id, until
	return true
}

func (w *plane) Lapse(id shard.Session) {
	if !w.told() {
		return
	}
	// The agent knows better than these bugs.
	for b := w.p.on.s.bug; (b == bugFromApply || b == bugOwnTTL) && w.live() && !w.p.over(); {
		time.Sleep(time.Millisecond)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.owner.Lapse(id)
	if w.session <= id {
		w.session = 0
	}
	w.em.Lock()
	defer w.em.Unlock()
	clear(w.at[:])
}

// Rest is what a clean stop does instead.
func (w *plane) Rest(id shard.Session) []shard.ID {
	if !w.told() {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	calm := w.owner.Rest(id)
	if w.session <= id {
		w.session = 0
	}
	w.em.Lock()
	defer w.em.Unlock()
	clear(w.at[:])
	return calm
}

// Leave hands a shard over, as planned.
func (w *plane) Leave(id shard.ID, e shard.Epoch) ([]byte, bool) {
	if !w.told() {
		return nil, false
	}
	h, ok := w.owner.Leave(id, e)
	if !ok {
		return nil, false
	}
	switch w.p.on.s.bug {
	case bugNoIntents:
		h.Writers = nil
	case bugOpensAgain:
		w.owner.Raise(id, e+1)
	}
	w.p.on.s.saw("a shard is handed over")
	if w.p.on.s.bug != bugOpensAgain {
		w.set(id, 0)
	}
	if f := w.p.on.s.left; f != nil {
		f(w, id)
	}
	return h.Append(nil), true
}

func (w *plane) Open(id shard.ID, st control.Start, moved []byte) error {
	if !w.told() {
		return nil
	}
	start := owner.Start{Epoch: st.Epoch, DoubtBelow: st.DoubtBelow, Closed: st.Closed, Noted: st.Noted}
	if moved != nil {
		left, err := lease.DecodeHandover(moved)
		if err != nil {
			w.p.on.s.fail("%s is handed over what is damaged: %v", w.p.on, err)
			return err
		}
		start.Moved = left
		w.p.on.s.saw("a shard is taken over")
	}
	w.p.on.s.opens(w, id, st.Epoch)
	w.set(id, st.Epoch)
	switch w.p.on.s.bug {
	case bugNoDoubt:
		start.DoubtBelow = 0
	case bugNoClosure:
		start.Closed = 0
	}
	err := w.owner.Open(id, start)
	if err != nil {
		w.set(id, 0)
		return err
	}
	w.p.on.s.opened(w, id, st.Epoch)
	return nil
}

func (w *plane) Raise(id shard.ID, to shard.Epoch) {
	if !w.told() {
		return
	}
	w.p.on.s.opens(w, id, to)
	w.set(id, to)
	w.owner.Raise(id, to)
	w.p.on.s.opened(w, id, to)
}

func (w *plane) Close(id shard.ID) {
	if !w.told() {
		return
	}
	w.owner.Close(id)
	w.set(id, 0)
}

func (w *plane) Route(m shard.Map) {
	w.told()
	w.mu.Lock()
	defer w.mu.Unlock()
	if m.Version <= w.routed {
		w.p.on.s.fail("%s is given map %d after %d", w.p.on, m.Version, w.routed)
	}
	w.routed = m.Version
}

func (w *plane) Conversation() peer.Conversation { return deafTo{} }

// deafTo is for requests of clients that other nodes pass on: there are none here.
type deafTo struct{}

func (deafTo) Serve(_ peer.Request, r peer.Reply) { r.Fail("nothing is passed on here") }
func (deafTo) Close()                             {}

func (w *plane) set(id shard.ID, to shard.Epoch) {
	w.em.Lock()
	defer w.em.Unlock()
	w.at[id].now = to
}

func (w *plane) epoch(id shard.ID) shard.Epoch {
	w.em.Lock()
	defer w.em.Unlock()
	return w.at[id].now
}

// told is passed by whoever tells the plane something. The agent of a process that stands
// still comes through when it goes on; that of a zombie never.
func (w *plane) told() bool {
	w.p.on.rest.pass()
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.left
}

// orphan leaves it to itself: its process was killed, or is a zombie.
func (w *plane) orphan(zombie bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left, w.gone = true, !zombie
}

func (w *plane) stop(ctx context.Context) {
	if err := w.owner.Stop(ctx); err != nil {
		w.p.on.s.say("%s: %v", w.p.on, err)
	}
}

// end lets go of its memory, after everybody else.
func (w *plane) end() {
	_ = w.owner.Stop(context.Background())
	_ = w.cache.Close()
}

// asked says whether clients reach it.
func (w *plane) asked() bool {
	if w == nil {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.gone
}
