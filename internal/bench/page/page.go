// Package page writes the page of measurements: text, tables and charts, from
// results that were read from disk, so that it can be written without measuring.
package page

import (
	"fmt"
	"path"
	"strings"

	"github.com/leasecache/leasecache/internal/bench/result"
	"github.com/leasecache/leasecache/internal/bench/svg"
)

const (
	// Name is the page's file, Dir the directory beside it for all others.
	Name = "benchmarks.md"
	Dir  = "benchmarks"
)

// section is what the page says about one experiment.
type section struct {
	experiment string
	title      string
	write      func(*writer, *result.Run)
}

var sections = []section{
	{result.Headline, "Processor time for each key", headline},
	{result.Curves, "Along connections, pipeline depth, value size and mix", curves},
	{result.Latency, "Latency under load", latency},
	{result.HotKey, "A hot key", hotKey},
	{result.Crowds, "Connections that do not behave", crowds},
	{result.Memory, "Memory for each item", memory},
	{result.Shift, "Value sizes that shift in a full cache", shift},
	{result.Pauses, "Garbage collection with much held", pauses},
	{result.HitRatio, "Hit ratio over cache size", hitRatio},
	{result.EqualRSS, "Hit ratio at equal resident memory", equalRSS},
}

// Order is that of the experiments on the page.
func Order() []string {
	var out []string
	for _, s := range sections {
		out = append(out, s.experiment)
	}
	return out
}

const intro = `# Benchmarks

leasecached beside memcached and Redis: one load generator drives all of them, in turn (A B C A B C …),
each on one processor core, with the load on another. Figures are medians of the rounds. Ratios
divide round by round, so that what disturbs the machine disturbs both sides, and stand with their
smallest and largest round. **Above 1, leasecached is ahead.** Processor time is the whole process's,
by the kernel's own clock of it; a server that answers a wrong byte, or misses what it holds, fails
the run.

`

const footer = `## How to run it

` + "```" + `
make bench                  # everything, in some forty minutes, to this page
make bench BENCH=quick      # a look at everything, in some minutes, to bin/bench
MEMCACHED=path REDIS=path make bench
go run ./internal/bench -help
` + "```" + `

It takes Linux and two cores; the first that the process may use carries the load, the second the servers. Rivals
that are not installed are left out. Several paths, with commas, put several versions side by side, and
` + "`-base path`" + ` another build of leasecached. The figures behind the tables lie as JSON in
[benchmarks/](benchmarks), from which ` + "`go run ./internal/bench -render`" + ` writes the page again.

Microbenchmarks are apart: ` + "`make microbench`" + ` runs those of parser, rules, store and server, and
` + "`make microdiff`" + ` compares them by benchstat with ` + "`benchmarks/micro-baseline.txt`" + `. That belongs to a machine:
` + "`make microbase`" + `, on the commit before a change, writes it.
`

// Render returns the files of the page, by name.
func Render(runs []*result.Run) map[string][]byte {
	w := &writer{files: map[string][]byte{}}
	w.WriteString(intro)
	by := map[string]*result.Run{}
	for _, r := range runs {
		by[r.Experiment] = r
	}
	w.machine(runs)
	goals(w, by)
	for _, s := range sections {
		if r := by[s.experiment]; r != nil {
			w.heading(s.title)
			s.write(w, r)
			w.origin(r)
		}
	}
	w.WriteString(footer)
	w.files[Name] = []byte(w.String())
	return w.files
}

// writer collects the page and its charts.
type writer struct {
	strings.Builder
	files map[string][]byte
}

func (w *writer) printf(format string, args ...any) { fmt.Fprintf(w, format, args...) }

func (w *writer) heading(title string) { w.printf("## %s\n\n", title) }

// image puts a chart beside the page and shows it.
func (w *writer) image(name, alt string, chart interface{ SVG() []byte }) {
	file := path.Join(Dir, name+".svg")
	w.files[file] = chart.SVG()
	w.printf("![%s](%s)\n\n", alt, file)
}

// table writes rows; the first column is text, the others are figures.
func (w *writer) table(header []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	w.printf("| %s |\n|---|%s\n", strings.Join(header, " | "), strings.Repeat("---:|", len(header)-1))
	for _, r := range rows {
		w.printf("| %s |\n", strings.Join(r, " | "))
	}
	w.WriteString("\n")
}

func (w *writer) machine(runs []*result.Run) {
	seen := map[string]bool{}
	for _, r := range runs {
		for _, name := range r.Missing {
			if !seen[name] {
				seen[name] = true
				w.printf("**%s was not installed** where this was measured.\n\n", name)
			}
		}
		if !seen[r.Machine] {
			seen[r.Machine] = true
			w.printf("Measured on: %s.\n\n", r.Machine)
		}
		if r.Mode != "full" && !seen["quick"] {
			seen["quick"] = true
			w.WriteString("**Some of this is from quick runs: short, and good for a look only.** Each section says which.\n\n")
		}
	}
}

// origin says where the figures of a section come from.
func (w *writer) origin(r *result.Run) {
	w.printf("`%s`, %s, took %.0f s", r.Command, r.Began.Format("2006-01-02 15:04"), r.Seconds)
	for _, m := range []struct{ measure, core string }{{result.Foreign, "the servers'"}, {result.LoadForeign, "the load's"}} {
		var shares []float64
		for i := range r.Points {
			shares = append(shares, r.Points[i].Values[m.measure]...)
		}
		if len(shares) > 0 {
			median, _, high := spread(shares)
			w.printf("; other processes used %.0f %% of %s core meanwhile, at most %.0f %%", 100*median, m.core, 100*high)
		}
	}
	w.WriteString(".\n\n")
}

// tone is the colour of a server, the same in all charts.
func tone(r *result.Run, name string) svg.Tone {
	memcached := 0
	for i, s := range r.Servers {
		switch {
		case s.Name != name:
			if s.Family == "memcached" {
				memcached++
			}
		case i == 0:
			return 0
		case s.Family == "memcached":
			return svg.Tone(1 + 2*min(memcached, 1))
		case s.Family == "redis":
			return 2
		default:
			return 6
		}
	}
	return 4
}
