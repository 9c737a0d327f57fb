package protocol

// This file parses the meta commands. Their lines are judged in memcached's
// order, as the answer shows which check came first: words, key, number of
// words, then flag by flag, where the last flag that is wrong names the error
// unless one is unknown or given twice, then what belongs to one command.

// maxMetaWords is how many words a meta command's line may have, the command
// among them.
const maxMetaWords = 20

const badToken = "bad token in command line format"

// parseMG parses mg: <key> <flags>*.
func (p *Parser) parseMG() { p.metaPlain() }

// parseMD parses md: <key> <flags>*.
func (p *Parser) parseMD() { p.metaPlain() }

// metaPlain parses a command that has no modes.
func (p *Parser) metaPlain() {
	p.metaLine(false)
	p.req.Mode = 0
	p.metaOpaque()
}

// parseMS parses ms: <key> <datalen> <flags>*. The block of a refused line is
// swallowed once its length is known. That is not so where a flag begins with
// a byte that no flag can have: such a line has no length yet.
func (p *Parser) parseMS() {
	p.metaLine(true)
	switch p.req.Mode {
	case 0:
		p.req.Mode = 'S'
	case 'S', 'E', 'A', 'P', 'R':
	default:
		p.fail("invalid mode for ms M token", 0)
	}
	if p.bodyLen <= p.Limits.MaxBody {
		p.metaOpaque()
	}
}

// parseMA parses ma: <key> <flags>*.
func (p *Parser) parseMA() {
	p.req.Delta = 1
	p.metaLine(false)
	switch p.req.Mode {
	case 0, '+':
		p.req.Mode = 'I'
	case '-':
		p.req.Mode = 'D'
	case 'I', 'D':
	default:
		p.fail("invalid mode for ma M token", 0)
	}
	p.metaOpaque()
}

// parseME parses me: <key> [b].
func (p *Parser) parseME() {
	if _, ok := p.metaWords(1); !ok {
		p.badFormat()
		return
	}
	text, _ := p.words.next()
	flag, _ := p.words.next()
	if len(text) > MaxKey || string(flag) == "b" && !p.metaDecode(text) || !p.metaKey(text) {
		p.badFormat()
	}
}

// metaLine parses everything up to the flags' end.
func (p *Parser) metaLine(block bool) {
	before := 1
	if block {
		before = 2
	}
	words, ok := p.metaWords(before)
	if !ok {
		p.badFormat()
		return
	}
	text, _ := p.words.next()
	if block && !p.blockLength() {
		p.badFormat()
		return
	}
	wrong := ""
	switch {
	case len(text) > MaxKey:
		wrong = badFormat
	case words+1 > maxMetaWords:
		wrong = "options flags are too long"
	default:
		wrong = p.metaFlags(text)
	}
	if wrong == "" && !p.metaKey(text) {
		wrong = badFormat
	}
	if wrong == "" {
		return
	}
	if p.req.Verb == VerbMA {
		wrong = "invalid or duplicate flag"
	}
	p.fail(wrong, 0)
}

// metaWords counts the words that memcached sees. Those before flags begin have
// to be there; the others have to begin with a byte from A to z or a digit.
func (p *Parser) metaWords(before int) (words int, ok bool) {
	for g := p.words; words < maxWords-1; words++ {
		word, more := g.next()
		if !more {
			break
		}
		c := word[0]
		if words >= before && !(c >= 'A' && c <= 'z' || c >= '0' && c <= '9') {
			return words, false
		}
	}
	return words, words >= before
}

// metaKey gives the request its key unless a flag has done it.
func (p *Parser) metaKey(text []byte) bool {
	if p.req.Echo.Base64 {
		return true
	}
	if !PlainKey(text) {
		return false
	}
	p.req.Key, p.req.Echo.Key = text, text
	return true
}

// metaDecode gives the request the key that was written as base64.
func (p *Parser) metaDecode(text []byte) bool {
	p.req.Echo.Base64 = true
	key, ok := decodeLoosely(&p.keyBuf, text)
	if ok {
		p.req.Key = key
		p.req.Echo.Key = keyEncoding.AppendEncode(p.textBuf[:0], key)
	}
	return ok
}

// metaFlags takes all flags and says what is wrong. What stands behind a flag
// that has no argument is ignored.
func (p *Parser) metaFlags(text []byte) (wrong string) {
	r := &p.req
	failed := false
	for {
		word, more := p.words.next()
		if !more {
			break
		}
		flag, arg := word[0], word[1:]
		if flag < 'A' {
			return "invalid flag" // a digit
		}
		bit := uint64(1) << (flag - 'A')
		if p.seen&bit != 0 {
			return "duplicate flag"
		}
		p.seen |= bit
		ok := true
		switch flag {
		case 'P', 'L': // hints for a proxy
			continue
		case 'k', 's', 't', 'c', 'f', 'v', 'h', 'l':
		case 'O':
			r.Echo.Opaque = arg
		case 'b':
			if !p.metaDecode(text) {
				wrong, failed = "error decoding key", true
			}
		case 'q':
			r.Echo.Quiet = true
		case 'u':
			r.NoBump = true
		case 'x':
			r.DropValue = true
		case 'I':
			r.MarkStale = true
		case 'N':
			r.VivifyTTL, ok = metaTime(arg)
			r.HasVivify = ok
		case 'T':
			r.TTL, ok = metaTime(arg)
			r.HasTTL = ok
		case 'R':
			r.RecacheTTL, ok = metaTime(arg)
			r.HasRecache = ok
		case 'C':
			r.CompareCAS, ok = memcachedUint64(arg)
			r.HasCompareCAS = ok
		case 'E':
			r.NewCAS, ok = memcachedUint64(arg)
			r.HasNewCAS = ok
		case 'F':
			var good bool
			if r.ClientFlags, good = Uint32(arg); !good {
				failed = true // and has no text of its own
			}
		case 'M':
			r.Mode = ' '
			if len(arg) > 0 {
				r.Mode = arg[0]
			}
		case 'J':
			var good bool
			if r.Initial, good = memcachedUint64(arg); !good {
				wrong, failed = "invalid numeric initial value", true
			}
		case 'D':
			var good bool
			if r.Delta, good = memcachedUint64(arg); !good {
				wrong, failed = "invalid numeric delta value", true
			}
		default:
			return "invalid flag"
		}
		if !ok {
			wrong, failed = badToken, true
		}
		n := len(r.Echo.Flags)
		p.flagBuf[n] = flag
		r.Echo.Flags = p.flagBuf[: n+1 : n+1]
	}
	if failed && wrong == "" {
		return badFormat
	}
	return wrong
}

func metaTime(arg []byte) (int64, bool) {
	v, ok := memcachedInt32(arg)
	return int64(v), ok
}

// metaOpaque judges the opaque, which memcached does last.
func (p *Parser) metaOpaque() {
	switch {
	case len(p.req.Echo.Opaque) > MaxOpaque:
		p.fail("opaque token too long", 0)
	case !printable(p.req.Echo.Opaque):
		p.badFormat()
	}
}
