package protocol

import "bytes"

// Echo is what a request wants to see again in its reply.
type Echo struct {
	Flags  []byte // the return flags, v f s t c k O, in the order asked; of a meta command all its flags but P and L
	Key    []byte // the key as it was written, base64 text if Base64
	Base64 bool   // b: the key is base64
	Opaque []byte // O, without the letter
	Quiet  bool   // q: leave out the nominal reply
}

// Wants reports whether the return flag was asked for.
func (e *Echo) Wants(flag byte) bool { return bytes.IndexByte(e.Flags, flag) >= 0 }

// Before reports whether the flag a was given and stands before b, or b is not
// given: mg shows the TTL of before its T where t does.
func (e *Echo) Before(a, b byte) bool {
	i, j := bytes.IndexByte(e.Flags, a), bytes.IndexByte(e.Flags, b)
	return i >= 0 && (j < 0 || i < j)
}

// Clone returns an Echo with its own memory, for a reply that is composed
// after the request's buffer has gone: a parked read's.
func (e *Echo) Clone() Echo {
	own := make([]byte, 0, len(e.Flags)+len(e.Key)+len(e.Opaque))
	take := func(b []byte) []byte {
		start := len(own)
		own = append(own, b...)
		return own[start:len(own):len(own)]
	}
	return Echo{Flags: take(e.Flags), Key: take(e.Key), Base64: e.Base64, Opaque: take(e.Opaque), Quiet: e.Quiet}
}

// appendTo appends the flags asked for, in the order asked. item is what
// f s t c speak of; without one only k and O are left.
func (e *Echo) appendTo(dst []byte, item *LeaseReply) []byte {
	for _, f := range e.Flags {
		if f == 'k' || f == 'O' {
			dst = e.appendOwn(dst, f)
			continue
		}
		if item == nil {
			continue
		}
		switch f {
		case 'f':
			dst = appendFlag(dst, 'f', uint64(item.ClientFlags))
		case 's':
			dst = appendFlag(dst, 's', uint64(len(item.Value)))
		case 't':
			dst = appendSignedFlag(dst, 't', item.TTL)
		case 'c':
			dst = appendFlag(dst, 'c', item.Version)
		}
	}
	return dst
}

// appendOwn appends k or O, which need no item.
func (e *Echo) appendOwn(dst []byte, flag byte) []byte {
	switch flag {
	case 'k':
		dst = append(append(dst, " k"...), e.Key...)
		if e.Base64 {
			dst = append(dst, " b"...)
		}
	case 'O':
		dst = append(append(dst, " O"...), e.Opaque...)
	}
	return dst
}
