package protocol

// parseBare parses version, quit and mn. memcached ignores what stands behind
// them.
func (p *Parser) parseBare() {}

// maxArgs is how many arguments of stats are handed on; none has more.
const maxArgs = 8

// parseStats parses stats: <argument>*. No argument of ours has a control
// byte; one that has gets memcached's answer to an argument it does not know.
func (p *Parser) parseStats() {
	for len(p.req.Args) < maxArgs {
		word, ok := p.words.next()
		if !ok {
			return
		}
		if !printable(word) {
			p.req.Err = Error{Kind: ErrorCommand}
			return
		}
		p.req.Args = append(p.req.Args, word)
	}
}

// parseFlushAll parses flush_all: [delay] [noreply].
func (p *Parser) parseFlushAll() {
	line := p.words.rest
	n := p.words.count()
	p.req.NoReply = string(last(line)) == noReply
	if n == 0 || n == 1 && p.req.NoReply {
		return
	}
	word, _ := p.words.next()
	var ok bool
	if p.req.Exptime, ok = parseInt32(word); !ok {
		p.fail("invalid exptime argument", 0)
	}
}

// parseVerbosity parses verbosity: <level> [noreply].
func (p *Parser) parseVerbosity() {
	p.req.NoReply = string(last(p.words.rest)) == noReply
	word, _ := p.words.next()
	var ok bool
	if p.req.Level, ok = parseUint32(word); !ok {
		p.badFormat()
	}
}
