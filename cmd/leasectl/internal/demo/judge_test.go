package demo

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestJudgeTellsTheTwoMomentsApart(t *testing.T) {
	j := NewJudge([]int64{1, 7})

	r := j.Begin(1)
	require.Equal(t, Verdict{}, j.Judge(r, 7), "nothing was written")

	overlapping := j.Begin(1)
	committed := time.Now()
	j.Committed(1, 8, committed)
	require.Equal(t, Verdict{}, j.Judge(overlapping, 7), "a read that began before the commit may see either version")
	require.Equal(t, Verdict{}, j.Judge(overlapping, 8))

	between := j.Begin(1)
	v := j.Judge(between, 7)
	require.True(t, v.AfterCommit)
	require.False(t, v.AfterAck, "the writer was still busy when the read began")
	require.Equal(t, between.at.Sub(committed), v.Age)
	require.Equal(t, Verdict{}, j.Judge(between, 8))

	j.Acknowledged(1, 8)
	v = j.Judge(between, 7)
	require.False(t, v.AfterAck, "what comes during the read does not change what was known before it")
	v = j.Judge(j.Begin(1), 7)
	require.True(t, v.AfterAck)
	require.True(t, v.AfterCommit)
	require.Equal(t, Verdict{}, j.Judge(j.Begin(0), 1), "keys are judged apart")
}

func TestJudgeTakesTheAgeFromTheFirstNewerVersion(t *testing.T) {
	j := NewJudge([]int64{1})
	start := time.Now().Add(-time.Hour)
	// The writer of version 2 enters its commit after the writer of version 3 did.
	j.Committed(0, 3, start.Add(2*time.Second))
	r := j.Begin(0)
	require.InDelta(t, (time.Hour - 2*time.Second).Seconds(), j.Judge(r, 1).Age.Seconds(), 1)
	j.Committed(0, 2, start.Add(time.Second))
	r = j.Begin(0)
	require.InDelta(t, (time.Hour - time.Second).Seconds(), j.Judge(r, 1).Age.Seconds(), 1)
	require.InDelta(t, (time.Hour - 2*time.Second).Seconds(), j.Judge(r, 2).Age.Seconds(), 1)
	require.Equal(t, Verdict{}, j.Judge(r, 3), "a late entry of an older version lowers no floor")
	require.Equal(t, start.Add(2*time.Second), j.keys[0].times[1], "each version keeps its own time")
}

func TestHistogramQuantiles(t *testing.T) {
	var h, all histogram
	require.Zero(t, h.quantile(.5))
	for _, us := range rand.Perm(10000) {
		h.add(time.Duration(us) * time.Microsecond)
	}
	all.merge(&h)
	all.merge(&h)
	require.EqualValues(t, 20000, all.n)
	require.InEpsilon(t, 5*time.Millisecond, all.quantile(.5), .06)
	require.InEpsilon(t, 9900*time.Microsecond, all.quantile(.99), .06)
	for v := uint64(1); v < 1<<62; v += v/8 + 1 {
		require.InEpsilon(t, v, middle(bucket(v)), .07, v)
	}
}

func TestDelaysStayWithinWhatTheySay(t *testing.T) {
	d := UsualDelays()
	r := rand.New(rand.NewPCG(1, 2))
	paused := 0
	for range 10000 {
		got := d.between(d.Gap, r)
		if got >= d.Pause.From {
			paused++
			require.Less(t, got, d.Pause.To)
		} else {
			require.GreaterOrEqual(t, got, d.Gap.From)
			require.Less(t, got, d.Gap.To)
		}
	}
	require.InDelta(t, 10000/d.PauseOneIn, paused, 70)
	require.Len(t, d.Explain(), 7)
}
