package server

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leasecache/leasecache/protocol"
)

// watchers are the connections that watch what the server does.
//
// What happens is told by whoever does it, some of it under a bucket's lock, and
// nobody must be held up by a watcher:
//
//  1. While nobody watches, a batch of requests costs one atomic load.
//  2. Otherwise a line is copied into the queue of each who wants its kind, under
//     one lock that is held for the copying alone: no other lock is taken and
//     nothing waited for under it, so it may be taken under any lock.
//  3. A queue has a bound. Beyond it lines are counted, not kept, until the
//     watcher has read what is there; then it is told how many it missed.
type watchers struct {
	kinds   atomic.Uint32 // what all of them together want
	changed func(kinds watchKinds)
	budget  *budget
	sent    atomic.Uint64
	skipped atomic.Uint64

	mu     sync.Mutex
	all    []*watcher
	events uint64
	line   []byte // scratch
	closed bool
	done   chan struct{} // closed when the server lets them go
}

// watchKinds says what a watcher wants to see.
type watchKinds uint32

const (
	watchFetchers watchKinds = 1 << iota
	watchMutations
	watchEvictions
	watchDeletions
	watchConns
)

// watchWords are the kinds as they are asked for; of some that memcached has there
// is nothing to tell here. A word may be cut short: then the first that begins so
// is meant, and the order is memcached's.
var watchWords = []struct {
	word string
	kind watchKinds
}{
	{"rawcmds", 0}, {"evictions", watchEvictions}, {"fetchers", watchFetchers},
	{"mutations", watchMutations}, {"sysevents", 0}, {"connevents", watchConns},
	{"proxyreqs", 0}, {"proxyevents", 0}, {"proxyuser", 0},
	{"deletions", watchDeletions},
}

func watchKindsOf(args [][]byte) (kinds watchKinds, ok bool) {
	if len(args) == 0 {
		return watchFetchers, true
	}
	for _, arg := range args {
		known := false
		for _, w := range watchWords {
			if known = protocol.IsWord(arg, w.word); known {
				kinds |= w.kind
				break
			}
		}
		if !known {
			return 0, false
		}
	}
	return kinds, true
}

func (k watchKinds) String() string {
	var words []string
	for _, w := range watchWords {
		if k&w.kind != 0 {
			words = append(words, w.word)
		}
	}
	return strings.Join(words, " ")
}

const (
	// maxWatchers and watcherRoom are memcached's.
	maxWatchers = 20
	watcherRoom = 256 << 10 // bytes of lines for one who does not read

	// watcherCost is what one may take: its queue and what is being written of it.
	watcherCost = 2 * watcherRoom
)

func newWatchers(b *budget, changed func(watchKinds)) *watchers {
	return &watchers{budget: b, changed: changed, done: make(chan struct{})}
}

// wanted returns what kinds of events somebody wants to see.
func (ws *watchers) wanted() watchKinds { return watchKinds(ws.kinds.Load()) }

// tell has everybody see an event who wants to.
func (ws *watchers) tell(kind watchKinds, event *protocol.WatchEvent) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.events++
	event.GID, event.At = ws.events, time.Now()
	ws.line = protocol.AppendWatch(ws.line[:0], event)
	for _, w := range ws.all {
		if w.kinds&kind != 0 {
			w.add(ws.line)
		}
	}
}

// join begins to queue lines for one more. If it is refused, refusal is
// memcached's line for that.
func (ws *watchers) join(kinds watchKinds) (w *watcher, refusal string) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	switch {
	case len(ws.all) >= maxWatchers:
		return nil, "WATCHER_TOO_MANY log watcher limit reached\r\n"
	case ws.closed || !ws.budget.take(watcherCost):
		return nil, "WATCHER_FAILED failed to add log watcher\r\n"
	}
	w = &watcher{of: ws, kinds: kinds, ready: make(chan struct{}, 1)}
	ws.all = append(ws.all, w)
	ws.change()
	return w, ""
}

// leave ends what join began.
func (ws *watchers) leave(w *watcher) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for i := range ws.all {
		if ws.all[i] == w {
			ws.all = append(ws.all[:i:i], ws.all[i+1:]...)
			ws.budget.add(-watcherCost)
			ws.change()
			return
		}
	}
}

func (ws *watchers) change() {
	var kinds watchKinds
	for _, w := range ws.all {
		kinds |= w.kinds
	}
	ws.kinds.Store(uint32(kinds))
	ws.changed(kinds)
}

// close lets all of them go, with what is in their queues, and admits no more.
func (ws *watchers) close() {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if !ws.closed {
		ws.closed = true
		close(ws.done)
	}
}

func (ws *watchers) count() int {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	return len(ws.all)
}

// watcher is the queue of one who watches. All of it is guarded by the lock of
// all of them.
type watcher struct {
	of      *watchers
	kinds   watchKinds
	queue   []byte
	skipped uint64 // lines behind those in the queue
	ended   bool
	ready   chan struct{} // there is something, or it ended
}

func (w *watcher) add(line []byte) {
	if w.skipped > 0 || len(w.queue)+len(line) > watcherRoom {
		w.skipped++
		w.of.skipped.Add(1)
		return
	}
	w.queue = append(w.queue, line...)
	w.of.sent.Add(1)
	w.wake()
}

func (w *watcher) wake() {
	select {
	case w.ready <- struct{}{}:
	default:
	}
}

// next waits for lines and takes them; more is false when they are the last.
// spare is room for the lines to come, which the caller has done with.
func (w *watcher) next(spare []byte) (lines []byte, more bool) {
	for {
		w.of.mu.Lock()
		lines, w.queue, more = w.queue, spare[:0], !w.ended
		skipped := w.skipped
		w.skipped = 0
		w.of.mu.Unlock()
		if skipped > 0 {
			lines = protocol.AppendWatchSkipped(lines, skipped)
		}
		if len(lines) > 0 || !more {
			return lines, more
		}
		spare = lines
		<-w.ready
	}
}

// end has next return what is left, and no more.
func (w *watcher) end() {
	w.of.mu.Lock()
	w.ended = true
	w.of.mu.Unlock()
	w.wake()
}
