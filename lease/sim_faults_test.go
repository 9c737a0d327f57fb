package lease

// restart ends the owner's life, cleanly or not. What is on the network stays
// there.
func (s *sim) restart() {
	s.saw("restart")
	epoch := s.table.Epoch() + 1 + uint32(s.rng.IntN(2))
	if s.one(2) {
		s.table.Advance(s.now)
		if s.table.Quiet(s.now) {
			s.keeper = simKeeper{}
		}
		s.table.Close(Unavailable)
		if len(s.readers) > 0 {
			s.fail("%d readers were not told that the owner stops", len(s.readers))
		}
		if p := s.table.Stats().Parked; p != 0 {
			s.fail("%d are parked at a closed table", p)
		}
	}
	s.readers = nil
	start := Start{}
	if s.keeper.noted || s.keeper.doubtBelow != 0 {
		s.keeper.doubtBelow = FirstToken(epoch)
		s.keeper.noted = false
		start.DoubtBelow = s.keeper.doubtBelow
		s.saw("restart in doubt")
	}
	if s.keeper.bound != 0 {
		start.ClosedUntil = s.now + s.keeper.bound
		s.saw("restart closed")
	}
	s.say("restart, epoch %d, in doubt below %s, closed until %d", epoch, show(start.DoubtBelow), start.ClosedUntil)
	for _, k := range s.keys {
		k.staleUntil = 0
	}
	s.open(epoch, start)
}

// cleared tells the keeper, at once or later, that a fence ended the shard's doubt.
func (s *sim) cleared(t Token) {
	s.saw("shard doubt over")
	s.later("the keeper hears of the fence at "+show(t), func() {
		if t >= s.keeper.doubtBelow {
			s.keeper.doubtBelow = 0
		}
	})
}

func (s *sim) raise(epoch uint32) {
	s.saw("raise")
	s.say("epoch %d", epoch)
	s.table.Raise(s.clock(), epoch)
}

// foreignFence finds the fence row above every token, as an older life of the
// cluster may have left it: writers fail until it is reported.
func (s *sim) foreignFence() {
	t := FirstToken(s.table.Epoch()+1) + 5
	s.fence = max(s.fence, t)
	s.say("the fence row is at %s", show(s.fence))
	s.send("lf "+show(s.fence), s.report(s.fence))
}
