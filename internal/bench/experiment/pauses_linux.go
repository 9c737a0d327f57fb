package experiment

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/leasecache/leasecache/internal/bench/load"
	"github.com/leasecache/leasecache/internal/bench/result"
	"github.com/leasecache/leasecache/internal/bench/target"
)

const (
	heldSize = 1000 // bytes of a value
	heldLoad = 0.3  // share of the peak
)

// pauses measures latency and the garbage collector's pauses while little and
// while much is held. Connections that come and go make the garbage: reading and
// storing make none. One rival shows what the machine itself does to the tail.
func pauses(ctx context.Context, b *Bench) ([]result.Point, error) {
	var points []result.Point
	for _, bytes := range b.Scale.Held {
		for i, k := range b.Kinds {
			if i > 1 {
				break
			}
			if err := room(bytes * 5 / 4); err != nil {
				b.Log("  left out, %d MiB held: %v", bytes/mib, err)
				continue
			}
			p, err := b.holding(ctx, k, bytes)
			if err != nil {
				return nil, fmt.Errorf("%s, holding %d MiB: %w", k.Name, bytes/mib, err)
			}
			b.Log("  %-30s %-24s p99 %6.0f  p99.9 %6.0f µs", caseOf("MiB held:", p.X), p.Server, p.Median(result.P99), p.Median(result.P999))
			points = append(points, p)
		}
	}
	return points, nil
}

func (b *Bench) holding(ctx context.Context, k *target.Kind, bytes int64) (p result.Point, err error) {
	p = result.Point{Case: result.Pauses, X: float64(bytes / mib), Server: k.Name}
	s, err := b.one(ctx, k, max(bytes*3/2, 128*mib), []string{"GODEBUG=gctrace=1"})
	if err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	w := load.Workload{Keys: uint32(bytes / heldSize), Size: heldSize}
	if err := s.fill(w); err != nil {
		return p, err
	}
	w.Conns, w.Dialect = 50, s.Kind.Dialect()
	peak, err := b.rounds(ctx, result.Peak, 0, []entry{{s.name, s, w}})
	if err != nil {
		return p, err
	}
	before := len(pausesIn(s.Log()))
	rate := heldLoad * peak[0].Median(result.KeysPerSecond)
	err = b.openSample(&p, s, w, rate, 3*b.Scale.Open, func(g *load.Generator) error {
		_, err := g.Annoy(s.Addr, load.ComeAndGo, 1, 0)
		return err
	})
	if err != nil {
		return p, err
	}
	rss, err := s.RSS()
	p.Add(result.RSS, float64(rss))
	if k.Family != target.Leasecached {
		return p, err
	}
	all := pausesIn(s.Log())[before:]
	p.Add(result.Collections, float64(len(all)))
	if len(all) > 0 {
		slices.Sort(all)
		p.Add(result.PauseP50, micros(all[len(all)/2]))
		p.Add(result.PauseMax, micros(all[len(all)-1]))
	}
	return p, err
}

// room is an error unless the machine has so many bytes of memory to spare.
func room(bytes int64) error {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) == 3 && f[0] == "MemAvailable:" {
			kib, err := strconv.ParseInt(f[1], 10, 64)
			if err == nil && kib<<10 < bytes {
				return fmt.Errorf("it takes %d MiB, the machine has %d MiB available", bytes/mib, kib>>10)
			}
			return err
		}
	}
	return errors.New("/proc/meminfo does not say what is available")
}
