package experiment

import (
	"context"
	"errors"
	"fmt"

	"github.com/leasecache/leasecache/internal/bench/load"
	"github.com/leasecache/leasecache/internal/bench/result"
)

// memory measures what an item takes beyond its key and its value: the growth of
// resident memory, divided. A fresh server for every size.
func memory(ctx context.Context, b *Bench) ([]result.Point, error) {
	var points []result.Point
	for _, size := range b.Scale.MemorySizes {
		n := uint32(min(int64(b.Scale.MemoryItems), b.Scale.MemoryBytes/int64(size)))
		for _, k := range b.Kinds {
			s, err := b.one(ctx, k, max(256*mib, 2*int64(n)*(int64(size)+150)), nil)
			if err != nil {
				return nil, err
			}
			p, err := s.perItem(n, size)
			if err := errors.Join(err, s.Stop()); err != nil {
				return nil, fmt.Errorf("%s, %d bytes: %w", s.name, size, err)
			}
			b.Log("  %-30s %-24s %9.0f items, %6.1f B each beyond key and value", caseOf(result.Memory, float64(size)), s.name,
				p.Median(result.Items), p.Median(result.Overhead))
			points = append(points, p)
		}
	}
	return points, nil
}

func (s server) perItem(n, size uint32) (p result.Point, err error) {
	p = result.Point{Case: result.Memory, X: float64(size), Server: s.name}
	// A few items first: what the first ones bring along is no item's.
	if err := s.fill(load.Workload{Keys: 100, Size: size}); err != nil {
		return p, err
	}
	empty, err := s.RSS()
	if err != nil {
		return p, err
	}
	if err := s.fill(load.Workload{Keys: n, Size: size}); err != nil {
		return p, err
	}
	full, err := s.RSS()
	if err != nil {
		return p, err
	}
	held, err := s.Items()
	if err != nil {
		return p, err
	}
	if held < int64(n) {
		return p, fmt.Errorf("it holds %d items of %d, although it has room", held, n)
	}
	p.Add(result.Items, float64(held))
	p.Add(result.Base, float64(empty))
	p.Add(result.RSS, float64(full))
	p.Add(result.Overhead, float64(full-empty)/float64(n)-load.KeyLen-float64(size))
	return p, nil
}

// shift fills a server far beyond its limit, time after time with values of
// another size: does it keep to its limit, and does the new size get the room?
func shift(ctx context.Context, b *Bench) ([]result.Point, error) {
	var points []result.Point
	for _, k := range b.Kinds {
		s, err := b.one(ctx, k, b.Scale.ShiftLimit, nil)
		if err != nil {
			return nil, err
		}
		got, err := b.shiftOne(ctx, s)
		if err := errors.Join(err, s.Stop()); err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
		points = append(points, got...)
	}
	return points, nil
}

func (b *Bench) shiftOne(ctx context.Context, s server) (points []result.Point, err error) {
	limit := b.Scale.ShiftLimit
	first := uint32(0)
	for phase, size := range b.Scale.ShiftSizes {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		payload := int64(size) + load.KeyLen
		n := uint32(limit * 3 / 2 / payload)
		p := result.Point{Case: fmt.Sprintf("%d. values of %d B", phase+1, size), X: float64(phase + 1), Server: s.name}
		refused, err := s.overfill(load.Workload{First: first, Keys: n, Size: size})
		if err != nil {
			return nil, err
		}
		found, err := s.probe(first, n, size)
		if err != nil {
			return nil, err
		}
		rss, err := s.RSS()
		if err != nil {
			return nil, err
		}
		p.Add(result.Limit, float64(limit))
		p.Add(result.RSS, float64(rss))
		p.Add(result.Held, found*float64(n)*float64(payload))
		p.Add(result.Refused, float64(refused))
		points = append(points, p)
		b.Log("  %-30s %-24s RSS %5.2f × limit, the new size holds %5.2f × limit, %d refused", p.Case, s.name,
			float64(rss)/float64(limit), p.Median(result.Held)/float64(limit), refused)
		first += n
	}
	return points, nil
}

// overfill stores more than fits; some servers then say so now and again.
func (s server) overfill(w load.Workload) (refused int, err error) {
	w.Dialect, w.Order, w.Sets, w.Lenient = s.Kind.Dialect(), load.InTurn, 1, true
	w.Conns, w.Depth = 4, 16
	g, err := load.New(s.Addr, w)
	if err != nil {
		return 0, err
	}
	defer g.Close()
	r, err := g.RunKeys(int(w.Keys))
	return r.Refused, s.Explain(err)
}

// probed is how many keys are asked for to learn how many are held.
const probed = 20_000

// probe returns the share of keys that the server still holds. It asks for keys
// spread evenly, each once.
func (s server) probe(first, n, size uint32) (float64, error) {
	step := max(1, n/probed)
	keys := func(yield func(load.Request) bool) {
		for k := first; k < first+n; k += step {
			if !yield(load.Request{Key: k, Size: size}) {
				return
			}
		}
	}
	got, err := load.Probe(s.Addr, s.Kind.Dialect(), keys)
	if err != nil {
		return 0, err
	}
	return float64(got.Hits) / float64(got.Requests), nil
}
