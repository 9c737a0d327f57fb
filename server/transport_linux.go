package server

import "sync"

// transport is the event loops and what feeds them.
type transport struct {
	acceptor *acceptor
	loops    []*loop
	running  sync.WaitGroup
}

// newTransport starts n loops, which accept nobody before serve.
func newTransport(s *Server, n int) (*transport, error) {
	a, err := newAcceptor(s, s.listener)
	if err != nil {
		return nil, err
	}
	t := &transport{acceptor: a}
	for range n {
		l, err := newLoop(s)
		if err != nil {
			t.stop()
			return nil, err
		}
		t.loops = append(t.loops, l)
		t.running.Go(l.run)
	}
	a.loops = t.loops
	return t, nil
}

func (t *transport) serve() {
	t.loops[0].accept.Store(t.acceptor)
	t.acceptor.watch()
}

// refuse accepts nobody any more.
func (t *transport) refuse() { t.acceptor.close() }

// stop waits for the loops, whose connections are all closed.
func (t *transport) stop() {
	t.refuse()
	for _, l := range t.loops {
		l.end()
	}
	t.running.Wait()
}
