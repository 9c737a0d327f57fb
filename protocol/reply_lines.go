package protocol

import (
	"math"
	"time"
)

// rest takes the rest of the line as text.
func (p *ReplyParser) rest() error {
	if len(p.words.rest) > 0 {
		p.reply.Text = p.words.rest[1:]
	}
	return nil
}

func (p *ReplyParser) stat() error {
	name, ok := p.words.next()
	if !ok {
		return errField
	}
	p.reply.Name = name
	return p.rest()
}

// length takes the next word as the length of the data block. What it
// announces is never allocated, but a client wants to know early that it will
// not take it.
func (p *ReplyParser) length() error {
	limit := p.MaxValue
	if limit <= 0 {
		limit = defaultMaxReply
	}
	word, _ := p.words.next()
	n, ok := parseUint(word)
	if !ok || n > uint64(min(limit, maxLength)) {
		return errLength
	}
	p.bodyLen = int(n)
	return nil
}

// sized parses VA: <size> <flags>*.
func (p *ReplyParser) sized() error {
	if err := p.length(); err != nil {
		return err
	}
	return p.flags()
}

// value parses VALUE: <key> <flags> <bytes> [<cas>].
func (p *ReplyParser) value() error {
	r := &p.reply
	r.Key, _ = p.words.next()
	if !PlainKey(r.Key) {
		return errField
	}
	word, _ := p.words.next()
	var ok bool
	if r.ClientFlags, ok = parseUint32(word); !ok {
		return errField
	}
	if err := p.length(); err != nil {
		return err
	}
	if word, ok = p.words.next(); ok {
		if r.Version, r.HasVersion = parseUint(word); !r.HasVersion {
			return errField
		}
	}
	return nil
}

// leaseValue parses LVALUE: <key> <token> <flags> <bytes>.
func (p *ReplyParser) leaseValue() error {
	r := &p.reply
	r.Key, _ = p.words.next()
	if !PlainKey(r.Key) {
		return errField
	}
	word, _ := p.words.next()
	if r.Token, r.HasToken = parseUint(word); !r.HasToken {
		return errField
	}
	word, _ = p.words.next()
	var ok bool
	if r.ClientFlags, ok = parseUint32(word); !ok {
		return errField
	}
	return p.length()
}

// number parses what stands alone.
func (p *ReplyParser) number() error {
	var ok bool
	if p.reply.Number, ok = parseUint(p.words.rest); !ok {
		return errField
	}
	return nil
}

// debug parses ME: <key> and what is told of it.
func (p *ReplyParser) debug() error {
	p.reply.Key, _ = p.words.next()
	if !PlainKey(p.reply.Key) {
		return errField
	}
	return p.rest()
}

// moved parses MV: <shard> m<version> <addr> <flags>*.
func (p *ReplyParser) moved() error {
	r := &p.reply
	word, _ := p.words.next()
	var ok bool
	if r.Shard, ok = parseUint32(word); !ok {
		return errField
	}
	word, _ = p.words.next()
	if len(word) == 0 || word[0] != 'm' {
		return errField
	}
	if r.MapVer, r.HasMapVer = parseUint(word[1:]); !r.HasMapVer {
		return errField
	}
	if r.Addr, ok = p.words.next(); !ok {
		return errField
	}
	return p.flags()
}

// notice parses IV, IT, IS and IF: <seq> and what it is about.
func (p *ReplyParser) notice() error {
	r := &p.reply
	word, _ := p.words.next()
	var ok bool
	if r.Seq, ok = parseUint(word); !ok {
		return errField
	}
	if r.Code == CodeIF {
		return nil
	}
	word, ok = p.words.next()
	if !ok {
		return errField
	}
	switch r.Code {
	case CodeIS:
		r.Shard, ok = parseUint32(word)
	case CodeIT:
		r.Key, ok = word, validTag(word)
	default:
		r.Key, ok = word, PlainKey(word)
		if b, more := p.words.next(); ok && more && string(b) == "b" {
			r.Key, ok = decodeKey(&p.keyBuf, word)
		}
	}
	if !ok {
		return errField
	}
	return nil
}

// flags parses the flags of a reply to a lease or meta command.
func (p *ReplyParser) flags() error {
	r := &p.reply
	decoded := false
	for {
		word, ok := p.words.next()
		if !ok {
			return nil
		}
		flag, arg := word[0], word[1:]
		switch flag {
		case 'k':
			r.Key, ok = arg, PlainKey(arg) && !decoded
		case 'b':
			if len(r.Key) > 0 && !decoded {
				r.Key, ok = decodeKey(&p.keyBuf, r.Key)
				decoded = true
			}
		case 'O':
			r.Opaque = arg
		case 'f':
			r.ClientFlags, ok = parseUint32(arg)
		case 's':
			r.Size, ok = parseUint(arg)
		case 't':
			r.TTL, ok = parseInt(arg)
			r.HasTTL = ok
		case 'c':
			r.Version, ok = parseUint(arg)
			r.HasVersion = ok
		case 'h':
			r.Fetched = string(arg) == "1"
		case 'l':
			r.Idle, ok = parseUint(arg)
		case 'L':
			r.Token, ok = parseUint(arg)
			r.HasToken = ok
		case 'e':
			r.For, ok = parseMillis(arg)
		case 'W':
			r.Won = true
		case 'X':
			r.X = true
		case 'Z':
			r.Leased = true
		case 'N':
			r.Near = true
		case 'D':
			r.DoubtAt, ok = parseUint(arg)
			r.Doubt = ok
		case 'r':
			if ok = len(arg) == 1; ok {
				r.Reason = arg[0]
			}
		case 'm':
			r.MapVer, ok = parseUint(arg)
			r.HasMapVer = ok
		}
		if !ok {
			return errFlag
		}
	}
}

// parseMillis reads a duration; one that has no room is cut.
func parseMillis(b []byte) (time.Duration, bool) {
	ms, ok := parseUint(b)
	if ms > math.MaxInt64/uint64(time.Millisecond) {
		return math.MaxInt64, ok
	}
	return time.Duration(ms) * time.Millisecond, ok
}
