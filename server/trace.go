package server

import "io"

// traceKinds is what Config.Trace is shown. Reads of a key, stores and what goes are
// enough to see what a client does; memcached's -vv shows the requests themselves.
const traceKinds = watchConns | watchFetchers | watchMutations | watchDeletions

// trace has one more watch, which is no client: it has the bounds of those, so that
// a log that nobody reads holds up nobody. The channel is closed behind the last
// line, or at once if there is nothing to write to.
func (s *Server) trace(to io.Writer) <-chan struct{} {
	done := make(chan struct{})
	if to == nil {
		close(done)
		return done
	}
	w, refusal := s.watchers.join(traceKinds)
	if w == nil {
		s.log.Warn("what clients do is not shown", "reason", refusal)
		close(done)
		return done
	}
	go func() {
		<-s.watchers.done
		w.end()
	}()
	go func() {
		defer close(done)
		var lines []byte
		for more := true; more; {
			if lines, more = w.next(lines); len(lines) > 0 {
				_, _ = to.Write(lines) // there is nobody to tell of an error
			}
		}
	}()
	return done
}
