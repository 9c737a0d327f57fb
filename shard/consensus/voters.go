package consensus

import (
	"cmp"
	"slices"
	"time"
)

const (
	maxVoters = 5
	// steadyFor is how long a node is well before it votes, deadFor how long a voter is
	// silent before another may vote in its place.
	steadyFor = 10 * time.Second
	deadFor   = time.Minute
)

// standing is how the leader sees a member.
type standing struct {
	node   string
	voter  bool
	well   time.Duration // heard of, with the log caught up, without a break
	silent time.Duration
}

// vote is one change of who votes.
type vote struct {
	node string
	on   bool
}

// nextVote is the next change to make, if there is one; self leads.
//
// More voters are wanted while there are fewer than five, and as many as make an odd
// number: an even one survives no more failures than the odd one below, and any of more
// nodes can be the failure. So of two nodes one votes.
//
// A voter that is gone gives its place to a node that is well. It is demoted first, which
// takes the agreement of a majority with it counted, and leaves the rest a majority of
// what is left (D13):
//
//	1 Voters n1 to n5; n4 and n5 are dead. 2 n6 were promoted first: six voters, four are
//	  a majority, four are alive. 3 n3 dies: nothing can be agreed on, though the same
//	  failures leave a majority of n1, n2, n3, n6 and n5.
func nextVote(self string, members []standing) (vote, bool) {
	var ready, dead []standing
	voters, alive := 0, 0
	for _, m := range members {
		switch {
		case m.voter:
			voters++
			if m.node == self || m.silent < deadFor {
				alive++
			} else {
				dead = append(dead, m)
			}
		case m.well > 0:
			ready = append(ready, m)
		}
	}
	if len(ready) == 0 {
		return vote{}, false
	}
	longest := func(of []standing, by func(standing) time.Duration) string {
		return slices.MaxFunc(of, func(a, b standing) int {
			return cmp.Or(cmp.Compare(by(a), by(b)), -cmp.Compare(a.node, b.node))
		}).node
	}
	switch {
	case len(dead) > 0 && alive > (voters-1)/2:
		return vote{longest(dead, func(m standing) time.Duration { return m.silent }), false}, true
	case voters >= maxVoters, voters%2 == 1 && len(ready) < 2:
		return vote{}, false
	}
	return vote{longest(ready, func(m standing) time.Duration { return m.well }), true}, true
}
