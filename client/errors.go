package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Errors to be compared with errors.Is. What they mean for the caller:
var (
	// ErrNotFound is what a [Loader] returns for "the source has no such thing",
	// and what [Client.Get] returns then. It is an answer, not a failure.
	ErrNotFound = errors.New("leasecache: not found")

	// ErrUnavailable: the cache could not be reached, or said that it cannot
	// serve now. Matched by [*TransportError], unless the caller's own context
	// ended it, and by [*ServerError].
	ErrUnavailable = errors.New("leasecache: cache unavailable")

	// ErrClosed: the client was closed.
	ErrClosed = errors.New("leasecache: client closed")

	// ErrRefused: a fill was not stored; [*RefusedError] says why.
	ErrRefused = errors.New("leasecache: fill refused")

	// ErrIntentUnavailable: the intents of an update could not be had. The write
	// function was not called (the update failed closed), and may be tried again.
	ErrIntentUnavailable = errors.New("leasecache: no write intent to be had")

	// ErrFenced: the source was fenced above the writer's token, so his
	// transaction did not write. [*FencedError] matches it. Returned by a write
	// function it says that COMMIT was not sent; [Client.Update] then tries again
	// with new intents.
	ErrFenced = errors.New("leasecache: fenced off")

	// ErrIntentEnding is the cause of the write context's end when the intents
	// are about to run out.
	ErrIntentEnding = errors.New("leasecache: the write intent is about to run out")

	// ErrInvalid: an argument is outside what the wire can carry (an empty or too
	// long key, a tag with blanks, client flags with the reserved bit). Nothing
	// was sent.
	ErrInvalid = errors.New("leasecache: invalid argument")

	errGarbage = errors.New("the server broke the protocol")
)

// TransportError: a request got no answer.
type TransportError struct {
	Addr string
	// Sent is false if surely nothing of the request reached the server, so
	// nothing was done. If true the outcome is unknown.
	Sent bool
	// Err is why: an error of the network, the end of the context,
	// os.ErrDeadlineExceeded for a request that had no deadline of its own,
	// ErrClosed, or a reply that broke the protocol.
	Err error
}

func (e *TransportError) Error() string {
	outcome := "nothing was sent"
	if e.Sent {
		outcome = "outcome unknown"
	}
	return fmt.Sprintf("leasecache: %s: %v (%s)", e.Addr, e.Err, outcome)
}

func (e *TransportError) Unwrap() error { return e.Err }

// Is makes the error ErrUnavailable, unless the caller ended the request himself.
func (e *TransportError) Is(target error) bool {
	return target == ErrUnavailable && !isContextEnd(e.Err) && !errors.Is(e.Err, ErrClosed)
}

