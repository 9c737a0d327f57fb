package experiment

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leasecache/leasecache/internal/bench/load"
	"github.com/leasecache/leasecache/internal/bench/result"
)

// crowd is what is done to a server while others work with it.
type crowd struct {
	habit load.Habit
	size  int
}

var crowdsTried = []crowd{{load.Idle, 10_000}, {load.HalfAsked, 1000}, {load.OneByte, 500}, {load.SlowReader, 100}}

func (c crowd) String() string { return fmt.Sprintf("%d × %s", c.size, c.habit) }

// bigValue is what slow readers ask for.
const bigValue = 64 << 10

// crowds measures 50 connections that work, alone and beside many that do not
// behave; then each server alone with nothing to do.
func crowds(ctx context.Context, b *Bench) (points []result.Point, err error) {
	f, err := b.start(ctx, b.Scale.Items, b.Scale.ValueSize)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.stop()) }()
	for _, s := range f {
		if err := s.fill(load.Workload{First: b.Scale.Items, Keys: 1, Size: bigValue}); err != nil {
			return nil, err
		}
		for _, c := range crowdsTried {
			c.size /= b.Scale.CrowdPart
			got, err := b.beside(ctx, s, c)
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", s.name, c, s.Explain(err))
			}
			points = append(points, got...)
		}
	}
	idle, err := b.idling(ctx, f)
	return append(points, idle...), err
}

// beside measures a server without and with a crowd, in turn.
func (b *Bench) beside(ctx context.Context, s server, c crowd) ([]result.Point, error) {
	points := []result.Point{{Case: c.String(), Server: s.name + ", " + result.NoCrowd}, {Case: c.String(), Server: s.name}}
	for range min(b.Scale.Rounds, 3) {
		for i := range points {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if err := b.crowded(&points[i], s, c, i == 1); err != nil {
				return nil, err
			}
		}
	}
	b.Log("  %-30s %-24s %9.0f keys/s instead of %.0f", c, s.name,
		points[1].Median(result.KeysPerSecond), points[0].Median(result.KeysPerSecond))
	return points, nil
}

func (b *Bench) crowded(p *result.Point, s server, c crowd, with bool) error {
	w := b.with(s, load.Workload{Conns: 50, Dialect: s.Kind.Dialect(), MayMiss: true})
	g, err := load.New(s.Addr, w)
	if err != nil {
		return err
	}
	defer g.Close()
	var annoying *load.Crowd
	if with {
		if annoying, err = g.Annoy(s.Addr, c.habit, c.size, b.Scale.Items); err != nil {
			return err
		}
	}
	if _, err := g.Run(2 * b.Scale.Warm); err != nil {
		return err
	}
	m, err := b.meter(s)
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
	p.Add(result.Lost, float64(r.Misses)/float64(r.Keys))
	if r.Misses > 0 { // for the crowd's replies: the next one finds all again
		if err := s.fill(w); err != nil {
			return err
		}
	}
	rss, err := s.RSS()
	p.Add(result.RSS, float64(rss))
	if annoying != nil {
		p.Add(result.Closed, float64(annoying.Closed))
	}
	return err
}

// idling measures what a server does that nobody asks for anything.
func (b *Bench) idling(ctx context.Context, f fleet) ([]result.Point, error) {
	var points []result.Point
	for _, s := range f {
		before, err := s.CPU()
		if err != nil {
			return nil, err
		}
		began := time.Now()
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(2 * b.Scale.Measure):
		}
		after, err := s.CPU()
		if err != nil {
			return nil, err
		}
		p := result.Point{Case: result.Idling, Server: s.name}
		p.Add(result.Busy, share(after-before, time.Since(began)))
		points = append(points, p)
	}
	return points, nil
}
