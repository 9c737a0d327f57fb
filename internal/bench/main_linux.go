package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/leasecache/leasecache/internal/bench/experiment"
	"github.com/leasecache/leasecache/internal/bench/page"
	"github.com/leasecache/leasecache/internal/bench/result"
	"github.com/leasecache/leasecache/internal/bench/target"
)

// limit ends a run that hangs; a full one takes less.
const limit = 45 * time.Minute

func main() {
	if err := run(os.Args[1:], os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(args []string, said io.Writer) error {
	o, err := parse(args, said)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	if o.render {
		return render(o.out)
	}
	cores, pinned := target.Pinned()
	if !pinned {
		// Before this process is held to one core: building is quicker on all.
		if err := o.build(); err != nil {
			return err
		}
		return target.Pin()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal does not wait for what is under way
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	defer os.RemoveAll(os.Getenv(builtVariable)) // nothing, if another program was named
	kinds, missing, err := o.kinds()
	if err != nil {
		return err
	}
	say := func(format string, args ...any) { fmt.Fprintf(said, format+"\n", args...) }
	for _, name := range missing {
		say("not installed: %s", name)
	}
	b := &experiment.Bench{Cores: cores, Kinds: kinds, Scale: o.scale, Log: say}
	return o.measure(ctx, b, missing)
}

// measure runs the chosen experiments, those behind one that failed, too; the
// page is written after each, so that a run that is cut short leaves what it found.
func (o *options) measure(ctx context.Context, b *experiment.Bench, missing []string) error {
	dir := filepath.Join(o.out, page.Dir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	began := time.Now()
	var failed []error
	for _, e := range experiment.All {
		if len(o.only) > 0 && !slices.Contains(o.only, e.Name) {
			continue
		}
		start := time.Now()
		b.Log("%s, %v after the start", e.Name, start.Sub(began).Round(time.Second))
		points, err := e.Run(ctx, b)
		if err != nil {
			b.Log("%s failed: %v", e.Name, err)
			failed = append(failed, fmt.Errorf("%s: %w", e.Name, err))
			if ctx.Err() != nil {
				break
			}
			continue
		}
		r := &result.Run{
			Experiment: e.Name, Mode: o.mode, Command: o.command(e.Name), Began: start.UTC().Truncate(time.Second),
			Seconds: time.Since(start).Round(time.Second).Seconds(), Machine: target.Machine(), Missing: missing, Points: points,
		}
		for _, k := range b.Kinds {
			r.Servers = append(r.Servers, result.Server{Name: k.Name, Family: string(k.Family), Version: k.Version})
		}
		if err := r.Write(dir); err != nil {
			return err
		}
		if err := render(o.out); err != nil {
			return err
		}
	}
	b.Log("done after %v: %s", time.Since(began).Round(time.Second), filepath.Join(o.out, page.Name))
	return errors.Join(failed...)
}

// render writes the page from the results that lie beside it.
func render(out string) error {
	var runs []*result.Run
	for _, name := range page.Order() {
		r, err := result.Read(filepath.Join(out, page.Dir), name)
		if err != nil {
			return err
		}
		if r != nil {
			runs = append(runs, r)
		}
	}
	for name, text := range page.Render(runs) {
		if err := os.WriteFile(filepath.Join(out, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// builtVariable names the directory that the first process built into and the
// pinned one removes.
const builtVariable = "LEASECACHE_BENCH_BUILT"

// build builds this tree's leasecached, unless another was named.
func (o *options) build() error {
	if o.leasecached != "" {
		return nil
	}
	dir, err := os.MkdirTemp("", "leasecache-bench-build-")
	if err != nil {
		return err
	}
	compile := exec.Command("go", "build", "-o", dir, "github.com/leasecache/leasecache/cmd/leasecached")
	compile.Env = append(os.Environ(), "CGO_ENABLED=0") // as make build does
	out, err := compile.CombinedOutput()
	if err != nil {
		return errors.Join(fmt.Errorf("build leasecached: %w\n%s", err, out), os.RemoveAll(dir))
	}
	return os.Setenv(builtVariable, dir)
}

// kinds finds the servers: this tree's, the one to compare it with if any, and
// the rivals that are installed.
func (o *options) kinds() (kinds []*target.Kind, missing []string, err error) {
	path := o.leasecached
	if path == "" {
		path = filepath.Join(os.Getenv(builtVariable), "leasecached")
	}
	ours, err := target.Find(target.Leasecached, path)
	if err != nil {
		return nil, nil, err
	}
	ours.Flags = strings.Fields(o.flags)
	kinds = append(kinds, ours)
	if base, err := o.baseline(path); err != nil {
		return nil, nil, err
	} else if base != nil {
		kinds = append(kinds, base)
	}
	for _, rival := range []struct {
		family target.Family
		paths  string
	}{{target.Memcached, o.memcached}, {target.Redis, o.redis}} {
		for path := range strings.SplitSeq(rival.paths, ",") {
			k, err := target.Find(rival.family, path)
			if path == "" && errors.Is(err, exec.ErrNotFound) {
				missing = append(missing, string(rival.family))
				continue
			}
			if err != nil {
				return nil, nil, err
			}
			kinds = append(kinds, k)
		}
	}
	return kinds, missing, nil
}

// baseline is the leasecached that this tree's is compared with, if any.
func (o *options) baseline(path string) (*target.Kind, error) {
	name := strings.TrimSpace("leasecached " + o.baseFlags)
	switch {
	case o.base != "":
		path, name = o.base, name+" (base)"
	case o.baseFlags == "":
		return nil, nil
	}
	k, err := target.Find(target.Leasecached, path)
	if err != nil {
		return nil, err
	}
	k.Name, k.Flags = name, strings.Fields(o.baseFlags)
	return k, nil
}
