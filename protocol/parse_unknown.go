package protocol

import "bytes"

// parseUnknown answers a line that begins with no word we know. A browser, or
// somebody who makes one speak to us, is hung up on before any header or form
// field of his can be read as a command.
func (p *Parser) parseUnknown() {
	end := p.words.last(maxWords)
	first, _ := p.words.next()
	second, _ := p.words.next()
	if http(first, second, end) {
		p.reason = CloseHTTP
		return
	}
	p.req.NoReply = string(end) == noReply
	p.req.Err = Error{Kind: ErrorCommand, Hidden: p.req.NoReply}
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
