package shard

// A token is a uint64 below 2^63, so that it fits a signed column of the
// source's fence table: the shard's epoch above 40 bits of sequence.
const (
	// EpochBits and SequenceBits are the widths of the two halves of a token.
	EpochBits    = 23
	SequenceBits = 40

	// MaxEpoch is the last epoch a shard can have, MaxSequence the last
	// sequence of an epoch.
	MaxEpoch    Epoch  = 1<<EpochBits - 1
	MaxSequence uint64 = 1<<SequenceBits - 1
)

// Epoch counts the lives of a shard: it rises at every change of owner and at
// every start, clean or not. Zero is no epoch; a shard that is served has one
// from 1 to MaxEpoch.
type Epoch uint32

// Base is the token with sequence 0 in the epoch: above every token of the
// epochs before it and not above any token of its own.
func (e Epoch) Base() uint64 { return uint64(e) << SequenceBits }

// Token joins the epoch with a sequence of at most MaxSequence.
func (e Epoch) Token(sequence uint64) uint64 { return e.Base() | sequence }

// EpochOf is the epoch in a token. A number from outside that is no token, at
// or above 2^63, gives an epoch above MaxEpoch.
func EpochOf(token uint64) Epoch { return Epoch(token >> SequenceBits) }

// SequenceOf is the sequence in a token.
func SequenceOf(token uint64) uint64 { return token & MaxSequence }
