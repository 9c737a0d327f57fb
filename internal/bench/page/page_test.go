package page

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/internal/bench/result"
	"github.com/leasecache/leasecache/internal/bench/trace"
)

var servers = []result.Server{
	{Name: "leasecached", Family: "leasecached", Version: "dev"},
	{Name: "memcached 1.6.18", Family: "memcached", Version: "1.6.18"},
	{Name: "memcached 1.6.45", Family: "memcached", Version: "1.6.45"},
	{Name: "redis 7.0.15", Family: "redis", Version: "7.0.15"},
}

// made returns a run in which every measure of our server is 1 in its first round
// and 3 in its second, and those of rivals are twice and six times that.
func made(experiment string, cases []string, xs []float64) *result.Run {
	r := &result.Run{
		Experiment: experiment, Mode: "quick", Command: "bench " + experiment, Machine: "two cores",
		Began: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Seconds: 7, Servers: servers,
	}
	for _, c := range cases {
		for _, x := range xs {
			for i, s := range servers {
				r.Points = append(r.Points, point(c, x, s.Name, float64(i+1)))
			}
		}
	}
	return r
}

func point(c string, x float64, server string, times float64) result.Point {
	p := result.Point{Case: c, X: x, Server: server}
	for _, m := range []string{
		result.KeysPerSecond, result.CPU, result.Busy, result.LoadBusy, result.Foreign, result.LoadForeign, result.P50,
		result.P90, result.P99, result.P999, result.Max, result.Rate, result.Kept, result.Late, result.RSS, result.Overhead,
		result.Limit, result.Items, result.Held, result.Refused, result.Closed, result.Lost, result.Collections,
		result.PauseMax, result.PauseP50, result.Hits,
	} {
		p.Add(m, times)
		p.Add(m, 3*times)
	}
	return p
}

func everything() []*result.Run {
	zero := []float64{0}
	hot := made(result.HotKey, nil, nil)
	crowd := made(result.Crowds, []string{"10 × idle", result.Idling}, zero)
	head := made(result.Headline, headlineCases, zero)
	for _, s := range servers {
		hot.Points = append(hot.Points, point(result.HotKey, 0, s.Name+", "+result.OneKey, 1), point(result.HotKey, 0, s.Name+", "+result.ManyKeys, 2))
		crowd.Points = append(crowd.Points, point("10 × idle", 0, s.Name+", "+result.NoCrowd, 1))
	}
	for _, c := range []string{result.Lease50, result.LeasePipe} {
		head.Points = append(head.Points, point(c, 0, "leasecached get", 1), point(c, 0, "leasecached lg", 1))
	}
	hits := made(result.HitRatio, nil, nil)
	for _, c := range contenders {
		hits.Points = append(hits.Points, point("Zipf 0.9", 16, c.name, 0.1), point("Zipf 0.9", 32, c.name, 0.2))
	}
	return []*result.Run{
		head,
		made(result.Curves, []string{result.ByConns, result.ByDepth, result.BySize, result.ByMix}, []float64{0.5, 16, 65536}),
		made(result.Latency, []string{result.OwnLoad, result.SameLoad}, []float64{0.5, 0.8}),
		hot, crowd,
		made(result.Memory, []string{result.Memory}, []float64{100, 1000}),
		made(result.Shift, []string{"1. values of 100 B"}, []float64{1}),
		made(result.Pauses, []string{result.Pauses}, []float64{10240}),
		hits,
		made(result.EqualRSS, []string{"Zipf 0.9"}, zero),
	}
}

var imageLink = regexp.MustCompile(`!\[[^\]]*\]\(([^)]*)\)`)

