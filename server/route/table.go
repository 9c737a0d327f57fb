package route

import (
	"fmt"
	"sync/atomic"

	"github.com/leasecache/leasecache/shard"
)

// Table is the newest map that a node has seen. A map in it is never changed:
// who took it may use it for as long as he likes.
type Table struct {
	shards uint32
	newest atomic.Pointer[placed]
}

type placed struct {
	shards shard.Map
	self   shard.Owner // NoOwner if this node is not in it
}

// NewTable makes a Table without a map, for maps of so many shards.
func NewTable(shards uint32) *Table { return &Table{shards: shards} }

// Set replaces the map, which must not be changed afterwards, by a newer one;
// one that is not newer changes nothing. node is who this node is in it.
func (t *Table) Set(m shard.Map, node string) error {
	if err := m.Check(); err != nil {
		return err
	}
	if m.Shards != t.shards {
		return fmt.Errorf("%w: %d shards, this node has %d", shard.ErrMap, m.Shards, t.shards)
	}
	next := &placed{shards: m, self: shard.NoOwner}
	for i := range m.Nodes {
		if m.Nodes[i].ID == node {
			next.self = shard.Owner(i)
		}
	}
	for {
		old := t.newest.Load()
		if old != nil && old.shards.Version >= m.Version {
			return nil
		}
		if t.newest.CompareAndSwap(old, next) {
			return nil
		}
	}
}

// Map is the newest map; nil if there is none, as on a node that is alone.
func (t *Table) Map() *shard.Map {
	p := t.newest.Load()
	if p == nil {
		return nil
	}
	return &p.shards
}

// Place is where a shard is, by one map.
type Place struct {
	Node    shard.Node // without an id if nobody owns the shard
	Local   bool       // this node is the owner
	Shard   shard.ID
	Version uint64 // of the map
}

// Route says where the shard is; false without a map.
func (t *Table) Route(id shard.ID) (Place, bool) {
	p := t.newest.Load()
	if p == nil {
		return Place{}, false
	}
	at := Place{Shard: id, Version: p.shards.Version}
	if o := p.shards.Owners[id]; o != shard.NoOwner {
		at.Node, at.Local = p.shards.Nodes[o], o == p.self
	}
	return at, true
}

// RouteHash is Route for the shard of a key with that hash.
func (t *Table) RouteHash(hash uint64) (Place, bool) { return t.Route(shard.OfHash(hash, t.shards)) }
