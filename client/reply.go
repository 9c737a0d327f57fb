package client

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/leasecache/leasecache/protocol"
)

// reply is what a caller keeps of a protocol.Reply: it aliases nothing.
type reply struct {
	code    protocol.Code
	value   []byte // VA
	text    string // error lines; the address of MV
	flags   uint32
	version uint64 // of the value; of the map of MV
	ttl     int64  // seconds, -1 for ever
	token   uint64
	length  time.Duration // e
	won     bool          // W
	x       bool          // X
	leased  bool          // Z
	doubt   bool          // D
	reason  byte          // NS
}

func keep(r *protocol.Reply) reply {
	rep := reply{
		code: r.Code, flags: r.ClientFlags, version: r.Version, ttl: r.TTL, token: r.Token, length: r.For,
		won: r.Won, x: r.X, leased: r.Leased, doubt: r.Doubt, reason: r.Reason,
	}
	if r.Code == protocol.CodeVA {
		rep.value = append(make([]byte, 0, len(r.Value)), r.Value...)
	}
	if r.Code == protocol.CodeMV {
		rep.text, rep.version = string(r.Addr), r.MapVer
	}
	if r.Code.Failed() {
		rep.text = string(r.Text)
	}
	return rep
}

// err turns an error line into its error.
func (r *reply) err() error {
	switch r.code {
	case protocol.CodeServerError:
		return &ServerError{Message: r.text}
	case protocol.CodeClientError:
		return &RequestError{Message: r.text}
	case protocol.CodeError:
		return &RequestError{Message: "the server does not know the command"}
	}
	return nil
}

// unexpected is the error for a reply that its request cannot have. What the
// server did is unknown.
func unexpected(c *conn, rep *reply) error {
	if err := rep.err(); err != nil {
		return err
	}
	return &TransportError{Addr: c.addr, Sent: true, Err: fmt.Errorf("%w: unexpected reply %s", errGarbage, rep.code)}
}

// opaque numbers a request, so that its reply can be told from all others.
type opaque uint64

func (o opaque) append(dst []byte) []byte { return strconv.AppendUint(dst, uint64(o), 36) }

func (o opaque) is(text []byte) bool {
	var room [16]byte
	return bytes.Equal(o.append(room[:0]), text)
}

// replyReader cuts a stream into replies. Its buffer grows with what has really
// arrived, never with what a line announces.
type replyReader struct {
	src        io.Reader
	parser     protocol.ReplyParser
	buf        []byte
	start, end int // what was read and not yet parsed
}

const (
	readBuffer   = 64 << 10
	keepBuffer   = 1 << 20 // a larger buffer is not kept for the next reply
	minReadSpace = 4 << 10
)

func newReplyReader(src io.Reader, maxValue int) *replyReader {
	r := &replyReader{src: src, buf: make([]byte, readBuffer)}
	r.parser.MaxValue = maxValue
	return r
}

// buffered reports whether more of the stream is at hand without reading.
func (r *replyReader) buffered() bool { return r.end > r.start }

// next returns the next reply, which is valid until the following call. After
// an error of the stream that is not for ever (a deadline) it may be called
// again and goes on where it was.
func (r *replyReader) next() (*protocol.Reply, error) {
	for {
		if r.end > r.start {
			n, st := r.parser.Next(r.buf[r.start:r.end])
			switch st {
			case protocol.Ready:
				r.start += n
				return r.parser.Reply(), nil
			case protocol.Bad:
				return nil, fmt.Errorf("%w: %w", errGarbage, r.parser.Err())
			}
		}
		r.makeSpace()
		n, err := r.src.Read(r.buf[r.end:])
		r.end += n
		if n == 0 && err != nil {
			if err == io.EOF && r.buffered() {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
}

func (r *replyReader) makeSpace() {
	have := r.end - r.start
	if have == 0 {
		r.start, r.end = 0, 0
		if len(r.buf) > keepBuffer {
			r.buf = make([]byte, readBuffer)
		}
		return
	}
	if len(r.buf)-r.end >= minReadSpace {
		return
	}
	to := r.buf
	if have > len(r.buf)/2 {
		to = make([]byte, 2*len(r.buf))
	}
	copy(to, r.buf[r.start:r.end])
	r.buf, r.start, r.end = to, 0, have
}
