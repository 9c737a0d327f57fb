package load

import "math/rand/v2"

// KeyLen is the length of every key.
const KeyLen = 16

const keyPrefix = "key:"

// AppendKey appends the name of key n: 16 bytes, n in decimal.
func AppendKey(dst []byte, n uint32) []byte {
	var b [KeyLen]byte
	copy(b[:], keyPrefix)
	for i := KeyLen - 1; i >= len(keyPrefix); i-- {
		b[i] = byte('0' + n%10)
		n /= 10
	}
	return append(dst, b[:]...)
}

const (
	patternLen = 1 << 20
	// MaxValue is the size of the largest value.
	MaxValue = 1 << 20
)

// pattern is random so that no server can guess values, and the same in every
// process so that a run can check what another one stored.
var pattern = func() []byte {
	b := make([]byte, patternLen+MaxValue)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}()

// Value returns the value that key n has in a generation: other keys and other
// generations have others. It must not be written to.
func Value(n, generation, size uint32) []byte {
	at := mix(uint64(n)<<32|uint64(generation)) % patternLen
	return pattern[at : at+uint64(size)]
}

// mix is the finalizer of SplitMix64: close inputs give far outputs.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// rng is a SplitMix64: a few instructions, and the same keys in every run.
type rng uint64

func (r *rng) next() uint64 {
	v := mix(uint64(*r))
	*r += 0x9e3779b97f4a7c15
	return v
}

// below returns a number from 0 to n less one.
func (r *rng) below(n uint32) uint32 { return uint32((r.next() >> 32) * uint64(n) >> 32) }
