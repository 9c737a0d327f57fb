package lease

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// A handover in bytes is the version of the form and the fields, numbers as the
// shortest varint and texts with their length. The nodes of a cluster may be of two
// releases while it is upgraded: a form that is not known is refused, and the shard
// stays where it is.
const handoverForm = 1

// ErrHandover is why DecodeHandover refuses something.
var ErrHandover = errors.New("damaged handover")

// longestTime is the longest that anything in a handover can have left, or be late: a
// century. It keeps sums with a clock from going round.
const longestTime = int64(1) << 61

// Append adds the handover to b, in the form that DecodeHandover reads.
func (h *Handover) Append(b []byte) []byte {
	b = append(b, handoverForm)
	b = binary.AppendUvarint(b, uint64(h.DoubtBelow))
	b = binary.AppendUvarint(b, uint64(h.TagFloor))
	b = binary.AppendUvarint(b, uint64(bounded(h.Closed)))
	b = binary.AppendUvarint(b, uint64(bounded(h.FlushIn)))
	b = binary.AppendUvarint(b, uint64(len(h.Writers)))
	for i := range h.Writers {
		w := &h.Writers[i]
		b = binary.BigEndian.AppendUint64(b, w.Hash)
		b = appendText(b, w.Key)
		b = binary.AppendUvarint(b, uint64(w.Token))
		b = appendText(b, w.Nonce)
		b = append(b, byte(w.Kind))
		b = binary.AppendUvarint(b, uint64(bounded(w.Length)))
		// How long ago one ran out is nothing to anybody.
		b = binary.AppendUvarint(b, uint64(bounded(w.Left)))
	}
	b = binary.AppendUvarint(b, uint64(len(h.Tags)))
	for i := range h.Tags {
		b = appendText(b, h.Tags[i].Tag)
		b = binary.AppendUvarint(b, uint64(h.Tags[i].Token))
	}
	return b
}

func bounded(d int64) int64 { return min(max(d, 0), longestTime) }

func appendText(b, text []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(text)))
	return append(b, text...)
}

// DecodeHandover reads what Append wrote. Nothing is allocated for more than the bytes
// there are, and nothing of data is kept. The error wraps ErrHandover.
func DecodeHandover(data []byte) (*Handover, error) {
	if len(data) == 0 || data[0] != handoverForm {
		return nil, fmt.Errorf("%w: it is not of form %d", ErrHandover, handoverForm)
	}
	d := handoverReader{b: data[1:]}
	h := &Handover{DoubtBelow: d.token(), TagFloor: d.token(), Closed: d.time(), FlushIn: d.time()}
	for range d.count(8 + 6) {
		w := Writer{Hash: d.hash(), Key: d.text(), Token: d.token(), Nonce: d.text(), Kind: d.kind(), Length: d.time(), Left: d.time()}
		if len(w.Key) == 0 || w.Token == 0 {
			d.fail("an intent of no key, or without a token")
		}
		if d.err != nil {
			return nil, d.err
		}
		h.Writers = append(h.Writers, w)
	}
	for range d.count(2) {
		t := Bump{Tag: d.text(), Token: d.token()}
		if len(t.Tag) < 1 || len(t.Tag) > 255 {
			d.fail("a tag of %d bytes", len(t.Tag))
		}
		if d.err != nil {
			return nil, d.err
		}
		h.Tags = append(h.Tags, t)
	}
	if d.err == nil && len(d.b) > 0 {
		d.fail("%d bytes too many", len(d.b))
	}
	if d.err != nil {
		return nil, d.err
	}
	return h, nil
}

// handoverReader keeps the first thing that is wrong; what is read after it is zero.
type handoverReader struct {
	b   []byte
	err error
}

func (d *handoverReader) fail(format string, a ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: "+format, append([]any{ErrHandover}, a...)...)
	}
	d.b = nil
}

func (d *handoverReader) number(most uint64) uint64 {
	n, size := binary.Uvarint(d.b)
	if size <= 0 || n > most || size > 1 && d.b[size-1] == 0 { // or longer than need be
		d.fail("no number up to %d where one should be", most)
		return 0
	}
	d.b = d.b[size:]
	return n
}

func (d *handoverReader) token() Token { return Token(d.number(1<<63 - 1)) }
func (d *handoverReader) time() int64  { return int64(d.number(uint64(longestTime))) }

func (d *handoverReader) kind() IntentKind {
	switch k := IntentKind(d.number(255)); k {
	case Fenced, Bounded:
		return k
	}
	d.fail("an intent of no known kind")
	return Fenced
}

// count is that of a list whose items take at least so many bytes each.
func (d *handoverReader) count(least int) int { return int(d.number(uint64(len(d.b) / least))) }

func (d *handoverReader) hash() uint64 {
	if len(d.b) < 8 {
		d.fail("it ends too early")
		return 0
	}
	h := binary.BigEndian.Uint64(d.b)
	d.b = d.b[8:]
	return h
}

func (d *handoverReader) text() []byte {
	n := d.number(uint64(len(d.b)))
	if n > uint64(len(d.b)) {
		d.fail("a text of %d bytes in %d", n, len(d.b))
	}
	if n == 0 || d.err != nil {
		return nil
	}
	text := append([]byte(nil), d.b[:n]...)
	d.b = d.b[n:]
	return text
}
