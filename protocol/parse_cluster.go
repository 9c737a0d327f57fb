package protocol

// parseLM parses lm: [m<version>]. It has no key, so b and k are refused.
func (p *Parser) parseLM() {
	for {
		flag, arg, ok := p.nextFlag()
		if !ok {
			break
		}
		if flag == 'm' {
			p.req.MapVersion, p.req.HasMapVersion = p.u64(flag, arg)
		} else {
			p.badFlag(flag)
		}
	}
	if p.req.Echo.Base64 {
		p.badFlag('b')
	}
	if p.req.Echo.Wants('k') {
		p.badFlag('k')
	}
}

// parseLN parses ln: <client-id> e<ms> [a<seq>]. The id stands where others
// have a key.
func (p *Parser) parseLN() {
	p.leaseKey()
	for {
		flag, arg, ok := p.nextFlag()
		if !ok {
			break
		}
		switch flag {
		case 'e':
			p.req.LeaseFor = p.millis(flag, arg, p.Limits.MaxLease)
		case 'a':
			p.req.Ack, p.req.HasAck = p.u64(flag, arg)
		default:
			p.badFlag(flag)
		}
	}
	if p.req.LeaseFor == 0 {
		p.fail("no duration: flag e", 0)
	}
	p.leaseDone()
}
