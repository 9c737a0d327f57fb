package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"

	"github.com/leasecache/leasecache/protocol"
	"github.com/leasecache/leasecache/shard"
)

// ErrOtherCluster: a server belongs to another cluster than the one the client
// has to do with. It is in the TransportError of requests that could go nowhere
// else. What is known of one cluster says nothing in another: an invalidation in
// the one leaves the values of the other as they are.
var ErrOtherCluster = errors.New("the server is of another cluster")

// table is what the client knows of the cluster. It is never changed, only
// replaced.
type table struct {
	version uint64
	shards  uint32
	owners  []*node // by shard, nil for one that nobody serves; nil: requests are not routed
	nodes   []*node // whom to ask where no owner is known; at least one
	first   int     // where to begin in nodes: another one for each client
}

// owner is the node that serves a key, or nil.
func (t *table) owner(key []byte) *node {
	if t.owners == nil {
		return nil
	}
	return t.owners[shard.Of(key, t.shards)]
}

// any is a node to ask that is not this one, if there is another: one with a
// connection before one without.
func (t *table) any(not *node) *node {
	if len(t.nodes) == 1 {
		return t.nodes[0]
	}
	var other *node
	for i := range t.nodes {
		n := t.nodes[(t.first+i)%len(t.nodes)]
		if n == not {
			continue
		}
		if n.shared.any() != nil {
			return n
		}
		if other == nil || other.shared.resting() && !n.shared.resting() {
			other = n
		}
	}
	return other
}

// askMap asks the process at the other end of a connection for its map. The map is
// nil if it says no more than which cluster this is.
func (c *Client) askMap(ctx context.Context, on *conn) (*ClusterInfo, *shard.Map, error) {
	r := protocol.Request{Verb: protocol.VerbLM}
	rep, err := c.doOn(ctx, on, &r, min(c.limit(ctx), c.o.RequestTimeout), nil)
	if err != nil {
		return nil, nil, err
	}
	c.stats.maps.Add(1)
	if rep.code != protocol.CodeVA {
		return nil, nil, unexpected(on, &rep)
	}
	m := new(shard.Map)
	if err := json.Unmarshal(rep.value, m); err != nil {
		return nil, nil, &TransportError{Addr: on.addr, Sent: true, Err: fmt.Errorf("%w: the map: %w", errGarbage, err)}
	}
	if m.Cluster == "" || m.Shards == 0 || m.Hash != shard.HashName {
		return nil, nil, &TransportError{Addr: on.addr, Sent: true, Err: fmt.Errorf(
			"%w: a map of cluster %q with %d shards by hash %q", errGarbage, m.Cluster, m.Shards, m.Hash)}
	}
	info := &ClusterInfo{ID: m.Cluster, Shards: m.Shards}
	if m.Check() != nil || len(m.Nodes) == 0 {
		m = nil
	}
	return info, m, nil
}

// adopt takes what a server said about its cluster, if it is news. The error is
// that it is another cluster.
//
// A client that was given one address and never saw more than one node does as it
// is told by the server at that address, also if that was set up anew; there is
// nobody it could contradict. In all other cases the first cluster stays:
//
//	1: the servers A and B were meant to be a cluster, and are two. 2: the client
//	reads from A. 3: A dies, the client turns to B. 4: B gives it a value that was
//	invalidated in A.
//
// The lock orders adoptions; requests read the table without it. Nodes are made
// before the table that names them is shown, and taken out after it was replaced.
func (c *Client) adopt(info *ClusterInfo, m *shard.Map) error {
	c.adopting.Lock()
	defer c.adopting.Unlock()
	now := c.table.Load()
	many := m != nil && len(m.Nodes) > 1
	if bound := c.bound.Load(); bound == nil && (many || len(c.o.Addrs) > 1) {
		c.bound.Store(info)
	} else if bound != nil && *bound != *info {
		return fmt.Errorf("%w: %s with %d shards, not %s with %d", ErrOtherCluster, info.ID, info.Shards, bound.ID, bound.Shards)
	}
	if m == nil || now.owners == nil && !many || now.owners != nil && m.Version <= now.version {
		return nil
	}
	next := &table{version: m.Version, shards: m.Shards, owners: make([]*node, m.Shards), first: now.first}
	byIndex := make([]*node, len(m.Nodes))
	for i, n := range m.Nodes {
		if _, _, err := net.SplitHostPort(n.Addr); err != nil {
			continue // not known yet where it can be reached: others forward
		}
		byIndex[i] = c.nodes.at(n.Addr, m.Version)
		if n.State != shard.Down {
			next.nodes = append(next.nodes, byIndex[i])
		}
	}
	if len(next.nodes) == 0 {
		return nil // nobody is left who could be asked; the old ones may come back
	}
	for i, o := range m.Owners {
		if o != shard.NoOwner {
			next.owners[i] = byIndex[o]
		}
	}
	c.table.Store(next)
	c.nodes.prune(m.Version)
	return nil
}

// strict reports whether a connection is used only after its server has said that
// it is of the client's cluster.
func (c *Client) strict() bool { return len(c.o.Addrs) > 1 || c.bound.Load() != nil }

// greet is asked about every new connection.
func (c *Client) greet(ctx context.Context, on *conn) error {
	c.refresher.start.Do(func() { c.refresher.end.Go(c.keepMap) })
	if !c.strict() {
		if c.o.MapEvery > 0 {
			c.refreshSoon()
		}
		return nil
	}
	info, m, err := c.askMap(ctx, on)
	if err == nil {
		on.info.Store(info)
		err = c.adopt(info, m)
	}
	if err != nil {
		return fmt.Errorf("its map: %w", err)
	}
	return nil
}
