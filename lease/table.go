package lease

import "unsafe"

// Limits bound what a Table remembers; durations are in nanoseconds.
type Limits struct {
	LeaseFor  int64 // length of a lease nobody named one for
	IntentFor int64 // length of an intent nobody named one for
	Linger    int64 // how long a lease that ran out, or why one was voided, is remembered
	Leases    int   // keys with a lease or the memory of one; the oldest are dropped beyond it
	Intents   int   // open intents; new ones are refused beyond it
	Doubts    int   // doubts of keys; beyond it they fold into the shard's doubt
	Waiters   int   // readers who wait for one key; others are told how long it may take; 0 is no bound
	Tags      int   // bumped tags; beyond it the oldest rise the floor
}

const (
	second = int64(1e9)

	// minDoubtLease is the least length of a doubt lease: its holder first waits
	// for a fence in the source.
	minDoubtLease = 5 * second
)

// DefaultLimits suit a shard among a thousand on a small machine.
func DefaultLimits() Limits {
	return Limits{
		LeaseFor:  10 * second,
		IntentFor: 5 * second,
		Linger:    60 * second,
		Leases:    512,
		Intents:   512,
		Doubts:    512,
		Waiters:   16384,
		Tags:      1024,
	}
}

// Start is what a shard begins an epoch with.
type Start struct {
	DoubtBelow  Token // fenced intents below it may be outstanding; 0 is none
	ClosedUntil int64 // bounded intents of a former owner may be outstanding until then
}

// Table is the lease state of one shard's keys. The zero Table is not usable.
//
// Invariants, of every key at the end of every call:
//
//	I1 While an intent is open, or doubt stands, no value is visible and no plain lease exists.
//	I2 A live lease's token is above every void, intent and doubt of its key.
//	I3 A reader waits only for a live lease.
//	I4 A key without lease state has no entry: a hit pays nothing for the rules.
type Table struct {
	tokens *Sequence
	store  Store
	limits Limits

	entries map[string]*entry // keyed by entry.key's own bytes, see enter
	due     dueHeap           // entries by the time something of theirs runs out
	leased  entryList         // entries with a lease or the memory of one, about the oldest grant first
	doubted []*entry          // entries with doubts, in no order that matters
	free    []*entry          // entries to use again

	doubtBelow  Token // shard doubt: an intent below it may still commit; 0 is none
	closedUntil int64 // the shard is closed after bounded intents of a former owner
	since       Token // whatever is older is of somebody else's time, or of one that ended
	intents     int
	doubts      int

	tags  tagTable
	stats Stats

	// What somebody is being told or shown. It is here because it would otherwise
	// be allocated for each: nobody keeps it, nor calls the Table meanwhile.
	// decided is written when nothing else is decided any more: to grant a lease may
	// be to drop another, and to tell those who wait for that.
	answer  Answer
	decided Answer
	current Current
	view    MetaView
}

// New returns the table of a shard at the start of an epoch.
func New(tokens *Sequence, store Store, limits Limits, start Start) *Table {
	return &Table{
		tokens:      tokens,
		store:       store,
		limits:      limits,
		entries:     make(map[string]*entry),
		doubtBelow:  start.DoubtBelow,
		closedUntil: start.ClosedUntil,
		tags:        newTagTable(limits.Tags),
	}
}

// Last returns the newest token of the shard.
func (t *Table) Last() Token { return t.tokens.Last() }

// Epoch returns the epoch in which the table gives tokens.
func (t *Table) Epoch() uint32 { return t.tokens.Epoch() }

// NextDue returns when Advance has something to do, or 0 for never.
func (t *Table) NextDue() int64 {
	next := t.tags.flushAt
	if len(t.due) > 0 && (next == 0 || t.due[0].due < next) {
		next = t.due[0].due
	}
	return next
}

// Advance lets everything run out that is due. Correctness does not hang on
// when it is called, as every call settles the key that it touches; the answers
// to waiting readers do.
func (t *Table) Advance(now int64) {
	t.tick(now)
	for len(t.due) > 0 && t.due[0].due <= now {
		t.settle(now, t.due[0])
	}
}

// Raise moves the shard to a higher epoch under the same owner. Values,
// intents, doubts and tags stay; leases end, as their tokens are of the past.
func (t *Table) Raise(now int64, epoch uint32) {
	t.tokens.raise(epoch)
	for e := t.leased.head; e != nil; {
		next := e.next
		t.dropLease(e)
		e.void = 0
		if len(e.waiters) == 0 {
			t.rest(now, e)
		}
		e = next
	}
	t.reconsiderAll(now)
}

// Close tells every waiting reader that kind of answer: Unavailable or NotOwner.
// The table must not be used for anything but listing after it, Raise or Forget.
func (t *Table) Close(kind Kind) {
	for _, e := range t.due {
		for _, w := range e.waiters {
			t.tell(w.reader, Answer{Kind: kind})
		}
		t.stats.Parked -= len(e.waiters)
		e.waiters = nil
	}
}

// Forget lets go of everything about a closed table but what was counted, and the
// epoch. The table must not be used for anything but listing after it, or Restart.
func (t *Table) Forget() {
	stats := t.stats
	stats.FloorRises += t.tags.rises
	*t = *New(t.tokens, t.store, t.limits, Start{})
	t.stats = stats.counted()
}

// Restart makes of a table that was forgotten that of a shard at the start of a
// higher epoch.
//
// What the Store still has of the shard is void from here on: it has versions of
// former epochs. As that is the comparison which every read makes for a flush,
// it costs no read anything. Raise leaves it where it is, so that what the same
// owner stored in an earlier epoch stays.
func (t *Table) Restart(epoch uint32, start Start) {
	t.tokens.raise(epoch)
	t.doubtBelow, t.closedUntil = start.DoubtBelow, start.ClosedUntil
	t.since = FirstToken(epoch)
	t.tags.flushed = t.since
}

