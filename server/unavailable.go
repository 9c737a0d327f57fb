package server

import (
	"errors"
	"sync/atomic"

	"github.com/leasecache/leasecache/protocol"
	"github.com/leasecache/leasecache/server/owner"
)

// absence is why a command was answered "unavailable", as far as an operator would do
// something else about it.
type absence uint8

const (
	absentOther    absence = iota
	absentNoOwner          // nobody owns the shard, or this node alone may and has no session
	absentOwner            // its owner was not reached; nothing was done
	absentUnknown          // its owner was lost while it may have been doing it
	absentCrowded          // too much waits at this node
	absentNote             // the intent could not be noted: no majority, mostly
	absentStopping         // this node stops
	absences
)

var absenceNames = [absences]string{"other", "no owner", "owner not reached", "owner lost", "crowded", "not noted", "stopping"}

// What became of a request that another node was asked for.
const (
	forwardDone    = iota // answered by its owner
	forwardAgain          // asked again; counted beside what it came to
	forwardFailed         // nobody could be asked; nothing was done
	forwardUnknown        // it may have been done
	forwards
)

var forwardNames = [forwards]string{"answered", "repeated", "failed", "unknown"}

// clustered counts what only several nodes have. Nothing of it is counted for a request
// that is served where it arrives.
type clustered struct {
	absent    [absences]atomic.Uint64
	forwarded [forwards]atomic.Uint64
}

var errCrowded = errors.New("too much waits at this node; nothing was done")

// missed counts a command that is not done because of an error.
func (s *Server) missed(v protocol.Verb, err error, unsure bool) {
	why := absentOther
	switch {
	case unsure:
		why = absentUnknown
	case s.ctx.Err() != nil:
		why = absentStopping
	case errors.Is(err, errNobody), errors.Is(err, owner.ErrNotOwner):
		why = absentNoOwner
	case errors.Is(err, errCrowded):
		why = absentCrowded
	case v == protocol.VerbLW && errors.Is(err, owner.ErrUnavailable):
		why = absentNote
	case !errors.Is(err, owner.ErrUnavailable):
		why = absentOwner
	}
	s.stats.clustered.absent[why].Add(1)
}
