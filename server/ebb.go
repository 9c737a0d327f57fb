package server

import (
	"runtime/debug"
	"sync/atomic"
	"time"
)

// ebb gives memory back to the system once connections do not keep much any more, or
// many have gone. Go's heap stays as large as it once was until the next collection,
// and a server whose requests allocate nothing collects every two minutes at most.
//
// It costs nothing while nothing happens: a timer runs only from the flood on until
// the memory was given back.
type ebb struct {
	srv  *Server
	high atomic.Bool
	most int // connections since the last flood of them; the server is locked
}

const (
	// ebbAfter is how long what comes and goes is left alone: who comes again soon
	// would have to get it anew from the system.
	ebbAfter = 2 * time.Second
	// manyConns is how many must go to be worth it.
	manyConns = 500
)

// flood notes that the heap has grown, or will.
func (e *ebb) flood() {
	if !e.high.Load() && e.high.CompareAndSwap(false, true) {
		time.AfterFunc(ebbAfter, e.look)
	}
}

func (e *ebb) look() {
	b := e.srv.budget
	switch {
	case e.srv.ctx.Err() != nil:
	case b.used.Load() > b.limit/8:
		time.AfterFunc(ebbAfter, e.look)
	default:
		e.high.Store(false) // first: what is kept from now on is another flood
		debug.FreeOSMemory()
	}
}

// conns notes how many connections there are. The server is locked.
func (e *ebb) conns(n int) {
	e.most = max(e.most, n)
	if e.most-n >= max(manyConns, e.most/2) {
		e.most = n
		e.flood()
	}
}
