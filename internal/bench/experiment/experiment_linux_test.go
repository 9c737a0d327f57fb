package experiment

import (
	"context"
	"math"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/internal/bench/page"
	"github.com/leasecache/leasecache/internal/bench/result"
	"github.com/leasecache/leasecache/internal/bench/target"
)

// tiny is all experiments in some seconds: it shows that they run, not what they
// find.
func tiny() Scale {
	return Scale{
		Items: 2000, ValueSize: 100, Rounds: 1, Warm: time.Millisecond, Measure: 20 * time.Millisecond,
		CurveRounds: 1, CurveMeasure: 10 * time.Millisecond,
		Conns: []int{2}, Depths: []int{4}, Sizes: []uint32{3000}, Mixes: []float64{0.5},
		Loads: []float64{0.5}, Own: []float64{0.5}, Open: 20 * time.Millisecond,
		CrowdPart: 25, MemoryItems: 5000, MemoryBytes: mib, MemorySizes: []uint32{100},
		ShiftLimit: 16 * mib, ShiftSizes: []uint32{1000, 3000}, Held: []int64{mib},
		TraceKeys: 20_000, TraceLength: 40_000, Budgets: []int64{9 * mib},
		RSSKeys: 400_000, RSSLength: 120_000, RSSTraces: []string{"sizes mixed"},
	}
}

func TestEveryExperimentRuns(t *testing.T) {
	program := t.TempDir() + "/leasecached"
	out, err := exec.Command("go", "build", "-o", program, "github.com/leasecache/leasecache/cmd/leasecached").CombinedOutput()
	require.NoError(t, err, string(out))
	ours, err := target.Find(target.Leasecached, program)
	require.NoError(t, err)
	b := &Bench{Kinds: []*target.Kind{ours}, Scale: tiny(), Log: t.Logf}
	if k, err := target.Find(target.Memcached, ""); err == nil {
		b.Kinds = append(b.Kinds, k)
	} else {
		t.Log("memcached is not installed: leasecached alone")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	var runs []*result.Run
	for _, e := range All {
		began := time.Now()
		points, err := e.Run(ctx, b)
		require.NoError(t, err, e.Name)
		t.Logf("%s took %v", e.Name, time.Since(began))
		r := &result.Run{Experiment: e.Name, Points: points}
		for _, k := range b.Kinds {
			r.Servers = append(r.Servers, result.Server{Name: k.Name, Family: string(k.Family), Version: k.Version})
		}
		dir := t.TempDir()
		require.NoError(t, r.Write(dir), "what is found can be written down")
		r, err = result.Read(dir, e.Name)
		require.NoError(t, err)
		if len(b.Kinds) > 1 || e.Name != result.EqualRSS {
			require.NotEmpty(t, r.Points, e.Name)
		}
		for _, p := range r.Points {
			for measure, rounds := range p.Values {
				for _, v := range rounds {
					require.False(t, math.IsNaN(v) || math.IsInf(v, 0), "%s, %s, %s: %s", e.Name, p.Case, p.Server, measure)
				}
			}
		}
		runs = append(runs, r)
	}
	require.NotContains(t, string(page.Render(runs)[page.Name]), "NaN")
}

func TestExperimentsEndWithTheirContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	b := &Bench{Kinds: []*target.Kind{{Name: "sleep", Path: "/bin/sleep"}}, Scale: tiny(), Log: t.Logf}
	for _, e := range All {
		_, err := e.Run(ctx, b)
		if e.Name != result.EqualRSS { // there is no memcached to be equal to
			require.ErrorIs(t, err, context.Canceled, e.Name)
		}
	}
}
