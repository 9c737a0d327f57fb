package protocol

import (
	"errors"
	"fmt"
	"math"
	"strconv"
)

// ErrRequest is wrapped by the errors of AppendRequest.
var ErrRequest = errors.New("protocol: request cannot be written")

// AppendRequest appends r as a client sends it. Of Echo it takes Flags, in
// their order, Opaque if O is among them, Quiet, and Base64; Echo.Key is not
// looked at. A lease command writes a key that is not plain as base64 without
// being told. Durations are rounded up to milliseconds.
//
// What would not come out as one well-formed request is refused with an error
// that wraps ErrRequest, and dst returned as it was: a key from elsewhere
// cannot smuggle in a second command.
func AppendRequest(dst []byte, r *Request) ([]byte, error) {
	start := len(dst)
	var err error
	switch {
	case r.Verb == VerbUnknown || r.Verb >= verbCount:
		err = fmt.Errorf("%w: no verb", ErrRequest)
	case r.Verb.Lease():
		dst, err = composeLease(dst, r)
	case r.Verb.Meta() || r.Verb == VerbME:
		dst, err = composeMeta(dst, r)
	default:
		dst, err = composeClassic(dst, r)
	}
	if err != nil {
		return dst[:start], err
	}
	return dst, nil
}

func composeClassic(dst []byte, r *Request) ([]byte, error) {
	dst = append(dst, r.Verb.String()...)
	switch r.Verb {
	case VerbGet, VerbGets, VerbLeaseGet:
		return composeKeys(dst, r)
	case VerbGat, VerbGats:
		dst, err := composeExptime(dst, r)
		if err != nil {
			return dst, err
		}
		return composeKeys(dst, r)
	case VerbSet, VerbAdd, VerbReplace, VerbAppend, VerbPrepend, VerbCAS, VerbLeaseSet:
		return composeStore(dst, r)
	case VerbDelete, VerbTouch, VerbIncr, VerbDecr:
		dst, err := composeKey(dst, r.Key, "")
		if err != nil {
			return dst, err
		}
		switch r.Verb {
		case VerbTouch:
			dst, err = composeExptime(dst, r)
		case VerbIncr, VerbDecr:
			dst = strconv.AppendUint(append(dst, ' '), r.Delta, 10)
		}
		return composeEnd(dst, r), err
	case VerbStats, VerbWatch, VerbCacheMemlimit, VerbLRU, VerbLRUCrawler, VerbSlabs, VerbExtstore, VerbShutdown:
		for _, arg := range r.Args {
			if len(arg) == 0 || !printable(arg) {
				return dst, fmt.Errorf("%w: bad argument", ErrRequest)
			}
			dst = append(append(dst, ' '), arg...)
		}
	case VerbFlushAll:
		var err error
		if r.Exptime != 0 {
			dst, err = composeExptime(dst, r)
		}
		return composeEnd(dst, r), err
	case VerbVerbosity:
		dst = strconv.AppendUint(append(dst, ' '), uint64(r.Level), 10)
		return composeEnd(dst, r), nil
	}
	return append(dst, '\r', '\n'), nil
}

func composeKeys(dst []byte, r *Request) ([]byte, error) {
	if len(r.Keys) == 0 {
		return composeKey(dst, r.Key, "\r\n")
	}
	var err error
	for _, key := range r.Keys {
		if dst, err = composeKey(dst, key, ""); err != nil {
			return dst, err
		}
	}
	return append(dst, '\r', '\n'), nil
}

// composeStore writes a line with a data block, and the block.
func composeStore(dst []byte, r *Request) ([]byte, error) {
	dst, err := composeKey(dst, r.Key, "")
	if err != nil {
		return dst, err
	}
	if r.Verb == VerbLeaseSet {
		dst = strconv.AppendUint(append(dst, ' '), r.Token, 10)
	}
	dst = strconv.AppendUint(append(dst, ' '), uint64(r.ClientFlags), 10)
	if dst, err = composeExptime(dst, r); err != nil {
		return dst, err
	}
	dst = strconv.AppendInt(append(dst, ' '), int64(len(r.Body)), 10)
	if r.Verb == VerbCAS {
		dst = strconv.AppendUint(append(dst, ' '), r.CompareCAS, 10)
	}
	return appendData(composeEnd(dst, r), r.Body), nil
}

func composeExptime(dst []byte, r *Request) ([]byte, error) {
	return composeSeconds(append(dst, ' '), r.Exptime)
}

// composeSeconds writes an expiry time if the server can read it: it may cut
// what has more than 32 bits instead of refusing it.
func composeSeconds(dst []byte, seconds int64) ([]byte, error) {
	if seconds < math.MinInt32 || seconds > math.MaxInt32 {
		return dst, errBadExptime
	}
	return strconv.AppendInt(dst, seconds, 10), nil
}

func composeEnd(dst []byte, r *Request) []byte {
	if r.NoReply {
		dst = append(append(dst, ' '), noReply...)
	}
	return append(dst, '\r', '\n')
}

func composeKey(dst, key []byte, end string) ([]byte, error) {
	if !PlainKey(key) {
		return dst, errBadKey
	}
	return append(append(append(dst, ' '), key...), end...), nil
}

var (
	errBadKey = fmt.Errorf("%w: a key has 1 to %d bytes, none of them a blank or a control byte", ErrRequest, MaxKey)
	// Other keys travel as base64, which has to be within MaxKey too.
	errBadLeaseKey = fmt.Errorf("%w: a key has 1 to %d bytes; with blanks or control bytes among them, 1 to %d",
		ErrRequest, MaxKey, MaxKey/4*3)
	errBadExptime = fmt.Errorf("%w: an expiry time has 32 bits", ErrRequest)
	errBadTag     = fmt.Errorf("%w: a tag has 1 to %d bytes, none of them a blank or a control byte", ErrRequest, MaxTag)
)
