package protocol

import "strconv"

// LineStaleStored answers a lease-set whose token was void and whose value is
// kept as a stale one.
const LineStaleStored = "STALE_STORED\r\n"

// HotMiss is the token of an LVALUE that grants nothing: another has the lease.
const HotMiss = 1

// AppendLValue appends the miss of a lease-get: the token, and a stale value if
// there is one. A hit is a VALUE, and END follows either.
func AppendLValue(dst, key []byte, token uint64, clientFlags uint32, value []byte) []byte {
	dst = append(append(dst, "LVALUE "...), key...)
	dst = strconv.AppendUint(append(dst, ' '), token, 10)
	dst = strconv.AppendUint(append(dst, ' '), uint64(clientFlags), 10)
	dst = strconv.AppendInt(append(dst, ' '), int64(len(value)), 10)
	return appendData(append(dst, '\r', '\n'), value)
}
