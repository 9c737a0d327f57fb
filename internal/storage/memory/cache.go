package memory

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// DefaultMaxItem is the largest value when Options names none.
const DefaultMaxItem = 1 << 20

// Options say how large a Cache is.
type Options struct {
	Bytes   int64 // budget of everything: records, index, directory
	MaxItem int   // largest value in bytes; 0 = DefaultMaxItem

	// MaxPartitions bounds the number of partitions, for a caller who has fewer
	// kinds of keys than that to deal out; 0 = as many as are useful. Memory is
	// not shared between partitions: one without keys is wasted.
	MaxPartitions int

	// Reserve is how much address space to set aside, for a budget that may grow
	// by Resize; 0 = Bytes. If the system refuses it is less.
	Reserve int64
}

// Cache is a set of partitions under one budget.
type Cache struct {
	limit      atomic.Int64
	mem        []byte
	layout     layout
	reserved   int // segments of each partition that there is address space for
	partitions []Partition
	published  []published

	resizing  sync.Mutex
	share     int // segments of each partition by the budget
	committed int // segments of each partition that may be touched
}

// New makes an empty cache. It reserves address space for the whole budget,
// but memory is taken only as items come.
func New(o Options) (*Cache, error) {
	if o.MaxItem == 0 {
		o.MaxItem = DefaultMaxItem
	}
	most := maxPartitions
	for o.MaxPartitions > 0 && most > o.MaxPartitions {
		most /= 2
	}
	l, err := layoutFor(o.Bytes, o.MaxItem, most)
	if err != nil {
		return nil, err
	}
	c := &Cache{
		layout:     l,
		share:      l.segments,
		partitions: make([]Partition, l.partitions),
		published:  make([]published, l.partitions),
	}
	c.limit.Store(o.Bytes)
	if err := c.reserve(o.Reserve); err != nil {
		return nil, fmt.Errorf("cannot reserve %d bytes of memory: %w", o.Bytes, err)
	}
	for i := range c.partitions {
		records, index, ghosts := c.space(i)
		if err := c.partitions[i].init(records, index, ghosts, l, o.MaxItem, &c.published[i]); err != nil {
			_ = unmapMemory(c.mem) // there was an error before
			return nil, fmt.Errorf("cannot use %d bytes of memory: %w", o.Bytes, err)
		}
	}
	return c, nil
}

// reserve takes the address space, as much of it as the system gives, and makes
// that of the budget usable.
func (c *Cache) reserve(bytes int64) (err error) {
	l := &c.layout
	c.reserved = l.segments
	if growable {
		c.reserved = max(l.segments, int(min(bytes, 8*maxBudget)/int64(l.partitions)/int64(l.segment)))
	}
	for {
		_, _, each := c.strides()
		c.mem, err = mapMemory(l.partitions * each)
		if err == nil {
			break
		}
		if c.reserved == l.segments {
			return err
		}
		c.reserved = max(l.segments, c.reserved/2)
	}
	if err := c.commit(l.segments); err != nil {
		_ = unmapMemory(c.mem) // there was an error before
		return err
	}
	return nil
}

// space is a partition's part of the address space.
func (c *Cache) space(i int) (records, index, ghosts []byte) {
	n, ofIndex, each := c.strides()
	mem := c.mem[i*each : (i+1)*each : (i+1)*each]
	return mem[:n:n], mem[n : n+ofIndex : n+ofIndex], mem[n+ofIndex:]
}

// strides are the lengths of a partition's address space for records, for the
// index, and with that for traces altogether.
func (c *Cache) strides() (records, index, all int) {
	records = c.reserved * c.layout.segment
	index = records / indexShare / pageSize * pageSize
	return records, index, records + index + records/ghostShare/pageSize*pageSize
}

// commit makes the first so many segments of every partition usable.
func (c *Cache) commit(segments int) error {
	size := c.layout.segment
	for i := range c.partitions {
		records, _, _ := c.space(i)
		if err := commitMemory(records[c.committed*size : segments*size]); err != nil {
			return err
		}
	}
	c.committed = segments
	return nil
}

// Partitions is the number of partitions, a power of two from 1 to 64.
func (c *Cache) Partitions() int { return len(c.partitions) }

// Partition returns partition i, from 0 to Partitions less one. Which keys go
// to which is the caller's choice, as long as a key always goes to the same.
func (c *Cache) Partition(i int) *Partition { return &c.partitions[i] }

// Close gives all memory back. Nothing of the cache may be used after it,
// Stats apart; a second Close does nothing.
func (c *Cache) Close() error {
	if c.mem == nil {
		return nil
	}
	mem := c.mem
	c.mem = nil
	for i := range c.partitions {
		p := &c.partitions[i]
		p.mem, p.index = nil, index{} // a late use panics instead of touching unmapped memory
	}
	if err := unmapMemory(mem); err != nil {
		return fmt.Errorf("unmap the store: %w", err)
	}
	return nil
}

// layout is how a budget is divided.
type layout struct {
	partitions int
	segments   int // per partition
	segment    int // bytes, a multiple of pageSize
}

const (
	maxPartitions = 64
	// minSegments of the largest record's size make a partition: one for the
	// index, one being filled, and enough others that eviction has a choice.
	minSegments = 8
	// With fewer than goodSegments, what segments leave unused of the index's share
	// costs several percent; but fewer than fewPartitions get into each other's way.
	goodSegments  = 16
	fewPartitions = 8

	// indexShare: of so many segments the index may take one, traces included.
	indexShare = 2

	pageSize     = 4096     // the unit in which the system gives memory
	smallSegment = 64 << 10 // below this, there is too little in one to choose from
	largeSegment = 1 << 20  // above this, cleaning one takes too long

	perSegmentBytes = 56 // segment plus its place in the free list
	maxMaxItem      = 1 << 30
	maxBudget       = 1 << 40
)

func layoutFor(budget int64, maxItem, most int) (layout, error) {
	if maxItem < 0 || maxItem > maxMaxItem {
		return layout{}, fmt.Errorf("items of up to %d bytes are not possible: the limit is %d", maxItem, maxMaxItem)
	}
	largest := roundUp(fixedHeader+optionalHeader+MaxKey+MaxTags+maxItem, pageSize)
	for n := most; n >= 1; n /= 2 {
		each := budget / int64(n)
		l := layout{partitions: n}
		l.segment = max(largest, int(min(max(each/64/pageSize*pageSize, smallSegment), largeSegment)))
		l.segments = int(each / int64(l.segment+perSegmentBytes))
		if l.segments < minSegments || n > fewPartitions && l.segments < goodSegments {
			continue
		}
		// What the division left over makes the segments a little larger.
		l.segment = int(each/int64(l.segments)-perSegmentBytes) / pageSize * pageSize
		if budget > maxBudget {
			return layout{}, errors.New("the memory budget is too large: the limit is 1 TiB")
		}
		return l, nil
	}
	need := int64(minSegments * (max(largest, smallSegment) + perSegmentBytes))
	return layout{}, fmt.Errorf("a memory budget of %d bytes is too small: with items of up to %d bytes it takes at least %d", budget, maxItem, need)
}

func roundUp(n, to int) int { return (n + to - 1) / to * to }
