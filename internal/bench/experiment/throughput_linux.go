package experiment

import (
	"context"
	"errors"

	"github.com/leasecache/leasecache/internal/bench/load"
	"github.com/leasecache/leasecache/internal/bench/result"
	"github.com/leasecache/leasecache/internal/bench/target"
)

// on makes an entry of a workload for every server that has its commands.
func (b *Bench) on(f fleet, w load.Workload) []entry {
	var out []entry
	for _, s := range f {
		own := b.with(s, w)
		if s.Kind.Family == target.Redis {
			if w.Dialect != load.Classic {
				continue
			}
			own.Dialect = load.RESP
		}
		out = append(out, entry{s.name, s, own})
	}
	return out
}

// with fills in what a workload leaves open. What is set is another generation
// than what was filled in, so that it can be told.
func (b *Bench) with(s server, w load.Workload) load.Workload {
	if w.Keys == 0 {
		w.Keys = b.Scale.Items
	}
	if w.Size == 0 {
		w.Size = b.Scale.ValueSize
	}
	if w.Sets > 0 {
		w.Generation = 1
	}
	return w
}

// headline measures what the project has promised figures for.
func headline(ctx context.Context, b *Bench) (points []result.Point, err error) {
	f, err := b.start(ctx, b.Scale.Items, b.Scale.ValueSize)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.stop()) }()
	cases := []struct {
		name string
		w    load.Workload
	}{
		{result.Get50, load.Workload{Conns: 50}},
		{result.Get1000, load.Workload{Conns: 1000}},
		{result.Pipelined, load.Workload{Conns: 50, Depth: 16}},
		{result.Multiget, load.Workload{Conns: 50, Multi: 32}},
		{result.MetaPiped, load.Workload{Conns: 50, Depth: 16, Dialect: load.Meta}},
	}
	for _, c := range cases {
		got, err := b.rounds(ctx, c.name, 0, b.on(f, c.w))
		if err != nil {
			return nil, err
		}
		points = append(points, got...)
	}
	for _, c := range []struct {
		name  string
		depth int
	}{{result.Lease50, 1}, {result.LeasePipe, 16}} {
		var entries []entry
		for _, s := range f {
			if s.Kind.Family != target.Leasecached {
				continue
			}
			for _, d := range []load.Dialect{load.Classic, load.Lease} {
				entries = append(entries, entry{s.name + " " + d.String(), s, b.with(s, load.Workload{Conns: 50, Depth: c.depth, Dialect: d})})
			}
		}
		got, err := b.rounds(ctx, c.name, 0, entries)
		if err != nil {
			return nil, err
		}
		points = append(points, got...)
	}
	// Last: from here on the values are others.
	for _, c := range []struct {
		name  string
		depth int
	}{{result.Set50, 1}, {result.SetPiped, 16}} {
		got, err := b.rounds(ctx, c.name, 0, b.on(f, load.Workload{Conns: 50, Depth: c.depth, Sets: 1}))
		if err != nil {
			return nil, err
		}
		points = append(points, got...)
	}
	return points, nil
}

// curves measures one thing after the other along its axis.
func curves(ctx context.Context, b *Bench) (points []result.Point, err error) {
	f, err := b.start(ctx, b.Scale.Items, b.Scale.ValueSize)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.stop()) }()
	short := *b
	short.Scale.Rounds, short.Scale.Measure = b.Scale.CurveRounds, b.Scale.CurveMeasure
	along := func(name string, x float64, w load.Workload) error {
		got, err := short.rounds(ctx, name, x, b.on(f, w))
		points = append(points, got...)
		return err
	}
	for _, n := range b.Scale.Conns {
		if err := along(result.ByConns, float64(n), load.Workload{Conns: n}); err != nil {
			return nil, err
		}
	}
	for _, n := range b.Scale.Depths {
		if err := along(result.ByDepth, float64(n), load.Workload{Conns: 50, Depth: n}); err != nil {
			return nil, err
		}
	}
	for _, share := range b.Scale.Mixes {
		if err := along(result.ByMix, share, load.Workload{Conns: 50, Sets: share}); err != nil {
			return nil, err
		}
	}
	for _, size := range b.Scale.Sizes {
		got, err := short.bySize(ctx, size)
		if err != nil {
			return nil, err
		}
		points = append(points, got...)
	}
	return points, nil
}

// bySize measures values of a size on servers that never held another: what a shift
// of sizes does to them is another experiment's affair.
func (b *Bench) bySize(ctx context.Context, size uint32) (points []result.Point, err error) {
	keys := min(b.Scale.Items, uint32(256*mib/int64(size)))
	f, err := b.start(ctx, keys, size)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.stop()) }()
	return b.rounds(ctx, result.BySize, float64(size), b.on(f, load.Workload{Conns: 50, Keys: keys, Size: size}))
}

// hotKey measures 1000 connections on one key beside as many on all of them.
func hotKey(ctx context.Context, b *Bench) (points []result.Point, err error) {
	f, err := b.start(ctx, b.Scale.Items, b.Scale.ValueSize)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.stop()) }()
	for _, s := range f {
		w := b.with(s, load.Workload{Conns: 1000, Dialect: s.Kind.Dialect()})
		one := w
		one.Keys = 1
		got, err := b.rounds(ctx, result.HotKey, 0, []entry{{s.name + ", " + result.OneKey, s, one}, {s.name + ", " + result.ManyKeys, s, w}})
		if err != nil {
			return nil, err
		}
		points = append(points, got...)
	}
	return points, nil
}
