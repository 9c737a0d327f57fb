package protocol

import "bytes"

// Status says what Next found.
type Status uint8

const (
	NeedMore Status = iota // no whole request yet
	Ready                  // Request holds the next one
	Bad                    // Request.Err holds the error to answer; the connection goes on
	Close                  // the peer speaks something else: close, see Reason
)

// CloseReason says why Next returned Close.
type CloseReason uint8

const (
	NoReason     CloseReason = iota
	CloseBinary              // memcached's binary protocol: the client has to be switched to text
	CloseHTTP                // an HTTP request
	CloseTooLong             // a line so long that its data block cannot be found
	CloseNoLogin             // what cannot become a login, where one is wanted
	CloseReasons             // how many there are
)

// String names the reason for a log line or the label of a metric.
func (r CloseReason) String() string {
	switch r {
	case CloseBinary:
		return "binary"
	case CloseHTTP:
		return "http"
	case CloseTooLong:
		return "line too long"
	case CloseNoLogin:
		return "no login"
	}
	return "none"
}

// Parser cuts the bytes of one connection into requests. It is not safe for
// concurrent use and must not be copied after the first Next.
type Parser struct {
	Limits Limits // read at the first Next; zero fields mean the defaults

	req    Request
	reason CloseReason

	begun    bool
	before   int    // bytes of the last Next that belong to what was refused earlier
	scanned  int    // bytes at the buffer's start that hold no line end
	need     int    // bytes the buffer must hold before another look pays; 0 = any
	skipLine bool   // the rest of a refused line is still to come
	swallow  uint64 // bytes of a refused data block still to come, behind that
	want     int

	// Of the line being parsed.
	words   fields
	text    []byte // the key as written
	seen    uint64 // flags met
	bodyLen int    // length of the data block the line announces, -1 for none

	flagBuf [maxWords]byte
	keyBuf  [maxDecoded]byte
	textBuf [MaxKey]byte
	tagBuf  [MaxTags][]byte
}

// Request returns what the last Next found, for Ready and Bad. It is the same
// variable each time.
func (p *Parser) Request() *Request { return &p.req }

// Before is how many of the bytes that the last Next has done with lie before the
// request: the rest of what was refused earlier.
func (p *Parser) Before() int { return p.before }

// Reason says why Next returned Close.
func (p *Parser) Reason() CloseReason { return p.reason }

// maxWant bounds what Want asks for: a peer that announces a large block and
// sends nothing shall not make its server hold the room for it.
const maxWant = 64 << 10

// Want returns how many bytes beyond those last given to Next are useful to
// read, after NeedMore: a hint for growing the buffer, from 1 to 64 KiB. While
// a refused data block is swallowed nothing is kept, and the same buffer will
// do.
func (p *Parser) Want() int { return min(max(p.want, 1), maxWant) }

// Swallowing reports whether the rest of something refused is still to come.
func (p *Parser) Swallowing() bool { return p.skipLine || p.swallow > 0 }

// Forget lets go of the last request, and with it of the buffer it was parsed
// from. It may be called whenever that buffer is used up.
func (p *Parser) Forget() {
	keys, args := p.req.Keys[:0], p.req.Args[:0]
	if cap(keys) > keepKeys {
		keys = nil
	}
	clear(keys[:cap(keys)])
	clear(args[:cap(args)])
	p.req = Request{Keys: keys, Args: args}
	p.words, p.text = fields{}, nil
	clear(p.tagBuf[:])
}

// Unfinished returns the request whose data block buf, the bytes that Next left
// when the peer went away, holds only a part of: a fill that was cut off.
func (p *Parser) Unfinished(buf []byte) (*Request, bool) {
	end := bytes.IndexByte(buf, '\n')
	if end < 0 || p.Swallowing() || p.reason != NoReason {
		return nil, false
	}
	p.line(buf[:end+1])
	return &p.req, p.bodyLen >= 0 && p.req.Err.Kind == NoError
}

// Next parses the first request of buf. It returns how many bytes it has done
// with: the caller drops them, and gives the rest again, with more behind it,
// next time. n may be above zero with NeedMore, while a refused data block is
// swallowed, and is never above len(buf).
//
// The request's data block is part of buf: the caller's buffer grows with the
// bytes that arrive, never with a length that the peer announced.
func (p *Parser) Next(buf []byte) (n int, st Status) {
	if !p.begun {
		p.Limits.fill()
	}
	if p.reason != NoReason {
		return 0, Close
	}
	if p.skipLine {
		end := bytes.IndexByte(buf, '\n')
		if end < 0 {
			p.want = maxWant
			return len(buf), NeedMore
		}
		p.skipLine = false
		n, buf = end+1, buf[end+1:]
	}
	if p.swallow > 0 {
		gone := int(min(p.swallow, uint64(len(buf))))
		n += gone
		p.swallow -= uint64(gone)
		if p.swallow > 0 {
			p.want = int(min(p.swallow, maxWant))
			return n, NeedMore
		}
		buf = buf[gone:]
	}
	p.before = n
	if len(buf) == 0 || len(buf) < p.need {
		return n, p.more(len(buf))
	}
	if !p.begun {
		p.begun = true
		if buf[0] == 0x80 {
			p.reason = CloseBinary
			return n, Close
		}
	}
	end := bytes.IndexByte(buf[p.scanned:], '\n')
	if end < 0 {
		if limit := p.maxLine(buf); len(buf) > limit {
			p.skipLine = true
			return n + len(buf), p.tooLong(buf[:limit])
		}
		p.scanned = len(buf)
		return n, p.more(len(buf))
	}
	end += p.scanned
	if limit := p.maxLine(buf); end > limit {
		return n + end + 1, p.tooLong(buf[:limit])
	}
	used, st := p.one(buf, end)
	if st == NeedMore {
		return n, p.more(len(buf))
	}
	p.scanned, p.need = 0, 0
	if st == Close {
		return n, Close
	}
	return n + used, st
}

