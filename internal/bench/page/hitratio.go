package page

import (
	"strings"

	"github.com/leasecache/leasecache/internal/bench/result"
	"github.com/leasecache/leasecache/internal/bench/svg"
	"github.com/leasecache/leasecache/internal/bench/trace"
)

// contenders are those of the simulation, in the order of the tables.
var contenders = []struct {
	name string
	tone svg.Tone
}{{result.OurStore, 0}, {result.LRU, 1}, {result.S3FIFO, 2}, {result.Belady, 4}, {result.Bound, 6}}

func hitRatio(w *writer, r *result.Run) {
	w.WriteString("The server's own store, asked in process: get, and on a miss put. The others get, at each size, as many bytes\n" +
		"of keys and values as the store held in its budget: what is compared is the choice of what to keep. *Belady* knows\n" +
		"the future, and is the optimum where all values have one size; *bound* is what nothing can pass\n" +
		"whatever the sizes (PFOO-L), though nothing may reach it either. The first quarter of a trace is not counted.\n\n")
	header := []string{"trace", "budget", "payload held"}
	for _, c := range contenders {
		header = append(header, c.name)
	}
	header = append(header, "store − LRU", "store − S3-FIFO")
	var rows [][]string
	for _, c := range cases(r) {
		for _, x := range axis(r, c) {
			store := r.Find(c, x, result.OurStore)
			row := []string{c, size(x * (1 << 20)), size(store.Median(result.Held))}
			for _, name := range contenders {
				row = append(row, percent(r.Find(c, x, name.name).Median(result.Hits), 2))
			}
			for _, name := range []string{result.LRU, result.S3FIFO} {
				row = append(row, points(store.Median(result.Hits)-r.Find(c, x, name).Median(result.Hits)))
			}
			rows = append(rows, row)
		}
	}
	w.table(header, rows)
	for _, c := range cases(r) {
		if len(axis(r, c)) < 2 {
			continue
		}
		chart := &svg.Chart{Title: "Hit ratio on " + c, X: "budget", Y: "hits", LogX: true, Near: true,
			TickX: func(v float64) string { return size(v * (1 << 20)) }}
		for _, s := range contenders {
			chart.Series = append(chart.Series, svg.Series{Name: s.name, Tone: s.tone, Points: series(r, c, s.name, result.Hits)})
		}
		w.image("hits-"+strings.NewReplacer(" ", "-", ".", "").Replace(strings.ToLower(c)), chart.Title, chart)
	}
	w.WriteString("The traces:\n\n")
	for _, s := range trace.All {
		w.printf("- **%s**: %s.\n", s.Name, s.Description)
	}
	w.WriteString("\n")
}

func points(v float64) string {
	s := number(100*v, 2)
	if v > 0 {
		s = "+" + s
	}
	return strings.Replace(s, "-", "−", 1)
}

func equalRSS(w *writer, r *result.Run) {
	w.WriteString("The same traces over a socket, as a cache-aside client sends them: get, and on a miss set. memcached gets its\n" +
		"budget; leasecached gets one with which its process takes no more of the machine than the leanest memcached did.\n\n")
	header := []string{"trace"}
	for _, s := range r.Servers {
		if s.Family != "redis" {
			header = append(header, s.Name, "resident")
		}
	}
	header = append(header, "ahead by")
	var rows [][]string
	for _, c := range cases(r) {
		row := []string{c}
		for _, s := range r.Servers {
			if s.Family == "redis" {
				continue
			}
			p := r.Find(c, 0, s.Name)
			row = append(row, percent(p.Median(result.Hits), 2), size(p.Median(result.RSS)))
		}
		rows = append(rows, append(row, points(ahead(r, c))))
	}
	w.table(header, rows)
}

// ahead is how much higher our hit ratio is than the best memcached's.
func ahead(r *result.Run, c string) float64 {
	best := 0.0
	for _, s := range r.Servers {
		if s.Family == "memcached" {
			best = max(best, r.Find(c, 0, s.Name).Median(result.Hits))
		}
	}
	return r.Find(c, 0, ours(r).Name).Median(result.Hits) - best
}
