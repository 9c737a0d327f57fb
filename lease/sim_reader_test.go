package lease

import "strconv"

// simReader is one read as the server sees it. It is told an answer once, or
// cancelled.
type simReader struct {
	s      *sim
	k      *simKey
	q      Read
	life   int
	parked bool
	done   bool
}

func (r *simReader) Park() Reader {
	if r.q.Wait == 0 || r.q.Peek || r.parked {
		r.s.fail("a reader who would not wait is parked")
	}
	r.parked = true
	r.s.readers = append(r.s.readers, r)
	return r
}

// unlist forgets a parked reader.
func (s *sim) unlist(r *simReader) {
	for i := range s.readers {
		if s.readers[i] == r {
			s.readers[i] = s.readers[len(s.readers)-1]
			s.readers = s.readers[:len(s.readers)-1]
			return
		}
	}
}

func (s *sim) hangUp(r *simReader) {
	s.say("a reader of %s hangs up", r.k.name)
	if !s.table.Cancel(s.clock(), []byte(r.k.name), r) {
		s.fail("a reader of %s who waits is not known", r.k.name)
	}
	r.done = true
	s.unlist(r)
}

// read starts a read with whatever flags.
func (s *sim) read(k *simKey) {
	q := Read{StaleOK: s.one(4), Peek: s.one(15), CanFence: !s.one(3)}
	if s.one(2) {
		q.LeaseFor = s.length(8)
	}
	if s.one(2) {
		q.Wait = s.length(8)
	}
	if s.one(3) {
		q.RefreshBelow = s.length(8)
	}
	s.send("lg "+k.name, func() {
		s.table.Lease(s.clock(), 0, []byte(k.name), q, &simReader{s: s, k: k, q: q, life: s.life})
	})
}

func (r *simReader) Answer(a *Answer) {
	s, k := r.s, r.k
	if r.done || r.life != s.life {
		s.fail("a reader of %s is answered again, or after it hung up", k.name)
	}
	r.done = true
	if r.parked {
		s.unlist(r)
	}
	s.say("  %s: kind %d %s for %d, won %v stale %v doubt %v", k.name, a.Kind, show(a.Token), a.For, a.Won, a.Stale, a.Doubt)
	switch a.Kind {
	case Hit:
		r.hit(a)
	case Granted:
		if r.parked {
			s.saw("lease handed on")
		}
		if a.Doubt && !r.q.CanFence {
			s.fail("a doubt lease for a reader who cannot fence")
		}
	case Busy, UseSource:
		if a.Kind == Busy && a.For <= 0 {
			s.fail("wait for %d", a.For)
		}
		if a.Quarantined && a.For <= 0 {
			s.fail("quarantined for %d", a.For)
		}
	}
	if a.Kind == Granted || a.Won {
		if r.q.Peek {
			s.fail("a peek took a lease")
		}
		if a.For <= 0 || (a.Doubt && a.For < minDoubtLease) {
			s.fail("a lease for %d", a.For)
		}
		s.fresh(a.Token)
		token, doubt, canFence := a.Token, a.Doubt, r.q.CanFence
		s.send("LE "+show(token)+" arrives", func() { s.load(k, token, doubt, canFence) })
	}
}

func (r *simReader) hit(a *Answer) {
	s, k := r.s, r.k
	if a.Stale != (a.Item.StaleUntil != 0) {
		s.fail("a stale hit of %s is not marked, or a fresh one is", k.name)
	}
	if !a.Stale {
		if r.parked {
			s.saw("hit after waiting")
		}
		s.hit(k, &a.Item, "lg")
		if a.Won && a.Item.Expires-s.now > r.q.RefreshBelow+second {
			s.fail("%s is refreshed without need", k.name)
		}
	} else {
		s.saw("stale hit")
		if !r.q.StaleOK {
			s.fail("a stale copy of %s for a reader who did not ask", k.name)
		}
		// A clock that is a little old may show a copy that has just ended.
		if k.staleUntil <= s.now-second/5 {
			s.fail("a stale copy of %s until %d, shown at %d", k.name, k.staleUntil, s.now)
		}
	}
	if a.Won {
		s.saw("won a refresh")
	}
}

// hit judges a value that a client was shown as fresh.
func (s *sim) hit(k *simKey, it *Item, how string) {
	s.saw("hit")
	if v := versionOf(it); v < k.floor || v > k.version {
		s.fail("%s %s hits version %d, must be seen: %d", how, k.name, v, k.floor)
	}
}

// load is the loader with a lease, see DESIGN.md: it reads after the grant, and
// in doubt only after its fence was acknowledged.
func (s *sim) load(k *simKey, t Token, doubt, canFence bool) {
	switch {
	case s.one(12):
		s.say("the holder of %s dies", show(t))
		return
	case s.one(12):
		s.send("la "+k.name+" "+show(t), func() {
			if !s.table.GiveBack(s.clock(), 0, []byte(k.name), t) {
				s.endUnknown(k, t)
			}
		})
		return
	}
	if doubt {
		s.saw("doubt lease")
	}
	if !doubt || s.one(5) { // who does not fence must not say D, and is refused
		if canFence && s.one(20) {
			s.send("lf "+show(s.fence), s.report(s.fence))
		}
		s.later("source read for "+show(t), func() { s.fill(k, t, k.version, false) })
		return
	}
	s.later("fence at "+show(t), func() {
		if s.one(10) {
			s.say("the outcome of the fence at %s is unknown", show(t))
			if s.one(2) {
				s.fence = max(s.fence, t)
			}
			return
		}
		s.fence = max(s.fence, t)
		if s.one(3) {
			s.send("lf "+show(t), s.report(t))
		}
		s.later("source read for "+show(t), func() { s.fill(k, t, k.version, true) })
	})
}

// fill sends what was read. From here on it is on the network.
func (s *sim) fill(k *simKey, t Token, version int, fenced bool) {
	value := strconv.Itoa(version)
	expires := s.expiry()
	refuse := s.one(30)
	s.send("ls "+k.name+" "+show(t)+" "+value, func() {
		e := s.table.find([]byte(k.name))
		late := e != nil && e.lease.token == t && e.lease.deadline < s.now
		doubt := e != nil && e.lease.token == t && e.lease.doubt
		item := Item{Value: []byte(value), Expires: expires}
		if k.tag != "" {
			item.Tags = AppendTag(nil, []byte(k.tag))
		}
		s.store.refuse = refuse
		reason, cleared, err := s.table.Fill(s.clock(), 0, []byte(k.name), t, item, fenced)
		s.store.refuse = false
		if cleared {
			s.cleared(t)
		}
		s.say("  %s %s: %q", k.name, show(t), byte(reason))
		if reason != Stored {
			return
		}
		k.staleUntil = 0
		if err != nil {
			return
		}
		if late {
			s.saw("late fill stored")
		}
		if doubt {
			s.saw("doubt lease filled")
			if !fenced {
				s.fail("doubt lease %s was filled without a fence", show(t))
			}
		}
	})
}

// report is what the owner does with an lf.
func (s *sim) report(t Token) func() {
	return func() {
		if t > s.table.Last() {
			s.raise(t.Epoch() + 1)
		}
		if s.table.Fence(s.clock(), t) {
			s.cleared(t)
		}
	}
}

// expiry is a time to live, rarely one that is over already.
func (s *sim) expiry() int64 {
	switch s.rng.IntN(6) {
	case 0:
		return 0
	case 1:
		return s.now - s.rng.Int64N(2)
	}
	return s.now + s.length(20)
}
