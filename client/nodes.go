package client

import (
	"context"
	"errors"
	"sync"
	"time"
)

// node is one server; the address at which clients reach it is its name.
type node struct {
	shared *pool // requests that are answered at once
	parked *pool // requests that may wait on the server, so that they delay no others

	// since is the version of the newest map that named it; guarded by nodes.mu.
	since uint64
}

func (n *node) pool(parked bool) *pool {
	if parked {
		return n.parked
	}
	return n.shared
}

func (n *node) load() int { return n.shared.load() + n.parked.load() }

func (n *node) close(why error) {
	n.shared.close(why)
	n.parked.close(why)
}

// errLeft is why requests fail on the connections of a node that is used no more.
// They were not sent, or were cut off; who sends them looks for another node.
var errLeft = errors.New("the node is no more in the map")

// nodes are the servers that the client has, or may have, connections to.
//
// Nobody does I/O under the lock. Nodes are closed outside of it, because that
// waits for their goroutines:
//
//	1: a request takes node n from the table. 2: a map without n is adopted, n is
//	taken out and drained. 3: the request gets a connection of n: it counts in its
//	load, the drain waits for it; or the pool is closed: errLeft, nothing was
//	sent, and the request is routed again by the table of 2.
//
//	1: MV of map 8 names n, which is made. 2: map 7, asked for before, comes, and
//	has no n. 3: n stays: its since is above 7.
//
//	1: close sets closed. 2: a request makes a node: its context has ended
//	already, so that it starts nothing, and it is not kept.
type nodes struct {
	mu struct {
		sync.Mutex
		byAddr map[string]*node
		closed bool
	}
	draining sync.WaitGroup // Add under mu, unless closed

	ctx   context.Context // ends with the client
	stop  context.CancelCauseFunc
	build func(ctx context.Context, addr string) *node
	grace time.Duration // at most so long is a node drained
}

func (s *nodes) init(grace time.Duration, build func(context.Context, string) *node) {
	s.ctx, s.stop = context.WithCancelCause(context.Background())
	s.mu.byAddr = make(map[string]*node)
	s.build, s.grace = build, grace
}

// at returns the node of an address that the map of this version names.
func (s *nodes) at(addr string, version uint64) *node {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.mu.byAddr[addr]
	if n == nil {
		n = s.build(s.ctx, addr)
		if !s.mu.closed {
			s.mu.byAddr[addr] = n
		}
	}
	n.since = max(n.since, version)
	return n
}

// prune lets those nodes go that no map since this version has named.
func (s *nodes) prune(version uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.closed {
		return
	}
	for addr, n := range s.mu.byAddr {
		if n.since < version {
			delete(s.mu.byAddr, addr)
			s.draining.Go(func() { s.drain(n) })
		}
	}
}

// drain closes a node when its last request was answered.
func (s *nodes) drain(n *node) {
	defer n.close(errLeft)
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	late := time.NewTimer(s.grace)
	defer late.Stop()
	for {
		select {
		case <-look.C:
			if n.load() == 0 {
				return
			}
		case <-late.C:
			return
		case <-s.ctx.Done():
			return
		}
	}
}

// close ends all connections and waits for them.
func (s *nodes) close() {
	s.mu.Lock()
	s.mu.closed = true
	var list []*node
	for _, n := range s.mu.byAddr {
		list = append(list, n)
	}
	s.mu.Unlock()
	s.stop(ErrClosed)
	for _, n := range list {
		n.close(ErrClosed)
	}
	s.draining.Wait()
}
