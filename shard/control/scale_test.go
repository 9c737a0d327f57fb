package control

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/shard"
)

// large is a cluster of so many nodes, each with its part of so many shards, and a
// leader.
func large(t testing.TB, nodes, shards int) (*State, *Grantor) {
	first := Init{Cluster: "c", Settings: DefaultSettings()}
	for range shards {
		first.Shards = append(first.Shards, Former{Epoch: 5})
	}
	st := new(State)
	apply := func(e Entry) {
		r, err := st.Execute(st.Index+1, Encode(e))
		require.NoError(t, err)
		require.Equal(t, OK, r.Code)
	}
	apply(first)
	for i := range nodes {
		node := fmt.Sprintf("n%d", i)
		apply(PutMember{Node: node, Birth: "b", Client: node + ":11211", Weight: 1 << 30})
		apply(Register{Node: node, Birth: "b", Life: 1, Count: 1})
	}
	apply(Term{1, "n0"})
	g := new(Grantor)
	g.Elected(0, st)
	for _, e := range g.Duties(0, st) {
		apply(e)
	}
	require.Empty(t, g.Duties(Mono(time.Second), st), "it is even")
	return st, g
}

// round is what a leader does for a renewal of every node, in batches of 250 ms, on
// its own State and in its own process.
func round(t testing.TB, st *State, g *Grantor, now Mono, seq uint64, but shard.Session) {
	var batch Renew
	for id := range st.Sessions {
		if id != but {
			batch.Renewals = append(batch.Renewals, Renewal{id, seq})
		}
		if len(batch.Renewals) >= 500 {
			flush(t, st, g, now, &batch)
		}
	}
	flush(t, st, g, now, &batch)
}

func flush(t testing.TB, st *State, g *Grantor, now Mono, batch *Renew) {
	if len(batch.Renewals) == 0 {
		return
	}
	_, err := st.Execute(st.Index+1, Encode(*batch))
	require.NoError(t, err)
	batch.Renewals = batch.Renewals[:0]
	g.Applied(now, st)
}

// A thousand nodes and 16 384 shards: a round of renewals, and a node that is lost,
// cost the leader a part of the TTL that leaves the rest for the network and the disk.
func TestScale(t *testing.T) {
	st, g := large(t, 1000, 16384)
	victim := st.Members["n500"].Session
	owned := len(st.owned(victim))
	require.Contains(t, []int{16, 17}, owned)

	renewals, looks, rounds := time.Duration(0), time.Duration(0), 0
	var lost []Entry
	now := Mono(0)
	for seq := uint64(1); lost == nil; seq++ { // one round every half second, ten looks a second
		start := time.Now()
		round(t, st, g, now, seq, victim)
		renewals += time.Since(start)
		rounds++
		for range 5 {
			now += Mono(100 * ms)
			start = time.Now()
			if duties := g.Duties(now, st); len(duties) > 0 {
				lost = duties
				break
			}
			looks += time.Since(start)
		}
	}
	start := time.Now()
	for _, e := range lost {
		r, err := st.Execute(st.Index+1, Encode(e))
		require.NoError(t, err)
		require.Len(t, r.Changed, owned)
	}
	took := time.Since(start)
	require.LessOrEqual(t, now, Mono(3800*ms), "seen at once when its wait was over")
	for i := range st.Shards {
		require.True(t, st.live(st.Shards[i].Session))
	}
	start = time.Now()
	snapshot := st.Snapshot()
	wrote := time.Since(start)
	start = time.Now()
	_, err := Restore(snapshot)
	require.NoError(t, err)
	t.Logf("a round of 1000 renewals %v, a look at all duties %v, a lost node with %d shards %v; snapshot of %d KiB written in %v, read in %v",
		renewals/time.Duration(rounds), looks/time.Duration(rounds*5), owned, took, len(snapshot)>>10, wrote, time.Since(start))
	require.Less(t, renewals/time.Duration(rounds)+took, DefaultSettings().TTL/3)
}

func BenchmarkRenewalRound(b *testing.B) {
	st, g := large(b, 1000, 16384)
	seq := uint64(0)
	for b.Loop() {
		seq++
		round(b, st, g, Mono(seq), seq, 0)
	}
}

func BenchmarkLostNode(b *testing.B) {
	st, _ := large(b, 1000, 16384)
	for i := 0; b.Loop(); i++ {
		var g Grantor
		g.Elected(0, st)
		victim := st.Members[fmt.Sprintf("n%d", i%1000)].Session
		if victim == 0 {
			b.StopTimer()
			st, _ = large(b, 1000, 16384)
			b.StartTimer()
			continue
		}
		for id, s := range st.Sessions {
			if id != victim {
				g.heard[id] = heard{s.Seq, Mono(4 * time.Second)}
			}
		}
		for _, e := range g.Duties(Mono(4*time.Second), st) {
			if _, err := st.Execute(st.Index+1, Encode(e)); err != nil {
				b.Fatal(err)
			}
		}
	}
}
