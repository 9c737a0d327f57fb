package lease

// Kind says what a reader is told.
type Kind uint8

const (
	// Hit carries the value; with Won the reader also got a lease to refresh it.
	Hit Kind = iota
	// Granted carries no value: the lease is the reader's.
	Granted
	// Busy says that another holds the lease, for at most For.
	Busy
	// UseSource says to read the source and not to fill: Quarantined, InDoubt or both.
	UseSource
	// Empty answers a peek that found nothing.
	Empty
	// Unavailable says that the shard stopped being served while the reader waited.
	Unavailable
	// NotOwner says that the shard went to another owner while the reader waited, or
	// that nobody may serve it at present.
	NotOwner
)

// Answer is what a reader is told. For is in nanoseconds: how long the lease
// lasts, or for how long at most the reader must do without.
type Answer struct {
	Kind        Kind
	Item        Item
	Token       Token
	For         int64
	Won         bool // with Hit: Token is a lease to refresh the value
	Taken       bool // with Hit: somebody else holds that lease
	Stale       bool // with Hit: the value was invalidated
	Doubt       bool // the lease was granted in doubt: fence the source at Token first
	Quarantined bool // with UseSource: a writer's intent is open, or the shard is closed
	InDoubt     bool // with UseSource: a former writer's outcome is not known
}

// Reader is told an Answer exactly once, under the key's lock. It must neither
// block nor call the Table, and keeps neither the Answer nor its slices.
type Reader interface {
	// Answer is called before Lease returns, unless Park was.
	Answer(*Answer)
	// Park is called instead when the reader has to wait for another's fill. It
	// returns whom to answer then, which is what Cancel takes.
	Park() Reader
}

// Read is what a reader asks for. Durations are in nanoseconds.
type Read struct {
	LeaseFor     int64 // length wanted for a lease; 0 is the default
	Wait         int64 // how long to wait for another's fill; 0 is not at all
	RefreshBelow int64 // refresh early when less time to live is left; 0 is never
	StaleOK      bool
	Peek         bool // neither take a lease nor wait
	CanFence     bool // this reader can fence the source
}

// Get returns the value that plain commands see: present, fresh, and neither
// quarantined nor in doubt.
func (t *Table) Get(now int64, hash uint64, key []byte) (Item, bool) {
	t.tick(now)
	if t.barred(t.settled(now, key), now) {
		return Item{}, false
	}
	it, ok := t.lookup(now, hash, key)
	return it, ok && it.StaleUntil == 0
}

// Lease answers a read, at once or, if the reader is willing to wait and
// another holds the lease, later.
func (t *Table) Lease(now int64, hash uint64, key []byte, q Read, r Reader) {
	t.tick(now)
	e := t.settled(now, key)
	park := t.decide(now, e, hash, key, &q, &t.decided)
	// Each event of the key looks at all who wait for it, also each arrival: a
	// hundred thousand would keep everybody from the shard for minutes.
	if park && t.limits.Waiters > 0 && len(e.waiters) >= t.limits.Waiters {
		park = false
	}
	if !park {
		r.Answer(&t.decided)
		return
	}
	// Only a live lease makes anyone wait, so there is an entry.
	e.waiters = append(e.waiters, waiter{reader: r.Park(), read: q, deadline: now + q.Wait})
	t.stats.Parked++
	t.rest(now, e)
}

// Cancel forgets a reader that hung up, named as its Park returned it. It reports
// whether the reader was still waiting; if so, it is never answered.
func (t *Table) Cancel(now int64, key []byte, r Reader) bool {
	e := t.find(key)
	if e == nil {
		return false
	}
	for i := range e.waiters {
		if e.waiters[i].reader == r {
			e.unpark(t, i)
			t.rest(now, e)
			return true
		}
	}
	return false
}

