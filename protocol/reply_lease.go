package protocol

import (
	"strconv"
	"time"
)

// LeaseKind is the outcome of lg.
type LeaseKind uint8

const (
	LeaseNothing LeaseKind = iota // EN: peek found nothing
	LeaseValue                    // VA, or HD if the value was not asked for
	LeaseGranted                  // LE: the lease is the reader's
	LeaseWait                     // WT: another holds the lease
	LeaseSource                   // QU: use the source, do not fill
)

// LeaseReply is the reply to lg. Fields that do not belong to its Kind are
// ignored.
type LeaseReply struct {
	Kind LeaseKind

	// LeaseValue.
	Value       []byte
	ClientFlags uint32
	TTL         int64 // seconds left, -1 for ever
	Version     uint64
	Won         bool // W: with Token and For, the lease to refresh the value
	Stale       bool // X
	Leased      bool // Z: another has the lease to refresh the value
	Near        bool // N: a copy was registered

	// LeaseGranted, and LeaseValue if Won.
	Token uint64
	Doubt bool // D: fence the source at Token before reading it

	// How long: the lease is granted, another's lease may last, the key is
	// quarantined. For LeaseSource 0 says it is not quarantined.
	For time.Duration

	// LeaseSource.
	InDoubt bool // X
}

// AppendLeaseGet appends the reply to lg. EN is nominal.
func AppendLeaseGet(dst []byte, e *Echo, r *LeaseReply) []byte {
	switch r.Kind {
	case LeaseValue:
		return appendLeaseValue(dst, e, r)
	case LeaseGranted:
		dst = e.appendTo(append(dst, "LE"...), nil)
		dst = appendFor(appendFlag(dst, 'L', r.Token), r.For)
		if r.Doubt {
			dst = appendFlag(dst, 'D', r.Token)
		}
	case LeaseWait:
		dst = appendFor(e.appendTo(append(dst, "WT"...), nil), r.For)
	case LeaseSource:
		dst = e.appendTo(append(dst, "QU"...), nil)
		if r.For > 0 {
			dst = appendFor(dst, r.For)
		}
		if r.InDoubt {
			dst = append(dst, " X"...)
		}
	default:
		return appendNominal(dst, e, "EN")
	}
	return append(dst, '\r', '\n')
}

func appendLeaseValue(dst []byte, e *Echo, r *LeaseReply) []byte {
	withValue := e.Wants('v')
	if withValue {
		dst = strconv.AppendInt(append(dst, "VA "...), int64(len(r.Value)), 10)
	} else {
		dst = append(dst, "HD"...)
	}
	dst = e.appendTo(dst, r)
	if r.Won {
		dst = appendFor(appendFlag(append(dst, " W"...), 'L', r.Token), r.For)
		if r.Doubt {
			dst = appendFlag(dst, 'D', r.Token)
		}
	}
	if r.Stale {
		dst = append(dst, " X"...)
	}
	if r.Leased {
		dst = append(dst, " Z"...)
	}
	if r.Near {
		dst = append(dst, " N"...)
	}
	dst = append(dst, '\r', '\n')
	if withValue {
		dst = appendData(dst, r.Value)
	}
	return dst
}

// appendNominal appends a code with k and O, or nothing for who asked to be
// left alone with what goes as it should. Only replies that are noted as
// nominal come here: that is the whole rule of q.
func appendNominal(dst []byte, e *Echo, code string) []byte {
	if e.Quiet {
		return dst
	}
	return appendAlways(dst, e, code)
}

func appendAlways(dst []byte, e *Echo, code string) []byte {
	return append(e.appendTo(append(dst, code...), nil), '\r', '\n')
}

// AppendStored appends HD, an accepted ls, with the new version if it was
// asked for. Nominal.
func AppendStored(dst []byte, e *Echo, version uint64) []byte {
	if e.Quiet {
		return dst
	}
	// Of an item's flags ls has but c.
	item := LeaseReply{Version: version}
	return append(e.appendTo(append(dst, "HD"...), &item), '\r', '\n')
}

// Reasons of AppendNotStored.
const (
	ReasonInvalidated = 'i' // invalidated or mutated since
	ReasonSuperseded  = 's' // by a newer lease
	ReasonQuarantined = 'q'
	ReasonOwner       = 'o' // the shard changed owner or its owner restarted
	ReasonTag         = 't' // a tag was bumped since
	ReasonUnknown     = 'u' // unknown lease, or used already
	ReasonDoubt       = 'd' // doubt not fenced
)

// AppendNotStored appends NS r<reason>.
func AppendNotStored(dst []byte, e *Echo, reason byte) []byte {
	dst = e.appendTo(append(dst, "NS"...), nil)
	return append(dst, ' ', 'r', reason, '\r', '\n')
}

// AppendInvalidated appends HD L<token>, the reply to ld and lt. Nominal.
func AppendInvalidated(dst []byte, e *Echo, token uint64) []byte {
	if e.Quiet {
		return dst
	}
	dst = e.appendTo(append(dst, "HD"...), nil)
	return append(appendFlag(dst, 'L', token), '\r', '\n')
}

// AppendIntent appends HD L<token> e<ms>, the reply to lw.
func AppendIntent(dst []byte, e *Echo, token uint64, d time.Duration) []byte {
	dst = e.appendTo(append(dst, "HD"...), nil)
	return append(appendFor(appendFlag(dst, 'L', token), d), '\r', '\n')
}

// AppendDone appends HD, the reply to lc, la and lf. Nominal.
func AppendDone(dst []byte, e *Echo) []byte { return appendNominal(dst, e, "HD") }

// AppendGone appends EX: lc or la named an intent that is unknown here.
func AppendGone(dst []byte, e *Echo) []byte { return appendAlways(dst, e, "EX") }

// AppendLate appends HD X: lc or la came late and removed the doubt that the
// intent had become.
func AppendLate(dst []byte, e *Echo) []byte {
	return append(e.appendTo(append(dst, "HD"...), nil), " X\r\n"...)
}