func TestPageShowsEveryExperiment(t *testing.T) {
	runs := everything()
	require.Len(t, runs, len(sections))
	files := Render(runs)
	text := string(files[Name])
	for _, s := range sections {
		require.Contains(t, text, "\n## "+s.title+"\n")
		require.Contains(t, text, "`bench "+s.experiment+"`, 2026-01-02 03:04, took 7 s", "each names its command")
	}
	for _, s := range trace.All {
		require.Contains(t, text, "**"+s.Name+"**: ")
	}
	require.NotContains(t, text, "NaN")
	require.NotContains(t, text, "Inf")
	linked := map[string]bool{Name: true}
	for _, m := range imageLink.FindAllStringSubmatch(text, -1) {
		require.Contains(t, files, m[1])
		linked[m[1]] = true
	}
	require.Len(t, linked, len(files), "every chart is on the page")
	for _, table := range regexp.MustCompile(`(?m)(^\|.*\n)+`).FindAllString(text, -1) {
		rows := strings.Split(strings.TrimSpace(table), "\n")
		for _, row := range rows {
			require.Equal(t, strings.Count(rows[0], "|"), strings.Count(row, "|"), table)
		}
	}
}

func TestRatiosAndGoals(t *testing.T) {
	text := string(Render(everything())[Name])
	require.Contains(t, text, "| get, 16 pipelined, memcached 1.6.18 | ≥ 6 | **2.00** (2.00–2.00) | no |")
	require.Contains(t, text, "| get, 16 pipelined, memcached 1.6.45 | ≥ 1.4 | **3.00** (3.00–3.00) | yes |")
	require.Contains(t, text, "| get, 50 connections | 2.00 | 4.00 | **2.00** (2.00–2.00) |")
	require.Contains(t, text, "| lg beside get, 50 connections: get / lg | ≥ 0.97 | **1.00** (1.00–1.00) | yes |")
	require.Contains(t, text, "| bytes beyond key and value at 100 B | ≤ 30 | **2.0** | yes |")
	require.Contains(t, text, "| 1000 connections on one key, against many keys | ≥ 1 | **0.50** (0.50–0.50) | no |")
	require.Contains(t, text, "| hit ratio above memcached's at equal resident memory, at worst (Zipf 0.9) | > 0 | **−400.00** points | no |")
	require.Contains(t, text, "quick runs")
}

// A machine without rivals, and a run of one experiment, make a page, too.
func TestPageOfLittle(t *testing.T) {
	alone := made(result.Headline, headlineCases, []float64{0})
	alone.Servers, alone.Missing = alone.Servers[:1], []string{"memcached", "redis"}
	files := Render([]*result.Run{alone})
	text := string(files[Name])
	require.Contains(t, text, "**memcached was not installed**")
	require.NotContains(t, text, "NaN")
	require.NotContains(t, text, "benchmarks/headline.svg")
	require.Contains(t, string(Render(nil)[Name]), "# Benchmarks")
}

func TestServersKeepTheirColours(t *testing.T) {
	r := made(result.Headline, nil, nil)
	r.Servers = append(r.Servers, result.Server{Name: "leasecached (base)", Family: "leasecached"})
	var got []int
	for _, s := range r.Servers {
		got = append(got, int(tone(r, s.Name)))
	}
	require.Equal(t, []int{0, 1, 3, 2, 6}, got)
}

// The page that is in the repository is made of the results that are.
func TestCommittedPageIsThatOfItsResults(t *testing.T) {
	const docs = "../../../docs"
	var runs []*result.Run
	for _, name := range Order() {
		r, err := result.Read(filepath.Join(docs, Dir), name)
		require.NoError(t, err)
		if r != nil {
			runs = append(runs, r)
		}
	}
	if len(runs) == 0 {
		require.NoFileExists(t, filepath.Join(docs, Name))
		return // nothing was measured yet
	}
	for name, want := range Render(runs) {
		got, err := os.ReadFile(filepath.Join(docs, name))
		require.NoError(t, err)
		require.Equal(t, string(want), string(got), fmt.Sprintf("docs/%s: go run ./internal/bench -render", name))
	}
}
