package owner

import (
	"github.com/leasecache/leasecache/internal/storage/memory"
	"github.com/leasecache/leasecache/lease"
)

// store shows a partition of the memory store to the rules.
type store struct {
	part    *memory.Partition
	looking bool // somebody only looks: what is read is not used
}

var _ lease.Store = (*store)(nil)

func (s *store) Get(hash uint64, key []byte, now int64) (lease.Item, bool) {
	if s.looking {
		return s.Peek(hash, key, now)
	}
	it, ok := s.part.Get(hash, key, now)
	return fromMemory(&it), ok
}

func (s *store) Peek(hash uint64, key []byte, now int64) (lease.Item, bool) {
	it, ok := s.part.Peek(hash, key, now)
	return fromMemory(&it), ok
}

func (s *store) Put(hash uint64, key []byte, it lease.Item) error {
	it.Accessed = it.Stored // what was never read is as old as it is
	return s.part.Put(hash, key, toMemory(&it))
}

func (s *store) Update(hash uint64, key []byte, it lease.Item) bool {
	return s.part.Update(hash, key, toMemory(&it))
}

func (s *store) Delete(hash uint64, key []byte) bool { return s.part.Delete(hash, key) }

func fromMemory(it *memory.Item) lease.Item {
	return lease.Item{
		Version:    lease.Token(it.Version),
		CAS:        it.CAS,
		Flags:      it.Flags,
		Expires:    it.Expires,
		StaleUntil: it.StaleUntil,
		Stored:     it.Stored,
		Accessed:   it.Accessed,
		Fetched:    it.Fetched,
		Marked:     it.Bits&bitMarked != 0,
		Tags:       it.Tags,
		Value:      it.Value,
	}
}

// bitMarked is what the store keeps for us of an item.
const bitMarked uint8 = 1

func toMemory(it *lease.Item) memory.Item {
	var bits uint8
	if it.Marked {
		bits |= bitMarked
	}
	return memory.Item{
		Version:    uint64(it.Version),
		CAS:        it.CAS,
		Flags:      it.Flags,
		Expires:    it.Expires,
		StaleUntil: it.StaleUntil,
		Stored:     it.Stored,
		Accessed:   it.Accessed,
		Fetched:    it.Fetched,
		Bits:       bits,
		Tags:       it.Tags,
		Value:      it.Value,
	}
}

// Size is what an item takes in the store, header and all.
func Size(key []byte, it *lease.Item) int {
	stored := toMemory(it)
	return memory.Size(key, &stored)
}
