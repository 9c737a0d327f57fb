package peer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
)

// Kind says what a frame is. Its numbers are the wire's.
type Kind byte

// What one node asks of another. An answer has the kind of its request with
// the top bit set, or is moved or failed.
const (
	cancelled   Kind = iota // a call that failed before it was sent: skip it
	ping                    // are you there?
	KindRequest             // a client's request, forwarded
	KindPropose             // an entry for the leader to propose
	KindRenew               // a renewal for the leader; one way
	KindJoin                // a node that wants to be a member; the only kind a joining node may send
	KindImport              // part of a shard's state, in a planned move
	KindFind                // where nodes are, while nobody leads
	kinds

	answer Kind = 0x80
	moved  Kind = 0xf0 // not done here: another node owns it
	failed Kind = 0xf1 // u8 whether anything may have been done, then a sentence
)

// A frame is u32 length of the rest, u8 kind, u64 id, in a question u64 the time
// until which it may be served, and the payload. Id 0 awaits no answer.
const (
	lengthLen = 4
	minRest   = 1 + 8
	frameHead = lengthLen + minRest
	untilLen  = 8
)

func (k Kind) asks() bool { return k < answer }

var errFrame = errors.New("damaged frame")

type frame struct {
	kind    Kind
	id      uint64
	payload []byte // valid until the next frame is read
	until   int64  // of a question, by its Listener's clock; 0 is for ever
	read    uint64 // which read brought its end
}

func payloadLen(parts [][]byte) int {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	return n
}

func appendFrame(b []byte, k Kind, id uint64, until int64, size int, parts ...[]byte) []byte {
	head := minRest
	if k.asks() {
		head += untilLen
	}
	b = binary.BigEndian.AppendUint32(b, uint32(head+size))
	b = append(b, byte(k))
	b = binary.BigEndian.AppendUint64(b, id)
	if k.asks() {
		b = binary.BigEndian.AppendUint64(b, uint64(until))
	}
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// frameLen reads the length of a frame, its own four bytes included, and
// refuses it before anything is made that long.
func frameLen(b []byte, maxPayload int) (int, error) {
	rest := binary.BigEndian.Uint32(b)
	switch {
	case rest < minRest:
		return 0, fmt.Errorf("%w: %d bytes, at least %d", errFrame, rest, minRest)
	case uint64(rest) > uint64(minRest+untilLen+maxPayload):
		return 0, fmt.Errorf("%w: %d bytes, at most %d", errFrame, rest, minRest+untilLen+maxPayload)
	}
	return lengthLen + int(rest), nil
}

const (
	readBuffer = 64 << 10
	shrinkAt   = 256 // frames that fitted a small buffer, after one that did not
)

// phases of a reader, for a watch that looks at it from outside.
const (
	phaseBusy = iota // with a frame
	phaseIdle        // waiting for a frame to begin
	phasePart        // waiting for the rest of one
)

// frames reads frames off a connection. Its buffer doubles when what arrived
// has filled it, so a length that was only claimed costs nothing.
type frames struct {
	src   io.Reader
	max   int
	buf   []byte
	r, w  int
	small int // frames since one was longer than readBuffer

	phase atomic.Uint32
	reads atomic.Uint64 // that brought something
}

// ready reports whether next has a frame without reading. A length that is refused
// counts as one.
func (f *frames) ready() bool {
	if f.w-f.r < lengthLen {
		return false
	}
	n, err := frameLen(f.buf[f.r:], f.max)
	return err != nil || f.w-f.r >= n
}

// next returns io.EOF only between two frames.
func (f *frames) next() (frame, error) {
	for {
		if f.w-f.r >= lengthLen {
			n, err := frameLen(f.buf[f.r:], f.max)
			if err != nil {
				return frame{}, err
			}
			if f.w-f.r >= n {
				return f.take(n)
			}
		}
		if err := f.fill(); err != nil {
			if f.w > f.r {
				err = unended(err)
			}
			return frame{}, err
		}
	}
}

func (f *frames) take(n int) (frame, error) {
	b := f.buf[f.r : f.r+n : f.r+n]
	f.r += n
	out := frame{kind: Kind(b[4]), id: binary.BigEndian.Uint64(b[5:]), payload: b[frameHead:], read: f.reads.Load()}
	if out.kind.asks() {
		if len(out.payload) < untilLen {
			return frame{}, fmt.Errorf("%w: a question of %d bytes", errFrame, n)
		}
		out.until, out.payload = int64(binary.BigEndian.Uint64(out.payload)), out.payload[untilLen:]
	}
	if n > readBuffer {
		f.small = 0
	} else {
		f.small++
	}
	return out, nil
}

func (f *frames) fill() error {
	phase := uint32(phasePart)
	if f.r == f.w {
		phase = phaseIdle
		f.r, f.w = 0, 0
		if len(f.buf) == 0 || len(f.buf) > readBuffer && f.small > shrinkAt {
			f.buf = make([]byte, readBuffer)
		}
	}
	if f.w == len(f.buf) {
		if f.r > 0 {
			f.w = copy(f.buf, f.buf[f.r:f.w])
			f.r = 0
		} else {
			f.buf = append(f.buf, make([]byte, min(len(f.buf), frameHead+untilLen+f.max-len(f.buf)))...)
		}
	}
	f.phase.Store(phase)
	n, err := f.src.Read(f.buf[f.w:])
	f.phase.Store(phaseBusy)
	f.w += n
	if n > 0 {
		f.reads.Add(1)
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}
