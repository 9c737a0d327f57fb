package demo

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// memory is a database whose commits are seen at once and never fail.
type memory struct {
	mu       sync.Mutex
	versions []int64
}

func newMemory(products int) *memory {
	m := &memory{versions: make([]int64, products)}
	for i := range m.versions {
		m.versions[i] = 1
	}
	return m
}

func (m *memory) load(_ context.Context, id int) (Product, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return Product{ID: id, Version: m.versions[id]}, nil
}

func (m *memory) back() {}

func (m *memory) update(id int) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.versions[id]++
	return m.versions[id]
}

// fake is a cache whose faults are chosen by the test. Its fills are refused if the key was invalidated since the miss,
// so that the only staleness is the one asked for.
type fake struct {
	src      *memory
	forget   bool          // what a delete does: true removes the value
	late     time.Duration // the delete arrives so late, and the writer waits for it
	broken   error
	mu       sync.Mutex
	values   map[string][]byte
	voids    map[string]int
	intents  map[string]int // open ones: while there are, nothing is cached
	announce bool           // writers announce themselves before the commit
}

func (f *fake) mode() Mode { return "fake" }

func (f *fake) read(ctx context.Context, key string, load loader) ([]byte, error) {
	if f.broken != nil {
		return nil, f.broken
	}
	f.mu.Lock()
	b, ok := f.values[key]
	void := f.voids[key]
	f.mu.Unlock()
	if ok {
		return b, nil
	}
	b, err := load(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.voids[key] == void && f.intents[key] == 0 {
		f.values[key] = b
	}
	return b, err
}

func (f *fake) write(_ context.Context, id int, key string, committed func(int64)) error {
	if f.announce {
		f.change(key, 1)
	}
	committed(f.src.update(id))
	time.Sleep(f.late)
	if f.announce {
		f.change(key, -1)
	} else if f.forget {
		f.change(key, 0)
	}
	return nil
}

func (f *fake) change(key string, intents int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.intents[key] += intents
	f.voids[key]++
	delete(f.values, key)
}

func runFake(t *testing.T, f *fake) *tally {
	t.Helper()
	f.src = newMemory(3)
	f.values, f.voids, f.intents = map[string][]byte{}, map[string]int{}, map[string]int{}
	w := workload{products: 3, readers: 4, writers: 2, duration: 150 * time.Millisecond, seed: 1, delays: Delays{
		Think: Span{0, 200 * time.Microsecond}, WriterThink: Span{time.Millisecond, 2 * time.Millisecond},
	}}
	var m meter
	got, err := w.run(t.Context(), f, f.src, NewJudge([]int64{1, 1, 1}), &m)
	require.NoError(t, err)
	require.Equal(t, got.reads, m.reads.Load())
	require.Equal(t, got.afterCommit, m.stale.Load())
	return got
}

func TestJudgeBitesACacheThatKeepsOldValues(t *testing.T) {
	got := runFake(t, &fake{})
	require.Positive(t, got.afterAck)
	require.GreaterOrEqual(t, got.afterCommit, got.afterAck)
	require.Positive(t, got.ageAck)
	require.GreaterOrEqual(t, got.ageCommit, got.ageAck)
	require.LessOrEqual(t, got.loads, int64(3*4), "a key is loaded once, and by readers that missed it at the same time")
}

func TestJudgeBitesALateDeleteOnlyBeforeItsAck(t *testing.T) {
	got := runFake(t, &fake{forget: true, late: 3 * time.Millisecond})
	require.Zero(t, got.afterAck)
	require.Positive(t, got.afterCommit)
	require.Positive(t, got.ageCommit)
	require.Zero(t, got.ageAck)
}

func TestJudgeLeavesARightCacheAlone(t *testing.T) {
	got := runFake(t, &fake{announce: true, late: 3 * time.Millisecond})
	require.Zero(t, got.afterAck)
	require.Zero(t, got.afterCommit)
	require.Positive(t, got.hits)
	require.Positive(t, got.loads)
	require.Positive(t, got.writes)
	require.Zero(t, got.errors)
	require.Equal(t, got.reads, got.readTime.n)
	require.Equal(t, got.writes, got.writeTime.n)
}

func TestErrorsAreCountedAndTheFirstIsKept(t *testing.T) {
	broken := errors.New("the cache is on fire")
	got := runFake(t, &fake{broken: broken})
	require.Zero(t, got.reads)
	require.Positive(t, got.errors)
	require.ErrorIs(t, got.firstError, broken)
}

func TestAValueUnderAnotherKeyIsAnError(t *testing.T) {
	f := &fake{announce: true}
	src := newMemory(1)
	h := hand{
		workload: workload{delays: UsualDelays()}, keys: []string{"a"}, strategy: f, src: src,
		judge: NewJudge([]int64{1}), meter: &meter{}, tally: &tally{}, rand: rand.New(rand.NewPCG(1, 1)),
	}
	f.values = map[string][]byte{"a": []byte(`{"id":5,"version":1}`)}
	h.readOne(t.Context(), 0)
	require.ErrorContains(t, h.tally.firstError, "gave product 5 under the key of product 0")
	f.values["a"] = []byte("VALUE")
	h.readOne(t.Context(), 0)
	require.EqualValues(t, 2, h.tally.errors)
	require.Zero(t, h.tally.reads)
}

func TestACancelledRunEndsAtOnce(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	f := &fake{src: newMemory(3), values: map[string][]byte{}}
	w := workload{products: 3, readers: 1, writers: 1, duration: time.Hour, delays: UsualDelays()}
	start := time.Now()
	_, err := w.run(ctx, f, f.src, NewJudge([]int64{1, 1, 1}), &meter{})
	require.ErrorIs(t, err, context.Canceled)
	require.Less(t, time.Since(start), 2*time.Second)
}

func TestCompareCountsWhatDiffersFromTheDatabase(t *testing.T) {
	values := [][]byte{nil, []byte(`{"version":2}`), []byte(`{"version":2}`), []byte(`{"version":4}`)}
	left, err := compare(values, []int64{1, 2, 3, 3})
	require.NoError(t, err)
	require.Equal(t, Left{Cached: 3, Stale: 2}, left)
	_, err = compare([][]byte{[]byte("?")}, []int64{1})
	require.Error(t, err)
}
