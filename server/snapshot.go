package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leasecache/leasecache/internal/storage/memory"
	"github.com/leasecache/leasecache/lease"
	"github.com/leasecache/leasecache/protocol"
	"github.com/leasecache/leasecache/server/owner"
	"github.com/leasecache/leasecache/shard"
)

// What the admin interface looks at and does. Nothing here is on the path of a
// client's command.

// Count is how often a verb came to an outcome.
type Count struct {
	Verb, Outcome string
	N             uint64
}

// Snapshot is the server's counts at one moment.
type Snapshot struct {
	Commands  []Count // those above zero
	Conns     int
	MaxConns  int
	Accepted  uint64
	Rejected  uint64 // over MaxConns
	Stalled   uint64 // closed in the middle of a request
	Idle      uint64 // closed because they asked for nothing
	Crowded   uint64 // closed because all of them kept too much
	Foreign   map[string]uint64
	Logins    uint64 // tried
	BadLogins uint64 // of those
	BytesRead uint64
	BytesSent uint64
	Uptime    time.Duration
	Memory    memory.Stats
	Leases    lease.Stats

	Forwards struct{ Done, Refused, Unknown uint64 } // what other nodes were asked for

	Watchers     int    // connections that watch
	WatchSent    uint64 // lines queued for them
	WatchSkipped uint64 // lines that they missed, as they did not read
}

// Snapshot counts.
func (s *Server) Snapshot() Snapshot {
	c := &s.stats
	out := Snapshot{
		Conns:     s.connections(),
		MaxConns:  s.cfg.MaxConns,
		Accepted:  c.accepted.Load(),
		Rejected:  c.rejected.Load(),
		Stalled:   c.stalled.Load(),
		Idle:      c.idleKicks.Load(),
		Crowded:   c.crowded.Load(),
		Foreign:   make(map[string]uint64),
		Logins:    c.authCmds.Load(),
		BadLogins: c.authFails.Load(),
		BytesRead: c.bytesRead.Load(),
		BytesSent: c.bytesWritten.Load(),
		Uptime:    time.Duration(s.clock.now() - s.started),
		Memory:    s.cache.Stats(),
		Leases:    s.owner.Stats(),

		Watchers:     s.watchers.count(),
		WatchSent:    s.watchers.sent.Load(),
		WatchSkipped: s.watchers.skipped.Load(),
	}
	out.Forwards.Done, out.Forwards.Refused, out.Forwards.Unknown = c.forwarded.Load(), c.forwardsRefused.Load(), c.forwardsUnknown.Load()
	for v := range c.commands {
		for o := range c.commands[v] {
			if n := c.commands[v][o].Load(); n > 0 {
				out.Commands = append(out.Commands, Count{protocol.Verb(v).String(), outcome(o).String(), n})
			}
		}
	}
	for r := range c.closedAsOther {
		if r := protocol.CloseReason(r); r != protocol.NoReason {
			out.Foreign[r.String()] = c.closedAsOther[r].Load()
		}
	}
	return out
}

// Node names this node and its cluster.
func (s *Server) Node() (node, cluster, version string) {
	return s.cfg.Keeper.Node(), s.cfg.Keeper.Cluster(), s.cfg.Version
}

// Ready is nil while the node may serve, else says why not.
func (s *Server) Ready() error {
	if s.ctx.Err() != nil {
		return errStopping
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return errStopping
	}
	return s.serves()
}

// serves is nil if requests are done, here or by others.
func (s *Server) serves() error {
	if s.live() == 0 {
		return errors.New("no session: the cluster has not confirmed this node yet")
	}
	m := s.routes.Map()
	if m == nil {
		if s.cfg.Peers == nil {
			return nil // it is alone, and has all
		}
		return errors.New("no map: this node does not know yet who has what")
	}
	owned, ours := 0, 0
	for _, o := range m.Owners {
		if o == shard.NoOwner {
			continue
		}
		owned++
		if m.Nodes[o].ID == s.cfg.Keeper.Node() {
			ours++
		}
	}
	switch open := s.owner.Serving(); {
	case owned == 0:
		return errors.New("no shard has an owner yet")
	case open < ours:
		return fmt.Errorf("%d of this node's %d shards are open", open, ours)
	}
	return nil
}

// Intents is nil if writers may have intents, else says why not.
func (s *Server) Intents() error { return s.cfg.Keeper.Intents() }

// Shards shows every shard.
func (s *Server) Shards() []owner.ShardView { return s.owner.Shards(s.clock.now()) }

// Keys shows every key with lease state, until f returns false.
func (s *Server) Keys(f func(shard.ID, lease.KeyState) bool) { s.owner.Keys(s.read().now, f) }

// Inspect shows all that is known of a key; now is the time its deadlines and
// expiries are to be held against.
func (s *Server) Inspect(key []byte) (v owner.KeyView, now int64, err error) {
	now = s.read().now
	v, err = s.owner.Inspect(now, shard.Hash(key), key)
	return v, now, err
}

// Context ends when the server stops.
func (s *Server) Context() context.Context { return s.ctx }