// Quiet reports whether nothing of a writer is outstanding in this shard.
func (t *Table) Quiet(now int64) bool {
	return t.intents == 0 && t.doubts == 0 && t.doubtBelow == 0 && now >= t.closedUntil
}

// tick lets what is due by the clock for the whole shard happen.
func (t *Table) tick(now int64) {
	if t.tags.flushAt != 0 && now >= t.tags.flushAt {
		t.flush(now)
	}
}

// find returns the entry of a key, or nil.
func (t *Table) find(key []byte) *entry {
	if len(t.entries) == 0 {
		return nil
	}
	return t.entries[string(key)]
}

// settled returns the entry of a key after everything of it that ran out did,
// or nil when nothing is left.
func (t *Table) settled(now int64, key []byte) *entry {
	e := t.find(key)
	if e == nil || now < e.due {
		return e
	}
	t.settle(now, e)
	return t.find(key)
}

// enter returns a new entry for a key that has none.
func (t *Table) enter(hash uint64, key []byte) *entry {
	var e *entry
	if n := len(t.free); n > 0 {
		e, t.free = t.free[n-1], t.free[:n-1]
	} else {
		e = &entry{heapAt: -1}
	}
	e.hash = hash
	e.key = append(e.key[:0], key...)
	// The map's key aliases the entry's own bytes, which spares a copy for every
	// miss. They change only here, and leave puts the entry out of the map first.
	t.entries[unsafe.String(unsafe.SliceData(e.key), len(e.key))] = e
	return e
}

// leave forgets an entry that holds nothing any more.
func (t *Table) leave(e *entry) {
	delete(t.entries, string(e.key))
	t.leased.remove(e)
	t.due.remove(e)
	if len(t.free) < t.limits.Leases && cap(e.waiters) <= 16 {
		e.lease, e.stub, e.void, e.voidUntil, e.due = held{}, stub{}, 0, 0, 0
		t.free = append(t.free, e)
	}
}

// settle lets everything of a key that is due run out, and hands on what is
// thereby free.
func (t *Table) settle(now int64, e *entry) {
	t.runOut(now, e)
	t.reconsider(now, e)
	t.rest(now, e)
}

// reconsider puts the waiting readers, oldest first, before the read table
// again: whoever need not wait any more, or would not longer, is answered.
//
// Whoever is given a value here may have it. Schedule (A10):
//
//	1 R1 holds lease T1 and reads the old row.
//	2 W commits and invalidates: T1 is void; R2, who waited, gets T2.
//	3 R3 arrives, and waits for T2.
//	4 R1 fills with T1: refused, nobody is woken.
//	5 R2 fills with T2: R3 gets a value that was read after the invalidation.
//
// A fill is stored only with the live lease, every void ends the live lease, and
// a reader who arrived after a void therefore waits for a lease granted after it.
func (t *Table) reconsider(now int64, e *entry) {
	kept := e.waiters[:0]
	for i := range e.waiters {
		w := e.waiters[i]
		park := t.decide(now, e, e.hash, e.key, &w.read, &t.decided)
		if park && now < w.deadline {
			kept = append(kept, w)
			continue
		}
		t.stats.Parked--
		w.reader.Answer(&t.decided)
	}
	clear(e.waiters[len(kept):])
	e.waiters = kept
}

func (t *Table) tell(r Reader, a Answer) {
	t.answer = a
	r.Answer(&t.answer)
}

// reconsiderAll is reconsider for every key of the shard. The keys are collected
// first, as a lease given to one moves it in the list and may drop others:
//
//	1 Three keys have leases, for which R1, R2 and R3 wait; there is memory for one.
//	2 R2 and R3 hang up. 3 All leases end: R1 gets a new one.
//	4 To make room the two others are dropped, and a walk of the list is past its end.
func (t *Table) reconsiderAll(now int64) {
	var waited []*entry
	for e := t.leased.head; e != nil; e = e.next {
		if len(e.waiters) > 0 {
			waited = append(waited, e)
		}
	}
	for _, e := range waited {
		t.reconsider(now, e)
		t.rest(now, e)
	}
}

// rest puts a key down after a call: what need not be remembered is forgotten,
// and the clock is told when to look again.
func (t *Table) rest(now int64, e *entry) {
	if e.lease.token != 0 && len(e.waiters) == 0 && now >= e.lease.deadline+t.limits.Linger {
		t.dropLease(e)
	}
	if e.void != 0 && now >= e.voidUntil {
		e.void = 0
	}
	if e.lease.token == 0 && e.void == 0 {
		t.leased.remove(e)
	}
	e.due = e.nextDue(t.limits.Linger)
	if e.due == 0 && len(e.doubts) == 0 {
		t.leave(e)
		return
	}
	t.due.fix(e)
}

// makeRoom drops the oldest leases beyond the limit. A dropped lease rejects
// its fill; it admits none. Keys with waiting readers, who are bounded by the
// connections, are passed over and go to the end of the list, so that a few of
// them cannot keep the rest in memory.
func (t *Table) makeRoom(now int64, keep *entry) {
	const look = 16
	for seen := 0; t.leased.len > t.limits.Leases && seen < look; seen++ {
		e := t.leased.head
		if e == keep || len(e.waiters) > 0 {
			t.leased.pushBack(e)
			continue
		}
		t.dropLease(e)
		e.void = 0
		t.stats.Dropped++
		t.rest(now, e)
	}
}
