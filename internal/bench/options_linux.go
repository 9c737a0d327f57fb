package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/leasecache/leasecache/internal/bench/experiment"
	"github.com/leasecache/leasecache/internal/bench/page"
)

// options are what the command line says.
type options struct {
	mode, out                           string
	only                                []string
	leasecached, base, memcached, redis string
	flags, baseFlags                    string
	render                              bool
	scale                               experiment.Scale
	given                               []string // flags that change what is measured
}

const usage = `Measures leasecached beside memcached and Redis, and writes docs/benchmarks.md.

  make bench               everything, in some forty minutes
  make bench BENCH=quick   a look at everything, in some minutes; written to bin/bench

`

func parse(args []string, said io.Writer) (*options, error) {
	o := &options{}
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.SetOutput(said)
	fs.Usage = func() {
		fmt.Fprint(said, usage)
		fs.PrintDefaults()
	}
	var only string
	var items, held int64
	fs.StringVar(&o.mode, "mode", "full", "full or quick")
	fs.StringVar(&o.out, "out", "", "directory of the page (docs, for quick runs bin/bench)")
	fs.StringVar(&only, "run", "", "experiments, with commas: "+strings.Join(page.Order(), ","))
	fs.StringVar(&o.leasecached, "leasecached", "", "program to measure (built from this tree)")
	fs.StringVar(&o.flags, "flags", "", "more flags for it")
	fs.StringVar(&o.base, "base", "", "another leasecached to compare it with")
	fs.StringVar(&o.baseFlags, "base-flags", "", "flags for that; without -base, it is the same program with these flags")
	fs.StringVar(&o.memcached, "memcached", os.Getenv("MEMCACHED"), "memcached to compare with, or several with commas (MEMCACHED, or the installed one)")
	fs.StringVar(&o.redis, "redis", os.Getenv("REDIS"), "redis-server to compare with (REDIS, or the installed one)")
	fs.Int64Var(&items, "items", 0, "most items when memory is measured (1 000 000, quick 300 000)")
	fs.Int64Var(&held, "held", 0, "MiB held when pauses are measured (10 240, quick 512)")
	fs.BoolVar(&o.render, "render", false, "only write the page anew from the results beside it")
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	switch o.mode {
	case "full":
		o.scale = experiment.Full()
	case "quick":
		o.scale = experiment.Quick()
	default:
		return nil, fmt.Errorf("-mode %s: it is full or quick", o.mode)
	}
	if o.out == "" {
		o.out = map[string]string{"full": "docs", "quick": "bin/bench"}[o.mode]
	}
	if only != "" {
		o.only = strings.Split(only, ",")
	}
	for _, name := range o.only {
		if !slices.Contains(page.Order(), name) {
			return nil, fmt.Errorf("-run %s: there is no such experiment; there are %s", name, strings.Join(page.Order(), ", "))
		}
	}
	if items > 0 {
		o.scale.MemoryItems = uint32(items)
		o.scale.MemoryBytes = max(o.scale.MemoryBytes, items*100)
	}
	if held > 0 {
		o.scale.Held[len(o.scale.Held)-1] = held << 20
	}
	fs.Visit(func(f *flag.Flag) {
		if slices.Contains([]string{"flags", "base-flags", "items", "held"}, f.Name) {
			o.given = append(o.given, fmt.Sprintf("-%s %q", f.Name, f.Value))
		}
	})
	return o, nil
}

// command is what measures an experiment again. Paths of rivals stand in for the
// versions that the page names, and are not shown.
func (o *options) command(name string) string {
	words := append([]string{"go run ./internal/bench -mode", o.mode, "-run", name}, o.given...)
	return strings.Join(words, " ")
}
