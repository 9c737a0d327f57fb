package load

import "strconv"

// step is one thing that must come back. A request has one or more of them.
type step struct {
	kind       kind
	generation uint32
	key        uint32
	size       uint32
}

type kind uint8

const (
	classicValue kind = iota // VALUE key 0 size, the data; left out on a miss
	classicEnd               // END
	metaValue                // VA size, the data; or EN, or what lg says without a value
	respValue                // $size, the data; or $-1
	respArray                // *size
	stored                   // STORED
	respOK                   // +OK
)

// countsKey says whether a step is the answer for one key.
func (k kind) countsKey() bool { return k != classicEnd && k != respArray }

// appendGet appends a request for keys, and the steps of its reply.
func appendGet(out []byte, steps []step, d Dialect, keys []uint32, generation, size uint32) ([]byte, []step) {
	switch d {
	case Classic:
		out = append(out, "get"...)
		for _, k := range keys {
			out = AppendKey(append(out, ' '), k)
			steps = append(steps, step{classicValue, generation, k, size})
		}
		return append(out, "\r\n"...), append(steps, step{kind: classicEnd})
	case Meta, Lease:
		verb := "mg "
		if d == Lease {
			verb = "lg "
		}
		out = AppendKey(append(out, verb...), keys[0])
		return append(out, " v\r\n"...), append(steps, step{metaValue, generation, keys[0], size})
	}
	if len(keys) == 1 {
		out = append(out, "*2\r\n$3\r\nGET\r\n$16\r\n"...)
	} else {
		out = strconv.AppendInt(append(out, '*'), int64(len(keys))+1, 10)
		out = append(out, "\r\n$4\r\nMGET\r\n$16\r\n"...)
		steps = append(steps, step{kind: respArray, size: uint32(len(keys))})
	}
	for i, k := range keys {
		if i > 0 {
			out = append(out, "$16\r\n"...)
		}
		out = append(AppendKey(out, k), "\r\n"...)
		steps = append(steps, step{respValue, generation, k, size})
	}
	return out, steps
}

// appendSet appends a request that stores a key's value, and the step of its
// reply.
func appendSet(out []byte, steps []step, d Dialect, key, generation, size uint32) ([]byte, []step) {
	if d == RESP {
		out = append(out, "*3\r\n$3\r\nSET\r\n$16\r\n"...)
		out = append(AppendKey(out, key), "\r\n$"...)
		out = append(strconv.AppendInt(out, int64(size), 10), "\r\n"...)
		out = append(out, Value(key, generation, size)...)
		return append(out, "\r\n"...), append(steps, step{respOK, generation, key, size})
	}
	out = AppendKey(append(out, "set "...), key)
	out = strconv.AppendInt(append(out, " 0 0 "...), int64(size), 10)
	out = append(out, "\r\n"...)
	out = append(out, Value(key, generation, size)...)
	return append(out, "\r\n"...), append(steps, step{stored, generation, key, size})
}
