package protocol

// parseDelete parses delete: <key> [noreply]. As in memcached other words
// behind the key mean nothing, and the last word counts as noreply even where
// it is the key.
func (p *Parser) parseDelete() {
	p.simpleKey(1)
}

// parseTouch parses touch: <key> <exptime> [noreply].
func (p *Parser) parseTouch() {
	if !p.simpleKey(2) {
		return
	}
	word, _ := p.words.next()
	var ok bool
	if p.req.Exptime, ok = parseInt32(word); !ok {
		p.fail("invalid exptime argument", 0)
	}
}

// simpleKey takes the key of a line that has at least so many words.
func (p *Parser) simpleKey(words int) bool {
	line := p.words.rest
	if p.words.count() < words {
		p.badFormat()
		return false
	}
	p.req.NoReply = string(last(line)) == noReply
	key, _ := p.words.next()
	if !PlainKey(key) {
		p.badFormat()
		return false
	}
	p.req.Key = key
	return true
}
