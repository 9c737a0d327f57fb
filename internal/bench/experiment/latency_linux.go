package experiment

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leasecache/leasecache/internal/bench/load"
	"github.com/leasecache/leasecache/internal/bench/result"
)

// latency measures percentiles in an open loop: at shares of what each server can
// do at most, and at shares of what the slowest can, the same for all.
func latency(ctx context.Context, b *Bench) (points []result.Point, err error) {
	f, err := b.start(ctx, b.Scale.Items, b.Scale.ValueSize)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.stop()) }()
	peaks, err := b.rounds(ctx, result.Peak, 0, b.on(f, load.Workload{Conns: 50}))
	if err != nil {
		return nil, err
	}
	points = append(points, peaks...)
	lowest := peaks[0].Median(result.KeysPerSecond)
	for i := range peaks {
		lowest = min(lowest, peaks[i].Median(result.KeysPerSecond))
	}
	for _, c := range []struct {
		name   string
		shares []float64
		peak   func(i int) float64
	}{
		{result.SameLoad, b.Scale.Loads, func(int) float64 { return lowest }},
		{result.OwnLoad, b.Scale.Own, func(i int) float64 { return peaks[i].Median(result.KeysPerSecond) }},
	} {
		for _, share := range c.shares {
			got, err := b.openRounds(ctx, c.name, share, f, c.peak)
			if err != nil {
				return nil, err
			}
			points = append(points, got...)
		}
	}
	return points, nil
}

// openRounds runs a share of a peak on each server in turn.
func (b *Bench) openRounds(ctx context.Context, name string, share float64, f fleet, peak func(int) float64) ([]result.Point, error) {
	points := make([]result.Point, len(f))
	for round := range min(b.Scale.Rounds, 3) {
		for i, s := range f {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			p := &points[i]
			p.Case, p.X, p.Server = name, share, s.name
			w := b.with(s, load.Workload{Conns: 50, Dialect: s.Kind.Dialect(), Seed: uint64(round)})
			if err := b.openSample(p, s, w, share*peak(i), b.Scale.Open); err != nil {
				return nil, fmt.Errorf("%s %g, %s: %w", name, share, s.name, s.Explain(err))
			}
		}
	}
	for i := range points {
		p := &points[i]
		b.Log("  %-30s %-24s %9.0f/s  p50 %6.0f  p99 %6.0f  p99.9 %6.0f µs", caseOf(name, share), p.Server,
			p.Median(result.Rate), p.Median(result.P50), p.Median(result.P99), p.Median(result.P999))
	}
	return points, nil
}

// openSample measures one open loop once.
func (b *Bench) openSample(p *result.Point, s server, w load.Workload, rate float64, d time.Duration, crowd ...func(*load.Generator) error) error {
	g, err := load.New(s.Addr, w)
	if err != nil {
		return err
	}
	defer g.Close()
	for _, c := range crowd {
		if err := c(g); err != nil {
			return err
		}
	}
	var m meter
	var metered error
	r, err := g.RunOpen(rate, b.Scale.Warm, d, func() { m, metered = b.meter(s) })
	if err := errors.Join(err, metered); err != nil {
		return err
	}
	if err := m.add(p, r); err != nil {
		return err
	}
	p.Add(result.Rate, rate)
	p.Add(result.P90, micros(r.Latency.Percentile(90)))
	p.Add(result.P999, micros(r.Latency.Percentile(99.9)))
	p.Add(result.Max, micros(r.Latency.Max()))
	p.Add(result.Late, micros(r.Late.Percentile(99)))
	kept := 0.0
	if r.Kept {
		kept = 1
	}
	p.Add(result.Kept, kept)
	return nil
}
