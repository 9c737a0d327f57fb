package protocol

const noReply = "noreply"

// parseStore parses set, add, replace, append, prepend and cas:
// <key> <flags> <exptime> <bytes> [<cas>] [noreply]. The order of the checks is
// memcached's: without a length nothing is swallowed and noreply is not yet
// known; after it, it hides errors too.
func (p *Parser) parseStore() {
	hidden := string(p.words.last(maxWords-1)) == noReply
	p.plainKey()
	// flags and exptime are read from where they begin, not as words: a
	// number behind a tab, in the same word or in the next, is one.
	flags := p.words.rest
	p.words.next()
	exptime := p.words.rest
	p.words.next()
	if !p.blockLength() {
		p.badFormat()
		return
	}
	p.req.NoReply = hidden
	var okFlags, okExp bool
	var exp int32
	p.req.ClientFlags, okFlags = looseClientFlags(flags)
	exp, okExp = looseExptime(exptime)
	p.req.Exptime = int64(exp)
	if p.req.Key == nil || !okFlags || !okExp {
		p.badFormat()
	}
	if p.req.Verb == VerbCAS {
		word, _ := p.words.next()
		if p.req.CompareCAS, p.req.HasCompareCAS = memcachedUint64(word); !p.req.HasCompareCAS {
			p.badFormat()
		}
	}
}

// plainKey takes the next word as the key if it is one.
func (p *Parser) plainKey() {
	if key, _ := p.words.next(); PlainKey(key) {
		p.req.Key = key
	}
}

// blockLength takes the next word as the length of the data block.
func (p *Parser) blockLength() bool {
	word, _ := p.words.next()
	n, ok := memcachedInt32(word)
	if !ok || n < 0 || n > maxLength {
		return false
	}
	p.bodyLen = int(n)
	return true
}
