package difftest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// A Pair is a reference and a server that is compared with it, on a connection
// each. It is for one goroutine; several pairs may stand before the same servers.
type Pair struct {
	Expected []Difference
	Timed    bool // for rounds of GenerateTimed
	ref      speaker
	ours     speaker
	Count    Count
	prefix   string // of the keys, if they are not to be fresh ones
}

// A speaker answers a step: a server over a connection, or a recording of one.
type speaker interface {
	exchange(payload string, s *Step) (reply, error)
	close()
}

// NewPair pairs the servers at two addresses.
func NewPair(ref, ours string, expected []Difference) *Pair {
	return &Pair{ref: &conn{addr: ref}, ours: &conn{addr: ours}, Expected: expected, Count: Count{Excused: map[string]int{}}}
}

// Close gives up both connections.
func (p *Pair) Close() { p.ref.close(); p.ours.close() }

// Count is what was done.
type Count struct {
	Rounds, Steps, Bytes int
	Silent               []string // steps after which a server waited, unforeseen
	Parted               int      // expected differences after which keys were given up
	Excused              map[string]int
}

// prefixes numbers the runs of rounds, so that no two share keys.
var prefixes atomic.Int64

func newPrefix() string {
	s := strconv.FormatInt(prefixes.Add(1), 36)
	return strings.Repeat("0", prefixLen-1-len(s)) + s + ":"
}

// A run is one pass of a round.
type run struct {
	p      *Pair
	prefix string
	ref    env
	ours   env
	names  *naming
	log    []exchanged // what was said, for the script
	spoilt []string    // keys about which the servers do not agree any more
}

type exchanged struct {
	step    *Step
	sent    string // as the reference got it
	now     time.Time
	ref     []unit
	refSaid reply
	ours    []unit
	said    reply
}

func (p *Pair) begin() *run {
	r := &run{p: p, prefix: p.prefix, names: newNaming()}
	if r.prefix == "" {
		r.prefix = newPrefix()
	}
	r.names.anyAge = p.Timed
	r.ref.prefix, r.ours.prefix = r.prefix, r.prefix
	return r
}

// play runs steps on fresh keys and stops at the first unexpected finding. An
// expected one that parts the servers costs the keys that it is about.
func (p *Pair) play(steps []Step) (*Finding, *run, error) {
	r := p.begin()
	defer r.forget()
	since := 0
	for i := range steps {
		f, err := r.step(&steps[i])
		if err != nil {
			return nil, r, err
		}
		if f == nil || meet(r.spoilt, steps[i].keys()) {
			continue
		}
		f.prior, f.recent = steps[:i], steps[since:i]
		if len(steps[i].Lines) > 1 {
			// Which line of several it was is not to be seen from outside.
			return f, r, nil
		}
		d := expect(p.Expected, f)
		if d == nil {
			return f, r, nil
		}
		p.Count.Excused[d.Name]++
		if d.Harmless {
			continue
		}
		p.Count.Parted++
		if _, live := p.ref.(*conn); !live {
			// What was recorded cannot be asked to begin anew.
			r.spoilt = append(r.spoilt, steps[i].keys()...)
			continue
		}
		r.anew(steps[since : i+1])
		since = i + 1
	}
	return nil, r, nil
}

// anew removes every key that the steps since the last time named from both servers,
// so that they agree again.
func (r *run) anew(since []Step) {
	var keys []string
	for i := range since {
		keys = append(keys, since[i].keys()...)
	}
	slices.Sort(keys)
	r.forget(slices.Compact(keys)...)
	r.names = newNaming()
	r.names.anyAge = r.p.Timed
	for _, e := range []*env{&r.ref, &r.ours} {
		e.versions, e.known, e.fresh = [keyCount]uint64{}, [keyCount]bool{}, [keyCount]bool{}
	}
}

