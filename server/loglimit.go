package server

import (
	"sync"
	"time"
)

// Lines that clients bring about: of each kind one is logged in a while, with the
// number of those that were left out since. A client that comes again a thousand
// times a second must not fill a disk.
type logKind uint8

const (
	logBinary logKind = iota
	logHTTP
	logOther // closed for what it speaks otherwise
	logLogin
	logWaiting
	logCrowded
	logStalled
	logSessionOver
	logKinds
)

const logPause = time.Minute

type logLimit struct {
	mu   sync.Mutex
	next int64 // before that nothing is logged
	left int   // out since the last line
}

// pass reports whether a line may be logged, and how many were left out before it.
func (l *logLimit) pass(now int64) (left int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now < l.next {
		l.left++
		return 0, false
	}
	left, l.left, l.next = l.left, 0, now+int64(logPause)
	return left, true
}
