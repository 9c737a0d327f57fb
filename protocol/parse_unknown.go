package protocol

import "bytes"

// parseUnknown answers a line that begins with no word we know. A browser, or
// somebody who makes one speak to us, is hung up on before any header or form
// field of his can be read as a command.
func (p *Parser) parseUnknown() {
	line := p.words.rest
	first, _ := p.words.next()
	// memcached looks these two up after it has skipped blanks, the others not.
	switch string(first) {
	case "flush_all":
		p.req.Verb = VerbFlushAll
		p.parseFlushAll()
		return
	case "verbosity":
		p.req.Verb = VerbVerbosity
		p.parseVerbosity()
		return
	}
	end := last(line)
	second, _ := p.words.next()
	if http(first, second, end) {
		p.reason = CloseHTTP
		return
	}
	p.blockOfUnknown(first, line)
	p.req.NoReply = string(end) == noReply
	p.req.Err = Error{Kind: ErrorCommand, Hidden: p.req.NoReply}
}

// blockOfUnknown finds the data block of store commands that are not spoken here.
// It is swallowed: what an application stores must never be read as commands.
func (p *Parser) blockOfUnknown(verb, line []byte) {
	at := 0 // where the length stands, counted from the verb
	switch string(verb) {
	case "append", "prepend", "cas":
		at = 4
	case "lease-set":
		at = 5
	case "ms":
		at = 2
	default:
		return
	}
	words := fields{line}
	var length []byte
	for range at + 1 {
		length, _ = words.next()
	}
	if n, ok := parseUint(length); ok && n <= maxLength {
		p.bodyLen = int(n)
	}
}

// http reports whether a line with these words is part of an HTTP request.
// "GET key" is not: somebody typed in capitals, and gets memcached's ERROR.
func http(first, second, end []byte) bool {
	if bytes.HasPrefix(first, []byte("Host:")) || len(second) > 0 && bytes.HasPrefix(end, []byte("HTTP/")) {
		return true
	}
	switch string(first) {
	case "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE":
		return len(second) == 0 || second[0] == '/'
	}
	return false
}