// decide is the read table of the design, from top to bottom; the first line
// that fits rules. It grants leases; it never answers anyone. e may be nil.
//
// park is true when the reader has to wait for the live lease of e. The answer is
// put where the caller wants it: most reads are hits, and copying an item back and
// forth would cost them more than the rules do.
func (t *Table) decide(now int64, e *entry, hash uint64, key []byte, q *Read, a *Answer) (park bool) {
	if until := t.quarantinedUntil(e, now); until > now {
		*a = Answer{Kind: UseSource, Quarantined: true, For: until - now, InDoubt: t.inDoubt(e)}
		return false
	}
	live := t.leaseLive(e, now)
	if t.inDoubt(e) {
		switch {
		case q.Peek:
			*a = Answer{Kind: UseSource, InDoubt: true}
		case live:
			return t.busy(e, now, q, a)
		case q.CanFence:
			*a = t.grant(now, e, hash, key, q, true)
		default:
			*a = Answer{Kind: UseSource, InDoubt: true}
		}
		return false
	}
	it, ok := t.lookup(now, hash, key)
	switch {
	case ok && (!it.stale() || q.StaleOK):
		t.hit(now, e, hash, key, q, &it, live, a)
	case q.Peek:
		*a = Answer{Kind: Empty}
	case live:
		return t.busy(e, now, q, a)
	default:
		*a = t.grant(now, e, hash, key, q, false)
	}
	return false
}

func (t *Table) hit(now int64, e *entry, hash uint64, key []byte, q *Read, it *Item, live bool, a *Answer) {
	var lease Answer
	stale := it.stale()
	wanted := stale || (q.RefreshBelow > 0 && it.Expires != 0 && it.Expires-now < q.RefreshBelow)
	won := wanted && !live && !q.Peek
	if won {
		lease = t.grant(now, e, hash, key, q, false)
	}
	a.Kind, a.Item, a.Stale = Hit, *it, stale
	a.Won, a.Token, a.For = won, lease.Token, lease.For
	a.Taken = live && (q.StaleOK || q.RefreshBelow > 0)
	a.Doubt, a.Quarantined, a.InDoubt = false, false, false
}

func (t *Table) busy(e *entry, now int64, q *Read, a *Answer) (park bool) {
	*a = Answer{Kind: Busy, For: e.lease.deadline - now}
	return q.Wait > 0
}

// grant gives the key's lease to a reader; a lease that ran out is superseded.
func (t *Table) grant(now int64, e *entry, hash uint64, key []byte, q *Read, doubt bool) Answer {
	length := q.LeaseFor
	if length <= 0 {
		length = t.limits.LeaseFor
	}
	if doubt {
		// The fence may have to wait for writers before the load can begin.
		length = max(length, minDoubtLease)
	}
	if e == nil {
		e = t.enter(hash, key)
	}
	token := t.tokens.Next()
	if doubt && (token < t.doubtBelow || e.newestDoubt() >= token) {
		panic("lease: a doubt lease must stand above every doubt of its key")
	}
	t.dropLease(e)
	e.lease = held{token: token, deadline: now + length, doubt: doubt}
	t.stats.Leases++
	t.leased.pushBack(e)
	t.stats.Granted++
	t.makeRoom(now, e)
	t.rest(now, e)
	return Answer{Kind: Granted, Token: token, For: length, Doubt: doubt}
}

// lookup returns the item that no tag, floor or flush has made void; a stale
// copy whose time is over is none.
func (t *Table) lookup(now int64, hash uint64, key []byte) (Item, bool) {
	it, ok := t.store.Get(hash, key, now)
	if ok && t.gone(now, &it) {
		t.store.Delete(hash, key)
		return Item{}, false
	}
	return it, ok
}

// peek is lookup for who changes what is there: no read, so it leaves no mark.
func (t *Table) peek(now int64, hash uint64, key []byte) (Item, bool) {
	it, ok := t.store.Peek(hash, key, now)
	if ok && t.gone(now, &it) {
		t.store.Delete(hash, key)
		return Item{}, false
	}
	return it, ok
}

// gone reports whether an item that the store still has is none by the rules.
// Whoever asks removes it then.
func (t *Table) gone(now int64, it *Item) bool {
	if it.Version < t.tags.flushed && it.Version >= t.since {
		t.stats.Flushed++
	}
	return t.over(now, it)
}

// over is gone for who only looks.
func (t *Table) over(now int64, it *Item) bool {
	return (it.StaleUntil != 0 && now >= it.StaleUntil) || t.tags.void(it.Version, it.Tags)
}

// leaseLive reports whether somebody holds a lease that readers should wait
// for. A lease from before a flush is live no more: its fill would be refused.
func (t *Table) leaseLive(e *entry, now int64) bool {
	return e != nil && e.lease.token != 0 && now < e.lease.deadline && e.lease.token > t.tags.flushed
}
