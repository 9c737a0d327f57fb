package page

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/leasecache/leasecache/internal/bench/result"
)

// promise is a ratio that is to be reached against a family of rivals.
type promise struct {
	c, family string
	least     func(result.Server) float64
}

func always(v float64) func(result.Server) float64 {
	return func(result.Server) float64 { return v }
}

// pipelining: later memcached versions write the replies of a batch together.
func pipelining(s result.Server) float64 {
	parts := strings.Split(s.Version, ".")
	if len(parts) == 3 && parts[0] == "1" && parts[1] == "6" {
		if patch, err := strconv.Atoi(parts[2]); err == nil && patch <= 18 {
			return 6
		}
	}
	return 1.4
}

var promised = []promise{
	{result.Get50, "memcached", always(1.15)},
	{result.Get1000, "memcached", always(1.15)},
	{result.Pipelined, "memcached", pipelining},
	{result.Multiget, "memcached", always(1.6)},
	{result.Set50, "memcached", always(1.1)},
	{result.Pipelined, "redis", always(1.5)},
}

// goals is the table of what was promised and what came of it.
func goals(w *writer, by map[string]*result.Run) {
	var rows [][]string
	add := func(what, goal, got string, reached bool) {
		mark := "no"
		if reached {
			mark = "yes"
		}
		rows = append(rows, []string{what, goal, got, mark})
	}
	if r := by[result.Headline]; r != nil {
		throughputGoals(r, add)
	}
	if r := by[result.Latency]; r != nil {
		for _, s := range rivals(r) {
			if s.Family != "memcached" {
				continue
			}
			q := over(r.Find(result.SameLoad, 0.5, s.Name), r.Find(result.SameLoad, 0.5, ours(r).Name), result.P99)
			if q.there() {
				add("p99 at half load, "+s.Name, "≥ 1", q.String(), q.median >= 1)
			}
		}
	}
	if r := by[result.HotKey]; r != nil {
		name := ours(r).Name
		q := over(r.Find(result.HotKey, 0, name+", "+result.OneKey), r.Find(result.HotKey, 0, name+", "+result.ManyKeys), result.KeysPerSecond)
		if q.there() {
			add("1000 connections on one key, against many keys", "≥ 1", q.String(), q.median >= 0.995)
		}
	}
	if r := by[result.Crowds]; r != nil {
		crowdGoals(r, add)
	}
	if r := by[result.Memory]; r != nil {
		if p := r.Find(result.Memory, 100, ours(r).Name); p != nil {
			v := p.Median(result.Overhead)
			add("bytes beyond key and value at 100 B", "≤ 30", "**"+number(v, 1)+"**", v <= 30)
		}
	}
	if r := by[result.Shift]; r != nil {
		worst := 0.0
		for i := range r.Points {
			if p := &r.Points[i]; p.Server == ours(r).Name {
				worst = max(worst, p.Median(result.RSS)/p.Median(result.Limit))
			}
		}
		add(fmt.Sprintf("resident memory against `--memory` of %s, at worst", size(r.Points[0].Median(result.Limit))), "≤ 105 %", "**"+percent(worst, 0)+"**", worst <= 1.05)
	}
	if r := by[result.EqualRSS]; r != nil {
		hitGoals(r, add)
	}
	if len(rows) > 0 {
		w.heading("Figures to reach")
		w.WriteString("Ratios are the rival's processor time for each key divided by leasecached's, where nothing else is said.\n\n")
		w.table([]string{"", "goal", "measured", "reached"}, rows)
	}
}

type adder func(what, goal, got string, reached bool)

func throughputGoals(r *result.Run, add adder) {
	own := ours(r).Name
	for _, g := range promised {
		for _, s := range rivals(r) {
			q := over(r.Find(g.c, 0, s.Name), r.Find(g.c, 0, own), result.CPU)
			if s.Family == g.family && q.there() {
				least := g.least(s)
				add(g.c+", "+s.Name, "≥ "+trim(least), q.String(), q.median >= least)
			}
		}
	}
	for _, c := range []string{result.Lease50, result.LeasePipe} {
		if q := over(r.Find(c, 0, own+" get"), r.Find(c, 0, own+" lg"), result.CPU); q.there() {
			add(c+": get / lg", "≥ 0.97", q.String(), q.median >= 0.97)
		}
	}
}

func crowdGoals(r *result.Run, add adder) {
	own := ours(r).Name
	for _, c := range cases(r) {
		q := over(r.Find(c, 0, own), r.Find(c, 0, own+", "+result.NoCrowd), result.KeysPerSecond)
		if q.there() {
			add("keys a second left beside "+c, "≥ 0.9", q.String(), q.median >= 0.9)
		}
	}
}

func hitGoals(r *result.Run, add adder) {
	worst, where := math.Inf(1), ""
	for _, c := range cases(r) {
		if d := ahead(r, c); d < worst {
			worst, where = d, c
		}
	}
	if where != "" {
		add("hit ratio above memcached's at equal resident memory, at worst ("+where+")", "> 0", "**"+points(worst)+"** points", worst > 0)
	}
}
