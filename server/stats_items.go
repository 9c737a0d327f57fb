package server

import (
	"strconv"

	"github.com/leasecache/leasecache/protocol"
)

// There are no slab classes: stats items and stats slabs show one, number 1, of
// everything.

// statsItems is stats items. Without items there is no class, as in memcached.
func (s *session) statsItems() error {
	idle, err := s.owner.Idle(s.at.now)
	if err != nil {
		return err
	}
	g := s.srv.gather()
	if g.memory.Items == 0 {
		return nil
	}
	item := func(name string, n uint64) {
		s.out = protocol.AppendStat(s.out, "items:1:"+name, strconv.FormatUint(n, 10))
	}
	lastIdle := g.memory.EvictedIdle
	if g.counts[evictions] == 0 {
		lastIdle = 0 // it was before the reset
	}
	item("number", uint64(g.memory.Items))
	item("age", uint64(idle/second))
	item("mem_requested", uint64(g.memory.Bytes))
	item("evicted", g.counts[evictions])
	item("evicted_nonzero", g.counts[evictedExpiring])
	item("evicted_time", uint64(lastIdle/second))
	item("outofmemory", 0) // there is always something to evict
	item("tailrepairs", 0) // nothing there could need it
	item("reclaimed", g.counts[reclaimed])
	item("expired_unfetched", g.counts[expiredUnfetched])
	item("evicted_unfetched", g.counts[evictedUnfetched])
	item("evicted_active", g.counts[evictedActive])
	return nil
}

// statsSlabs is stats slabs. The one class has chunks of the mean size of an
// item, so that what people compute holds: a used chunk is an item, and the
// chunks together are the memory that records may take now.
func (s *session) statsSlabs() {
	g := s.srv.gather()
	m := &g.memory
	active := int64(0)
	if m.Items > 0 {
		active = 1
		slab := func(name string, n uint64) {
			s.out = protocol.AppendStat(s.out, "1:"+name, strconv.FormatUint(n, 10))
		}
		chunk := max(1, uint64(m.Bytes)/uint64(m.Items))
		page := uint64(m.Page)
		free := uint64(max(0, m.Used-m.Index-m.Bytes)) / chunk
		used := uint64(m.Items)
		slab("chunk_size", chunk)
		slab("chunks_per_page", page/chunk)
		slab("total_pages", uint64(m.Used-m.Index)/page)
		slab("total_chunks", used+free)
		slab("used_chunks", used)
		slab("free_chunks", free)
		slab("free_chunks_end", 0) // memcached's are always 0, too
		slab("mem_requested", uint64(m.Bytes))
		slab("get_hits", g.counts[getHits])
		slab("cmd_set", g.counts[cmdSet])
		slab("delete_hits", g.counts[deleteHits])
		slab("incr_hits", g.counts[incrHits])
		slab("decr_hits", g.counts[decrHits])
		slab("cas_hits", g.counts[casHits])
		slab("cas_badval", g.counts[casBadval])
		slab("touch_hits", g.counts[touchHits])
	}
	s.stat("active_slabs", active)
	s.stat("total_malloced", m.Used)
}
