package experiment

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leasecache/leasecache/internal/bench/load"
	"github.com/leasecache/leasecache/internal/bench/result"
	"github.com/leasecache/leasecache/internal/bench/target"
)

// Bench is what all experiments share.
type Bench struct {
	Cores target.Cores
	Kinds []*target.Kind // the first is this tree's leasecached
	Scale Scale
	Log   func(format string, args ...any)
}

// Experiment is one thing to find out.
type Experiment struct {
	Name string
	Run  func(context.Context, *Bench) ([]result.Point, error)
}

// All are the experiments, in the order of the page.
var All = []Experiment{
	{result.Headline, headline},
	{result.Curves, curves},
	{result.Latency, latency},
	{result.HotKey, hotKey},
	{result.Crowds, crowds},
	{result.Memory, memory},
	{result.Shift, shift},
	{result.Pauses, pauses},
	{result.HitRatio, hitRatio},
	{result.EqualRSS, equalRSS},
}

// server is a started server with its label on the page.
type server struct {
	*target.Server
	name string
}

// fleet are servers that take turns. Those that wait for theirs cost next to
// nothing: the share that others used of the core is measured and shown.
type fleet []server

// start starts a server of every kind with n items in it.
func (b *Bench) start(ctx context.Context, n, size uint32) (fleet, error) {
	memory := max(1024*mib, 2*int64(n)*(int64(size)+150))
	var f fleet
	for _, k := range b.Kinds {
		s, err := b.one(ctx, k, memory, nil)
		if err != nil {
			return nil, errors.Join(err, f.stop())
		}
		f = append(f, s)
		if err := s.fill(load.Workload{Keys: n, Size: size}); err != nil {
			return nil, errors.Join(err, f.stop())
		}
	}
	return f, nil
}

func (b *Bench) one(ctx context.Context, k *target.Kind, memory int64, env []string) (server, error) {
	s, err := k.Start(ctx, target.Options{Memory: memory, Conns: 12_000, Env: env, Core: b.Cores.Server})
	return server{s, k.Name}, err
}

func (f fleet) stop() error {
	var errs []error
	for _, s := range f {
		errs = append(errs, s.Stop())
	}
	return errors.Join(errs...)
}

// fill stores every key of a workload once.
func (s server) fill(w load.Workload) error {
	w.Dialect, w.Order, w.Sets = s.Kind.Dialect(), load.InTurn, 1
	w.Conns, w.Depth = 4, 32
	if w.Size > 4096 {
		w.Depth = 4
	}
	g, err := load.New(s.Addr, w)
	if err != nil {
		return fmt.Errorf("fill: %w", s.Explain(err))
	}
	defer g.Close()
	if _, err := g.RunKeys(int(w.Keys)); err != nil {
		return fmt.Errorf("fill: %w", s.Explain(err))
	}
	return nil
}

// meter reads what a run costs: processor time of the server, of this process,
// and of all that ran on the two cores.
type meter struct {
	b    *Bench
	s    server
	from [4]time.Duration
}

func (b *Bench) meter(s server) (m meter, err error) {
	m.b, m.s = b, s
	m.from, err = m.read()
	return m, err
}

func (m *meter) read() (at [4]time.Duration, err error) {
	var errs [4]error
	at[0], errs[0] = m.s.CPU()
	at[1], errs[1] = target.CPU()
	at[2], errs[2] = target.Busy(m.b.Cores.Server)
	at[3], errs[3] = target.Busy(m.b.Cores.Load)
	return at, errors.Join(errs[:]...)
}

// add writes down what the run since the meter was made has cost.
func (m *meter) add(p *result.Point, r load.Result) error {
	at, err := m.read()
	if err != nil {
		return err
	}
	for i := range at {
		at[i] -= m.from[i]
	}
	keys := float64(r.Keys)
	p.Add(result.KeysPerSecond, keys/r.Elapsed.Seconds())
	p.Add(result.CPU, micros(at[0])/keys)
	p.Add(result.Busy, share(at[0], r.Elapsed))
	p.Add(result.LoadBusy, 1-share(r.Idle, r.Elapsed))
	p.Add(result.Foreign, max(0, share(at[2]-at[0], r.Elapsed)))
	p.Add(result.LoadForeign, max(0, share(at[3]-at[1], r.Elapsed)))
	p.Add(result.P50, micros(r.Latency.Percentile(50)))
	p.Add(result.P99, micros(r.Latency.Percentile(99)))
	return nil
}

func micros(d time.Duration) float64 { return float64(d) / 1e3 }

func share(part, of time.Duration) float64 { return float64(part) / float64(of) }

// entry is one workload on one server, under the name it has on the page.
type entry struct {
	label string
	s     server
	w     load.Workload
}

// rounds measures the entries in turn, A B C A B C …, a point each.
func (b *Bench) rounds(ctx context.Context, name string, x float64, entries []entry) ([]result.Point, error) {
	points := make([]result.Point, len(entries))
	for i, e := range entries {
		points[i] = result.Point{Case: name, X: x, Server: e.label}
	}
	for range b.Scale.Rounds {
		for i, e := range entries {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if err := b.sample(&points[i], e); err != nil {
				return nil, fmt.Errorf("%s, %s: %w", name, e.label, e.s.Explain(err))
			}
		}
	}
	for i := range points {
		p := &points[i]
		b.Log("  %-30s %-24s %9.0f keys/s %7.2f µs/key (server %3.0f %%, load %3.0f %% busy)", caseOf(name, x), p.Server,
			p.Median(result.KeysPerSecond), p.Median(result.CPU), 100*p.Median(result.Busy), 100*p.Median(result.LoadBusy))
	}
	return points, nil
}

func caseOf(name string, x float64) string {
	if x == 0 {
		return name
	}
	return fmt.Sprintf("%s %g", name, x)
}

// sample measures one entry once.
func (b *Bench) sample(p *result.Point, e entry) error {
	g, err := load.New(e.s.Addr, e.w)
	if err != nil {
		return err
	}
	defer g.Close()
	if _, err := g.Run(b.Scale.Warm); err != nil {
		return err
	}
	m, err := b.meter(e.s)
	if err != nil {
		return err
	}
	r, err := g.Run(b.Scale.Measure)
	if err != nil {
		return err
	}
	if err := m.add(p, r); err != nil {
		return err
	}
	return g.CheckWritten(e.s.Addr)
}
