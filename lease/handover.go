package lease

// Handover is what a shard's next owner has to know, if the move was planned: writers
// who may still commit, and what was voided for all keys. Leases are not in it, as the
// next epoch ends them. Times are what is left, in nanoseconds, since clocks of two
// nodes have nothing in common; what is under way makes them longer, which delays
// readers and lets nobody read too early.
type Handover struct {
	DoubtBelow Token
	Closed     int64 // how long bounded intents of former owners may still be outstanding
	Writers    []Writer
	Tags       []Bump // the oldest first
	TagFloor   Token
	FlushIn    int64 // how long until a flush that was asked for takes place; 0 is none
}

// Writer is the intent of one writer, open or in doubt.
type Writer struct {
	Hash   uint64
	Key    []byte
	Token  Token
	Nonce  []byte
	Kind   IntentKind
	Length int64
	Left   int64 // 0 or less: it ran out, and is in doubt
}

// Bump is when a tag was bumped last.
type Bump struct {
	Tag   []byte
	Token Token
}

// HandOver lists what goes to the next owner. Nothing may change in the table
// between it and the end of the shard here, or its next epoch.
func (t *Table) HandOver(now int64) Handover {
	t.Advance(now)
	h := Handover{DoubtBelow: t.doubtBelow, TagFloor: t.tags.floor, Closed: max(t.closedUntil-now, 0)}
	if t.tags.flushAt != 0 {
		h.FlushIn = max(t.tags.flushAt-now, 1)
	}
	for _, e := range t.entries {
		for _, in := range e.intents {
			h.Writers = append(h.Writers, e.writer(in, now))
		}
		for _, in := range e.doubts {
			h.Writers = append(h.Writers, e.writer(in, now))
		}
	}
	for b := t.tags.oldest; b != nil; b = b.next {
		h.Tags = append(h.Tags, Bump{Tag: []byte(b.tag), Token: b.token})
	}
	return h
}

// Newest is the highest token in it: all are of epochs before the one it is taken over
// in.
func (h *Handover) Newest() Token {
	newest := h.TagFloor
	for i := range h.Writers {
		newest = max(newest, h.Writers[i].Token)
	}
	for i := range h.Tags {
		newest = max(newest, h.Tags[i].Token)
	}
	return newest
}

func (e *entry) writer(in intent, now int64) Writer {
	return Writer{
		Hash: e.hash, Key: append([]byte(nil), e.key...),
		Token: in.token, Nonce: []byte(in.nonce),
		Kind: in.kind, Length: in.length, Left: in.deadline - now,
	}
}

// TakeOver adds what a former owner handed over to a table that was just restarted.
// Intents are all taken, also beyond the limit: a writer who began one relies on it.
func (t *Table) TakeOver(now int64, h *Handover) {
	t.doubtBelow = max(t.doubtBelow, h.DoubtBelow)
	t.closedUntil = max(t.closedUntil, now+h.Closed)
	t.tags.floor = max(t.tags.floor, h.TagFloor)
	for _, b := range h.Tags {
		t.tags.bump(b.Tag, b.Token)
	}
	if h.FlushIn > 0 {
		t.tags.flushAt = now + h.FlushIn
	}
	for i := range h.Writers {
		t.takeWriter(now, &h.Writers[i])
	}
}

func (t *Table) takeWriter(now int64, w *Writer) {
	e := t.find(w.Key)
	if e == nil {
		e = t.enter(w.Hash, w.Key)
	}
	in := intent{token: w.Token, kind: w.Kind, length: w.Length, deadline: now + w.Left, nonce: string(w.Nonce)}
	switch {
	case w.Left > 0:
		e.intents = append(e.intents, in)
		t.countIntent(in.kind, 1)
	case w.Kind == Fenced:
		t.addDoubt(now, e, in)
	}
	t.rest(now, e)
}
