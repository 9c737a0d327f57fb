package server

import (
	"sync/atomic"

	"github.com/leasecache/leasecache/protocol"
)

// outcome is what a command came to; with the verb it labels a counter.
type outcome uint8

const (
	outcomeOK outcome = iota
	outcomeHit
	outcomeStale       // a stale value for who accepts one
	outcomeMiss        // also: nothing of that name to end
	outcomeGranted     // a lease
	outcomeBusy        // another holds the lease
	outcomeQuarantined // use the source: a writer's intent is open
	outcomeDoubt       // use the source: in doubt
	outcomeTouched     // a meta read that found a value and gave it a new time
	outcomeStored
	outcomeNotStored
	outcomeBroken   // the data block did not end where announced
	outcomeTooLarge // the data block is above the limit
	outcomeGaveBack // a lease was given back
	outcomeLate     // an intent ended after it had run out
	outcomeError    // the client's mistake
	outcomeUnavailable
	outcomeCount
)

var outcomeNames = [outcomeCount]string{
	"ok", "hit", "stale", "miss", "granted", "busy", "quarantined", "doubt",
	"touched", "stored", "not_stored", "broken", "too_large", "gave_back", "late", "error", "unavailable",
}

func (o outcome) String() string { return outcomeNames[o] }

// counters count for the whole server.
type counters struct {
	commands     [protocol.VerbCount][outcomeCount]atomic.Uint64
	bytesRead    atomic.Uint64
	bytesWritten atomic.Uint64
	accepted     atomic.Uint64

	// What other nodes were asked for, by what came of it.
	forwarded, forwardsRefused, forwardsUnknown atomic.Uint64

	rejected      atomic.Uint64 // over the limit of connections
	stalled       atomic.Uint64 // closed in the middle of a request
	crowded       atomic.Uint64 // closed because connections kept too much
	idleKicks     atomic.Uint64 // closed because they asked for nothing
	closedAsOther [protocol.CloseReasons]atomic.Uint64

	// Only memcached's stats tell these apart.
	compared  [3]atomic.Uint64    // stores that compare a version, by compareHit and so on
	meta      [2][2]atomic.Uint64 // ma that found a number or nothing, by countUp and countDown, then countHit and countMiss
	inPlace   atomic.Uint64       // counters changed: memcached stores no item for it
	authCmds  atomic.Uint64
	authFails atomic.Uint64
	yields    atomic.Uint64 // times a connection let others go first
}

// What became of a store that compares a version.
const (
	compareHit = iota
	compareMiss
	compareOther // the value there has another version
)

const (
	countHit, countMiss = 0, 1
	countUp, countDown  = 0, 1
)

func (c *counters) add(v protocol.Verb, o outcome) { c.commands[v][o].Add(1) }

func (c *counters) refused(r protocol.CloseReason) { c.closedAsOther[r].Add(1) }

// of sums a verb's outcomes.
func (c *counters) of(v protocol.Verb, outcomes ...outcome) uint64 {
	var n uint64
	for _, o := range outcomes {
		n += c.commands[v][o].Load()
	}
	return n
}

// all sums all outcomes of a verb.
func (c *counters) all(v protocol.Verb) uint64 {
	var n uint64
	for o := range c.commands[v] {
		n += c.commands[v][o].Load()
	}
	return n
}
