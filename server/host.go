package server

import (
	"fmt"
	"math"
	"time"

	"github.com/leasecache/leasecache/lease"
	"github.com/leasecache/leasecache/server/owner"
	"github.com/leasecache/leasecache/shard"
	"github.com/leasecache/leasecache/shard/single"
)

// Keeper is who remembers what a node must not forget, and knows the cluster.
type Keeper interface {
	owner.Keeper
	Node() string
	Cluster() string
	Map(addr string) shard.Map // for clients, who reach this node at addr
	LongestIntent() time.Duration
}

// alone is a Keeper of a cluster of one node: there is nobody to give a shard to,
// and nobody to ask for a session.
type alone interface {
	Session() shard.Session
	State(shard.ID) single.State
}

// serveAlone opens all shards, for ever.
func (s *Server) serveAlone(k alone) error {
	h := s.Host()
	h.Extend(k.Session(), math.MaxInt64, math.MaxInt64)
	for id := range shard.ID(s.cfg.Keeper.Shards()) {
		st := k.State(id)
		if err := h.Open(id, owner.Start{Epoch: st.Epoch, DoubtBelow: st.DoubtBelow, Closed: st.Closed, Noted: st.Noted}); err != nil {
			return err
		}
	}
	return nil
}

// Host is the side of a Server that is told what to serve. One goroutine uses it.
type Host struct{ srv *Server }

// Host returns it.
func (s *Server) Host() Host { return Host{s} }

// Clock reads both clocks at one moment, as the ends of sessions are to be told in.
func (h Host) Clock() (mono, wall int64) {
	t := time.Now()
	return h.srv.clock.of(t), t.UnixNano()
}

// Extend begins a session or makes it longer. It is over as soon as either clock is at
// its end. The answer is false, for ever, if that has happened already: then all was
// dropped, and the session must be given back.
func (h Host) Extend(id shard.Session, mono, wall int64) bool {
	s := h.srv
	s.ending.Lock()
	defer s.ending.Unlock()
	if !s.owner.Extend(id, mono) {
		return false
	}
	s.term.Store(&term{session: id, mono: mono, wall: wall, forever: mono == math.MaxInt64 && wall == math.MaxInt64})
	return true
}

// Lapse ends a session, if it is not over yet, and returns when nothing of it is
// left: see owner.Owner.Lapse.
func (h Host) Lapse(id shard.Session) {
	s := h.srv
	s.ending.Lock()
	defer s.ending.Unlock()
	s.owner.Lapse(id)
	if s.term.Load().session <= id {
		s.term.Store(&term{})
	}
}

// Route has requests go where a map says, from now on, if it is newer than the one
// there is. The map must not be changed afterwards.
func (h Host) Route(m shard.Map) error { return h.srv.routes.Set(m, h.srv.cfg.Keeper.Node()) }

// Leave shuts a shard for a planned move and returns what its next owner has to know, in
// bytes for OpenMoved there; see owner.Owner.Leave. Raise opens it again, if the move is
// called off.
func (h Host) Leave(id shard.ID, at shard.Epoch) ([]byte, bool) {
	left, ok := h.srv.owner.Leave(id, at)
	if !ok {
		return nil, false
	}
	return left.Append(nil), true
}

// OpenMoved is Open of a shard of which a former owner handed over what he had to. Bytes
// that are not understood open nothing.
func (h Host) OpenMoved(id shard.ID, st owner.Start, moved []byte) error {
	left, err := lease.DecodeHandover(moved)
	if err != nil {
		return fmt.Errorf("shard %d: %w", id, err)
	}
	st.Moved = left
	return h.Open(id, st)
}

// Rest ends a session before its time, as Lapse does when it is over, and returns the
// shards in which no writer was outstanding under the shut gate.
func (h Host) Rest(id shard.Session) []shard.ID {
	s := h.srv
	s.ending.Lock()
	defer s.ending.Unlock()
	calm := s.owner.Rest(id)
	if s.term.Load().session <= id {
		s.term.Store(&term{})
	}
	return calm
}

// Open, Raise and Close are the owner's.
func (h Host) Open(id shard.ID, st owner.Start) error { return h.srv.owner.Open(id, st) }
func (h Host) Raise(id shard.ID, to shard.Epoch)      { h.srv.owner.Raise(id, to) }
func (h Host) Close(id shard.ID)                      { h.srv.owner.Close(id) }
