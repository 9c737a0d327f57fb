package protocol

// parseGet parses get, gets and lease-get: <key>+. One bad key refuses the
// whole list.
func (p *Parser) parseGet() {
	keys := p.req.Keys
	if len(p.words.rest) > 2*cap(keys) {
		// Counting first makes room once, for exactly as many keys as came.
		if n := p.words.count(); n > cap(keys) {
			keys = make([][]byte, 0, n)
		}
	}
	for {
		key, ok := p.words.next()
		if !ok {
			break
		}
		if !PlainKey(key) {
			p.badFormat()
			p.req.Keys = keys[:0]
			return
		}
		keys = append(keys, key)
	}
	p.req.Keys = keys
	if len(keys) == 0 {
		p.badFormat()
		return
	}
	p.req.Key = keys[0]
}

// parseGat parses gat and gats: <exptime> <key>+.
func (p *Parser) parseGat() {
	word, _ := p.words.next()
	rest := p.words
	if _, ok := rest.next(); !ok {
		p.badFormat()
		return
	}
	if p.exptime(word) {
		p.parseGet()
	}
}
