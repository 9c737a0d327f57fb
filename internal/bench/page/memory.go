package page

import (
	"github.com/leasecache/leasecache/internal/bench/result"
	"github.com/leasecache/leasecache/internal/bench/svg"
)

func memory(w *writer, r *result.Run) {
	w.WriteString("Growth of resident memory from 100 items to all, divided by their number, less 16 bytes of key and the\n" +
		"value: what an item costs beyond itself. No evictions; the index is in it.\n\n")
	header := []string{"value", "items"}
	for _, s := range r.Servers {
		header = append(header, s.Name+", B")
	}
	var rows [][]string
	for _, x := range axis(r, result.Memory) {
		row := []string{size(x), thousands(r.Find(result.Memory, x, ours(r).Name).Median(result.Items))}
		for _, s := range r.Servers {
			row = append(row, number(r.Find(result.Memory, x, s.Name).Median(result.Overhead), 1))
		}
		rows = append(rows, row)
	}
	w.table(header, rows)
	chart := &svg.Chart{
		Title: "Memory of an item beyond key and value", X: "value size", Y: "bytes", LogX: true, LogY: true, TickX: size,
		Series: lines(r, result.Memory, result.Overhead),
	}
	if len(axis(r, result.Memory)) > 1 {
		w.image("memory", chart.Title, chart)
	}
}

func shift(w *writer, r *result.Run) {
	w.WriteString("Each phase stores half as much again as the limit, under new keys, with values of another size.\n" +
		"*resident* is all of the process against the limit it was given; *held* is what the cache still has of\n" +
		"the phase, keys and values, against the limit.\n\n")
	header := []string{"phase"}
	for _, s := range r.Servers {
		header = append(header, s.Name+", resident", "held", "refused")
	}
	var rows [][]string
	for i, c := range cases(r) {
		row := []string{c}
		for _, s := range r.Servers {
			p := r.Find(c, float64(i+1), s.Name)
			limit := p.Median(result.Limit)
			row = append(row, percent(p.Median(result.RSS)/limit, 0), percent(p.Median(result.Held)/limit, 0), thousands(p.Median(result.Refused)))
		}
		rows = append(rows, row)
	}
	w.table(header, rows)
}