// one parses the request whose line ends with the \n at buf[end].
func (p *Parser) one(buf []byte, end int) (used int, st Status) {
	p.line(buf[:end+1])
	if p.reason != NoReason {
		return 0, Close
	}
	used = end + 1
	if p.bodyLen < 0 {
		if p.req.Err.Kind != NoError {
			return used, Bad
		}
		return used, Ready
	}
	if p.bodyLen > p.Limits.MaxBody {
		p.tooLarge()
	}
	if p.req.Err.Kind != NoError {
		p.swallow = uint64(p.bodyLen) + 2
		return used, Bad
	}
	whole := used + p.bodyLen + 2
	if len(buf) < whole {
		p.scanned, p.need = end, whole
		return 0, NeedMore
	}
	body := buf[used : whole-2]
	if buf[whole-2] != '\r' || buf[whole-1] != '\n' {
		p.req.Err = Error{Kind: ErrorOfClient, Cause: CauseChunk, Text: "bad data chunk", Hidden: p.req.NoReply}
		return whole, Bad
	}
	p.req.Body = body[:len(body):len(body)]
	return whole, Ready
}

// tooLong refuses a line of which only the beginning is kept. The connection
// goes on behind the line and the data block that it announces. If it ought to
// announce one and none can be found, the connection cannot go on: what follows
// would be taken for commands.
func (p *Parser) tooLong(beginning []byte) Status {
	p.scanned, p.need = 0, 0
	// The last word may be cut: it is left out.
	p.line(beginning[:bytes.LastIndexByte(beginning, ' ')+1])
	if p.reason != NoReason {
		return Close
	}
	if p.bodyLen < 0 && p.req.Verb.hasBlock() {
		p.reason = CloseTooLong
		return Close
	}
	if p.bodyLen >= 0 {
		p.swallow = uint64(p.bodyLen) + 2
	}
	p.req.Err = Error{Kind: ErrorOfClient, Text: "line too long"}
	return Bad
}

// tooLarge refuses the data block. An ls whose line is malformed as well keeps
// that answer, but its lease ends as that of any other whose block is too
// large.
func (p *Parser) tooLarge() {
	if p.req.Err.Kind == NoError {
		p.req.Err = Error{Kind: ErrorOfServer, Text: "object too large for cache", Hidden: p.req.NoReply}
		p.req.Err.Cause = CauseTooLarge
	} else if p.req.Verb == VerbLS {
		p.req.Err.Cause = CauseTooLarge
	}
}

// lineHint is the room a line usually needs.
const lineHint = 2048

func (p *Parser) more(have int) Status {
	p.want = lineHint
	if p.need > have {
		p.want = p.need - have
	} else if have > lineHint {
		p.want = maxWant // a long list of keys
	}
	return NeedMore
}

// maxLine is the limit for the line that buf begins with. The verb stands
// within the first bytes of any line that is near the smaller limit.
func (p *Parser) maxLine(buf []byte) int {
	if hasKeyList(buf) {
		return max(p.Limits.MaxGetLine, p.Limits.MaxLine)
	}
	return p.Limits.MaxLine
}

func hasKeyList(line []byte) bool {
	for _, name := range keyLists {
		if bytes.HasPrefix(line, name) {
			return true
		}
	}
	return false
}

var keyLists = [][]byte{[]byte("get "), []byte("gets "), []byte("gat "), []byte("gats "), []byte("lease-get ")}

// keepKeys is how many keys' room is kept for the next request: one list of
// half a million keys shall not hold its room for the rest of the connection.
const keepKeys = 1024

// line parses one line, with its end, into p.req and p.bodyLen.
func (p *Parser) line(line []byte) {
	before := p.req.Verb
	keys, args := p.req.Keys[:0], p.req.Args[:0]
	if cap(keys) > keepKeys {
		keys = nil
	}
	p.req = Request{Keys: keys, Args: args}
	p.text, p.seen, p.bodyLen = nil, 0, -1

	whole := len(line)
	line = line[:max(whole-1, 0)]
	if k := len(line); k > 0 && line[k-1] == '\r' {
		line = line[:k-1]
	}
	name := line
	if i := bytes.IndexByte(line, ' '); i >= 0 {
		name = line[:i]
	}
	p.words = fields{line[len(name):]}
	if string(name) == verbs[before].name {
		p.req.Verb = before // as most often
	} else {
		p.req.Verb = verbByName[string(name)]
	}
	if p.req.Verb == VerbUnknown {
		p.words = fields{line}
		// memcached calls a line malformed, not unknown, that has no room for
		// two letters and their end.
		if whole < 4 {
			p.badFormat()
			return
		}
		words := p.words
		first, _ := words.next()
		if v := verbByName[string(first)]; v.afterBlanks() {
			p.req.Verb, p.words = v, words
		}
	}
	verbs[p.req.Verb].parse(p)
}

// fail notes the first thing that is wrong. Parsing goes on after it: the
// server wants the key and the token of a refused request, too.
func (p *Parser) fail(text string, flag byte) {
	if p.req.Err.Kind == NoError {
		p.req.Err = Error{Kind: ErrorOfClient, Text: text, Flag: flag, Hidden: p.req.NoReply}
	}
}

// badFormat is memcached's answer to most things that are wrong.
const badFormat = "bad command line format"

func (p *Parser) badFormat() { p.fail(badFormat, 0) }
