package protocol

// parseBare parses version, quit and mn. memcached ignores what stands behind
// them.
func (p *Parser) parseBare() {}

// maxArgs is how many arguments of an admin command are handed on: memcached
// sees no more.
const maxArgs = maxWords - 1

// parseWords parses stats and watch: <argument>*. No argument that means
// something has a control byte; one that has gets memcached's answer to an
// argument it does not know.
func (p *Parser) parseWords() {
	for len(p.req.Args) < maxArgs {
		word, ok := p.words.next()
		if !ok {
			return
		}
		if !printable(word) {
			p.req.Args = p.req.Args[:0]
			p.req.Err = Error{Kind: ErrorCommand, Hidden: p.req.NoReply}
			return
		}
		p.req.Args = append(p.req.Args, word)
	}
}

// parseAdmin parses the admin commands that know noreply. The word stays among
// the arguments, as memcached counts it where it wants a certain number.
func (p *Parser) parseAdmin() {
	p.req.NoReply = string(p.words.last(maxWords-1)) == noReply
	p.parseWords()
}

// IsWord reports whether an argument of stats, watch, lru, lru_crawler, slabs,
// extstore or shutdown stands for the word: memcached takes any beginning of it. (Of
// stats, items, slabs and sizes have to be whole.)
func IsWord(arg []byte, word string) bool {
	return len(arg) > 0 && len(arg) <= len(word) && word[:len(arg)] == string(arg)
}

// parseFlushAll parses flush_all: [delay] [noreply].
func (p *Parser) parseFlushAll() {
	n := p.words.count()
	p.req.NoReply = string(p.words.last(maxWords-1)) == noReply
	if n == 0 || n == 1 && p.req.NoReply {
		return
	}
	word, _ := p.words.next()
	p.exptime(word)
}

// parseVerbosity parses verbosity: <level> [noreply].
func (p *Parser) parseVerbosity() {
	p.req.NoReply = string(p.words.last(maxWords-1)) == noReply
	word, _ := p.words.next()
	var ok bool
	if p.req.Level, ok = Uint32(word); !ok {
		p.badFormat()
	}
}
