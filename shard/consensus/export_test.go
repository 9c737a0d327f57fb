package consensus

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/hashicorp/raft"
)

// World is what a simulation of whole nodes puts in place of the operating system's.
type World struct {
	Stable time.Duration
	Listen func(addr string) (net.Listener, error)
	Dial   func(ctx context.Context, addr string) (net.Conn, error)
	Store  func(raft.LogStore) raft.LogStore
}

// In returns the Config of a node in a world.
func (c Config) In(w World) Config {
	c.stable, c.listen, c.dial, c.store = w.Stable, w.Listen, w.Dial, w.Store
	return c
}

var errKilledInSim = errors.New("the simulation killed it")

// Kill ends a node as its process's end does: nothing is released or handed over.
func (n *Node) Kill() { n.die(errKilledInSim) }

// Killed says that an error of Run is Kill's.
func Killed(err error) bool { return errors.Is(err, errKilledInSim) }

// Voters is how many vote, as far as this node knows.
func (n *Node) Voters() int {
	select {
	case <-n.started:
		return voters(raft.Configuration{Servers: n.servers()})
	default:
		return 0
	}
}
