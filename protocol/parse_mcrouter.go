package protocol

// parseLeaseSet parses mcrouter's lease-set:
// <key> <token> <flags> <exptime> <bytes> [noreply]. As with set a length that
// can be read is swallowed whatever else is wrong. (Its lease-get is a get.)
func (p *Parser) parseLeaseSet() {
	r := &p.req
	hidden := string(p.words.last(maxWords-1)) == noReply
	p.plainKey()
	token, _ := p.words.next()
	flags, _ := p.words.next()
	exptime, _ := p.words.next()
	if !p.blockLength() {
		p.badFormat()
		return
	}
	r.NoReply = hidden
	if r.Token, r.HasToken = memcachedUint64(token); !r.HasToken {
		p.fail("bad lease_id", 0)
	}
	var okFlags bool
	r.ClientFlags, okFlags = Uint32(flags)
	exp, okExp := memcachedInt32(exptime)
	r.Exptime = int64(exp)
	if r.Key == nil || !okFlags || !okExp {
		p.badFormat()
	}
}
