package route

import (
	"encoding/binary"
	"errors"

	"github.com/leasecache/leasecache/shard"
)

// A forwarded request is a client's own bytes. Its answer begins with a byte that
// says what the rest is.
const (
	// Done: the bytes of the reply, possibly none.
	Done byte = iota
	// Part: u32 how many keys were answered, then the reply to those, without the
	// END. The others are to be asked for again.
	Part
	// Unknown: nothing more. The owner's session ended before its answer left.
	Unknown
	// Covered: u64 a token, then a bit for each shard in which it was done. The
	// token is 0 unless the tag's own shard is among them.
	Covered
)

// ErrAnswer says that an answer of another node makes no sense.
var ErrAnswer = errors.New("another node's answer cannot be read")

// AppendPart appends the head of a Part.
func AppendPart(dst []byte, keys int) []byte {
	return binary.BigEndian.AppendUint32(append(dst, Part), uint32(keys))
}

// ReadPart reads what follows the first byte.
func ReadPart(b []byte) (keys int, reply []byte, err error) {
	if len(b) < 4 {
		return 0, nil, ErrAnswer
	}
	return int(binary.BigEndian.Uint32(b)), b[4:], nil
}

// Shards is a set of shards.
type Shards []byte

// NewShards makes an empty set for so many shards.
func NewShards(count uint32) Shards { return make(Shards, (count+7)/8) }

func (s Shards) Add(id shard.ID)      { s[id/8] |= 1 << (id % 8) }
func (s Shards) Has(id shard.ID) bool { return s[id/8]&(1<<(id%8)) != 0 }

// AppendCovered appends a whole Covered answer.
func AppendCovered(dst []byte, token uint64, in Shards) []byte {
	return append(binary.BigEndian.AppendUint64(append(dst, Covered), token), in...)
}

// ReadCovered reads what follows the first byte, and adds the shards to those.
func ReadCovered(b []byte, to Shards) (token uint64, err error) {
	if len(b) != 8+len(to) {
		return 0, ErrAnswer
	}
	for i, bits := range b[8:] {
		to[i] |= bits
	}
	return binary.BigEndian.Uint64(b), nil
}
