package demo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// Mode is a way of keeping a cache beside a database.
type Mode string

// The modes, in the order in which they run.
const (
	Plain   Mode = "plain"
	Leases  Mode = "leases"
	Intents Mode = "intents"
)

// loader asks the database for one product, on the application's way of doing so, and gives the bytes to be cached.
type loader func(ctx context.Context) ([]byte, error)

// strategy does a mode's reads and writes. Both are called by many goroutines.
type strategy interface {
	mode() Mode
	// read gives the bytes of the value under key, from the cache or by load.
	read(ctx context.Context, key string, load loader) ([]byte, error)
	// write changes the product in the database and tells the cache. It calls committed right after COMMIT returned
	// and before it tells the cache anything more: committed is also where the writer's own time passes.
	write(ctx context.Context, id int, key string, committed func(version int64)) error
}

// source is what the workload itself needs of the database.
type source interface {
	load(ctx context.Context, id int) (Product, error)
	back()
}

// workload is what every mode goes through.
type workload struct {
	products, readers, writers int
	duration                   time.Duration
	seed                       uint64
	delays                     Delays
}

// meter is what a run shows while it lasts.
type meter struct {
	reads, writes, stale atomic.Int64
}

// tally is what one goroutine counted; the run adds them up when all have ended.
type tally struct {
	reads, hits, loads, writes, errors int64
	afterAck, afterCommit              int64
	ageAck, ageCommit                  time.Duration
	readTime, writeTime                histogram
	firstError                         error
}

func (t *tally) judge(v Verdict) {
	if v.AfterAck {
		t.afterAck++
		t.ageAck = max(t.ageAck, v.Age)
	}
	if v.AfterCommit {
		t.afterCommit++
		t.ageCommit = max(t.ageCommit, v.Age)
	}
}

func (t *tally) fail(err error) {
	t.errors++
	if t.firstError == nil {
		t.firstError = err
	}
}

func (t *tally) merge(o *tally) {
	t.reads += o.reads
	t.hits += o.hits
	t.loads += o.loads
	t.writes += o.writes
	t.errors += o.errors
	t.afterAck += o.afterAck
	t.afterCommit += o.afterCommit
	t.ageAck = max(t.ageAck, o.ageAck)
	t.ageCommit = max(t.ageCommit, o.ageCommit)
	t.readTime.merge(&o.readTime)
	t.writeTime.merge(&o.writeTime)
	if t.firstError == nil {
		t.firstError = o.firstError
	}
}

// run lets readers and writers loose for the duration and returns when the last call of each has ended. Calls under way at the end
// are finished, not cut: what is cached afterwards is then what was really left.
func (w workload) run(ctx context.Context, s strategy, src source, j *Judge, m *meter) (*tally, error) {
	keys := make([]string, w.products)
	for i := range keys {
		keys[i] = keyOf(s.mode(), i)
	}
	end := time.Now().Add(w.duration)
	more := func() bool { return ctx.Err() == nil && time.Now().Before(end) }

	tallies := make([]tally, w.readers+w.writers)
	var wg sync.WaitGroup
	for i := range tallies {
		h := hand{
			workload: w, keys: keys, strategy: s, src: src, judge: j, meter: m, tally: &tallies[i],
			// The same seed gives every mode the same products, in the same order for each goroutine.
			rand: rand.New(rand.NewPCG(w.seed, uint64(i))),
		}
		h.popularity = newPopularity(h.rand, w.products)
		if i < w.readers {
			wg.Go(func() { h.readWhile(ctx, more) })
		} else {
			wg.Go(func() { h.writeWhile(ctx, more) })
		}
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var sum tally
	for i := range tallies {
		sum.merge(&tallies[i])
	}
	return &sum, nil
}

// hand is one reader or writer.
type hand struct {
	workload
	keys       []string
	strategy   strategy
	src        source
	judge      *Judge
	meter      *meter
	tally      *tally
	rand       *rand.Rand
	popularity popularity
}

func (h *hand) readWhile(ctx context.Context, more func() bool) {
	for more() {
		h.readOne(ctx, h.popularity.next())
		time.Sleep(h.delays.Think.draw(h.rand))
	}
}

func (h *hand) readOne(ctx context.Context, id int) {
	// Drawn here and counted by an atomic: the loader may run on another goroutine than ours.
	ownTime := h.delays.between(h.delays.Fill, h.rand)
	var loads atomic.Int64
	load := func(ctx context.Context) ([]byte, error) {
		loads.Add(1)
		p, err := h.src.load(ctx, id)
		if err != nil {
			return nil, err
		}
		b, err := p.encode()
		time.Sleep(ownTime)
		return b, err
	}

	reading := h.judge.Begin(id)
	data, err := h.strategy.read(ctx, h.keys[id], load)
	took := time.Since(reading.at)
	h.tally.loads += loads.Load()
	if err != nil {
		h.tally.fail(err)
		return
	}
	p, err := decodeProduct(data)
	if err == nil && p.ID != id {
		err = fmt.Errorf("the cache gave product %d under the key of product %d", p.ID, id)
	}
	if err != nil {
		h.tally.fail(err)
		return
	}
	verdict := h.judge.Judge(reading, p.Version)
	h.tally.judge(verdict)
	h.tally.reads++
	h.tally.readTime.add(took)
	if loads.Load() == 0 {
		h.tally.hits++
	}
	h.meter.reads.Add(1)
	if verdict.AfterCommit {
		h.meter.stale.Add(1)
	}
}

func (h *hand) writeWhile(ctx context.Context, more func() bool) {
	for more() {
		id := h.popularity.next()
		h.writeOne(ctx, id)
		if oneIn(h.delays.AgainOneIn, h.rand) {
			time.Sleep(h.delays.Again.draw(h.rand))
			h.writeOne(ctx, id)
		}
		time.Sleep(h.delays.WriterThink.draw(h.rand))
	}
}

func (h *hand) writeOne(ctx context.Context, id int) {
	ownTime := h.delays.between(h.delays.Gap, h.rand)
	var version int64
	start := time.Now()
	err := h.strategy.write(ctx, id, h.keys[id], func(v int64) {
		version = v
		h.judge.Committed(id, v, time.Now())
		h.src.back()
		time.Sleep(ownTime)
	})
	if err != nil {
		h.tally.fail(err)
		return
	}
	h.judge.Acknowledged(id, version)
	h.tally.writes++
	h.tally.writeTime.add(time.Since(start))
	h.meter.writes.Add(1)
}
