package apptest

import (
	"math/rand/v2"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/internal/netlab"
)

// atRandom does whatever can be done to the nodes of a cluster, one thing after the other,
// in no order that anybody thought of; the actors judge. At the end all is healed, and
// every shard answers.
//
// LEASECACHE_COHERENCE=2m makes it last longer.
func (s *stage) atRandom(t *testing.T, lab *netlab.Lab) {
	length := 20 * time.Second
	if text := os.Getenv("LEASECACHE_COHERENCE"); text != "" {
		var err error
		length, err = time.ParseDuration(text)
		require.NoError(t, err)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 99))
	between := func(least, most int) time.Duration {
		return time.Duration(least+rng.IntN(most-least)) * time.Millisecond
	}
	for end := time.Now().Add(length); time.Now().Before(end) && !s.t.Failed(); {
		victim := rng.IntN(len(s.Nodes))
		switch rng.IntN(6) {
		case 0:
			s.w.saw("kill")
			require.NoError(t, s.Nodes[victim].Kill())
			time.Sleep(between(0, 4500))
			s.Start(victim)
		case 1:
			s.w.saw("stop")
			require.NoError(t, s.Nodes[victim].Stop())
			time.Sleep(between(0, 500))
			s.Start(victim)
		case 2:
			s.w.saw("pause")
			s.freeze(t, victim)
			time.Sleep(between(2500, 4500))
			s.thaw(t, victim)
		case 3:
			s.w.saw("cut")
			for other := range s.Nodes {
				if other != victim && rng.IntN(4) > 0 {
					lab.Cut(victim, other)
				}
				if other != victim && rng.IntN(4) > 0 {
					lab.Cut(other, victim)
				}
			}
			time.Sleep(between(500, 6000))
			lab.Heal()
		case 4: // nobody reaches anybody
			s.w.saw("cut all")
			for other := range s.Nodes {
				lab.CutBoth(other, (other+1)%len(s.Nodes))
			}
			time.Sleep(between(2000, 5000))
			lab.Heal()
		case 5:
			s.w.saw("kill all")
			for _, p := range s.Nodes {
				require.NoError(t, p.Signal(syscall.SIGKILL))
			}
			for i, p := range s.Nodes {
				_, err := p.Wait(StopTimeout)
				require.NoError(t, err)
				s.Spawn(i)
			}
			for i := range s.Nodes {
				s.AwaitReady(i)
			}
		}
		time.Sleep(between(0, 2500))
	}
	lab.Heal()
	s.AwaitEven()
	for i := range s.Nodes {
		w := watchShards(s.Listen(i), all(faultShards), faultShards)
		w.awaitAll(t, all(faultShards), patience)
		w.end()
	}
}
