package lease

import "fmt"

// check returns what is wrong with a table after a call at time now: its
// invariants I1 to I4, its gauges, and the books it keeps about its entries.
// inStore tells whether the store holds anything for a key, visible or not.
func check(t *Table, now int64, inStore func(key string) bool) error {
	var waiting, intents, bounded, doubts, listed, held, due, doubted int
	for key, e := range t.entries {
		if err := checkEntry(t, e, now, inStore(key)); err != nil {
			return fmt.Errorf("key %s: %w", key, err)
		}
		if key != string(e.key) {
			return fmt.Errorf("entry of %s stands under %s", e.key, key)
		}
		waiting += len(e.waiters)
		intents += len(e.intents)
		doubts += len(e.doubts)
		for _, in := range e.intents {
			if in.kind == Bounded {
				bounded++
			}
		}
		if e.listed {
			listed++
		}
		if e.lease.token != 0 {
			held++
		}
		if e.heapAt >= 0 {
			due++
		}
		if len(e.doubts) > 0 {
			doubted++
		}
	}
	s := t.Stats()
	switch {
	case s.Parked != waiting:
		return fmt.Errorf("gauge says %d parked, %d wait", s.Parked, waiting)
	case s.Intents != intents:
		return fmt.Errorf("gauge says %d intents, %d are open", s.Intents, intents)
	case s.Bounded != bounded:
		return fmt.Errorf("gauge says %d bounded intents, %d are open", s.Bounded, bounded)
	case s.Doubts != doubts:
		return fmt.Errorf("gauge says %d doubts, %d stand", s.Doubts, doubts)
	case s.Leases != held:
		return fmt.Errorf("gauge says %d leases, %d are held", s.Leases, held)
	case t.leased.len != listed:
		return fmt.Errorf("the list says %d, %d are listed", t.leased.len, listed)
	case len(t.due) != due:
		return fmt.Errorf("%d entries in the heap, %d have a time", len(t.due), due)
	case len(t.doubted) != doubted || s.DoubtedKeys != doubted:
		return fmt.Errorf("%d entries known to be in doubt, %d are", len(t.doubted), doubted)
	case s.Intents > t.limits.Intents:
		return fmt.Errorf("%d intents beyond the limit", s.Intents)
	case s.Doubts > t.limits.Doubts:
		return fmt.Errorf("%d doubts beyond the limit", s.Doubts)
	case s.Tags > max(t.limits.Tags, 1):
		return fmt.Errorf("%d tags beyond the limit", s.Tags)
	case s.ShardInDoubt != (t.doubtBelow != 0):
		return fmt.Errorf("gauge of the shard's doubt is wrong")
	}
	return checkBooks(t)
}

func checkEntry(t *Table, e *entry, now int64, stored bool) error {
	l := e.lease.token
	writers := len(e.intents) + len(e.doubts)
	switch {
	case writers > 0 && stored:
		return fmt.Errorf("I1: a value is stored under %d intents and doubts", writers)
	case len(e.intents) > 0 && l != 0:
		return fmt.Errorf("I1: lease %s under an intent", show(l))
	case len(e.doubts) > 0 && l != 0 && !e.lease.doubt:
		return fmt.Errorf("I1: plain lease %s in doubt", show(l))
	case l != 0 && l <= e.void:
		return fmt.Errorf("I2: lease %s is not above void %s", show(l), show(e.void))
	case l != 0 && l <= e.newestDoubt():
		return fmt.Errorf("I2: lease %s is not above doubt %s", show(l), show(e.newestDoubt()))
	case l > t.Last():
		return fmt.Errorf("lease %s is above the newest token", show(l))
	case len(e.waiters) > 0 && !t.leaseLive(e, now) && e.due > now:
		return fmt.Errorf("I3: %d readers wait for no live lease", len(e.waiters))
	case e.due == 0 && len(e.doubts) == 0:
		return fmt.Errorf("I4: an entry that holds nothing")
	case e.due != e.nextDue(t.limits.Linger):
		return fmt.Errorf("looks again at %d, not at %d", e.due, e.nextDue(t.limits.Linger))
	case (e.heapAt >= 0) != (e.due != 0):
		return fmt.Errorf("due at %d, place in the heap %d", e.due, e.heapAt)
	case e.listed != (l != 0 || e.void != 0):
		return fmt.Errorf("listed is %v with lease %s and void %s", e.listed, show(l), show(e.void))
	}
	return nil
}

// checkBooks looks at the lists and the heap.
func checkBooks(t *Table) error {
	for i, e := range t.due {
		if e.heapAt != i {
			return fmt.Errorf("entry %s is at %d of the heap and believes %d", e.key, i, e.heapAt)
		}
		if t.due[(i-1)/2].due > e.due && i > 0 {
			return fmt.Errorf("the heap is out of order at %d", i)
		}
		if t.entries[string(e.key)] != e {
			return fmt.Errorf("the heap holds a forgotten entry of %s", e.key)
		}
	}
	n := 0
	for e := t.leased.head; e != nil; e = e.next {
		if t.entries[string(e.key)] != e {
			return fmt.Errorf("a forgotten entry of %s is listed", e.key)
		}
		n++
	}
	if n != t.leased.len {
		return fmt.Errorf("the list has %d entries and says %d", n, t.leased.len)
	}
	for _, e := range t.doubted {
		if t.entries[string(e.key)] != e || len(e.doubts) == 0 {
			return fmt.Errorf("%s is known to be in doubt and is not", e.key)
		}
	}
	for _, e := range t.free {
		if e.listed || e.heapAt >= 0 || len(e.waiters)+len(e.intents)+len(e.doubts) > 0 || e.lease.token != 0 || e.void != 0 || e.due != 0 {
			return fmt.Errorf("an entry kept for use again still holds something")
		}
	}
	last := t.tags.floor
	for b := t.tags.oldest; b != nil; b = b.next {
		if b.token <= last || t.tags.bumps[b.tag] != b {
			return fmt.Errorf("tag %s stands out of order", b.tag)
		}
		last = b.token
	}
	return nil
}

// show prints a token as T5.9: epoch 5, sequence 9.
func show(t Token) string {
	if t == 0 {
		return "none"
	}
	return fmt.Sprintf("T%d.%d", t.Epoch(), uint64(t)&maxSequence)
}
