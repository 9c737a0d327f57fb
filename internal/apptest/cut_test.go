package apptest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/internal/netlab"
)

// TestNodesThatAreCutOff cuts cables between the nodes of a cluster. Clients reach all of
// them at all times, and some talk to the cut one alone.
//
// Each time:
//
//   - the shards of the cut node answer again at the others, within the bound;
//   - the cut node answers for none of its shards after its session's end by its own
//     clocks, and for no shard after another has; it says unavailable instead;
//   - after the cut is healed it has its part again;
//   - and all the time the play goes on: no hit is older than it may be.
func TestNodesThatAreCutOff(t *testing.T) {
	t.Parallel()
	lab := netlab.New(t, 3)
	s := newStage(t, inLab(lab)...)
	owner := func() int { return s.others(s.Leader())[0] }

	s.act("R5 an owner, both ways", func(t *testing.T) {
		s.isCutOff(t, lab, owner(), ownerLost, func(me, other int) { lab.CutBoth(me, other) })
	})
	s.act("H9 the leader, both ways", func(t *testing.T) {
		s.isCutOff(t, lab, s.Leader(), leaderLost, func(me, other int) { lab.CutBoth(me, other) })
	})
	s.act("R5 an owner is not heard", func(t *testing.T) {
		s.isCutOff(t, lab, owner(), ownerLost, func(me, other int) { lab.Cut(me, other) })
	})
	s.act("R5 an owner hears nothing", func(t *testing.T) {
		// Its renewals are heard until it knows that its session is over, by itself.
		s.isCutOff(t, lab, owner(), sessionTTL+ownerLost, func(me, other int) { lab.Cut(other, me) })
	})
	s.act("H9 the leader is not heard", func(t *testing.T) {
		s.isCutOff(t, lab, s.Leader(), leaderLost, func(me, other int) { lab.Cut(me, other) })
	})
	s.act("H9 the leader hears nothing", func(t *testing.T) {
		s.isCutOff(t, lab, s.Leader(), leaderLost, func(me, other int) { lab.Cut(other, me) })
	})
	// The third node reaches both.
	s.act("an owner, from the leader alone", func(t *testing.T) {
		leader := s.Leader()
		s.isCutOff(t, lab, owner(), ownerLost, func(me, other int) {
			if other == leader {
				lab.CutBoth(me, other)
			}
		})
	})
	s.act("at random", func(t *testing.T) { s.atRandom(t, lab) })
}

// inLab puts three nodes into a network of their own.
func inLab(lab *netlab.Lab) (nodes []Options) {
	for i := range 3 {
		nodes = append(nodes, Options{
			Flags: faultFlags("--insecure", "--listen", lab.Addr(i)+":11211", "--admin", lab.Addr(i)+":11212", "--cluster", lab.Addr(i)+":11213"),
			Under: lab.Under(i),
		})
	}
	return nodes
}

// isCutOff cuts a node's cables to each of the others.
func (s *stage) isCutOff(t *testing.T, lab *netlab.Lab, victim int, limit time.Duration, cut func(me, other int)) {
	defer lab.Heal()
	shards, others := s.owns(t, victim), s.others(victim)
	for _, other := range others {
		cut(victim, other)
	}
	by := others[len(others)-1] // which is cut off from it in any case
	there, here := watchShards(s.Listen(by), shards, faultShards), watchShards(s.Listen(victim), shards, faultShards)
	took := there.awaitAll(t, shards, patience)
	time.Sleep(time.Until(there.begun.Add(sessionTTL + 500*time.Millisecond)))
	there.end()
	here.end()
	inTime(t, "its shards answered again after", took, limit)
	ended := time.Duration(0)
	for _, id := range shards {
		last, ok := here.last[id]
		require.True(t, ok, "the cut node was not asked for shard %d before its session's end", id)
		ended = max(ended, last.sent.Sub(here.begun))
		require.False(t, last.sent.After(there.first[id].received), "two nodes served shard %d", id)
		require.Contains(t, here.why[id], "SERVER_ERROR unavailable: ", "the cut node, of shard %d", id)
	}
	t.Logf("the cut node answered for its shards for %v; its slowest refusal took %v, the others' %v",
		ended.Round(time.Millisecond), here.slowest.Round(time.Millisecond), there.slowest.Round(time.Millisecond))
	require.LessOrEqual(t, ended, sessionTTL, "it served without a session")
	lab.Heal()
	begun := time.Now()
	back := watchShards(s.Listen(victim), all(faultShards), faultShards)
	healed := back.awaitAll(t, all(faultShards), patience)
	back.end()
	s.AwaitEven()
	t.Logf("healed: it answered for all shards after %v, and had its part after %v", healed.Round(time.Millisecond), time.Since(begun).Round(time.Millisecond))
}

func all(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}
