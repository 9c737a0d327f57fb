package memory

import "encoding/binary"

// ghosts are traces of what was evicted lately: 16 bits of a key's hash each. Who
// is stored again while the trace is there comes too often for probation.
//
// They lie in buckets of four, of which the oldest goes. With nine traces for ten
// items they reach back about as far as the items do, so that a loop over as many
// keys as there is room for is noticed. A wrong match, one in ten
// thousand or so, only keeps an item longer than it deserves.
type ghosts struct {
	space []byte // as far as there is address space
	bytes int
}

const (
	bucketBytes = 8
	// ghostShare of the bytes for records is the most: 16 bits for 128 bytes.
	ghostShare = 64
)

// wanted is how many bytes there should be for so many items: as there are, unless
// that is far off. The traces are lost when it changes.
func (g *ghosts) wanted(items int) int {
	n := min(items*9/5, len(g.space)) / pageSize * pageSize
	if n > g.bytes/3 && n < g.bytes*2 {
		return g.bytes
	}
	return n
}

func (g *ghosts) bucket(hash uint64) []byte {
	n := uint64(g.bytes / bucketBytes)
	i := int(hash>>32*n>>32) * bucketBytes
	return g.space[i : i+bucketBytes]
}

func traceOf(hash uint64) uint64 { return hash>>16&0xffff | 1 }

func (g *ghosts) remember(hash uint64) {
	if g.bytes > 0 {
		b := g.bucket(hash)
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)<<16|traceOf(hash))
	}
}

// look reads the traces among which a key's would be, so early that memory brings
// them while others are waited for.
func (g *ghosts) look(hash uint64) uint64 {
	if g.bytes == 0 {
		return 0
	}
	return binary.LittleEndian.Uint64(g.bucket(hash))
}

// recall says whether a key's trace is among those that look read, and wipes it.
func (g *ghosts) recall(hash, traces uint64) bool {
	if traces == 0 {
		return false
	}
	for shift := 0; shift < 64; shift += 16 {
		if traces>>shift&0xffff == traceOf(hash) {
			binary.LittleEndian.PutUint64(g.bucket(hash), traces&^(0xffff<<shift))
			return true
		}
	}
	return false
}
