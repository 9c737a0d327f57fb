package protocol

import "time"

// Limits that belong to the wire and cannot be configured, in bytes.
const (
	MaxKey    = 250 // of a key as written; with b, of its base64 text
	MaxOpaque = 31  // of an opaque, without the letter O
	MaxTag    = 64  // of a tag
	MaxTags   = 8   // tags of one fill
	MaxNonce  = 32  // of the nonce of an intent
)

// maxLength is the longest data block a line may announce at all: memcached
// reads lengths as 32-bit signed numbers and adds two. A longer one is not
// taken for a length, and nothing is swallowed for it.
const maxLength = 1<<31 - 1 - 2

// Limits bound what a Parser accepts. A zero field means the default in
// brackets.
type Limits struct {
	MaxBody    int           // bytes of a data block [1 MiB]; a longer one is refused and swallowed
	MaxLine    int           // bytes of a line without its end [2048]; a longer one ends the connection
	MaxGetLine int           // the same for lines of get, gets, gat, gats and lease-get [1 MiB]
	MaxLease   time.Duration // longest e of lg and ln [60 s]; more is cut to it
	MaxWait    time.Duration // longest w of lg [60 s]; more is cut to it
	MaxIntent  time.Duration // longest e of lw [60 s]; more is cut to it
}

func (l *Limits) fill() {
	def := func(n *int, v int) {
		if *n <= 0 {
			*n = v
		}
	}
	defTime := func(d *time.Duration) {
		if *d <= 0 {
			*d = time.Minute
		}
	}
	def(&l.MaxBody, 1<<20)
	def(&l.MaxLine, 2048)
	def(&l.MaxGetLine, 1<<20)
	l.MaxBody = min(l.MaxBody, maxLength)
	defTime(&l.MaxLease)
	defTime(&l.MaxWait)
	defTime(&l.MaxIntent)
}
