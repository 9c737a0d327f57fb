//go:build !race

package consensus_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSimulationFindsBugs plants one bug at a time in what the nodes of a simulation are
// run by, and asks that some seed shows it: a simulation that finds none proves nothing.
// So that it takes seconds, only such faults happen as the bug needs.
func TestSimulationFindsBugs(t *testing.T) {
	ends := []fault{killedFault, zombieFault, stoppedFault, steppedFault, healed}
	deaths := []fault{killedFault, zombieFault, healed} // who stops cleanly leaves no doubt
	links := []fault{cutOffFault, lateFault, stalledFault, healed}
	for _, c := range []struct {
		bug  bug
		what string
		of   []fault
	}{
		{bugForever, "a host serves past its session's end", links},
		{bugFromApply, "a session counts from the apply, not from the send", links},
		{bugOwnTTL, "a host goes by a TTL of its own", links},
		{bugNoNote, "an intent does not wait for its note", ends},
		{bugNoDoubt, "a host forgets the doubt", deaths},
		{bugNoClosure, "a host opens a shard that is to be closed", ends},
		{bugOpensAgain, "a host serves again what it has handed over", []fault{drainedFault}},
		{bugNoIntents, "a handover leaves intents out", []fault{drainedFault}},
		{bugDrift, "clocks drift more than is allowed", links},
		{bugOneClock, "the monotonic clock is stepped as the other one", []fault{steppedFault, cutOffFault, healed}},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			const enough = 600
			play := func(s *sim) func() {
				s.of = c.of
				return s.play
			}
			for seed := uint64(1); seed <= enough; seed++ {
				if broken, _ := simulate(t, seed, c.bug, play); broken != "" {
					t.Logf("seed %d: %s", seed, broken)
					return
				}
			}
			require.Fail(t, "no seed finds it", "%d were tried", enough)
		})
	}
}
