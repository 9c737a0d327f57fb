package lease

// held is a lease that somebody was given. A zero token is none.
type held struct {
	token    Token
	deadline int64
	doubt    bool // granted in doubt: filled only by who fenced the source, whatever happened to the doubt since
}

// waiter is a reader who waits for another's fill.
type waiter struct {
	reader   Reader
	read     Read
	deadline int64
}

// entry is the lease state of one key. It exists only while there is some.
type entry struct {
	hash uint64
	key  []byte

	lease     held
	stub      stub  // a lease that meta readers see as an empty value
	void      Token // newest event that voided a lease, while that is remembered
	voidUntil int64
	intents   []intent // open ones, in the order they began
	doubts    []intent // fenced ones that ran out, in the order they did
	waiters   []waiter // in the order they arrived

	due    int64 // when something here runs out; 0 is never
	heapAt int   // place in Table.due; -1 is none

	prev, next *entry // in Table.leased
	listed     bool
}

func (e *entry) newestDoubt() Token {
	var newest Token
	for i := range e.doubts {
		newest = max(newest, e.doubts[i].token)
	}
	return newest
}

// unpark forgets one waiter.
func (e *entry) unpark(t *Table, i int) {
	copy(e.waiters[i:], e.waiters[i+1:])
	e.waiters[len(e.waiters)-1] = waiter{}
	e.waiters = e.waiters[:len(e.waiters)-1]
	t.stats.Parked--
}

// nextDue returns when something of the entry runs out.
func (e *entry) nextDue(linger int64) int64 {
	due := int64(0)
	at := func(when int64) {
		if due == 0 || when < due {
			due = when
		}
	}
	if e.lease.token != 0 {
		if len(e.waiters) > 0 {
			at(e.lease.deadline)
		} else {
			at(e.lease.deadline + linger)
		}
	}
	if e.void != 0 {
		at(e.voidUntil)
	}
	for i := range e.intents {
		at(e.intents[i].deadline)
	}
	for i := range e.waiters {
		at(e.waiters[i].deadline)
	}
	return due
}

// entryList is an intrusive list of entries.
type entryList struct {
	head, tail *entry
	len        int
}

// pushBack puts an entry at the end, wherever it was.
func (l *entryList) pushBack(e *entry) {
	l.remove(e)
	e.prev, e.listed = l.tail, true
	if l.tail != nil {
		l.tail.next = e
	} else {
		l.head = e
	}
	l.tail = e
	l.len++
}

func (l *entryList) remove(e *entry) {
	if !e.listed {
		return
	}
	if e.prev != nil {
		e.prev.next = e.next
	} else {
		l.head = e.next
	}
	if e.next != nil {
		e.next.prev = e.prev
	} else {
		l.tail = e.prev
	}
	e.prev, e.next, e.listed = nil, nil, false
	l.len--
}

// dueHeap orders entries by when something of theirs runs out. Entries know
// their place, so that one can be moved or taken out.
type dueHeap []*entry

// fix puts an entry where its due time belongs, or takes it out when it has none.
func (h *dueHeap) fix(e *entry) {
	if e.due == 0 {
		h.remove(e)
		return
	}
	if e.heapAt < 0 {
		e.heapAt = len(*h)
		*h = append(*h, e)
	}
	h.up(e.heapAt)
	h.down(e.heapAt)
}

func (h *dueHeap) remove(e *entry) {
	i := e.heapAt
	if i < 0 {
		return
	}
	last := len(*h) - 1
	h.swap(i, last)
	(*h)[last] = nil
	*h = (*h)[:last]
	e.heapAt = -1
	if i < last {
		moved := (*h)[i]
		h.up(i)
		h.down(moved.heapAt)
	}
}

func (h dueHeap) swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].heapAt, h[j].heapAt = i, j
}

func (h dueHeap) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if h[parent].due <= h[i].due {
			return
		}
		h.swap(i, parent)
		i = parent
	}
}

func (h dueHeap) down(i int) {
	for {
		least := i
		for c := 2*i + 1; c <= 2*i+2 && c < len(h); c++ {
			if h[c].due < h[least].due {
				least = c
			}
		}
		if least == i {
			return
		}
		h.swap(i, least)
		i = least
	}
}
