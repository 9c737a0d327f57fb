package lease

import "errors"

// IntentKind says what stops an intent's writer once the intent ran out.
type IntentKind uint8

const (
	// Fenced: the writer checks the fence in its transaction. An intent that
	// runs out becomes a doubt.
	Fenced IntentKind = iota
	// Bounded: the source ends the writer's transaction before the intent does.
	// An intent that runs out is over.
	Bounded
)

func (k IntentKind) String() string {
	if k == Bounded {
		return "bounded"
	}
	return "fenced"
}

type intent struct {
	token    Token
	kind     IntentKind
	length   int64
	deadline int64
	nonce    string
}

var (
	// ErrFull: no memory for another intent; nothing was done.
	ErrFull = errors.New("too many write intents are open in this shard")
	// ErrNonce: the nonce belongs to a live intent of other flags.
	ErrNonce = errors.New("nonce belongs to an intent with other flags")
)

// Begin opens a write intent for length nanoseconds (0 is the default) and
// returns its token and the time it has. With a nonce that belongs to a live
// intent of the key it returns that one. Several intents may be open on a key.
//
// The intent is added before anything is voided. Schedule (H1), the other way
// round:
//
//	1 R1 waits on k. 2 W begins: the void hands R1 lease T8; the intent T9 is added.
//	3 R1 reads the old row. 4 W commits and ends the intent: k opens.
//	5 R1 fills with T8, the live lease: the old value stays for ever.
func (t *Table) Begin(now int64, hash uint64, key []byte, kind IntentKind, length int64, nonce []byte) (Token, int64, error) {
	t.tick(now)
	if length <= 0 {
		length = t.limits.IntentFor
	}
	e := t.settled(now, key)
	if e != nil && len(nonce) > 0 {
		for i := range e.intents {
			if in := &e.intents[i]; in.nonce == string(nonce) {
				if in.kind != kind || in.length != length {
					return 0, 0, ErrNonce
				}
				return in.token, in.deadline - now, nil
			}
		}
	}
	if t.intents >= t.limits.Intents {
		return 0, 0, ErrFull
	}
	if e == nil {
		e = t.enter(hash, key)
	}
	token := t.tokens.Next()
	e.intents = append(e.intents, intent{token: token, kind: kind, length: length, deadline: now + length, nonce: string(nonce)})
	t.countIntent(kind, 1)
	t.stats.IntentsBegun++
	t.voidLease(now, e, token)
	t.store.Delete(hash, key)
	t.reconsider(now, e)
	t.rest(now, e)
	return token, length, nil
}

// Outcome says what became of the end of an intent.
type Outcome uint8

const (
	// Ended: the intent was open and is no more.
	Ended Outcome = iota
	// EndedLate: it had run out; its doubt is gone, and the key's lease void.
	EndedLate
	// NotKnown: no such intent here; the key was invalidated.
	NotKnown
)

// End ends a write intent, committed or rolled back: the value is gone either
// way, and the key opens when no intent and no doubt is left.
func (t *Table) End(now int64, hash uint64, key []byte, token Token) Outcome {
	return t.end(now, hash, key, func(in *intent) bool { return in.token == token })
}

// EndNonce is End for an intent whose token its writer never learned. One that
// is open goes before one of the same nonce that ran out. No nonce names no
// intent, in particular none that was begun without one.
func (t *Table) EndNonce(now int64, hash uint64, key, nonce []byte) Outcome {
	return t.end(now, hash, key, func(in *intent) bool { return len(nonce) > 0 && in.nonce == string(nonce) })
}

func (t *Table) end(now int64, hash uint64, key []byte, same func(*intent) bool) Outcome {
	t.tick(now)
	e := t.settled(now, key)
	if e != nil {
		for i := range e.intents {
			if same(&e.intents[i]) {
				t.countIntent(e.intents[i].kind, -1)
				e.intents = append(e.intents[:i], e.intents[i+1:]...)
				t.rest(now, e)
				return Ended
			}
		}
		if t.dropDoubt(e, same) {
			t.voidLease(now, e, t.tokens.Next())
			t.reconsider(now, e)
			t.rest(now, e)
			return EndedLate
		}
	}
	t.store.Delete(hash, key)
	t.void(now, e)
	return NotKnown
}

func (t *Table) countIntent(kind IntentKind, n int) {
	t.intents += n
	if kind == Bounded {
		t.stats.Bounded += n
	}
}

// runOut turns what is past its deadline into what the design says: a fenced
// intent into a doubt, a bounded one into nothing.
func (t *Table) runOut(now int64, e *entry) {
	open := e.intents[:0]
	for _, in := range e.intents {
		if now < in.deadline {
			open = append(open, in)
			continue
		}
		t.countIntent(in.kind, -1)
		t.stats.IntentsRunOut++
		if in.kind == Fenced {
			t.addDoubt(now, e, in)
		}
	}
	clear(e.intents[len(open):])
	e.intents = open
}

// quarantinedUntil returns until when readers must do without the key, because
// of open intents or because the shard is closed; it is in the past if neither is.
func (t *Table) quarantinedUntil(e *entry, now int64) int64 {
	until := t.closedUntil
	if e != nil {
		for i := range e.intents {
			until = max(until, e.intents[i].deadline)
		}
	}
	return until
}

// barred reports whether plain commands find nothing and store nothing.
func (t *Table) barred(e *entry, now int64) bool {
	return t.inDoubt(e) || t.quarantinedUntil(e, now) > now
}
