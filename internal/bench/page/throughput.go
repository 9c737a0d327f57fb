package page

import (
	"fmt"
	"math"

	"github.com/leasecache/leasecache/internal/bench/result"
	"github.com/leasecache/leasecache/internal/bench/svg"
)

// headlineCases are those of the headline that compare servers.
var headlineCases = []string{
	result.Get50, result.Get1000, result.Pipelined, result.Multiget, result.MetaPiped, result.Set50, result.SetPiped,
}

func headline(w *writer, r *result.Run) {
	w.WriteString("Microseconds of the server's processor for each key, and the rival's divided by leasecached's. Keys of\n" +
		"16 bytes, values of 100, chosen evenly among all that are stored.\n\n")
	own := ours(r)
	header := []string{"", own.Name}
	chart := &svg.Bars{Title: "Processor time for each key: rival divided by leasecached", X: "above 1: leasecached takes less", Line: 1}
	for _, s := range rivals(r) {
		header = append(header, s.Name, "ratio")
		chart.Series = append(chart.Series, s.Name)
		chart.Tones = append(chart.Tones, tone(r, s.Name))
	}
	var rows [][]string
	for _, c := range headlineCases {
		mine := r.Find(c, 0, own.Name)
		if mine == nil {
			continue
		}
		row := []string{c, number(mine.Median(result.CPU), 2)}
		bar := svg.Row{Name: c}
		for _, s := range rivals(r) {
			p := r.Find(c, 0, s.Name)
			q := over(p, mine, result.CPU)
			row = append(row, number(p.Median(result.CPU), 2), q.String())
			bar.Values = append(bar.Values, q.median)
			goal := math.NaN()
			for _, g := range promised {
				if g.c == c && g.family == s.Family {
					goal = g.least(s)
				}
			}
			bar.Goals = append(bar.Goals, goal)
		}
		rows = append(rows, row)
		chart.Rows = append(chart.Rows, bar)
	}
	w.table(header, rows)
	if len(chart.Series) > 0 {
		w.image("headline", "processor time for each key as ratios", chart)
		w.WriteString("Dashed marks are the figures to reach.\n\n")
	}
	w.keysPerSecond(r)
	w.leases(r)
}

// keysPerSecond shows what the processor time came to.
func (w *writer) keysPerSecond(r *result.Run) {
	header := []string{"keys a second"}
	for _, s := range r.Servers {
		header = append(header, s.Name, "busy")
	}
	var rows [][]string
	for _, c := range headlineCases {
		row := []string{c}
		for _, s := range r.Servers {
			p := r.Find(c, 0, s.Name)
			row = append(row, thousands(p.Median(result.KeysPerSecond)), percent(p.Median(result.Busy), 0)+limited(p))
		}
		rows = append(rows, row)
	}
	w.table(header, rows)
	w.WriteString("*busy* is the share of its core that the server used. † marks where the load generator was the limit: the\n" +
		"keys a second are then its own; the processor time for each is the server's all the same.\n\n")
}

// limited marks a point at which the generator was busier than the server.
func limited(p *result.Point) string {
	if p != nil && p.Median(result.LoadBusy) > 0.95 && p.Median(result.Busy) < 0.95 {
		return " †"
	}
	return ""
}

// leases shows lg beside get.
func (w *writer) leases(r *result.Run) {
	own := ours(r).Name
	var rows [][]string
	for _, c := range []string{result.Lease50, result.LeasePipe} {
		get, lg := r.Find(c, 0, own+" get"), r.Find(c, 0, own+" lg")
		if get != nil && lg != nil {
			rows = append(rows, []string{c, number(get.Median(result.CPU), 2), number(lg.Median(result.CPU), 2), over(get, lg, result.CPU).String()})
		}
	}
	if len(rows) > 0 {
		w.WriteString("What a coherent read costs, hits only:\n\n")
		w.table([]string{"", "get, µs", "lg, µs", "get / lg"}, rows)
	}
}

// curveAxes say how the curves are drawn.
var curveAxes = []struct {
	c, file, x string
	log        bool
	tick       func(float64) string
}{
	{result.ByConns, "connections", "connections, one get at a time", true, nil},
	{result.ByDepth, "depth", "gets sent together, 50 connections", true, nil},
	{result.BySize, "size", "value size, 50 connections", true, func(v float64) string { return size(v) }},
	{result.ByMix, "mix", "share of sets, 50 connections", false, func(v float64) string { return fmt.Sprintf("%g %%", 100*v) }},
}

func curves(w *writer, r *result.Run) {
	for _, a := range curveAxes {
		if len(axis(r, a.c)) == 0 {
			continue
		}
		w.printf("### %s\n\n", a.x)
		cpu := &svg.Chart{
			Title: "Processor time for each key over " + a.c, X: a.x, Y: "µs a key", LogX: a.log, TickX: a.tick,
			Series: lines(r, a.c, result.CPU),
		}
		cpu.LogY = a.c == result.ByDepth || a.c == result.BySize
		w.image(a.file+"-cpu", cpu.Title, cpu)
		keys := &svg.Chart{
			Title: "Keys a second over " + a.c, X: a.x, Y: "keys/s", LogX: a.log, TickX: a.tick,
			Series: lines(r, a.c, result.KeysPerSecond),
		}
		w.image(a.file+"-keys", keys.Title, keys)
		w.curveTable(r, a.c, a.tick)
	}
}

func (w *writer) curveTable(r *result.Run, c string, tick func(float64) string) {
	if tick == nil {
		tick = svg.Short
	}
	own := ours(r).Name
	header := []string{c, own + ", µs", "keys/s"}
	for _, s := range rivals(r) {
		header = append(header, s.Name+", µs", "keys/s", "ratio")
	}
	var rows [][]string
	for _, x := range axis(r, c) {
		mine := r.Find(c, x, own)
		row := []string{tick(x), number(mine.Median(result.CPU), 2), thousands(mine.Median(result.KeysPerSecond))}
		for _, s := range rivals(r) {
			p := r.Find(c, x, s.Name)
			row = append(row, number(p.Median(result.CPU), 2), thousands(p.Median(result.KeysPerSecond)), over(p, mine, result.CPU).String())
		}
		rows = append(rows, row)
	}
	w.table(header, rows)
}

func hotKey(w *writer, r *result.Run) {
	w.WriteString("1000 connections, one get at a time: all for one key, and for all keys. Above 1, the hot key is the cheaper.\n\n")
	var rows [][]string
	for _, s := range r.Servers {
		one, many := r.Find(result.HotKey, 0, s.Name+", "+result.OneKey), r.Find(result.HotKey, 0, s.Name+", "+result.ManyKeys)
		if one == nil || many == nil {
			continue
		}
		rows = append(rows, []string{s.Name, number(one.Median(result.CPU), 2), number(many.Median(result.CPU), 2),
			over(many, one, result.CPU).String(), over(one, many, result.KeysPerSecond).String()})
	}
	w.table([]string{"", "one key, µs", "many keys, µs", "many / one, µs", "one / many, keys/s"}, rows)
}
