package server

import "sync"

// transport is the event loops and what feeds them.
type transport struct {
	acceptors []*acceptor // of each listener
	loops     []*loop
	running   sync.WaitGroup
}

// newTransport starts n loops, which accept nobody before serve.
func newTransport(s *Server, n int) (*transport, error) {
	t := &transport{}
	for _, ln := range s.listeners {
		a, err := newAcceptor(s, ln)
		if err != nil {
			t.stop()
			return nil, err
		}
		t.acceptors = append(t.acceptors, a)
	}
	for range n {
		l, err := newLoop(s)
		if err != nil {
			t.stop()
			return nil, err
		}
		t.loops = append(t.loops, l)
		t.running.Go(l.run)
	}
	for _, a := range t.acceptors {
		a.loops = t.loops
	}
	return t, nil
}

func (t *transport) serve() {
	t.loops[0].accept.Store(&t.acceptors)
	for _, a := range t.acceptors {
		a.watch()
	}
}

// refuse accepts nobody any more.
func (t *transport) refuse() {
	for _, a := range t.acceptors {
		a.close()
	}
}

// stop waits for the loops, whose connections are all closed.
func (t *transport) stop() {
	t.refuse()
	for _, l := range t.loops {
		l.end()
	}
	t.running.Wait()
	for _, l := range t.loops {
		l.close()
	}
}
