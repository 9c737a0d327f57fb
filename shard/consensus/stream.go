package consensus

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/leasecache/leasecache/internal/peer"
)

// stream is raft's way to other nodes: the raft streams of the cluster port.
//
// What raft takes for an address is "id@host:port". Raft does not tell a peer whom it
// takes it for, and a node answers whatever reaches it:
//
//	1 The hosts of n2 and n3 swap addresses in a restart. 2 The leader n1 sends an entry
//	  to n2's address; n3 stores and acknowledges it. 3 It sends the same to n3's: n2
//	  is down. 4 The leader counts n2's acknowledgement: with n1 and n3 alone that is
//	  right by luck; of five nodes, one answers for two, and a minority commits.
//
// So the id is part of the address, and who answers must be who was meant.
type stream struct {
	net.Listener
	self raft.ServerAddress
	cfg  peer.Config
	// found is where a node is, if that is not where raft takes it to be; nil: nobody is.
	found func(node string) (hostport string, ok bool)

	// mu guards what was accepted. Raft's transport leaves it open when it closes.
	mu     sync.Mutex
	conns  map[*accepted]struct{}
	closed bool
}

type accepted struct {
	net.Conn
	s *stream
}

// Accept is of another node's stream, which ends with this listener.
func (s *stream) Accept() (net.Conn, error) {
	nc, err := s.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &accepted{nc, s}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = nc.Close()
		return nil, net.ErrClosed
	}
	s.conns[c] = struct{}{}
	return c, nil
}

func (c *accepted) Close() error {
	c.s.mu.Lock()
	delete(c.s.conns, c)
	c.s.mu.Unlock()
	return c.Conn.Close()
}

// Close ends the listener and what came through it.
func (s *stream) Close() error {
	s.mu.Lock()
	s.closed = true
	for c := range s.conns {
		_ = c.Conn.Close()
	}
	clear(s.conns)
	s.mu.Unlock()
	return s.Listener.Close()
}

func raftAddress(node, hostport string) raft.ServerAddress {
	return raft.ServerAddress(node + "@" + hostport)
}

func splitAddress(a raft.ServerAddress) (node, hostport string, ok bool) {
	return strings.Cut(string(a), "@")
}

// Addr is what raft tells others about this node.
func (s *stream) Addr() net.Addr { return named(s.self) }

// Dial opens a raft stream to a node at an address.
func (s *stream) Dial(to raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	node, hostport, ok := splitAddress(to)
	if !ok {
		return nil, fmt.Errorf("%q does not say which node is at which address", to)
	}
	if s.found != nil {
		if at, ok := s.found(node); ok {
			hostport = at
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return peer.DialRaft(ctx, s.cfg, hostport, node)
}

type named raft.ServerAddress

func (named) Network() string  { return "raft" }
func (n named) String() string { return string(n) }
