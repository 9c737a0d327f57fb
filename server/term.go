package server

import (
	"time"

	"github.com/leasecache/leasecache/shard"
)

// term is how long this node may serve. The owner of the shards compares the
// monotonic clock's end with each command's reading, under the command's lock. The
// wall clock, which goes on where a machine sleeps and the monotonic one does not, is
// looked at where the clock is read: once for a batch of commands.
type term struct {
	session    shard.Session // 0 is none
	mono, wall int64         // its end by each clock, in nanoseconds
	forever    bool
}

func (t *term) over(mono, wall int64) bool { return mono >= t.mono || wall >= t.wall }

// read is clock.read for who is about to do something with keys: whatever is not done
// by such a reading may be done after the session's end by the wall clock. The
// request must have been received before; see the schedules in server/owner/gate.go.
// It may answer readers who wait, so it must not be called under a lock.
//
//	1 The machine sleeps: the monotonic clock stands still. Another node becomes the
//	  owner, as the leader's clock did not.
//	2 The machine wakes; by the monotonic clock the session is live.
//	3 A batch is received and the clock is read, the wall clock is past the end: all is
//	  dropped first, and whoever finds the same at that moment waits for it.
//	4 The batch is refused. Nor does it help to set the wall clock back.
func (s *Server) read() reading {
	t := time.Now()
	at := reading{now: s.clock.of(t), unix: t.Unix()}
	current := s.term.Load()
	if wall := t.UnixNano(); current.over(at.now, wall) {
		at.session = s.lapse(at.now, wall)
		return at
	}
	at.session = current.session
	return at
}

// lapse ends the session if it is over by a reading, and returns the one that is
// live by it.
//
//	1 R reads the clock: the end, as it is known, has passed. 2 Before that, the agent had
//	  learned that the session is longer; it tells so. 3 R is right, but about what was.
func (s *Server) lapse(mono, wall int64) shard.Session {
	s.ending.Lock()
	defer s.ending.Unlock()
	current := s.term.Load()
	if !current.over(mono, wall) {
		return current.session
	}
	if current.session != 0 {
		s.owner.Lapse(current.session)
		s.term.Store(&term{})
	}
	return 0
}

// live is the session at this moment. The replies of a batch leave only if it is the
// one that the batch's reading found. If not, all of them are dropped and their
// connections are closed: to their peers it is unknown what was done.
//
// No rule hangs on it: to the rules a reply that is late is one that took long on the
// way, and this process can be stopped behind this look as well. The same holds for
// what leaves without it: replies that had to wait for others. It is there for people,
// who set timeouts and read logs:
//
//	1 A batch reads values. 2 The process is stopped for a minute; another node owns the
//	  shards, and many a write was acknowledged. 3 The process goes on: its peers, who
//	  asked a minute ago, would be sent values from then.
func (s *Server) live() shard.Session {
	current := s.term.Load()
	if current.forever {
		return current.session
	}
	if t := time.Now(); current.over(s.clock.of(t), t.UnixNano()) {
		return 0
	}
	return current.session
}
