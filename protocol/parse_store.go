package protocol

const noReply = "noreply"

// parseStore parses set, add and replace:
// <key> <flags> <exptime> <bytes> [noreply]. The order of the checks is
// memcached's: without a length nothing is swallowed and noreply is not yet
// known; after it, it hides errors too.
func (p *Parser) parseStore() {
	line := p.words.rest
	key, _ := p.words.next()
	if PlainKey(key) {
		p.req.Key = key
	}
	flags, _ := p.words.next()
	exptime, _ := p.words.next()
	length, ok := p.words.next()
	n, isLength := parseUint(length)
	if !ok || !isLength || n > maxLength {
		p.badFormat()
		return
	}
	p.bodyLen = int(n)
	p.req.NoReply = string(last(line)) == noReply

	var okFlags, okExp bool
	p.req.ClientFlags, okFlags = parseUint32(flags)
	p.req.Exptime, okExp = parseInt(exptime)
	if p.req.Key == nil || !okFlags || !okExp {
		p.badFormat()
	}
}
