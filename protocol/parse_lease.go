package protocol

// parseLG parses lg: <key> <flags>*.
func (p *Parser) parseLG() {
	r := &p.req
	p.leaseKey()
	for {
		flag, arg, ok := p.nextFlag()
		if !ok {
			break
		}
		switch flag {
		case 'v', 'f', 's', 't', 'c':
			p.returnFlag(flag, arg)
		case 'e':
			r.LeaseFor = p.millis(flag, arg, p.Limits.MaxLease)
		case 'w':
			r.Wait = p.millis(flag, arg, p.Limits.MaxWait)
		case 'S':
			r.StaleOK = p.bare(flag, arg)
		case 'R':
			r.RefreshBelow, r.HasRefresh = p.u32(flag, arg)
		case 'p':
			r.Peek = p.bare(flag, arg)
		case 'D':
			r.CanFence = p.bare(flag, arg)
		case 'N':
			r.Near = p.bare(flag, arg)
		default:
			p.badFlag(flag)
		}
	}
	p.leaseDone()
}

// parseLS parses ls: <key> <datalen> L<token> <flags>*. A length that can be
// read is swallowed whatever else is wrong.
func (p *Parser) parseLS() {
	r := &p.req
	p.leaseKey()
	word, ok := p.words.next()
	n, isLength := parseUint(word)
	switch {
	case !ok:
		p.fail("no data length", 0)
	case !isLength || n > maxLength:
		p.fail("bad data length", 0)
	default:
		p.bodyLen = int(n)
	}
	for {
		flag, arg, ok := p.nextFlag()
		if !ok {
			break
		}
		switch flag {
		case 'L':
			p.token(arg)
		case 'F':
			r.ClientFlags, _ = p.u32(flag, arg)
		case 'T':
			if r.TTL, r.HasTTL = parseInt(arg); !r.HasTTL {
				p.badArg(flag)
			}
		case 'G':
			p.tag(arg)
		case 'D':
			r.FenceDone = p.bare(flag, arg)
		case 'c':
			p.returnFlag(flag, arg)
		default:
			p.badFlag(flag)
		}
	}
	p.needToken()
	p.leaseDone()
}

func (p *Parser) tag(arg []byte) {
	n := len(p.req.Tags)
	switch {
	case !validTag(arg):
		p.badArg('G')
	case n == MaxTags:
		p.fail("too many tags", 0)
	default:
		p.tagBuf[n] = arg
		p.req.Tags = p.tagBuf[: n+1 : n+1]
	}
}

func validTag(tag []byte) bool {
	return len(tag) > 0 && len(tag) <= MaxTag && printable(tag)
}
