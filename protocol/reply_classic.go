package protocol

import "strconv"

// The one-line replies of memcached's commands, with their end.
const (
	LineStored    = "STORED\r\n"
	LineNotStored = "NOT_STORED\r\n"
	LineNotFound  = "NOT_FOUND\r\n"
	LineDeleted   = "DELETED\r\n"
	LineTouched   = "TOUCHED\r\n"
	LineOK        = "OK\r\n"
	LineEnd       = "END\r\n"
	LineReset     = "RESET\r\n"
	LineExists    = "EXISTS\r\n"
	LineMN        = "MN\r\n"
	LineEN        = "EN\r\n" // me of a missing key; behind the last line of an mgdump
)

// AppendValue appends the hit of a get: VALUE and the data.
func AppendValue(dst, key []byte, clientFlags uint32, value []byte) []byte {
	dst = appendValueHead(dst, key, clientFlags, len(value))
	return appendData(append(dst, '\r', '\n'), value)
}

// AppendValueCAS appends the hit of a gets, which also shows the CAS.
func AppendValueCAS(dst, key []byte, clientFlags uint32, value []byte, cas uint64) []byte {
	dst = appendValueHead(dst, key, clientFlags, len(value))
	dst = strconv.AppendUint(append(dst, ' '), cas, 10)
	return appendData(append(dst, '\r', '\n'), value)
}

func appendValueHead(dst, key []byte, clientFlags uint32, size int) []byte {
	dst = append(append(dst, "VALUE "...), key...)
	dst = strconv.AppendUint(append(dst, ' '), uint64(clientFlags), 10)
	return strconv.AppendInt(append(dst, ' '), int64(size), 10)
}

func appendData(dst, value []byte) []byte {
	return append(append(dst, value...), '\r', '\n')
}

// AppendStat appends one line of stats; LineEnd follows the last.
func AppendStat(dst []byte, name, value string) []byte {
	dst = append(append(dst, "STAT "...), name...)
	return append(appendText(append(dst, ' '), value), '\r', '\n')
}

// AppendNumber appends the reply to incr and decr.
func AppendNumber(dst []byte, n uint64) []byte {
	return append(strconv.AppendUint(dst, n, 10), '\r', '\n')
}

// AppendLine appends a line of an admin command that has no function of its
// own.
func AppendLine(dst []byte, text string) []byte {
	return append(appendText(dst, text), '\r', '\n')
}

// AppendVersion appends the reply to version. Clients read three numbers at
// its beginning, so the version has to start with those of memcached.
func AppendVersion(dst []byte, version string) []byte {
	return append(appendText(append(dst, "VERSION "...), version), '\r', '\n')
}

// TextNonNumeric is the client error of incr, decr and ma where the value is no
// number.
const TextNonNumeric = "cannot increment or decrement non-numeric value"
