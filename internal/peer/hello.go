package peer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/leasecache/leasecache/shard"
)

// version is raised by whatever an older node would misunderstand.
const version = 1

// First bytes of a connection. Letters that no TLS record begins with.
const (
	raftStream = 'R'
	peerFrames = 'P'
)

const (
	magic     = "LCnd"
	headLen   = len(magic) + 4 // u16 version, u16 length of the rest
	maxHello  = 512            // of the rest
	maxReason = 1024           // of a verdict's sentence

	helloNumbers = 4 // at a hello's end
)

// Hello is what a node says of itself when a connection begins.
type Hello struct {
	Cluster     string // its id; "" for a node that has not joined one yet
	Incarnation uint64 // rises when a cluster is recovered without its majority
	Node        string
	Birth       string // minted with the data directory: another directory is another node

	line  line  // of the connection; the dialer's
	clock int64 // when the hello was said; the listener's
}

// Joining says that the node is in no cluster yet.
func (h Hello) Joining() bool { return h.Cluster == "" }

var (
	errForeign = errors.New("not a hello")
	errDamaged = errors.New("damaged hello")
)

// append adds the hello as it goes over the wire.
func (h Hello) append(b []byte) []byte {
	b = append(b, magic...)
	b = binary.BigEndian.AppendUint16(b, version)
	at := len(b)
	b = append(b, 0, 0)
	for _, s := range [...]string{h.Cluster, h.Node, h.Birth} {
		b = append(b, byte(len(s)))
		b = append(b, s...)
	}
	for _, n := range [...]uint64{h.Incarnation, h.line.lane, h.line.life, uint64(h.clock)} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	binary.BigEndian.PutUint16(b[at:], uint16(len(b)-at-2))
	return b
}

// check says whether the hello can go over the wire. Ids are read again by
// others, who print them and look them up.
func (h Hello) check() error {
	if h.Cluster != "" {
		if err := shard.CheckName(h.Cluster); err != nil {
			return fmt.Errorf("cluster: %w", err)
		}
	}
	if err := shard.CheckName(h.Node); err != nil {
		return fmt.Errorf("node: %w", err)
	}
	if err := shard.CheckName(h.Birth); err != nil {
		return fmt.Errorf("birth: %w", err)
	}
	return nil
}

// parseHead reads the part of a hello that is the same in every version.
func parseHead(b []byte) (v uint16, rest int, err error) {
	if string(b[:len(magic)]) != magic {
		return 0, 0, errForeign
	}
	v = binary.BigEndian.Uint16(b[len(magic):])
	rest = int(binary.BigEndian.Uint16(b[len(magic)+2:]))
	if rest > maxHello {
		return v, 0, fmt.Errorf("%w: %d bytes, at most %d", errDamaged, rest, maxHello)
	}
	return v, rest, nil
}

// parseHello reads what follows the head, in this version.
func parseHello(b []byte) (Hello, error) {
	var h Hello
	for _, field := range [...]*string{&h.Cluster, &h.Node, &h.Birth} {
		if len(b) < 1 || len(b) < 1+int(b[0]) {
			return Hello{}, fmt.Errorf("%w: cut short", errDamaged)
		}
		*field = string(b[1 : 1+int(b[0])])
		b = b[1+int(b[0]):]
	}
	if len(b) != helloNumbers*8 {
		return Hello{}, fmt.Errorf("%w: %d bytes at its end, want %d", errDamaged, len(b), helloNumbers*8)
	}
	var clock uint64
	for i, field := range [helloNumbers]*uint64{&h.Incarnation, &h.line.lane, &h.line.life, &clock} {
		*field = binary.BigEndian.Uint64(b[8*i:])
	}
	h.clock = int64(clock)
	if err := h.check(); err != nil {
		return Hello{}, fmt.Errorf("%w: %w", errDamaged, err)
	}
	return h, nil
}

// readHello takes a hello off the connection and not a byte more: what follows
// belongs to somebody else. A hello of another version is returned empty.
func readHello(r io.Reader) (Hello, uint16, error) {
	var buf [headLen + maxHello]byte
	if _, err := io.ReadFull(r, buf[:headLen]); err != nil {
		return Hello{}, 0, err
	}
	v, rest, err := parseHead(buf[:headLen])
	if err != nil {
		return Hello{}, v, err
	}
	body := buf[headLen : headLen+rest]
	if _, err := io.ReadFull(r, body); err != nil {
		return Hello{}, v, err
	}
	if v != version {
		return Hello{}, v, nil
	}
	h, err := parseHello(body)
	return h, v, err
}

// appendVerdict adds u8 reason, u16 length, sentence.
func appendVerdict(b []byte, r *Refusal) []byte {
	if r == nil {
		return append(b, byte(accepted), 0, 0)
	}
	text := r.Text[:min(len(r.Text), maxReason)]
	b = append(b, byte(r.Reason))
	b = binary.BigEndian.AppendUint16(b, uint16(len(text)))
	return append(b, text...)
}

// readVerdict takes the other side's verdict off the connection; a nil Refusal
// is a welcome.
func readVerdict(r io.Reader) (*Refusal, error) {
	var buf [3 + maxReason]byte
	if _, err := io.ReadFull(r, buf[:3]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(buf[1:]))
	if n > maxReason {
		return nil, fmt.Errorf("%w: a reason of %d bytes, at most %d", errDamaged, n, maxReason)
	}
	if _, err := io.ReadFull(r, buf[3:3+n]); err != nil {
		return nil, err
	}
	if Reason(buf[0]) == accepted {
		return nil, nil
	}
	return &Refusal{Reason: Reason(buf[0]), Text: printable(buf[3 : 3+n])}, nil
}

// printable makes a stranger's sentence fit for one log line.
func printable(b []byte) string {
	out := make([]byte, 0, len(b))
	for _, c := range b {
		if c < ' ' || c > '~' {
			c = '?'
		}
		out = append(out, c)
	}
	return string(out)
}
