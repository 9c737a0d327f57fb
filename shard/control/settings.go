package control

import (
	"errors"
	"fmt"
	"time"
)

// Settings are agreed on and the same for all nodes: a node that went by a flag of
// its own would believe in another end of a session than the leader (R3).
type Settings struct {
	TTL     time.Duration // of sessions, from the next registration on
	Drift   uint64        // how much faster one clock may run than another, in percent
	Slack   time.Duration // what who waits adds to that
	Margin  time.Duration // how long the source may take to show or to fail a COMMIT
	Lease   time.Duration // the longest lease
	Intent  time.Duration // the longest intent
	Near    time.Duration // the longest near session; 0: none are given
	Changes uint64        // counts the changes of the settings
}

// DefaultSettings are those of a cluster that was made without naming any.
func DefaultSettings() Settings {
	return Settings{
		TTL: 3 * time.Second, Drift: 20, Slack: 100 * time.Millisecond, Margin: 500 * time.Millisecond,
		Lease: time.Minute, Intent: time.Minute,
	}
}

var errSettings = errors.New("bad settings")

// MaxTTL and MaxIntent are what no settings can exceed: a recovery must wait for, and
// be closed for, what may have been granted by settings that nobody left knows of.
const (
	MaxTTL    = 30 * time.Second
	MaxIntent = time.Minute // the wire's maximum, too
)

// maxSetting keeps sums and parts of durations far from overflow.
const maxSetting = 365 * 24 * time.Hour

// Check returns an error unless a cluster can live with the settings.
func (s *Settings) Check() error {
	for _, d := range []time.Duration{s.TTL, s.Slack, s.Margin, s.Lease, s.Intent, s.Near} {
		if d < 0 || d > maxSetting {
			return fmt.Errorf("%w: a duration of %v", errSettings, d)
		}
	}
	switch {
	case s.TTL < 10*time.Millisecond || s.TTL > MaxTTL || s.Near > MaxTTL:
		return fmt.Errorf("%w: a session TTL of %v", errSettings, s.TTL)
	case s.Drift > 100:
		return fmt.Errorf("%w: clocks that drift by %d %%", errSettings, s.Drift)
	case s.Lease < time.Millisecond || s.Intent < time.Millisecond || s.Intent > MaxIntent:
		return fmt.Errorf("%w: leases of %v, intents of %v", errSettings, s.Lease, s.Intent)
	}
	return nil
}

// RenewEvery is how often a holder sends a renewal: so that several may be lost, and
// a leader be elected, before a session runs out.
func (s *Settings) RenewEvery() time.Duration { return min(500*time.Millisecond, s.TTL/6) }

// Wait is how long to wait for something to be over that its holder counts to be
// over after length: the holder's clock may be the slowest there is, ours the
// fastest.
func (s *Settings) Wait(length time.Duration) time.Duration { return s.stretch(length) + s.Slack }

// Closure is how long a shard stays closed from the first serve of a new owner,
// when bounded intents of such a length may be outstanding; 0 when there are none.
func (s *Settings) Closure(bounded time.Duration) time.Duration {
	if bounded == 0 {
		return 0
	}
	return s.stretch(bounded) + s.Margin
}

func (s *Settings) stretch(d time.Duration) time.Duration {
	return d + (d/100)*time.Duration(s.Drift) + (d%100)*time.Duration(s.Drift)/100 + 1
}