func isContextEnd(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// ServerError is a SERVER_ERROR: the server understood and could not do it. It
// is ErrUnavailable when the server said so.
type ServerError struct {
	Message string // the line without SERVER_ERROR
}

func (e *ServerError) Error() string { return "leasecache: server error: " + e.Message }

// Is makes the error ErrUnavailable if the server named itself unavailable.
func (e *ServerError) Is(target error) bool {
	return target == ErrUnavailable && strings.HasPrefix(e.Message, "unavailable")
}

// RequestError is a CLIENT_ERROR or ERROR: the server refused the request as
// wrong. Repeating it is useless.
type RequestError struct {
	Message string // the line without CLIENT_ERROR
}

func (e *RequestError) Error() string { return "leasecache: request refused: " + e.Message }

// Reason is why a fill was not stored.
type Reason byte

// The reasons, by their letter on the wire.
const (
	ReasonInvalidated Reason = 'i' // invalidated or mutated since the lease
	ReasonSuperseded  Reason = 's' // a newer lease was given
	ReasonQuarantined Reason = 'q' // an intent is open on the key
	ReasonOwner       Reason = 'o' // the shard changed its owner, or the owner restarted
	ReasonTag         Reason = 't' // one of the fill's tags was invalidated since the lease
	ReasonUnknown     Reason = 'u' // the server does not know the lease, or it was used already
	ReasonDoubt       Reason = 'd' // the lease was given in doubt and the fill does not say fenced
)

func (r Reason) String() string {
	switch r {
	case ReasonInvalidated:
		return "invalidated"
	case ReasonSuperseded:
		return "superseded"
	case ReasonQuarantined:
		return "quarantined"
	case ReasonOwner:
		return "owner changed"
	case ReasonTag:
		return "tag invalidated"
	case ReasonUnknown:
		return "unknown lease"
	case ReasonDoubt:
		return "doubt not fenced"
	}
	return "reason " + string(rune(r))
}

// RefusedError: the server did not store a fill. The value is still a legal
// answer for whoever loaded it, but must not be kept by anybody.
type RefusedError struct {
	Reason Reason
}

func (e *RefusedError) Error() string { return "leasecache: fill refused: " + e.Reason.String() }

// Is makes every refusal ErrRefused.
func (e *RefusedError) Is(target error) bool { return target == ErrRefused }

// InvalidateError names the keys whose invalidation was not acknowledged, with
// the last error of each. They may or may not have been invalidated; the others
// were. Calling again with the failed keys is always safe.
type InvalidateError struct {
	Failed map[string]error
}

func (e *InvalidateError) Error() string {
	for key, err := range e.Failed {
		return fmt.Sprintf("leasecache: %d keys not invalidated, one of them %q: %v", len(e.Failed), key, err)
	}
	return "leasecache: not invalidated"
}

// Unwrap returns the errors of all failed keys.
func (e *InvalidateError) Unwrap() []error {
	errs := make([]error, 0, len(e.Failed))
	for _, err := range e.Failed {
		errs = append(errs, err)
	}
	return errs
}

// FencedError: the fence row of a shard is above the writer's token.
type FencedError struct {
	Shard uint32
	Token uint64 // the smallest token of the writer in that shard
	Row   uint64 // the row's token; 0 if it changed while it was read
}

func (e *FencedError) Error() string {
	return fmt.Sprintf("leasecache: fenced off in shard %d: the fence is at %d, the intent at %d", e.Shard, e.Row, e.Token)
}

// Is makes the error ErrFenced.
func (e *FencedError) Is(target error) bool { return target == ErrFenced }

// RolledBack marks err as "the transaction surely did not and will not commit":
// COMMIT was never sent, or the database answered that it rolled back. A write
// function that returns it has its intents aborted, which opens the keys. When
// in doubt do not mark: an intent that is left alone costs a reader one fence,
// an intent that is ended too early costs the truth.
//
// RolledBack(nil) is nil.
func RolledBack(err error) error {
	if err == nil {
		return nil
	}
	return &rolledBackError{err}
}

// IsRolledBack reports whether err carries the mark of RolledBack, itself or
// below single wrappings. A mark inside an errors.Join or an OutcomeUnknownError
// does not count.
func IsRolledBack(err error) bool {
	return inChain(err, func(e error) bool { _, ok := e.(*rolledBackError); return ok })
}

// isFenced is the same for ErrFenced.
func isFenced(err error) bool {
	return inChain(err, func(e error) bool { _, ok := e.(*FencedError); return ok || e == ErrFenced })
}

// inChain does not look into an OutcomeUnknownError: what is unknown does not
// become certain by what was also said.
func inChain(err error, is func(error) bool) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		if _, unknown := err.(*OutcomeUnknownError); unknown {
			return false
		}
		if is(err) {
			return true
		}
	}
	return false
}

type rolledBackError struct{ err error }

func (e *rolledBackError) Error() string { return e.err.Error() }
func (e *rolledBackError) Unwrap() error { return e.err }

// OutcomeUnknownError: the write function did not say what became of its
// transaction. It may have been committed, may still be, or not. The intents
// were left open on purpose: the keys go to the source until it is fenced. A
// retry is the caller's decision; it takes new intents.
type OutcomeUnknownError struct {
	Keys []string
	Err  error // what the write function returned
}

func (e *OutcomeUnknownError) Error() string {
	return fmt.Sprintf("leasecache: outcome of the update unknown: %v", e.Err)
}

func (e *OutcomeUnknownError) Unwrap() error { return e.Err }
