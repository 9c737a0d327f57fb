package lease

// Token is a fencing token: the shard's epoch in the high 23 bits below the
// sign, a sequence within the epoch in the low 40. Tokens of a shard only grow,
// over every restart and every owner, and stay below 2^63 so that a signed
// 64-bit column can hold them. Zero is no token.
type Token uint64

const (
	sequenceBits = 40
	maxSequence  = 1<<sequenceBits - 1
)

// FirstToken returns the lowest token of an epoch. It is never handed out
// itself, so "below FirstToken(e)" means every token of an epoch before e.
func FirstToken(epoch uint32) Token { return Token(epoch) << sequenceBits }

// Epoch returns the epoch in which the token was given.
func (t Token) Epoch() uint32 { return uint32(t >> sequenceBits) }

// Sequence gives the tokens of one shard in one epoch after another.
type Sequence struct {
	last Token
}

// NewSequence returns the sequence of a shard that starts the given epoch.
func NewSequence(epoch uint32) *Sequence { return &Sequence{last: FirstToken(epoch)} }

// Epoch returns the current epoch.
func (s *Sequence) Epoch() uint32 { return s.last.Epoch() }

// Last returns the newest token given, or the epoch's first if none was.
func (s *Sequence) Last() Token { return s.last }

// Left returns how many tokens the epoch still has. The owner moves the shard
// to its next epoch before none are left.
func (s *Sequence) Left() uint64 { return maxSequence - uint64(s.last)&maxSequence }

// Next returns a token larger than every one before it. It must not be called
// when none are left: the next number would belong to another epoch.
func (s *Sequence) Next() Token {
	if s.Left() == 0 {
		panic("lease: sequence of the epoch is used up")
	}
	s.last++
	return s.last
}

// raise moves the sequence to a higher epoch.
func (s *Sequence) raise(epoch uint32) {
	if epoch <= s.Epoch() {
		panic("lease: an epoch only grows")
	}
	s.last = FirstToken(epoch)
}
