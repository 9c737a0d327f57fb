package protocol

// parseLW parses lw: <key> <flags>*, with exactly one of F and B.
func (p *Parser) parseLW() {
	r := &p.req
	p.leaseKey()
	for {
		flag, arg, ok := p.nextFlag()
		if !ok {
			break
		}
		switch flag {
		case 'e':
			r.LeaseFor = p.millis(flag, arg, p.Limits.MaxIntent)
		case 'F':
			r.FencedWriter = p.bare(flag, arg)
		case 'B':
			r.Bounded = p.bare(flag, arg)
		case 'U':
			p.nonce(arg)
		default:
			p.badFlag(flag)
		}
	}
	if r.FencedWriter == r.Bounded {
		p.fail("give exactly one of F and B", 0)
	}
	p.leaseDone()
}

// parseLC parses lc: <key> L<token>.
func (p *Parser) parseLC() {
	p.leaseKey()
	p.tokenOnly()
	p.needToken()
	p.leaseDone()
}

// parseLA parses la: <key> L<token> or U<nonce>.
func (p *Parser) parseLA() {
	p.leaseKey()
	for {
		flag, arg, ok := p.nextFlag()
		if !ok {
			break
		}
		switch flag {
		case 'L':
			p.token(arg)
		case 'U':
			p.nonce(arg)
		default:
			p.badFlag(flag)
		}
	}
	if p.req.HasToken == (p.req.Nonce != nil) {
		p.fail("give exactly one of L and U", 0)
	}
	p.leaseDone()
}
