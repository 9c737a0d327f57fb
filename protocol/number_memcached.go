package protocol

import (
	"bytes"
	"math"
)

// This file holds memcached's two ways to read a number. The newer one takes
// digits only, but as many leading zeros as its limit of length allows, and a
// lone minus sign for 0. The older one is the C library's.

const (
	maxDigits32 = 11
	maxDigits64 = 22
)

// Uint32 reads an argument of an admin command as memcached does: up to 11
// digits and nothing else.
func Uint32(word []byte) (uint32, bool) {
	v, ok := digits(word, maxDigits32, math.MaxUint32)
	return uint32(v), ok
}

// Int32 reads a signed argument of an admin command as memcached does.
func Int32(word []byte) (int32, bool) { return memcachedInt32(word) }

func memcachedUint64(word []byte) (uint64, bool) {
	return digits(word, maxDigits64, math.MaxUint64)
}

func memcachedInt32(word []byte) (int32, bool) {
	if len(word) > 1 && word[0] == '-' {
		v, ok := digits(word[1:], maxDigits32-1, -math.MinInt32)
		return int32(-int64(v)), ok
	}
	if len(word) == 1 && word[0] == '-' {
		return 0, true
	}
	v, ok := digits(word, maxDigits32, math.MaxInt32)
	return int32(v), ok
}

func digits(word []byte, longest int, limit uint64) (uint64, bool) {
	if len(word) == 0 || len(word) > longest {
		return 0, false
	}
	var v uint64
	for _, c := range word {
		d := uint64(c - '0')
		if d > 9 || v > (limit-d)/10 {
			return 0, false
		}
		v = v*10 + d
	}
	return v, true
}

// space is what C takes for white space.
var space = []byte(" \t\n\v\f\r")

// Counter reads the value of an item as the number that incr, decr and ma
// count with. White space around it is allowed, and anything behind that.
func Counter(value []byte) (uint64, bool) {
	v, neg, ok := looseNumber(value)
	if neg {
		v = -v
	}
	if !ok || neg && int64(v) < 0 {
		return 0, false
	}
	return v, true
}

// looseClientFlags reads the flags of set and its like. What is beyond 32 bits
// is cut off.
func looseClientFlags(rest []byte) (uint32, bool) {
	v, ok := Counter(rest)
	return uint32(v), ok
}

// looseExptime reads the expiry time of set and its like: 64 bits are read, the
// lower 32 count.
func looseExptime(rest []byte) (int32, bool) {
	v, neg, ok := looseNumber(rest)
	switch {
	case !ok:
		return 0, false
	case neg:
		return int32(-v), v <= 1<<63
	}
	return int32(v), v <= math.MaxInt64
}

// looseNumber reads the number at the beginning of rest: white space, a sign,
// digits, and then white space, a zero byte, or the end. A sum beyond 64 bits
// is none.
func looseNumber(rest []byte) (v uint64, neg, ok bool) {
	i := 0
	for i < len(rest) && bytes.IndexByte(space, rest[i]) >= 0 {
		i++
	}
	if i < len(rest) && (rest[i] == '-' || rest[i] == '+') {
		neg = rest[i] == '-'
		i++
	}
	start := i
	for ; i < len(rest); i++ {
		d := uint64(rest[i] - '0')
		if d > 9 {
			break
		}
		if v > (math.MaxUint64-d)/10 {
			return 0, neg, false
		}
		v = v*10 + d
	}
	if i == start || i < len(rest) && rest[i] != 0 && bytes.IndexByte(space, rest[i]) < 0 {
		return 0, neg, false
	}
	return v, neg, true
}
