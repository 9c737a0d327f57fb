package protocol

// parseLD parses ld: <key> <flags>*.
func (p *Parser) parseLD() {
	p.leaseKey()
	for {
		flag, arg, ok := p.nextFlag()
		if !ok {
			break
		}
		if flag == 'S' {
			p.req.StaleFor, _ = p.u32(flag, arg)
		} else {
			p.badFlag(flag)
		}
	}
	p.leaseDone()
}

// parseLT parses lt: <tag>. The tag stands where others have a key.
func (p *Parser) parseLT() {
	p.leaseKey()
	p.noFlags()
	p.leaseDone()
	if p.req.Key != nil && !validTag(p.req.Key) {
		p.req.Key = nil
		p.fail("bad tag", 0)
	}
}

// parseLF parses lf: <key> L<token>.
func (p *Parser) parseLF() {
	p.leaseKey()
	p.tokenOnly()
	p.needToken()
	p.leaseDone()
}
