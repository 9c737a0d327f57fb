package memory

// How the index changes its size: in place, and a few entries at a time.
//
// To grow, the entry with the largest hash part below the frontier moves to its
// place in the larger table, and the frontier falls to it; so on down to the
// smallest. Homes only go up, so it moves over slots that were left before. To
// shrink, the smallest one from the frontier on moves down, and the frontier
// rises above it.

const (
	// At growAt of 64 slots a table grows by one slot in growBy: so 67 to 85 % of its
	// slots are used, and each new entry costs moving eight.
	growAt, growBy = 54, 8
	// shrinkAt is for one much too large: large records took the place of many small
	// ones.
	shrinkAt = 24
	// stepsPerPut is how many entries one call moves: enough that a table has grown
	// before the part that waits is much fuller.
	stepsPerPut = 32
	// emptyPerStep slots without an entry are as much work as an entry.
	emptyPerStep = 16
)

func (x *index) changing() bool { return x.low != x.high }

// wanted is how many slots the table should have.
func (x *index) wanted() int {
	switch {
	case x.changing():
	case x.count >= x.high/64*growAt:
		return x.high + x.high/growBy
	case x.count < x.high/64*shrinkAt && x.high > x.least:
		return max(x.least, x.count*3/2)
	}
	return x.high
}

// change begins to bring the table to another size.
func (x *index) change(slots int) {
	if slots > x.high {
		x.high, x.frontier, x.shrinking = slots, 1<<x.bits, false
	} else if slots < x.high {
		x.low, x.frontier, x.shrinking = slots, 0, true
	}
}

// step moves about n entries, if the table changes. Those for which there is no
// place near enough to their homes are out of it, and returned.
func (x *index) step(n int) (lost []int) {
	switch {
	case !x.changing():
	case x.shrinking:
		lost = x.stepDown(n * emptyPerStep)
	default:
		lost = x.stepUp(n * emptyPerStep)
	}
	return lost
}

// stepUp grows. Where an entry moves from, nothing has to close the gap: behind it
// only such lie as are at or behind their new home, and that is behind the gap.
func (x *index) stepUp(work int) (lost []int) {
	for slot := x.top(); ; slot-- {
		for ; slot >= 0 && work > 0 && x.load(slot) == 0; slot-- {
			work--
		}
		if slot < 0 {
			x.low, x.frontier = x.high, 1<<x.bits
			return lost
		}
		entry := x.load(slot)
		part := x.partIn(x.low, slot, entry)
		// Those with one hash part move together: the frontier is never among them.
		if work <= 0 && (entry == 0 || part != x.frontier) {
			x.frontier = min(x.frontier, x.firstAt(x.low, slot+1))
			return lost
		}
		work -= emptyPerStep
		x.frontier = part
		if x.home(part) > slot {
			x.store(slot, 0)
			x.count--
			// Homes are whole slots: where entries crowd, one can get a slot further from
			// its own.
			if at, empty, crowd := x.place(part); crowd < 0 {
				x.put(at, empty, entry)
			} else {
				lost = append(lost, x.atOf(entry))
			}
		}
	}
}

// top is a slot behind which no entry is below the frontier, and before which all
// are.
func (x *index) top() int {
	for slot := int(x.frontier * uint64(x.low) >> x.bits); ; slot++ {
		if entry := x.load(slot); entry == 0 || x.partAt(slot, entry) >= x.frontier {
			return slot - 1
		}
	}
}

// firstAt is the smallest hash part with a home at a slot or behind it.
func (x *index) firstAt(slots, slot int) uint64 {
	return (uint64(slot)<<x.bits + uint64(slots) - 1) / uint64(slots)
}

// firstBehind is the smallest hash part with a home behind a slot.
func (x *index) firstBehind(slot int) uint64 {
	if part := x.firstAt(x.low, slot+1); part < x.frontier {
		return part
	}
	return max(x.frontier, x.firstAt(x.high, slot+1))
}

// stepDown shrinks. What has moved already may have been pushed in front of what is
// to move: it is passed over by each step again, so a step only ends when it has
// come further.
func (x *index) stepDown(work int) (lost []int) {
	from := x.frontier
	slot := int(from * uint64(x.high) >> x.bits)
	for last := x.high + maxShift; slot <= last; {
		entry := x.load(slot)
		if work <= 0 {
			if entry == 0 || slot > 0 && x.load(slot-1) == 0 {
				// What has its home before here, and no place below, is not there.
				x.frontier = max(x.frontier, x.firstAt(x.high, slot))
			}
			if x.frontier > from {
				return lost
			}
		}
		if entry == 0 {
			slot++
			work--
			continue
		}
		work -= emptyPerStep
		if part := x.partAt(slot, entry); part < x.frontier {
			slot++ // it has moved, and was only pushed this far
		} else {
			lost = append(lost, x.lower(slot, part)...)
		}
	}
	x.high, x.frontier = x.low, 1<<x.bits
	return lost
}

// lower moves all entries with a hash part, the first of which is in a slot.
func (x *index) lower(slot int, part uint64) (lost []int) {
	var alike [maxAlike]uint64
	n := 0
	for {
		entry := x.load(slot)
		if entry == 0 || x.partAt(slot, entry) != part {
			break
		}
		alike[n] = entry
		n++
		x.remove(slot, part)
	}
	x.frontier = part + 1
	for n--; n >= 0; n-- {
		at, empty, crowd := x.place(part)
		if crowd >= 0 {
			lost = append(lost, x.atOf(alike[n]))
			continue
		}
		x.put(at, empty, alike[n])
	}
	return lost
}
