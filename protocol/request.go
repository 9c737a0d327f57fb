package protocol

import "time"

// Request is one parsed command. Its slices alias the buffer given to Next or
// the Parser's own scratch, and are valid until the next call of Next. Which
// fields a verb sets is said behind them; the others are zero. "Stores" are
// set add replace append prepend cas; "meta" are mg ms md ma, which take each
// other's flags and make nothing of them.
type Request struct {
	Verb Verb
	Err  Error // set when Next returned Bad; Verb, Key, Token, HasToken hold what was understood

	Key  []byte   // 1 to 250 bytes, decoded if it came as base64; the tag of lt; the client's id of ln; the first key of get
	Keys [][]byte // get gets gat gats lease-get: all keys, at least one
	Args [][]byte // stats watch cache_memlimit lru lru_crawler slabs extstore shutdown: the arguments, noreply included

	ClientFlags uint32 // stores lease-set, F of ls and meta
	Exptime     int64  // stores touch gat gats lease-set, delay of flush_all: seconds by memcached's rules, 32 bits
	Level       uint32 // verbosity
	NoReply     bool   // noreply of memcached's commands
	Body        []byte // stores ms ls lease-set: the data block, without its end
	Delta       uint64 // incr decr, D of meta; 1 if not given to ma

	Echo      Echo // lease commands, meta, me: what the reply returns
	NoForward bool // n

	CompareCAS    uint64 // cas, C of meta
	HasCompareCAS bool
	NewCAS        uint64 // E of meta
	HasNewCAS     bool
	TTL           int64 // T of meta and ls, as Exptime
	HasTTL        bool
	VivifyTTL     int64 // N of meta, as Exptime
	HasVivify     bool
	RecacheTTL    int64 // R of meta, as Exptime: above 30 days it is a date, below 0 nothing is due
	HasRecache    bool
	Initial       uint64 // J of meta
	Mode          byte   // M: of ms one of S E A P R, of ma I or D; S and I if not given
	MarkStale     bool   // I of meta
	DropValue     bool   // x of meta
	NoBump        bool   // u of meta

	Token    uint64 // L of ls lc la lf; lease-set
	HasToken bool
	LeaseFor time.Duration // e of lg lw ln; 0 = not given
	Wait     time.Duration // w of lg; 0 = not given

	StaleOK      bool   // S of lg
	RefreshBelow uint32 // R of lg, seconds
	HasRefresh   bool
	Peek         bool // p of lg
	CanFence     bool // D of lg: this reader can fence the source
	Near         bool // N of lg: register a copy

	FenceDone bool     // D of ls: the source was fenced for the doubt of this lease
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