func (r *run) step(s *Step) (*Finding, error) {
	time.Sleep(s.Sleep)
	now := time.Now()
	r.ref.now, r.ours.now = now, now
	template := s.text()
	sent, ours := r.ref.render(template), r.ours.render(template)
	x := exchanged{step: s, sent: template, now: now}
	type answer struct {
		said reply
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		said, err := r.p.ours.exchange(ours, s)
		answered <- answer{said, err}
	}()
	said, err := r.p.ref.exchange(sent, s)
	other := <-answered
	if err != nil {
		return nil, fmt.Errorf("reference: %w", err)
	}
	if other.err != nil {
		return nil, fmt.Errorf("the server under test: %w", other.err)
	}
	r.p.Count.Steps++
	r.p.Count.Bytes += len(said.bytes)
	if said.silent && !s.Stuck {
		r.p.Count.Silent = append(r.p.Count.Silent, template)
	}
	x.refSaid, x.said = said, other.said
	x.ref, x.ours = hide(r.p.Expected, units(said.bytes)), hide(r.p.Expected, units(other.said.bytes))
	r.log = append(r.log, x)
	f := &Finding{Step: s, Ref: x.refSaid, Ours: x.said, RefUnits: x.ref, OursUnits: x.ours}
	if s.Stuck {
		// An error may be said before the rest of the data or behind it.
		x.ref, x.ours, f.RefUnits, f.OursUnits = nil, nil, nil, nil
	}
	at, how := compare(x.ref, x.ours, r.names, func(line string) int { return r.keyOf(s, line) })
	switch f.At = at; {
	case how != nil:
		f.How = how.Error()
	case said.closed != other.said.closed || said.silent != other.said.silent:
		f.How = fmt.Sprintf("the reference %s, the other %s", said.end(), other.said.end())
	default:
		f = nil
	}
	r.observe(s, &x)
	if said.closed || said.silent || other.said.closed || other.said.silent || s.Stuck {
		r.p.Close() // one of them did, and they have to go on together
	}
	return f, nil
}

// alone sends a step to the reference only.
func (r *run) alone(s *Step) (reply, error) {
	r.ref.now = time.Now()
	template := s.text()
	said, err := r.p.ref.exchange(r.ref.render(template), s)
	if err != nil {
		return said, err
	}
	x := exchanged{step: s, sent: template, now: r.ref.now, ref: units(said.bytes), ours: units(said.bytes), refSaid: said, said: said}
	r.log = append(r.log, x)
	r.observe(s, &x)
	if said.closed || said.silent {
		r.p.Close()
	}
	return said, nil
}

// observe notes the versions that a step showed, for the steps after it.
func (r *run) observe(s *Step, x *exchanged) {
	r.ref.fresh, r.ours.fresh = [keyCount]bool{}, [keyCount]bool{}
	for i := range min(len(x.ref), len(x.ours)) {
		key := r.keyOf(s, x.ref[i].line)
		if key == noKey {
			continue
		}
		rv, ok := shownVersion(x.ref[i].line)
		ov, also := shownVersion(x.ours[i].line)
		if ok && also && rv != 0 && ov != 0 {
			r.ref.saw(key, rv)
			r.ours.saw(key, ov)
		}
	}
}

// keyOf says whose version a reply line shows: the key stands in it, or is the one
// that the step names.
func (r *run) keyOf(s *Step, line string) int {
	if rest, ok := strings.CutPrefix(line, "VALUE "); ok {
		for key := range keyCount {
			if strings.HasPrefix(rest, keyName(r.prefix, key)+" ") {
				return key
			}
		}
		return noKey
	}
	if len(s.Lines) == 1 {
		for _, w := range s.Lines[0].Words {
			if k, ok := keyNumber(w); ok {
				return int(k - '0')
			}
		}
	}
	return noKey
}

func shownVersion(line string) (uint64, bool) {
	for _, w := range words(line) {
		if w.kind == versionWord {
			return w.v, true
		}
	}
	return 0, false
}

// forget removes a run's keys from both servers, so that neither has to evict.
func (r *run) forget(odd ...string) {
	var b strings.Builder
	for _, key := range odd {
		switch n := len(r.ref.render(key)); {
		case n == len(key) || n > 250: // a number, or a key that no server takes
		case strings.HasPrefix(key, "${p}"):
			fmt.Fprintf(&b, "delete %s noreply\r\n", key)
		default:
			fmt.Fprintf(&b, "md %s b q\r\n", key)
		}
	}
	for key := range keyCount {
		fmt.Fprintf(&b, "md ${b%d} b q\r\n", key)
		if key != keyCount-2 {
			fmt.Fprintf(&b, "delete ${k%d} noreply\r\n", key)
		}
	}
	sweep := Step{}
	for _, side := range []struct {
		s speaker
		e *env
	}{{r.p.ref, &r.ref}, {r.p.ours, &r.ours}} {
		if c, live := side.s.(*conn); live {
			// What becomes of it is no part of the comparison.
			_, _ = c.exchange(side.e.render(b.String()), &sweep)
		}
	}
}
