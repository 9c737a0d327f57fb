package protocol

import "time"

// This file holds what the lines of all lease commands have in common: a key,
// then flags of one letter with their argument glued to it, each at most once
// but G.

// leaseKey takes the key's word. Whether it is base64 is known only after the
// flags, see leaseDone.
func (p *Parser) leaseKey() {
	word, ok := p.words.next()
	switch {
	case !ok:
		p.fail("no key", 0)
	case len(word) > MaxKey:
		p.fail("key too long", 0)
	case !printable(word):
		p.fail("bad byte in key", 0)
	default:
		p.text = word
	}
}

// leaseDone gives the request its key, once all flags are known.
func (p *Parser) leaseDone() {
	if p.text == nil {
		return
	}
	p.req.Echo.Key = p.text
	if !p.req.Echo.Base64 {
		p.req.Key = p.text
		return
	}
	key, ok := decodeKey(&p.keyBuf, p.text)
	if !ok {
		p.fail("bad base64 key", 0)
		return
	}
	p.req.Key = key
}

// nextFlag returns the next flag that is not one of those all commands have,
// which it sets itself. A flag given twice is noted as an error and its
// second argument dropped.
func (p *Parser) nextFlag() (flag byte, arg []byte, ok bool) {
	for {
		word, more := p.words.next()
		if !more {
			return 0, nil, false
		}
		flag, arg = word[0], word[1:]
		if flag < 'A' || flag > 'z' {
			p.badFlag(flag)
			continue
		}
		bit := uint64(1) << (flag - 'A')
		if p.seen&bit != 0 && flag != 'G' {
			p.fail("flag given twice:", flag)
			continue
		}
		p.seen |= bit
		switch flag {
		case 'k':
			p.returnFlag(flag, arg)
		case 'O':
			if len(arg) > MaxOpaque {
				p.fail("opaque too long", 0)
			} else if !printable(arg) {
				p.fail("bad byte in opaque", 0)
			} else {
				p.req.Echo.Opaque = arg
				p.returnFlag(flag, nil)
			}
		case 'b':
			p.req.Echo.Base64 = p.bare(flag, arg)
		case 'q':
			p.req.Echo.Quiet = p.bare(flag, arg)
		case 'n':
			p.req.NoForward = p.bare(flag, arg)
		default:
			return flag, arg, true
		}
	}
}

// noFlags is for the commands that have only the flags all have.
func (p *Parser) noFlags() {
	for {
		flag, _, ok := p.nextFlag()
		if !ok {
			return
		}
		p.badFlag(flag)
	}
}

// tokenOnly is for the commands whose one flag of their own is L.
func (p *Parser) tokenOnly() {
	for {
		flag, arg, ok := p.nextFlag()
		if !ok {
			return
		}
		if flag == 'L' {
			p.token(arg)
		} else {
			p.badFlag(flag)
		}
	}
}

func (p *Parser) badFlag(flag byte) { p.fail("invalid flag", flag) }
func (p *Parser) badArg(flag byte)  { p.fail("bad argument of flag", flag) }

// bare is for a flag that has no argument. It always returns true.
func (p *Parser) bare(flag byte, arg []byte) bool {
	if len(arg) > 0 {
		p.badArg(flag)
	}
	return true
}

// returnFlag notes a flag that comes back in the reply.
func (p *Parser) returnFlag(flag byte, arg []byte) {
	p.bare(flag, arg)
	n := len(p.req.Echo.Flags)
	p.flagBuf[n] = flag // v f s t c k O, each once: at most 7
	p.req.Echo.Flags = p.flagBuf[: n+1 : n+1]
}

func (p *Parser) u64(flag byte, arg []byte) (uint64, bool) {
	v, ok := parseUint(arg)
	if !ok {
		p.badArg(flag)
	}
	return v, ok
}

func (p *Parser) u32(flag byte, arg []byte) (uint32, bool) {
	v, ok := parseUint32(arg)
	if !ok {
		p.badArg(flag)
	}
	return v, ok
}

// millis reads a duration. 0 is refused, more than longest is cut to it.
func (p *Parser) millis(flag byte, arg []byte, longest time.Duration) time.Duration {
	v, ok := p.u64(flag, arg)
	if !ok {
		return 0
	}
	if v == 0 {
		p.fail("zero duration of flag", flag)
		return 0
	}
	if v >= uint64(longest/time.Millisecond) {
		return longest
	}
	return time.Duration(v) * time.Millisecond
}

func (p *Parser) token(arg []byte) {
	p.req.Token, p.req.HasToken = p.u64('L', arg)
}

func (p *Parser) needToken() {
	if !p.req.HasToken {
		p.fail("no token: flag L", 0)
	}
}

func (p *Parser) nonce(arg []byte) {
	if len(arg) == 0 || len(arg) > MaxNonce || !wordBytes(arg) {
		p.badArg('U')
		return
	}
	p.req.Nonce = arg
}
