package protocol

import "time"

// Request is one parsed command. Its slices alias the buffer given to Next or
// the Parser's own scratch, and are valid until the next call of Next. Which
// fields a verb sets is said behind them; the others are zero.
type Request struct {
	Verb Verb
	Err  Error // set when Next returned Bad; Verb, Key, Token, HasToken hold what was understood

	Key  []byte   // 1 to 250 bytes, decoded if it came as base64; the tag of lt; the client's id of ln; the first key of get
	Keys [][]byte // get gets: all keys, at least one
	Args [][]byte // stats: its arguments

	ClientFlags uint32 // set add replace, F of ls
	Exptime     int64  // set add replace touch, delay of flush_all: seconds by memcached's rules, any int64
	Level       uint32 // verbosity
	NoReply     bool   // noreply of memcached's commands
	Body        []byte // set add replace ls: the data block, without its end

	Echo      Echo // lease commands: what the reply returns
	NoForward bool // n

	Token    uint64 // L of ls lc la lf
	HasToken bool
	LeaseFor time.Duration // e of lg lw ln; 0 = not given
	Wait     time.Duration // w of lg; 0 = not given

	StaleOK      bool   // S of lg
	RefreshBelow uint32 // R of lg, seconds
	HasRefresh   bool
	Peek         bool // p of lg
	CanFence     bool // D of lg: this reader can fence the source
	Near         bool // N of lg: register a copy

	FenceDone bool  // D of ls: the source was fenced for the doubt of this lease
	TTL       int64 // T of ls, as Exptime
	HasTTL    bool
	Tags      [][]byte // G of ls, at most 8 of 1 to 64 bytes

	StaleFor uint32 // S of ld, seconds; 0 keeps no copy

	FencedWriter bool   // F of lw: the writer checks the fence in its transaction
	Bounded      bool   // B of lw: the source ends the transaction in time
	Nonce        []byte // U of lw la, 1 to 32 word bytes; nil = not given

	MapVersion    uint64 // m of lm
	HasMapVersion bool

	Ack    uint64 // a of ln
	HasAck bool
}
