package page

import (
	"fmt"

	"github.com/leasecache/leasecache/internal/bench/result"
	"github.com/leasecache/leasecache/internal/bench/stats"
	"github.com/leasecache/leasecache/internal/bench/svg"
)

func latency(w *writer, r *result.Run) {
	w.WriteString("Gets over 50 connections in an open loop: requests come due at random, at a given rate, whether or not\n" +
		"earlier ones are answered, and latency counts from when a request was due. So a stall is charged for\n" +
		"everything that it held up.\n\n")
	w.WriteString("**The same load for all**: shares of what the slowest of them does at most.\n\n")
	w.percentiles(r, result.SameLoad)
	w.WriteString("**Shares of what each does at most**:\n\n")
	w.percentiles(r, result.OwnLoad)
	for _, m := range []struct{ measure, name, file string }{{result.P50, "Median", "latency-p50"}, {result.P99, "99th percentile of", "latency-p99"}} {
		chart := &svg.Chart{
			Title: m.name + " latency over load", X: "load, as a share of the lowest peak", Y: "µs", LogY: true,
			TickX: func(v float64) string { return fmt.Sprintf("%g %%", stats.Round(100*v, 3)) }, Series: lines(r, result.SameLoad, m.measure),
		}
		if len(axis(r, result.SameLoad)) > 1 {
			w.image(m.file, chart.Title, chart)
		}
	}
}

func (w *writer) percentiles(r *result.Run, c string) {
	var rows [][]string
	own := ours(r).Name
	for _, x := range axis(r, c) {
		mine := r.Find(c, x, own)
		for _, s := range r.Servers {
			p := r.Find(c, x, s.Name)
			if p == nil {
				continue
			}
			name := s.Name
			if p.Median(result.Kept) < 1 {
				name += " (did not keep up)"
			}
			q := "–"
			if s.Name != own {
				q = over(p, mine, result.P99).String()
			}
			rows = append(rows, []string{
				fmt.Sprintf("%g %%, %s/s", stats.Round(100*x, 3), thousands(p.Median(result.Rate))), name,
				number(p.Median(result.P50), 0), number(p.Median(result.P90), 0), number(p.Median(result.P99), 0),
				number(p.Median(result.P999), 0), number(p.Median(result.Max), 0), q, number(p.Median(result.Late), 0),
			})
		}
	}
	w.table([]string{"load", "server", "p50, µs", "p90", "p99", "p99.9", "max", "p99 ratio", "generator late, p99"}, rows)
}

func crowds(w *writer, r *result.Run) {
	w.WriteString("50 connections that get, one at a time, alone and beside a crowd that does not behave. *left* is the share of\n" +
		"keys a second that they keep; a crowd that asks for something takes its part of the processor itself.\n\n")
	var rows [][]string
	for _, c := range cases(r) {
		if c == result.Idling {
			continue
		}
		for _, s := range r.Servers {
			alone, beside := r.Find(c, 0, s.Name+", "+result.NoCrowd), r.Find(c, 0, s.Name)
			if alone == nil || beside == nil {
				continue
			}
			rows = append(rows, []string{
				c, s.Name, over(beside, alone, result.KeysPerSecond).String(), over(beside, alone, result.CPU).String(),
				number(alone.Median(result.P99), 0) + " → " + number(beside.Median(result.P99), 0),
				size(alone.Median(result.RSS)) + " → " + size(beside.Median(result.RSS)), percent(beside.Median(result.Lost), 0),
				number(beside.Median(result.Closed), 0),
			})
		}
	}
	w.table([]string{"crowd", "server", "left", "µs a key, ×", "p99, µs", "resident", "keys lost", "closed by it"}, rows)
	rows = nil
	for _, s := range r.Servers {
		if p := r.Find(result.Idling, 0, s.Name); p != nil {
			rows = append(rows, []string{s.Name, percent(p.Median(result.Busy), 2)})
		}
	}
	w.table([]string{"with nothing to do", "of a core"}, rows)
}

func pauses(w *writer, r *result.Run) {
	w.WriteString("Values of 1000 B, at three tenths of each server's peak, in an open loop, beside a thousand connections a second\n" +
		"that come and go: these make the garbage, for reading and storing make none. *paused* is how long a\n" +
		"collection stopped the program. The rival collects nothing: its tail is the machine's.\n\n")
	var rows [][]string
	for _, x := range axis(r, result.Pauses) {
		for _, s := range r.Servers {
			p := r.Find(result.Pauses, x, s.Name)
			if p == nil {
				continue
			}
			rows = append(rows, []string{
				size(x * (1 << 20)), s.Name, size(p.Median(result.RSS)), number(p.Median(result.Collections), 0),
				number(p.Median(result.PauseP50), 0), number(p.Median(result.PauseMax), 0), number(p.Median(result.P50), 0),
				number(p.Median(result.P99), 0), number(p.Median(result.P999), 0), number(p.Median(result.Max), 0),
			})
		}
	}
	w.table([]string{"held", "server", "resident", "collections", "paused, median µs", "longest", "p50, µs", "p99", "p99.9", "max"}, rows)
}
