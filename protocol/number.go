package protocol

import (
	"math"
	"strconv"
	"time"
)

// parseUint reads a strict decimal: digits only, at least one, no overflow.
func parseUint(b []byte) (uint64, bool) {
	if len(b) == 0 || len(b) > 20 {
		return 0, false
	}
	var v uint64
	for _, c := range b {
		d := uint64(c - '0')
		if d > 9 {
			return 0, false
		}
		if v > (math.MaxUint64-d)/10 {
			return 0, false
		}
		v = v*10 + d
	}
	return v, true
}

func parseUint32(b []byte) (uint32, bool) {
	v, ok := parseUint(b)
	if !ok || v > math.MaxUint32 {
		return 0, false
	}
	return uint32(v), true
}

// parseInt reads a strict decimal with an optional minus sign.
func parseInt(b []byte) (int64, bool) {
	neg := len(b) > 0 && b[0] == '-'
	if neg {
		b = b[1:]
	}
	v, ok := parseUint(b)
	switch {
	case !ok:
		return 0, false
	case neg && v <= 1<<63:
		return -int64(v), true
	case !neg && v <= math.MaxInt64:
		return int64(v), true
	}
	return 0, false
}

func appendFlag(dst []byte, flag byte, v uint64) []byte {
	return strconv.AppendUint(append(dst, ' ', flag), v, 10)
}

func appendSignedFlag(dst []byte, flag byte, v int64) []byte {
	return strconv.AppendInt(append(dst, ' ', flag), v, 10)
}

// appendFor appends e<ms>, rounded up to at least 1: a holder that is told a
// millisecond too much asks again a millisecond later, but 0 is no duration on
// the wire.
func appendFor(dst []byte, d time.Duration) []byte {
	return appendMillis(dst, 'e', d)
}

func appendMillis(dst []byte, flag byte, d time.Duration) []byte {
	ms := int64(1)
	if d > time.Millisecond {
		ms = int64((d-1)/time.Millisecond) + 1
	}
	return appendSignedFlag(dst, flag, ms)
}
