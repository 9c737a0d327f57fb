package protocol

import "strconv"

// MetaItem is the item that a reply to mg or ma speaks of. What was not asked
// for is ignored.
type MetaItem struct {
	Value       []byte // v s of mg
	ClientFlags uint32 // f
	TTL         int64  // t: seconds left, below 0 for ever
	CAS         uint64 // c
	Idle        uint32 // l: seconds since it was read before
	Fetched     bool   // h: it was read before
	Won         bool   // W: fill it anew
	Stale       bool   // X
	Leased      bool   // Z: somebody was told W
}

// AppendMetaGet appends the hit of mg: VA with the value, or HD without it
// where v was not asked for or C names the CAS of what the client has. What the
// server adds comes last, Z X W in this order.
func AppendMetaGet(dst []byte, e *Echo, it *MetaItem, withValue bool) []byte {
	if withValue {
		dst = strconv.AppendInt(append(dst, "VA "...), int64(len(it.Value)), 10)
	} else {
		dst = append(dst, "HD"...)
	}
	for _, f := range e.Flags {
		switch f {
		case 's':
			dst = appendFlag(dst, 's', uint64(len(it.Value)))
		case 't':
			dst = appendTTL(dst, it.TTL)
		case 'c':
			dst = appendFlag(dst, 'c', it.CAS)
		case 'f':
			dst = appendFlag(dst, 'f', uint64(it.ClientFlags))
		case 'l':
			dst = appendFlag(dst, 'l', uint64(it.Idle))
		case 'h':
			fetched := byte('0')
			if it.Fetched {
				fetched = '1'
			}
			dst = append(dst, ' ', 'h', fetched)
		default:
			dst = e.appendOwn(dst, f)
		}
	}
	dst = appendIf(dst, it.Leased, 'Z')
	dst = appendIf(dst, it.Stale, 'X')
	dst = appendIf(dst, it.Won, 'W')
	dst = append(dst, '\r', '\n')
	if withValue {
		dst = appendData(dst, it.Value)
	}
	return dst
}

func appendTTL(dst []byte, ttl int64) []byte { return appendSignedFlag(dst, 't', max(ttl, -1)) }

// AppendMetaMiss appends EN, the miss of mg. Nominal: q leaves it out.
func AppendMetaMiss(dst []byte, e *Echo) []byte { return appendNominal(dst, e, "EN") }

// MetaOutcome is what became of an ms, md or ma.
type MetaOutcome uint8

const (
	MetaDone      MetaOutcome = iota // HD, of ma with v VA. Nominal: q leaves it out
	MetaNotStored                    // NS: ms could not, by its mode
	MetaExists                       // EX: C names another CAS
	MetaNotFound                     // NF: there is no such item
)

var metaOutcomes = [...]string{MetaDone: "HD", MetaNotStored: "NS", MetaExists: "EX", MetaNotFound: "NF"}

// AppendMetaStored appends the reply to ms: size is that of the value as it is
// stored now, or as it was sent if it was refused; cas counts only if it was
// stored.
func AppendMetaStored(dst []byte, e *Echo, o MetaOutcome, size int, cas uint64) []byte {
	if o == MetaDone && e.Quiet {
		return dst
	}
	if o != MetaDone {
		cas = 0
	}
	dst = append(dst, metaOutcomes[o]...)
	for _, f := range e.Flags {
		switch f {
		case 's':
			dst = appendFlag(dst, 's', uint64(size))
		case 'c':
			dst = appendFlag(dst, 'c', cas)
		default:
			dst = e.appendOwn(dst, f)
		}
	}
	return append(dst, '\r', '\n')
}

// AppendMetaOutcome appends the reply to md, and to an ma that counted nothing.
func AppendMetaOutcome(dst []byte, e *Echo, o MetaOutcome) []byte {
	if o == MetaDone {
		return appendNominal(dst, e, metaOutcomes[o])
	}
	return appendAlways(dst, e, metaOutcomes[o])
}

// AppendMetaNumber appends the reply to an ma that counted: the item's TTL and
// CAS, and with v the number. Nominal: q leaves it out.
func AppendMetaNumber(dst []byte, e *Echo, n uint64, ttl int64, cas uint64) []byte {
	if e.Quiet {
		return dst
	}
	withValue := e.Wants('v')
	if withValue {
		dst = strconv.AppendInt(append(dst, "VA "...), int64(decimals(n)), 10)
	} else {
		dst = append(dst, "HD"...)
	}
	for _, f := range e.Flags {
		switch f {
		case 't':
			dst = appendTTL(dst, ttl)
		case 'c':
			dst = appendFlag(dst, 'c', cas)
		default:
			dst = e.appendOwn(dst, f)
		}
	}
	dst = append(dst, '\r', '\n')
	if withValue {
		dst = AppendNumber(dst, n)
	}
	return dst
}

func decimals(n uint64) int {
	count := 1
	for ; n > 9; n /= 10 {
		count++
	}
	return count
}

// ItemInfo is what me and metadump tell of an item.
type ItemInfo struct {
	Key         []byte
	Expires     int64 // of me seconds left, of metadump a Unix time; -1 for never
	Accessed    int64 // of me seconds since, of metadump a Unix time
	CAS         uint64
	Fetched     bool
	Class       uint32 // of its slab
	Size        uint64 // with key and header
	ClientFlags uint32 // metadump
}

// AppendMetaDebug appends the hit of me; the miss is LineEN. A key that is not
// plain is written as base64.
func AppendMetaDebug(dst []byte, it *ItemInfo) []byte {
	dst = append(dst, "ME "...)
	if PlainKey(it.Key) {
		dst = append(dst, it.Key...)
	} else {
		dst = keyEncoding.AppendEncode(dst, it.Key)
	}
	return append(it.append(append(dst, ' ')), '\r', '\n')
}

// append appends what me and metadump have in common.
func (it *ItemInfo) append(dst []byte) []byte {
	dst = strconv.AppendInt(append(dst, "exp="...), it.Expires, 10)
	dst = strconv.AppendInt(append(dst, " la="...), it.Accessed, 10)
	dst = strconv.AppendUint(append(dst, " cas="...), it.CAS, 10)
	dst = append(append(dst, " fetch="...), yesNo(it.Fetched)...)
	dst = strconv.AppendUint(append(dst, " cls="...), uint64(it.Class), 10)
	return strconv.AppendUint(append(dst, " size="...), it.Size, 10)
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}
