package consensus

import (
	"context"
	"log/slog"
	"net"
	"time"

	"github.com/hashicorp/raft"

	"github.com/leasecache/leasecache/internal/peer"
	"github.com/leasecache/leasecache/shard"
	"github.com/leasecache/leasecache/shard/control"
)

// Config is what an operator, and the rest of the program, says about a node.
type Config struct {
	Dir     string   // its data directory
	NodeID  string   // "" keeps the directory's, or makes one up
	Cluster string   // host:port to listen on for other nodes; port 0 picks one
	Join    []string // addresses of members; counts for a directory without a cluster

	// Advertise is the host at which others reach this node, or host:port, if that is not
	// where it listens.
	Advertise string
	// ClientAddr and AdminAddr are told to clients and operators; nil is "".
	ClientAddr, AdminAddr func() string
	Memory                int64         // bytes; how many shards it can carry, against others
	MaxItem               int           // bytes; the largest value that nodes ask of each other, 1 MiB if 0
	Shards                uint32        // of a cluster that is made; 0 is 1024. Otherwise it must fit
	SessionTTL            time.Duration // of a cluster that is made; 0 is the default
	ClusterID             string        // of a cluster that is made; "" makes one up. Otherwise it must fit

	// Former returns what somebody else kept in Dir before, or nil. It is called by Open, which
	// has locked Dir; nil: nobody has.
	Former func() (*Former, error)

	Clock  func() control.Reading // the Host's, which is told ends of sessions in it; nil is the process's
	Logger *slog.Logger           // nil is nowhere

	stable time.Duration                                            // how long a node is well before it votes; 0 is steadyFor
	listen func(addr string) (net.Listener, error)                  // nil is TCP
	dial   func(ctx context.Context, addr string) (net.Conn, error) // its counterpart; nil is TCP
	store  func(raft.LogStore) raft.LogStore                        // nil is the disk's own
}

// Host is the data plane of a node: it serves what it is told to. One goroutine calls
// it, and holds no lock; but for Conversation, which anybody may call.
type Host interface {
	// Route has the Host ask others for what is theirs, by a map that is newer than all it
	// was given before, and is not changed.
	Route(m shard.Map)
	// Conversation serves clients' requests that another node sends, of one connection.
	Conversation() peer.Conversation
	// Extend begins a session or makes it longer. The Host answers nothing from the
	// moment on at which either clock is at its end, whether it is told so or not. False
	// says that this happened already, and all was dropped.
	Extend(s shard.Session, until control.Deadline) bool
	// Lapse ends a session: when it returns the gates are shut, those who wait were
	// told, and nothing of it is left.
	Lapse(s shard.Session)
	// Open serves a shard, beginning with nothing in memory but what a former owner's Leave
	// returned; nil: there is none.
	Open(id shard.ID, st control.Start, moved []byte) error
	// Raise goes on serving a shard at a higher epoch: leases end, all else stays. It opens
	// what Leave has shut.
	Raise(id shard.ID, to shard.Epoch)
	// Leave shuts a shard for a planned move, and returns what its next owner has to know,
	// which is never empty. Nothing is dropped until Close, Open or Lapse. False says that it
	// is not served at that epoch, and nothing was done.
	Leave(id shard.ID, at shard.Epoch) (moved []byte, ok bool)
	// Rest is Lapse for a clean stop, before the session's time. It returns the shards that
	// were open and in which, under the shut gate, no writer is outstanding.
	Rest(s shard.Session) []shard.ID
	// Close ends serving a shard and drops what is there.
	Close(id shard.ID)
}

func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Clock == nil {
		c.Clock = processClock()
	}
	if c.stable == 0 {
		c.stable = steadyFor
	}
	if c.listen == nil {
		c.listen = func(addr string) (net.Listener, error) { return net.Listen("tcp", addr) }
	}
	if c.store == nil {
		c.store = func(s raft.LogStore) raft.LogStore { return s }
	}
	return c
}

// processClock reads both clocks by one time.Now.
func processClock() func() control.Reading {
	start := time.Now()
	return func() control.Reading {
		now := time.Now()
		return control.Reading{Mono: control.Mono(now.Sub(start)), Wall: control.Wall(now.UnixNano())}
	}
}
