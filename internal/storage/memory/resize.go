package memory

import "fmt"

// BudgetError says that a budget is out of bounds. Least is the smallest that is
// possible now, 0 if the budget was too large.
type BudgetError struct{ Least int64 }

func (e *BudgetError) Error() string {
	if e.Least == 0 {
		return "the memory budget is larger than what address space was set aside for"
	}
	return fmt.Sprintf("the memory budget is too small: what is stored now takes at least %d bytes", e.Least)
}

// leastRecords is how many segments of records a partition may shrink to: one
// that is filled, one to clean, and one more that there is a choice.
const leastRecords = 3

// Resize changes the budget of a cache that is in use. within has to run a
// function while it holds the lock of a partition, as rule 1 of the package
// says; its error ends the matter. A smaller budget evicts, a few hundred records
// in each turn, and when Resize returns the memory is the system's again. After an error
// of within the cache keeps to the budget that was asked for, but may not have
// given everything back; after any other nothing has changed.
//
// The size of a segment and the number of partitions stay those of New. The
// index gives nothing back, so the least budget depends on how many items there
// were.
//
// First every partition agrees to its new share, and only then does any of them
// evict. Schedule, were each done with before the next is asked:
//
//	1 Partition 0 evicts half of its items. 2 The index of partition 1 has grown
//	beyond the new share: refused. 3 The items are gone for nothing.
func (c *Cache) Resize(bytes int64, within func(partition int, f func(*Partition)) error) error {
	c.resizing.Lock()
	defer c.resizing.Unlock()
	share := c.shareOf(bytes)
	if share > c.reserved {
		return &BudgetError{}
	}
	if share > c.committed {
		if err := c.commit(share); err != nil {
			return fmt.Errorf("%w: %w", &BudgetError{}, err)
		}
	}
	before := c.limit.Load()
	c.limit.Store(max(before, bytes))
	for i := range c.partitions {
		least := 0
		err := within(i, func(p *Partition) { least = p.aim(share) })
		if err == nil && least > share {
			err = &BudgetError{Least: c.budgetFor(least)}
		}
		if err != nil {
			for j := range i {
				_ = within(j, func(p *Partition) { p.aim(c.share) }) // it has that much
			}
			c.limit.Store(before)
			return err
		}
	}
	c.share = share
	for i := range c.partitions {
		if err := c.shrink(i, within); err != nil {
			return err
		}
	}
	c.limit.Store(bytes)
	return nil
}

// shrink has a partition give back what is beyond its share.
func (c *Cache) shrink(i int, within func(int, func(*Partition)) error) error {
	for {
		more := false
		var failed error
		if err := within(i, func(p *Partition) { more, failed = p.giveBack() }); err != nil {
			return err
		}
		if failed != nil {
			return fmt.Errorf("give memory back: %w", failed)
		}
		if !more {
			return nil
		}
	}
}

// shareOf is a partition's part of a budget: how many segments it may have. What
// is known of each segment that it ever had counts.
func (c *Cache) shareOf(bytes int64) int {
	each := bytes / int64(len(c.partitions))
	size, known := int64(c.layout.segment), int64(c.committed)
	if n := each / (size + perSegmentBytes); n >= known {
		return int(n)
	}
	return int(max(0, each-known*perSegmentBytes) / size)
}

// budgetFor is the least budget in which partitions have so many segments.
func (c *Cache) budgetFor(segments int) int64 {
	each := int64(segments)*int64(c.layout.segment) + int64(c.committed)*perSegmentBytes
	return each * int64(len(c.partitions))
}

// aim makes a number of segments the partition's share, unless it needs more at
// the least; it returns the least number. Nothing is evicted yet, but the index
// takes no segment more than its part of the new share.
func (p *Partition) aim(segments int) (least int) {
	least = p.seg.ofIndex + leastRecords
	if segments < least {
		return least
	}
	p.seg.setLimit(segments)
	p.publish()
	return least
}

// giveBack does a piece of giving back what is beyond the share, and says whether
// there was something.
func (p *Partition) giveBack() (bool, error) {
	if p.seg.opened() <= p.seg.recordLimit() {
		return false, nil
	}
	err := p.keepToShare()
	p.publish()
	return true, err
}
