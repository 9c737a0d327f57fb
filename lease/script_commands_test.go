package lease

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cockroachdb/datadriven"
)

// args are a command's words, by place, and its name=value pairs.
type args struct {
	cmd   string
	words []string
	named map[string][]string
}

func readArgs(d *datadriven.TestData) *args {
	a := &args{cmd: d.Cmd, named: make(map[string][]string)}
	for _, c := range d.CmdArgs {
		if len(c.Vals) == 0 {
			a.words = append(a.words, c.Key)
		} else {
			a.named[c.Key] = c.Vals
		}
	}
	return a
}

func (a *args) word(i int) string {
	if i < len(a.words) {
		return a.words[i]
	}
	return ""
}

func (a *args) flag(name string) bool { return slices.Contains(a.words, name) }

func (a *args) value(name string) string {
	if v := a.named[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// length reads a duration, 0 when there is none.
func (a *args) length(name string) int64 { return length(a.value(name)) }

func (a *args) number(name string, otherwise int) int {
	n, err := strconv.Atoi(a.value(name))
	if err != nil {
		return otherwise
	}
	return n
}

func (a *args) tags() []byte {
	var list []byte
	for _, tag := range a.named["tags"] {
		list = AppendTag(list, []byte(tag))
	}
	return list
}

func length(s string) int64 {
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0
	}
	return int64(d)
}

// token reads T5.9.
func token(s string) Token {
	epoch, sequence, ok := strings.Cut(strings.TrimPrefix(s, "T"), ".")
	e, err1 := strconv.ParseUint(epoch, 10, 32)
	n, err2 := strconv.ParseUint(sequence, 10, sequenceBits)
	if !ok || err1 != nil || err2 != nil {
		return 0
	}
	return FirstToken(uint32(e)) + Token(n)
}

// do runs one command and returns its reply; what waiting readers are told
// meanwhile is in w.told.
func (w *world) do(a *args) (string, error) {
	key := []byte(a.word(0))
	switch a.cmd {
	case "new":
		return w.begin(a), nil
	case "lg":
		return w.lg(key, a)
	case "get":
		it, ok := w.table.Get(w.now, 0, key)
		if !ok {
			return "END", nil
		}
		return "VALUE " + w.showItem(a.word(0), &it), nil
	case "ls":
		return w.ls(key, a)
	case "set", "add", "replace":
		return w.put(key, a)
	case "delete":
		return either(w.table.Delete(w.now, 0, key), "DELETED", "NOT_FOUND"), nil
	case "touch":
		return either(w.table.Touch(w.now, 0, key, w.expires(a)), "TOUCHED", "NOT_FOUND"), nil
	case "ld":
		return "HD " + show(w.table.Invalidate(w.now, 0, key, a.length("S"))), nil
	case "lw":
		return w.lw(key, a)
	case "lc", "la":
		return w.end(key, a), nil
	case "lf":
		return w.lf(token(a.word(0))), nil
	case "lt":
		return "HD " + show(w.table.BumpTag(w.now, key)), nil
	case "flush":
		w.table.Flush(w.now, w.now+a.length("in"))
		return "OK", nil
	case "hangup":
		r := w.waiting[a.word(0)]
		if r == nil {
			return "not waiting", nil
		}
		delete(w.waiting, r.name)
		return either(w.table.Cancel(w.now, []byte(r.key), r), "gone", "not waiting"), nil
	case "evict":
		return either(w.store.Delete(0, key), "lost", "nothing there"), nil
	case "advance":
		return w.advance(length(a.word(0))), nil
	case "sleep":
		w.now += length(a.word(0))
		return w.clock(), nil
	case "timer":
		w.table.Advance(w.now)
		return "", nil
	case "raise":
		w.table.Raise(w.now, uint32(a.number("to", int(w.table.Epoch()+1))))
		return fmt.Sprintf("epoch %d", w.table.Epoch()), nil
	case "restart":
		return w.restart(), nil
	case "close":
		w.table.Close(Unavailable)
		return "closed", nil
	case "state":
		return w.state(key), nil
	case "shard":
		return w.shard(), nil
	case "stats":
		return w.stats(), nil
	case "db":
		return w.db(a)
	}
	return "", errors.New("no such command")
}

func either(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}

// begin makes the shard anew, with the limits and the start that a names.
func (w *world) begin(a *args) string {
	w.limits.Leases = a.number("leases", w.limits.Leases)
	w.limits.Intents = a.number("intents", w.limits.Intents)
	w.limits.Doubts = a.number("doubts", w.limits.Doubts)
	w.limits.Tags = a.number("tags", w.limits.Tags)
	s := Start{DoubtBelow: token(a.value("doubt-below"))}
	if closed := a.length("closed"); closed > 0 {
		s.ClosedUntil = w.now + closed
	}
	w.start(uint32(a.number("epoch", 5)), s)
	return w.shard()
}

// restart is what DESIGN.md, section 4, has an owner do after any stop: the
// values and the leases are gone, a new epoch begins, and noted intents of the
// former epochs leave the shard in doubt, or closed.
func (w *world) restart() string {
	s, epoch := Start{}, w.table.Epoch()+1
	if w.noted || w.table.Shard(w.now).DoubtBelow != 0 {
		s.DoubtBelow = FirstToken(epoch)
	}
	if w.bound != 0 {
		s.ClosedUntil = w.now + w.bound
	}
	w.table.Close(Unavailable)
	w.start(epoch, s)
	return w.shard()
}

func (w *world) lg(key []byte, a *args) (string, error) {
	q := Read{
		LeaseFor:     a.length("e"),
		Wait:         a.length("w"),
		RefreshBelow: a.length("R"),
		StaleOK:      a.flag("S"),
		Peek:         a.flag("p"),
		CanFence:     a.flag("D"),
	}
	if a.word(1) == "" {
		return "", errors.New("lg wants the name of a reader")
	}
	w.table.Lease(w.now, 0, key, q, &scriptReader{w: w, name: a.word(1), key: string(key)})
	return "", nil
}

func (w *world) expires(a *args) int64 {
	if a.value("ttl") == "" {
		return 0
	}
	return w.now + a.length("ttl")
}

func (w *world) ls(key []byte, a *args) (string, error) {
	value := a.word(2)
	if from := a.value("from"); from != "" {
		value = w.hands[from]
	}
	if value == "" {
		return "", errors.New("ls wants a value, or from=READER who holds one")
	}
	w.store.refuse = a.flag("too-large")
	reason, cleared, err := w.table.Fill(w.now, 0, key, token(a.word(1)), Item{
		Value: []byte(value), Expires: w.expires(a), Tags: a.tags(),
	}, a.flag("D"))
	s := "HD"
	if reason != Stored {
		s = "NS " + string(reason)
	}
	if err != nil {
		s = "SERVER_ERROR " + err.Error()
	}
	return s + either(cleared, ", the shard's doubt is over", ""), nil
}

func (w *world) put(key []byte, a *args) (string, error) {
	mode := map[string]Mode{"set": Set, "add": Add, "replace": Replace}[a.cmd]
	w.store.refuse = a.flag("too-large")
	version, err := w.table.Put(w.now, 0, key, mode, Item{
		Value: []byte(a.word(1)), Expires: w.expires(a), Tags: a.tags(), CAS: uint64(a.number("E", 0)),
	})
	switch {
	case err != nil:
		return "SERVER_ERROR " + err.Error(), nil
	case version == 0:
		return "NOT_STORED", nil
	}
	return "STORED " + show(version), nil
}

func (w *world) lw(key []byte, a *args) (string, error) {
	kind := Fenced
	switch {
	case a.flag("B"):
		kind = Bounded
	case !a.flag("F"):
		return "", errors.New("lw wants F or B")
	}
	token, left, err := w.table.Begin(w.now, 0, key, kind, a.length("e"), []byte(a.value("nonce")))
	if err != nil {
		return "refused: " + err.Error(), nil
	}
	if kind == Fenced {
		w.noted = true
	} else {
		w.bound = max(w.bound, left)
	}
	return fmt.Sprintf("HD %s e=%s", show(token), dur(left)), nil
}

// end is lc, or la, which takes a nonce where it has no token, and also gives
// leases back.
func (w *world) end(key []byte, a *args) string {
	t := token(a.word(1))
	switch {
	case a.cmd == "la" && t == 0:
		return showOutcome(w.table.EndNonce(w.now, 0, key, []byte(a.value("nonce"))))
	case a.cmd == "la" && w.table.GiveBack(w.now, 0, key, t):
		return "HD, the lease is back"
	}
	return showOutcome(w.table.End(w.now, 0, key, t))
}

func showOutcome(o Outcome) string {
	return map[Outcome]string{Ended: "HD", EndedLate: "HD X", NotKnown: "EX"}[o]
}

// lf lifts the epoch above a token that this shard never gave, as the owner does.
func (w *world) lf(at Token) string {
	s := "HD"
	if at > w.table.Last() {
		w.table.Raise(w.now, at.Epoch()+1)
		s = fmt.Sprintf("HD in epoch %d", w.table.Epoch())
	}
	return s + either(w.table.Fence(w.now, at), ", the shard's doubt is over", "")
}

// advance moves time with a timer that is always right.
func (w *world) advance(by int64) string {
	until := w.now + by
	for due := w.table.NextDue(); due != 0 && due <= until; due = w.table.NextDue() {
		before := len(w.told)
		w.now = max(w.now, due)
		w.table.Advance(w.now)
		for i := before; i < len(w.told); i++ {
			w.told[i] = w.clock() + " " + w.told[i]
		}
	}
	w.now = until
	return w.clock()
}

// clock shows the time since the script began.
func (w *world) clock() string { return "+" + dur(w.now-100*second) }

func (w *world) state(key []byte) string {
	s := w.table.Inspect(w.now, 0, key)
	var parts []string
	if s.Lease != 0 {
		parts = append(parts, fmt.Sprintf("%slease %s left=%s", either(s.LeaseDoubt, "doubt ", ""), show(s.Lease), dur(s.LeaseLeft)))
	}
	if s.Waiting > 0 {
		parts = append(parts, fmt.Sprintf("%d waiting", s.Waiting))
	}
	if s.Void != 0 {
		parts = append(parts, "void "+show(s.Void))
	}
	for _, in := range s.Intents {
		parts = append(parts, fmt.Sprintf("%s intent %s left=%s", in.Kind, show(in.Token), dur(in.Left)))
	}
	for _, d := range s.Doubts {
		parts = append(parts, "doubt "+show(d))
	}
	if it, ok := w.store.Peek(0, key, w.now); ok {
		parts = append(parts, "stored "+string(it.Value)+" "+show(it.Version))
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, "\n")
}

func (w *world) shard() string {
	s := w.table.Shard(w.now)
	return fmt.Sprintf("epoch %d", s.Epoch) +
		either(s.DoubtBelow != 0, ", in doubt below "+show(s.DoubtBelow), "") +
		either(s.ClosedFor > 0, ", closed for "+dur(s.ClosedFor), "") +
		either(s.TagFloor != 0, ", tags forgotten up to "+show(s.TagFloor), "") +
		either(w.table.Quiet(w.now), ", quiet", "")
}

func (w *world) stats() string {
	s := w.table.Stats()
	return fmt.Sprintf("parked=%d leases=%d intents=%d doubts=%d tags=%d\ngranted=%d filled=%d dropped=%d invalidated=%d begun=%d run-out=%d folds=%d rises=%d\nrefused i=%d s=%d q=%d o=%d t=%d u=%d d=%d",
		s.Parked, s.Leases, s.Intents, s.Doubts, s.Tags,
		s.Granted, s.Filled, s.Dropped, s.Invalidated, s.IntentsBegun, s.IntentsRunOut, s.Folds, s.FloorRises,
		s.RefusedInvalidated, s.RefusedSuperseded, s.RefusedQuarantine, s.RefusedOtherEpoch, s.RefusedTag, s.RefusedUnknown, s.RefusedFenced)
}

// db is the database: a register for each key, v0 at first, and one fence row.
func (w *world) db(a *args) (string, error) {
	w.used = true
	key := a.word(1)
	switch a.word(0) {
	case "read":
		w.hands[a.word(2)] = w.row(key)
		return a.word(2) + " holds " + w.row(key), nil
	case "write":
		if own := token(a.value("as")); own != 0 && w.fence > own {
			return "refused, the fence is at " + show(w.fence), nil
		}
		w.rows[key] = a.word(2)
		return "committed", nil
	case "fence":
		w.fence = max(w.fence, token(key))
		return "the fence is at " + show(w.fence), nil
	}
	return "", errors.New("db wants read KEY READER, write KEY VALUE [as=TOKEN] or fence TOKEN")
}
