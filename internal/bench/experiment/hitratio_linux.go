package experiment

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"

	"github.com/leasecache/leasecache/internal/bench/load"
	"github.com/leasecache/leasecache/internal/bench/policy"
	"github.com/leasecache/leasecache/internal/bench/result"
	"github.com/leasecache/leasecache/internal/bench/target"
	"github.com/leasecache/leasecache/internal/bench/trace"
)

// hitRatio replays traces, in this process, against the server's own store, and
// against LRU, S3-FIFO and the optimum. These get, at each budget, as many bytes
// of keys and values as the store held: it is the choice of what to keep that is
// compared here, and what an item costs elsewhere.
func hitRatio(ctx context.Context, b *Bench) ([]result.Point, error) {
	var points []result.Point
	for i := range trace.All {
		tr := trace.All[i].Make(b.Scale.TraceKeys, b.Scale.TraceLength)
		warm := len(tr.Requests) / 4
		least := policy.NewBound(tr.Requests, tr.Keys, warm)
		for _, budget := range b.Scale.Budgets {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			add := func(name string, hits float64, held int64) {
				p := result.Point{Case: tr.Name, X: float64(budget / mib), Server: name}
				p.Add(result.Hits, hits)
				p.Add(result.Held, float64(held))
				points = append(points, p)
			}
			store, err := policy.NewStore(budget, len(tr.Requests)/20)
			if err != nil {
				return nil, err
			}
			own := policy.HitRatio(store, tr.Requests, warm)
			held := store.Held()
			if err := store.Close(); err != nil {
				return nil, err
			}
			add(result.OurStore, own, held)
			add(result.LRU, policy.HitRatio(policy.NewLRU(tr.Keys, held), tr.Requests, warm), held)
			add(result.S3FIFO, policy.HitRatio(policy.NewS3FIFO(tr.Keys, held), tr.Requests, warm), held)
			add(result.Belady, policy.HitRatio(policy.NewBelady(tr.Requests, tr.Keys, held), tr.Requests, warm), held)
			add(result.Bound, least.HitRatio(held), held)
			last := points[len(points)-5:]
			b.Log("  %-20s %4d MiB: store %.4f  LRU %.4f  S3-FIFO %.4f  Belady %.4f  bound %.4f", tr.Name, budget/mib,
				last[0].Median(result.Hits), last[1].Median(result.Hits), last[2].Median(result.Hits),
				last[3].Median(result.Hits), last[4].Median(result.Hits))
			runtime.GC() // the arrays of one round are the next one's room
		}
	}
	return points, nil
}

// equalRSS replays the traces over a socket against the real servers, ours with
// so much memory that it takes no more of the machine than memcached did.
func equalRSS(ctx context.Context, b *Bench) ([]result.Point, error) {
	var points []result.Point
	for i := range trace.All {
		if only := b.Scale.RSSTraces; only != nil && !slices.Contains(only, trace.All[i].Name) {
			continue
		}
		tr := trace.All[i].Make(b.Scale.RSSKeys, b.Scale.RSSLength)
		budget := halfOf(tr)
		most := int64(0)
		for _, k := range b.Kinds {
			if k.Family != target.Memcached {
				continue
			}
			p, err := b.replay(ctx, k, tr, budget)
			if err != nil {
				return nil, err
			}
			points = append(points, p)
			if rss := int64(p.Median(result.RSS)); most == 0 || rss < most {
				most = rss
			}
		}
		if most == 0 {
			return nil, nil // nobody to be equal to
		}
		for _, k := range b.Kinds {
			if k.Family != target.Leasecached {
				continue
			}
			p, err := b.within(ctx, k, tr, most)
			if err != nil {
				return nil, err
			}
			points = append(points, p)
		}
	}
	return points, nil
}

// halfOf is about half of what memcached would take to hold all of a trace, but
// not so little that what processes take before they hold anything decides.
func halfOf(tr *trace.Trace) int64 {
	const item = 70 // bytes of memcached's for an item
	seen := make([]bool, tr.Keys)
	sum := int64(0)
	for _, r := range tr.Requests {
		if !seen[r.Key] {
			seen[r.Key] = true
			sum += policy.Payload(r) + item
		}
	}
	return max(sum/2, 24*mib)
}

// within replays against a server whose resident memory stays within most: what
// it takes beyond its budget is taken off the budget, and it is tried again.
func (b *Bench) within(ctx context.Context, k *target.Kind, tr *trace.Trace, most int64) (p result.Point, err error) {
	const tries = 8
	budget := most
	for range tries {
		p, err = b.replay(ctx, k, tr, budget)
		if err != nil {
			return p, err
		}
		over := int64(p.Median(result.RSS)) - most
		if over <= most/200 {
			return p, nil
		}
		budget -= over + over/8
	}
	return p, fmt.Errorf("%s: no budget keeps it within %d MiB", k.Name, most/mib)
}

func (b *Bench) replay(ctx context.Context, k *target.Kind, tr *trace.Trace, budget int64) (p result.Point, err error) {
	p = result.Point{Case: tr.Name, Server: k.Name}
	if err := ctx.Err(); err != nil {
		return p, err
	}
	s, err := b.one(ctx, k, budget, nil)
	if err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	var requests iter.Seq[load.Request] = slices.Values(tr.Requests)
	got, err := load.Replay(s.Addr, k.Dialect(), requests, len(tr.Requests)/4)
	if err != nil {
		return p, fmt.Errorf("%s on %s: %w", tr.Name, k.Name, s.Explain(err))
	}
	rss, err := s.RSS()
	if err != nil {
		return p, err
	}
	p.Add(result.Hits, float64(got.Hits)/float64(got.Requests))
	p.Add(result.RSS, float64(rss))
	p.Add(result.Limit, float64(budget))
	p.Add(result.Refused, float64(got.Refused))
	b.Log("  %-20s %-24s %.4f hits with %.1f MiB resident", tr.Name, k.Name, p.Median(result.Hits), float64(rss)/mib)
	return p, nil
}
