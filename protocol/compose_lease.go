package protocol

import (
	"fmt"
	"strconv"
)

func composeLease(dst []byte, r *Request) ([]byte, error) {
	dst = append(dst, r.Verb.String()...)
	base64 := false
	if r.Verb != VerbLM {
		var err error
		if dst, base64, err = composeLeaseKey(dst, r); err != nil {
			return dst, err
		}
	}
	if r.Verb == VerbLS {
		dst = strconv.AppendInt(append(dst, ' '), int64(len(r.Body)), 10)
	}
	if base64 {
		dst = append(dst, " b"...)
	}
	dst, err := composeCommon(dst, r)
	if err != nil {
		return dst, err
	}
	dst, err = composeOwn(dst, r)
	if err != nil {
		return dst, err
	}
	dst = append(dst, '\r', '\n')
	if r.Verb == VerbLS {
		dst = appendData(dst, r.Body)
	}
	return dst, nil
}

func composeLeaseKey(dst []byte, r *Request) (_ []byte, base64 bool, err error) {
	if r.Verb == VerbLT && !validTag(r.Key) {
		return dst, false, errBadTag
	}
	if !r.Echo.Base64 && PlainKey(r.Key) {
		return append(append(dst, ' '), r.Key...), false, nil
	}
	if len(r.Key) == 0 || keyEncoding.EncodedLen(len(r.Key)) > MaxKey {
		return dst, false, errBadLeaseKey
	}
	return keyEncoding.AppendEncode(append(dst, ' '), r.Key), true, nil
}

// composeCommon appends the flags all lease commands have, and the return
// flags of this one.
func composeCommon(dst []byte, r *Request) ([]byte, error) {
	for i, f := range r.Echo.Flags {
		if !mayReturn(r.Verb, f) || indexIn(r.Echo.Flags[:i], f) {
			return dst, fmt.Errorf("%w: %s cannot return flag %q", ErrRequest, r.Verb, f)
		}
		dst = append(dst, ' ', f)
		if f == 'O' {
			if len(r.Echo.Opaque) > MaxOpaque || !printable(r.Echo.Opaque) {
				return dst, fmt.Errorf("%w: bad opaque", ErrRequest)
			}
			dst = append(dst, r.Echo.Opaque...)
		}
	}
	dst = appendIf(dst, r.Echo.Quiet, 'q')
	return appendIf(dst, r.NoForward, 'n'), nil
}

func mayReturn(v Verb, flag byte) bool {
	switch flag {
	case 'O':
		return true
	case 'k':
		return v != VerbLM
	case 'c':
		return v == VerbLG || v == VerbLS
	case 'v', 'f', 's', 't':
		return v == VerbLG
	}
	return false
}

func indexIn(flags []byte, f byte) bool {
	e := Echo{Flags: flags}
	return e.Wants(f)
}

// composeOwn appends the flags that only some commands have.
func composeOwn(dst []byte, r *Request) ([]byte, error) {
	switch r.Verb {
	case VerbLG:
		if r.LeaseFor > 0 {
			dst = appendFor(dst, r.LeaseFor)
		}
		if r.Wait > 0 {
			dst = appendMillis(dst, 'w', r.Wait)
		}
		dst = appendIf(dst, r.StaleOK, 'S')
		if r.HasRefresh {
			dst = appendFlag(dst, 'R', uint64(r.RefreshBelow))
		}
		dst = appendIf(dst, r.Peek, 'p')
		dst = appendIf(dst, r.CanFence, 'D')
		dst = appendIf(dst, r.Near, 'N')
	case VerbLS:
		return composeFill(dst, r)
	case VerbLD:
		if r.StaleFor > 0 {
			dst = appendFlag(dst, 'S', uint64(r.StaleFor))
		}
	case VerbLW:
		return composeIntent(dst, r)
	case VerbLC, VerbLF:
		return composeToken(dst, r)
	case VerbLA:
		if r.Nonce != nil && !r.HasToken {
			return composeNonce(dst, r)
		}
		return composeToken(dst, r)
	case VerbLM:
		if r.HasMapVersion {
			dst = appendFlag(dst, 'm', r.MapVersion)
		}
	case VerbLN:
		if r.LeaseFor <= 0 {
			return dst, fmt.Errorf("%w: ln needs a duration", ErrRequest)
		}
		dst = appendFor(dst, r.LeaseFor)
		if r.HasAck {
			dst = appendFlag(dst, 'a', r.Ack)
		}
	}
	return dst, nil
}

func composeFill(dst []byte, r *Request) ([]byte, error) {
	dst, err := composeToken(dst, r)
	if err != nil {
		return dst, err
	}
	if r.ClientFlags != 0 {
		dst = appendFlag(dst, 'F', uint64(r.ClientFlags))
	}
	if r.HasTTL {
		dst = appendSignedFlag(dst, 'T', r.TTL)
	}
	if len(r.Tags) > MaxTags {
		return dst, fmt.Errorf("%w: more than %d tags", ErrRequest, MaxTags)
	}
	for _, tag := range r.Tags {
		if !validTag(tag) {
			return dst, errBadTag
		}
		dst = append(append(dst, " G"...), tag...)
	}
	return appendIf(dst, r.FenceDone, 'D'), nil
}

func composeIntent(dst []byte, r *Request) ([]byte, error) {
	if r.FencedWriter == r.Bounded {
		return dst, fmt.Errorf("%w: an intent is either fenced or bounded", ErrRequest)
	}
	if r.LeaseFor > 0 {
		dst = appendFor(dst, r.LeaseFor)
	}
	dst = appendIf(dst, r.FencedWriter, 'F')
	dst = appendIf(dst, r.Bounded, 'B')
	if r.Nonce == nil {
		return dst, nil
	}
	return composeNonce(dst, r)
}

func composeNonce(dst []byte, r *Request) ([]byte, error) {
	if len(r.Nonce) == 0 || len(r.Nonce) > MaxNonce || !wordBytes(r.Nonce) {
		return dst, fmt.Errorf("%w: bad nonce", ErrRequest)
	}
	return append(append(dst, " U"...), r.Nonce...), nil
}

func composeToken(dst []byte, r *Request) ([]byte, error) {
	if !r.HasToken {
		return dst, fmt.Errorf("%w: %s needs a token", ErrRequest, r.Verb)
	}
	return appendFlag(dst, 'L', r.Token), nil
}

func appendIf(dst []byte, yes bool, flag byte) []byte {
	if yes {
		dst = append(dst, ' ', flag)
	}
	return dst
}
