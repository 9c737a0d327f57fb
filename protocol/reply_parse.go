package protocol

import (
	"bytes"
	"errors"
	"fmt"
	"time"
)

// Code is the first word of a reply.
type Code uint8

const (
	CodeNone Code = iota
	CodeHD
	CodeVA
	CodeLE
	CodeWT
	CodeQU
	CodeEN
	CodeNS
	CodeEX
	CodeMV
	CodeMN
	CodeNF
	CodeME
	CodeIV
	CodeIT
	CodeIS
	CodeIF
	CodeError
	CodeClientError
	CodeServerError
	CodeStored
	CodeNotStored
	CodeNotFound
	CodeDeleted
	CodeTouched
	CodeOK
	CodeReset
	CodeValue
	CodeEnd
	CodeStat
	CodeVersion
	CodeExists
	CodeLValue
	CodeStaleStored
	CodeNumber // incr and decr: it stands alone, without a first word
	codeCount
)

// codes says how each code is written and how the rest of its line is read.
var codes = [codeCount]struct {
	name  string
	parse func(*ReplyParser) error
}{
	CodeHD:          {"HD", (*ReplyParser).flags},
	CodeVA:          {"VA", (*ReplyParser).sized},
	CodeLE:          {"LE", (*ReplyParser).flags},
	CodeWT:          {"WT", (*ReplyParser).flags},
	CodeQU:          {"QU", (*ReplyParser).flags},
	CodeEN:          {"EN", (*ReplyParser).flags},
	CodeNS:          {"NS", (*ReplyParser).flags},
	CodeEX:          {"EX", (*ReplyParser).flags},
	CodeMV:          {"MV", (*ReplyParser).moved},
	CodeMN:          {"MN", (*ReplyParser).flags},
	CodeNF:          {"NF", (*ReplyParser).flags},
	CodeME:          {"ME", (*ReplyParser).debug},
	CodeIV:          {"IV", (*ReplyParser).notice},
	CodeIT:          {"IT", (*ReplyParser).notice},
	CodeIS:          {"IS", (*ReplyParser).notice},
	CodeIF:          {"IF", (*ReplyParser).notice},
	CodeError:       {"ERROR", (*ReplyParser).rest},
	CodeClientError: {"CLIENT_ERROR", (*ReplyParser).rest},
	CodeServerError: {"SERVER_ERROR", (*ReplyParser).rest},
	CodeStored:      {"STORED", (*ReplyParser).rest},
	CodeNotStored:   {"NOT_STORED", (*ReplyParser).rest},
	CodeNotFound:    {"NOT_FOUND", (*ReplyParser).rest},
	CodeDeleted:     {"DELETED", (*ReplyParser).rest},
	CodeTouched:     {"TOUCHED", (*ReplyParser).rest},
	CodeOK:          {"OK", (*ReplyParser).rest},
	CodeReset:       {"RESET", (*ReplyParser).rest},
	CodeValue:       {"VALUE", (*ReplyParser).value},
	CodeEnd:         {"END", (*ReplyParser).rest},
	CodeStat:        {"STAT", (*ReplyParser).stat},
	CodeVersion:     {"VERSION", (*ReplyParser).rest},
	CodeExists:      {"EXISTS", (*ReplyParser).rest},
	CodeLValue:      {"LVALUE", (*ReplyParser).leaseValue},
	CodeStaleStored: {"STALE_STORED", (*ReplyParser).rest},
	CodeNumber:      {"a number", (*ReplyParser).number}, // no first word is named so
}

var codeByName = func() map[string]Code {
	m := make(map[string]Code, codeCount)
	for c := CodeNone + 1; c < codeCount; c++ {
		m[codes[c].name] = c
	}
	return m
}()

// String returns the code as on the wire.
func (c Code) String() string {
	if c == CodeNone || c >= codeCount {
		return "none"
	}
	return codes[c].name
}

// Failed reports whether the reply is one of the three error lines.
func (c Code) Failed() bool { return c >= CodeError && c <= CodeServerError }

