package client

import (
	"sync"
	"sync/atomic"
	"time"
)

// A call is one request on its way over one connection.
//
//	Case queued → sent:       the writer took it; its bytes may be on the wire.
//	Case queued → abandoned:  its caller went away first; it is never sent.
//	Case sent → done:         the reply, or the end of the connection, came.
//	Case sent → abandoned:    its caller went away; the reply is read and thrown away.
//
// INVARIANT: req belongs to the call, not to the user. A user may change his
// buffers as soon as his method returned, also while an abandoned request is
// still being written.
type call struct {
	req    []byte
	opaque opaque        // what the reply must carry, so that no reply is taken for another's
	park   time.Duration // how long the server may keep the request parked
	done   chan struct{} // holds one token when state is callDone
	state  atomic.Uint32

	// Written before done is signalled, read after.
	rep reply
	err error // *TransportError

	// orphan is called by the connection's reader with a reply nobody waits for
	// any more. It must not block.
	orphan func(rep reply)
}

const (
	callQueued uint32 = iota
	callSent
	callDone
	callAbandoned
)

var callPool = sync.Pool{New: func() any { return &call{done: make(chan struct{}, 1)} }}

func newCall() *call { return callPool.Get().(*call) }

// release hands a call back whose result was received: nobody else holds it.
// An abandoned call is left to the garbage collector, the connection has it.
func (k *call) release() {
	done := k.done
	*k = call{done: done}
	callPool.Put(k)
}

// finish hands the result to the caller, or to orphan if he has gone.
func (k *call) finish(rep reply, err error) {
	k.rep, k.err = rep, err
	orphan := k.orphan
	for {
		s := k.state.Load()
		if s == callAbandoned {
			if err == nil && orphan != nil {
				orphan(rep)
			}
			return
		}
		if k.state.CompareAndSwap(s, callDone) {
			k.done <- struct{}{}
			return
		}
	}
}

// abandon is the caller's farewell. gone is false if the result came first: it
// must then be received. sent tells whether bytes of it may have been written.
func (k *call) abandon() (gone, sent bool) {
	if k.state.CompareAndSwap(callQueued, callAbandoned) {
		return true, false
	}
	if k.state.CompareAndSwap(callSent, callAbandoned) {
		return true, true
	}
	return false, true
}
