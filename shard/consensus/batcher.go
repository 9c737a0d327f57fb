package consensus

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/leasecache/leasecache/shard/control"
)

// batcher has what many callers want agreed on in entries for all of them. One batch
// is under way at a time; what comes meanwhile is the next, so batches grow with the
// load and nobody waits for a timer.
type batcher[T any] struct {
	propose func(context.Context, []T, []control.Code) error
	ctx     context.Context
	stop    context.CancelFunc
	run     sync.WaitGroup

	mu struct {
		sync.Mutex
		queue   []*wish[T]
		running bool
		closed  bool
	}
}

// wish is what one caller wants, and the place of its answer.
type wish[T any] struct {
	what T
	code control.Code
	err  error
	done chan struct{}
}

const (
	maxBatch  = 4096
	batchTime = 5 * time.Second // after which nobody knows; callers have shorter deadlines of their own
)

var errClosed = errors.New("the node is stopping")

func newBatcher[T any](propose func(context.Context, []T, []control.Code) error) *batcher[T] {
	b := &batcher[T]{propose: propose}
	b.ctx, b.stop = context.WithCancel(context.Background())
	return b
}

// do returns what came of a wish. If ctx ends first, it may be agreed on still.
func (b *batcher[T]) do(ctx context.Context, what T) (control.Code, error) {
	w, err := b.enqueue(what)
	if err != nil {
		return 0, err
	}
	select {
	case <-w.done:
		return w.code, w.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// post is do for who does not care what came of it.
func (b *batcher[T]) post(what T) { _, _ = b.enqueue(what) }

func (b *batcher[T]) enqueue(what T) (*wish[T], error) {
	w := &wish[T]{what: what, done: make(chan struct{})}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mu.closed {
		return nil, errClosed
	}
	b.mu.queue = append(b.mu.queue, w)
	if !b.mu.running {
		b.mu.running = true
		b.run.Go(b.work)
	}
	return w, nil
}

// work proposes until nothing is left. That nothing is and that nobody works any more
// is one step, so a wish that comes between them begins anew.
func (b *batcher[T]) work() {
	for {
		b.mu.Lock()
		n := min(len(b.mu.queue), maxBatch)
		batch := b.mu.queue[:n:n]
		b.mu.queue = b.mu.queue[n:]
		b.mu.running = n > 0
		b.mu.Unlock()
		if n == 0 {
			return
		}
		items, codes := make([]T, n), make([]control.Code, n)
		for i, w := range batch {
			items[i] = w.what
		}
		ctx, done := context.WithTimeout(b.ctx, batchTime)
		err := b.propose(ctx, items, codes)
		done()
		for i, w := range batch {
			w.code, w.err = codes[i], err
			close(w.done)
		}
	}
}

func (b *batcher[T]) close() {
	b.mu.Lock()
	b.mu.closed = true
	b.mu.Unlock()
	b.stop()
	b.run.Wait()
}