// Reply is one parsed reply; a get's is one for each hit and one for END. Its
// slices alias the buffer given to Next or the parser's own scratch, and are
// valid until the next call of Next. Flags it does not know are skipped.
type Reply struct {
	Code Code
	Text []byte // the rest of an error line, of VERSION, of ME; the value of STAT
	Name []byte // STAT

	Value  []byte // VA, VALUE, LVALUE
	Number uint64 // incr and decr

	Key    []byte // k, decoded; VALUE; LVALUE; of ME as written; IV; the tag of IT
	Opaque []byte // O, without the letter; nil if there is none

	ClientFlags uint32 // f, VALUE, LVALUE
	Size        uint64 // s
	TTL         int64  // t, -1 for ever
	HasTTL      bool
	Version     uint64 // c, or the CAS of VALUE
	HasVersion  bool

	Idle    uint64 // l of mg, seconds since it was read before
	Fetched bool   // h1 of mg: it was read before

	Token     uint64 // L, LVALUE
	HasToken  bool
	For       time.Duration // e
	Won       bool          // W
	X         bool          // X: on VA and HD of lg stale; on QU in doubt; on HD of lc and la late
	Leased    bool          // Z
	Near      bool          // N
	Doubt     bool          // D: fence at DoubtAt first
	DoubtAt   uint64
	Reason    byte   // r of NS
	MapVer    uint64 // m
	HasMapVer bool

	Shard uint32 // MV, IS
	Addr  []byte // MV
	Seq   uint64 // IV IT IS IF
}

// Limits of a ReplyParser whose own are zero, in bytes.
const (
	defaultMaxReply     = 64 << 20
	defaultMaxReplyLine = 4096
)

// ErrReply is wrapped by the errors of ReplyParser: the connection is out of
// step and is of no more use.
var ErrReply = errors.New("protocol: bad reply")

// ReplyParser cuts what a server sends into replies. It is not safe for
// concurrent use and must not be copied after the first Next.
type ReplyParser struct {
	MaxValue int // bytes of a data block [64 MiB]
	MaxLine  int // bytes of a line [4096]

	reply   Reply
	err     error
	scanned int
	need    int
	want    int

	words   fields
	bodyLen int
	keyBuf  [maxDecoded]byte
}

// Reply returns what the last Next found. It is the same variable each time.
func (p *ReplyParser) Reply() *Reply { return &p.reply }

// Err returns what was wrong when Next returned Bad. It wraps ErrReply.
func (p *ReplyParser) Err() error { return p.err }

// Want is as Parser.Want.
func (p *ReplyParser) Want() int { return min(max(p.want, 1), maxWant) }

// Next parses the first reply of buf and returns how many bytes it took, 0
// unless Ready. It returns NeedMore, Ready or Bad; after Bad the connection is
// of no more use.
func (p *ReplyParser) Next(buf []byte) (n int, st Status) {
	if p.err != nil {
		return 0, Bad
	}
	if len(buf) == 0 || len(buf) < p.need {
		return 0, p.more(len(buf))
	}
	maxLine := p.MaxLine
	if maxLine <= 0 {
		maxLine = defaultMaxReplyLine
	}
	end := bytes.IndexByte(buf[p.scanned:], '\n')
	if end < 0 && len(buf) > maxLine || end >= 0 && end+p.scanned > maxLine {
		return p.bad("line too long")
	}
	if end < 0 {
		p.scanned = len(buf)
		return 0, p.more(len(buf))
	}
	end += p.scanned
	if err := p.line(buf[:end]); err != nil {
		p.err = err
		return 0, Bad
	}
	used := end + 1
	if p.bodyLen >= 0 {
		whole := used + p.bodyLen + 2
		if len(buf) < whole {
			p.scanned, p.need = end, whole
			return 0, p.more(len(buf))
		}
		if buf[whole-2] != '\r' || buf[whole-1] != '\n' {
			return p.bad("data block without its end")
		}
		p.reply.Value = buf[used : whole-2 : whole-2]
		used = whole
	}
	p.scanned, p.need = 0, 0
	return used, Ready
}

func (p *ReplyParser) more(have int) Status {
	p.want = max(lineHint, p.need-have)
	return NeedMore
}

func (p *ReplyParser) bad(what string) (int, Status) {
	p.err = fmt.Errorf("%w: %s", ErrReply, what)
	return 0, Bad
}

func (p *ReplyParser) line(line []byte) error {
	p.reply = Reply{}
	p.bodyLen = -1
	if k := len(line); k > 0 && line[k-1] == '\r' {
		line = line[:k-1]
	}
	name := line
	if i := bytes.IndexByte(line, ' '); i >= 0 {
		name = line[:i]
	}
	p.words = fields{line[len(name):]}
	code := codeByName[string(name)]
	if code == CodeNone && len(name) > 0 && name[0] >= '0' && name[0] <= '9' {
		code, p.words = CodeNumber, fields{line}
	}
	if code == CodeNone {
		return fmt.Errorf("%w: unknown code %q", ErrReply, name[:min(len(name), 32)])
	}
	p.reply.Code = code
	if err := codes[code].parse(p); err != nil {
		return fmt.Errorf("%w in %q", err, line[:min(len(line), 128)])
	}
	return nil
}

var (
	errFlag   = fmt.Errorf("%w: bad flag", ErrReply)
	errField  = fmt.Errorf("%w: bad field", ErrReply)
	errLength = fmt.Errorf("%w: bad data length", ErrReply)
)
