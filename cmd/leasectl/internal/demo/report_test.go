package demo

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write what the tests print to testdata instead of comparing it")

func sampleReport() *Report {
	r := &Report{
		Database: "SQLite 3 in this process", MeasuredUS: 42, Products: 2000, Readers: 32, Writers: 8, DurationMS: 5000, Seed: 7,
		Popularity: "popularity by Zipf's law, exponent 1.1", Delays: UsualDelays().Explain(), Counts: definitions,
	}
	stale := &tally{reads: 120000, hits: 110000, loads: 10000, writes: 3000, afterAck: 1234, afterCommit: 1500, ageAck: 2 * time.Second, ageCommit: 2 * time.Second}
	window := &tally{reads: 118000, hits: 110000, loads: 8000, writes: 3000, afterCommit: 40, ageCommit: 12345 * time.Microsecond}
	clean := &tally{reads: 100000, hits: 80000, loads: 20000, writes: 2900}
	for _, t := range []*tally{stale, window, clean} {
		t.readTime.add(200 * time.Microsecond)
		t.writeTime.add(5 * time.Millisecond)
	}
	r.Modes = []Result{
		result(Plain, stale, Left{Cached: 1500, Stale: 12}),
		result(Leases, window, Left{Cached: 1500}),
		result(Intents, clean, Left{Cached: 1400}),
	}
	r.conclude()
	return r
}

func TestTextOfAReport(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, sampleReport().WriteText(&b, false))
	golden := filepath.Join("testdata", "report.txt")
	if *update {
		require.NoError(t, os.WriteFile(golden, b.Bytes(), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), b.String())
}

func TestColourMovesNoColumn(t *testing.T) {
	var plainText, colored bytes.Buffer
	r := sampleReport()
	require.NoError(t, r.WriteText(&plainText, false))
	require.NoError(t, r.WriteText(&colored, true))
	require.Contains(t, colored.String(), "\x1b[31m")
	stripped := strings.NewReplacer("\x1b[31m", "", "\x1b[32m", "", "\x1b[1m", "", "\x1b[0m", "").Replace(colored.String())
	require.Equal(t, plainText.String(), stripped)
}

func TestShapeOfTheJSON(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, sampleReport().WriteJSON(&b))
	var got struct {
		Kept    bool   `json:"kept"`
		Verdict string `json:"verdict"`
		Delays  []map[string]any
		Counts  []map[string]string
		Modes   []map[string]any
	}
	require.NoError(t, json.Unmarshal(b.Bytes(), &got))
	require.True(t, got.Kept)
	require.Contains(t, got.Verdict, "1,234 stale answers")
	require.Len(t, got.Delays, 7)
	require.Len(t, got.Counts, 5)
	require.Len(t, got.Modes, 3)
	require.Equal(t, map[string]any{
		"mode": "leases", "reads": 118000.0, "hits": 110000.0, "hit_rate": 110.0 / 118, "loads": 8000.0, "writes": 3000.0,
		"read_p50_us": 200.0, "read_p99_us": 200.0, "write_p50_us": 5111.0, "write_p99_us": 5111.0,
		"stale_after_ack":    map[string]any{"reads": 0.0, "worst_age_ms": 0.0},
		"stale_after_commit": map[string]any{"reads": 40.0, "worst_age_ms": 12.345},
		"left_in_cache":      map[string]any{"cached": 1500.0, "stale": 0.0},
		"errors":             0.0,
		"promise":            map[string]any{"none_after_ack": true, "none_after_commit": false, "none_left": true, "kept": true},
	}, got.Modes[1])
}

func TestPromisesAreJudgedPerMode(t *testing.T) {
	good := func() *tally { return &tally{reads: 10, writes: 10} }
	for name, c := range map[string]struct {
		mode  Mode
		spoil func(*tally)
		left  Left
		kept  bool
	}{
		"plain promises nothing":            {Plain, func(t *tally) { t.afterAck, t.afterCommit = 5, 5 }, Left{5, 5}, true},
		"leases in the window":              {Leases, func(t *tally) { t.afterCommit = 5 }, Left{}, true},
		"leases after the ack":              {Leases, func(t *tally) { t.afterAck, t.afterCommit = 1, 1 }, Left{}, false},
		"leases leave nothing":              {Leases, func(*tally) {}, Left{9, 1}, false},
		"intents keep all":                  {Intents, func(*tally) {}, Left{Cached: 9}, true},
		"intents in the window":             {Intents, func(t *tally) { t.afterCommit = 1 }, Left{}, false},
		"intents leave nothing":             {Intents, func(*tally) {}, Left{9, 1}, false},
		"no reads show nothing":             {Intents, func(t *tally) { t.reads = 0 }, Left{}, false},
		"no writes show nothing":            {Leases, func(t *tally) { t.writes = 0 }, Left{}, false},
		"errors are shown but not promised": {Intents, func(t *tally) { t.fail(os.ErrClosed) }, Left{}, true},
	} {
		tl := good()
		c.spoil(tl)
		r := Report{Modes: []Result{result(c.mode, tl, c.left)}}
		r.conclude()
		require.Equal(t, c.kept, r.Kept, name)
		require.Equal(t, c.kept, !strings.Contains(r.Verdict, "broken"), name)
	}
}

func TestPlainStale(t *testing.T) {
	r := sampleReport()
	require.True(t, r.PlainStale())
	r.Modes[0].AfterAck.Reads = 0
	r.conclude()
	require.False(t, r.PlainStale())
	require.Contains(t, r.Verdict, "raced with nothing")
}

func TestBrokenPromiseStandsOut(t *testing.T) {
	r := sampleReport()
	r.Modes[2] = result(Intents, &tally{reads: 1, writes: 1, afterCommit: 3, errors: 1, firstError: os.ErrClosed}, Left{})
	r.conclude()
	var b bytes.Buffer
	require.NoError(t, r.WriteText(&b, false))
	require.Contains(t, b.String(), "3 BROKEN")
	require.Contains(t, b.String(), "first error of intents: file already closed")
}

func TestBars(t *testing.T) {
	require.Equal(t, []string{"████", "██", "▏", ""}, bars([]int64{1000, 500, 1, 0}, 4))
	require.Equal(t, []string{"████", "▉", "█▏"}, bars([]int64{32, 7, 9}, 4))
	require.Equal(t, []string{"", ""}, bars([]int64{0, 0}, 4))
}

func TestNumbersForPeople(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000", -100: "-100"} {
		require.Equal(t, want, thousands(n))
	}
	for us, want := range map[int64]string{0: "0 µs", 999: "999 µs", 1000: "1 ms", 12345: "12.3 ms", 2_500_000: "2.5 s"} {
		require.Equal(t, want, micros(us))
	}
}

func TestProgress(t *testing.T) {
	var m meter
	m.reads.Store(12345)
	m.stale.Store(6)
	line := progressLine(Leases, time.Second, 4*time.Second, &m)
	require.Equal(t, "leases  ["+strings.Repeat("█", 7)+strings.Repeat("░", 21)+"]  1.0/4.0 s  12,345 reads  6 stale", line)
	require.Contains(t, progressLine(Leases, 9*time.Second, 4*time.Second, &m), "4.0/4.0 s", "it stops at the end")

	var b bytes.Buffer
	stop := showProgress(&b, Plain, time.Second, &m)
	stop()
	require.True(t, strings.HasSuffix(b.String(), clearLine), "nothing of it stays")
	showProgress(nil, Plain, time.Second, &m)()
}
