package control

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/leasecache/leasecache/shard"
)

// What Decode and Restore refuse.
var (
	ErrDamaged = errors.New("damaged")
	ErrTooNew  = errors.New("written by a newer program")
)

// encoder writes numbers as the shortest varint and strings with their length, so
// that equal values are equal bytes.
type encoder struct{ b []byte }

func (e *encoder) number(n uint64)              { e.b = binary.AppendUvarint(e.b, n) }
func (e *encoder) duration(d time.Duration)     { e.number(uint64(d)) }
func (e *encoder) session(s shard.Session)      { e.number(uint64(s)) }
func (e *encoder) at(s shard.ID, p shard.Epoch) { e.number(uint64(s)); e.number(uint64(p)) }

func (e *encoder) text(s string) {
	e.number(uint64(len(s)))
	e.b = append(e.b, s...)
}

func (e *encoder) truth(v bool) {
	if v {
		e.b = append(e.b, 1)
	} else {
		e.b = append(e.b, 0)
	}
}

func (e *encoder) note(n shard.Note) {
	e.truth(n.Fenced)
	e.duration(n.Bounded)
}

// decoder reads what an encoder wrote. The first thing that is wrong stays in err,
// and everything read from then on is zero. Nothing is allocated for more than the
// bytes there are.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) fail(format string, a ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: "+format, append([]any{ErrDamaged}, a...)...)
	}
	d.b = nil
}

func (d *decoder) number() uint64 {
	n, size := binary.Uvarint(d.b)
	if size <= 0 || (size > 1 && d.b[size-1] == 0) { // or longer than need be
		d.fail("no number where one should be")
		return 0
	}
	d.b = d.b[size:]
	return n
}

// upTo is a number that is not above a bound.
func (d *decoder) upTo(bound uint64) uint64 {
	n := d.number()
	if n > bound {
		d.fail("%d where at most %d can be", n, bound)
		return 0
	}
	return n
}

func (d *decoder) duration() time.Duration { return time.Duration(d.upTo(1<<63 - 1)) }
func (d *decoder) session() shard.Session  { return shard.Session(d.number()) }
func (d *decoder) id() shard.ID            { return shard.ID(d.upTo(shard.MaxCount - 1)) }
func (d *decoder) epoch() shard.Epoch      { return shard.Epoch(d.upTo(uint64(shard.MaxEpoch))) }

// count is that of a list whose items take at least so many bytes each.
func (d *decoder) count(least int) int { return int(d.upTo(uint64(len(d.b) / least))) }

func (d *decoder) text() string {
	n := d.number()
	if n > uint64(len(d.b)) {
		d.fail("a text of %d bytes in %d", n, len(d.b))
		return ""
	}
	s := string(d.b[:n])
	d.b = d.b[n:]
	return s
}

func (d *decoder) truth() bool {
	if len(d.b) == 0 || d.b[0] > 1 {
		d.fail("neither true nor false")
		return false
	}
	v := d.b[0] == 1
	d.b = d.b[1:]
	return v
}

func (d *decoder) note() shard.Note { return shard.Note{Fenced: d.truth(), Bounded: d.duration()} }

// end is the error, also if something is left over.
func (d *decoder) end() error {
	if d.err == nil && len(d.b) > 0 {
		d.fail("%d bytes too many", len(d.b))
	}
	return d.err
}

func (e *encoder) settings(s *Settings) {
	for _, v := range []time.Duration{s.TTL, s.Slack, s.Margin, s.Lease, s.Intent, s.Near} {
		e.duration(v)
	}
	e.number(s.Drift)
	e.number(s.Changes)
}

func (d *decoder) settings() (s Settings) {
	for _, v := range []*time.Duration{&s.TTL, &s.Slack, &s.Margin, &s.Lease, &s.Intent, &s.Near} {
		*v = d.duration()
	}
	s.Drift = d.number()
	s.Changes = d.number()
	return s
}

// list writes items, and items reads them: each takes at least so many bytes.
func list[T any](e *encoder, items []T, one func(T)) {
	e.number(uint64(len(items)))
	for _, it := range items {
		one(it)
	}
}

func items[T any](d *decoder, least int, one func() T) []T {
	n := d.count(least)
	if n == 0 {
		return nil
	}
	out := make([]T, 0, n)
	for range n {
		out = append(out, one())
	}
	return out
}
