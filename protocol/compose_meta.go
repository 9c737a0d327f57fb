package protocol

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

func composeMeta(dst []byte, r *Request) ([]byte, error) {
	dst = append(dst, r.Verb.String()...)
	flags := r.Echo.Flags
	words := 2 + len(flags)
	dst, base64, err := composeLeaseKey(dst, r)
	if err != nil {
		return dst, err
	}
	if r.Verb == VerbMS {
		dst = strconv.AppendInt(append(dst, ' '), int64(len(r.Body)), 10)
		words++
	}
	if base64 && bytes.IndexByte(flags, 'b') < 0 {
		dst = append(dst, " b"...)
		words++
	}
	if r.Echo.Quiet && r.Verb != VerbME && bytes.IndexByte(flags, 'q') < 0 {
		dst = append(dst, " q"...)
		words++
	}
	if r.Verb == VerbME {
		return append(dst, '\r', '\n'), nil
	}
	if words > maxMetaWords {
		return dst, fmt.Errorf("%w: too many flags", ErrRequest)
	}
	for i, f := range flags {
		if indexIn(flags[:i], f) || f == 'b' && !base64 {
			return dst, errMetaFlag(f)
		}
		if dst, err = composeMetaFlag(append(dst, ' ', f), r, f); err != nil {
			return dst, err
		}
	}
	dst = append(dst, '\r', '\n')
	if r.Verb == VerbMS {
		dst = appendData(dst, r.Body)
	}
	return dst, nil
}

// composeMetaFlag appends the argument of the flag.
func composeMetaFlag(dst []byte, r *Request, flag byte) ([]byte, error) {
	switch flag {
	case 'b', 'k', 's', 't', 'c', 'f', 'v', 'h', 'l', 'q', 'u', 'x', 'I':
		return dst, nil
	case 'O':
		if len(r.Echo.Opaque) <= MaxOpaque && printable(r.Echo.Opaque) {
			return append(dst, r.Echo.Opaque...), nil
		}
	case 'N':
		return composeSeconds(dst, r.VivifyTTL)
	case 'T':
		return composeSeconds(dst, r.TTL)
	case 'R':
		return composeSeconds(dst, r.RecacheTTL)
	case 'C':
		return strconv.AppendUint(dst, r.CompareCAS, 10), nil
	case 'E':
		return strconv.AppendUint(dst, r.NewCAS, 10), nil
	case 'F':
		return strconv.AppendUint(dst, uint64(r.ClientFlags), 10), nil
	case 'J':
		return strconv.AppendUint(dst, r.Initial, 10), nil
	case 'D':
		return strconv.AppendUint(dst, r.Delta, 10), nil
	case 'M':
		modes := "SEAPR"
		switch r.Verb {
		case VerbMA:
			modes = "ID"
		case VerbMG, VerbMD:
			return dst, nil
		}
		if strings.IndexByte(modes, r.Mode) >= 0 {
			return append(dst, r.Mode), nil
		}
	}
	return dst, errMetaFlag(flag)
}

func errMetaFlag(flag byte) error {
	return fmt.Errorf("%w: bad flag %q", ErrRequest, flag)
}
