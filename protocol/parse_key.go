package protocol

// mostDelete is how many words any memcached ever took behind delete: the key, a
// time, noreply.
const mostDelete = 3

// parseDelete parses delete: <key> [noreply]. As in memcached another word
// behind the key means nothing, and the last word counts as noreply even where
// it is the key. More words than that are an error, though memcached 1.6.45 takes
// them: it was one for decades, and memccapable insists.
func (p *Parser) parseDelete() {
	if p.words.count() > mostDelete {
		p.req.NoReply = string(p.words.last(maxWords-1)) == noReply
		p.badFormat()
		return
	}
	p.simpleKey(1)
}

// parseTouch parses touch: <key> <exptime> [noreply].
func (p *Parser) parseTouch() {
	if !p.simpleKey(2) {
		return
	}
	word, _ := p.words.next()
	p.exptime(word)
}

// exptime takes an expiry time that has to be a 32-bit number.
func (p *Parser) exptime(word []byte) bool {
	v, ok := memcachedInt32(word)
	if !ok {
		p.fail("invalid exptime argument", 0)
		return false
	}
	p.req.Exptime = int64(v)
	return true
}

// parseDelta parses incr and decr: <key> <delta> [noreply].
func (p *Parser) parseDelta() {
	if !p.simpleKey(2) {
		return
	}
	word, _ := p.words.next()
	var ok bool
	if p.req.Delta, ok = memcachedUint64(word); !ok {
		p.fail("invalid numeric delta argument", 0)
	}
}

// simpleKey takes the key of a line that has at least so many words.
func (p *Parser) simpleKey(words int) bool {
	if p.words.count() < words {
		p.badFormat()
		return false
	}
	p.req.NoReply = string(p.words.last(maxWords-1)) == noReply
	key, _ := p.words.next()
	if !PlainKey(key) {
		p.badFormat()
		return false
	}
	p.req.Key = key
	return true
}
