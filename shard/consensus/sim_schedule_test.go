package consensus_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/lease"
	"github.com/leasecache/leasecache/server/owner"
	"github.com/leasecache/leasecache/shard"
	"github.com/leasecache/leasecache/shard/control"
)

// The schedules that broke the design, as far as they are a cluster's, played by whole
// nodes. Each is played twice: as the program is, and with the bug that it is about, which
// it must notice. The observer of the simulation looks on.

const scheduleTTL = 2 * time.Second

// schedule plays one. Clocks are as different as they may be: n2's is the fast one.
func schedule(t *testing.T, of bug, play func(*sim)) {
	t.Helper()
	scheduleWith(t, scheduleTTL, of, play)
}

func scheduleWith(t *testing.T, ttl time.Duration, of bug, play func(*sim)) {
	t.Helper()
	for _, b := range slices.Compact([]bug{0, of}) {
		broken, s := simulate(t, 1, b, func(s *sim) func() {
			s.ttl = ttl
			for i, n := range s.nodes {
				n.clock.rate = []float64{1, 1.2, 1}[i]
			}
			return func() {
				s.wait("every node serves something", 20*time.Second, s.even)
				if !s.failed() {
					play(s)
				}
			}
		})
		if b == 0 {
			require.Empty(t, broken, s.lines)
		} else {
			require.NotEmpty(t, broken, "with the bug planted it passes too: %v", s.lines)
		}
	}
}

func (s *sim) even() bool {
	if !s.allServed() {
		return false
	}
	for _, n := range s.nodes {
		if n.shards() == 0 {
			return false
		}
	}
	return true
}

// shards is how many it answers for.
func (n *simNode) shards() (sum int) {
	for id := range shard.ID(simShards) {
		if w := n.proc.serving(); w != nil && w.answers(id) {
			sum++
		}
	}
	return sum
}

func (s *sim) leader() *simNode {
	for _, n := range s.nodes {
		if id, ok, _ := n.proc.node.Leader(); ok && id == n.name {
			return n
		}
	}
	s.fail("nobody leads")
	return s.nodes[0]
}

// follower is a node that does not lead.
func (s *sim) follower() *simNode {
	for _, n := range s.nodes {
		if n != s.leader() {
			return n
		}
	}
	return nil
}

// others are those with a process, but for one.
func (s *sim) others(not *simNode) (all []*simNode) {
	for _, n := range s.nodes {
		if n != not && n.proc != nil {
			all = append(all, n)
		}
	}
	return all
}

// session is a node's newest, as another knows it.
func (s *sim) session(of, as *simNode) (id shard.Session) {
	as.proc.node.View(func(st *control.State) { id = st.Members[of.name].Session })
	return id
}

// one is a shard that a node answers for.
func (n *simNode) one() shard.ID {
	for id := range shard.ID(simShards) {
		if n.proc.serving().answers(id) {
			return id
		}
	}
	n.s.fail("%s serves nothing", n)
	return 0
}

// agree has an entry agreed on, through any node.
func (s *sim) agree(through *simNode, e control.Entry) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if _, err := through.proc.node.Propose(ctx, e); err != nil {
		s.fail("%T: %v", e, err)
	}
}

// silentBy checks when a plane stops to answer for a shard.
func (s *sim) silentBy(w *plane, id shard.ID, end time.Time) {
	for time.Now().Before(end) && w.answers(id) {
		time.Sleep(5 * time.Millisecond)
	}
	if w.answers(id) {
		s.fail("%s answers for shard %d, which it may not any more", w.p.on, id)
	}
}

// intent takes a fenced intent on a key, at whoever serves it.
func (s *sim) intent(id shard.ID, length time.Duration) (token lease.Token) {
	hash, key := hashOf(simKeys[id][0])
	in := owner.Intent{Kind: lease.Fenced, Length: length}
	w := s.serves(id)
	if w == nil {
		s.fail("nobody serves shard %d", id)
		return 0
	}
	token, _, err := w.owner.Begin(w.look().now, hash, key, in)
	if errors.Is(err, owner.ErrNotNoted) {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if err = w.owner.Note(ctx, hash, in); err == nil {
			token, _, err = w.owner.Begin(w.look().now, hash, key, in)
		}
	}
	if err != nil {
		s.fail("intent at %s: %v", w.p.on, err)
	}
	return token
}

// closed asks for a key that somebody may be writing: it must not be open.
func (s *sim) closed(id shard.ID) (a told) {
	hash, key := hashOf(simKeys[id][0])
	w := s.serves(id)
	if w == nil {
		s.fail("nobody serves shard %d", id)
		return a
	}
	rd := &reader{got: make(chan told, 1)}
	if err := w.owner.Lease(w.look().now, hash, key, lease.Read{CanFence: true}, rd); err != nil {
		s.fail("read at %s: %v", w.p.on, err)
		return a
	}
	a = <-rd.got
	if a.kind == lease.Hit || a.kind == lease.Granted && !a.doubt {
		s.fail("%s lends shard %d to readers, and a writer may still commit", w.p.on, id)
	}
	return a
}

func (s *sim) servedElsewhere(id shard.ID, not *simNode, limit time.Duration) {
	s.wait(fmt.Sprintf("shard %d is served, not by %s", id, not.name), limit, func() bool {
		w := s.serves(id)
		return w != nil && w.p.on != not
	})
}

func TestSchedule_R2_AStepOfTheLeadersClockEndsNobody(t *testing.T) {
	schedule(t, bugOneClock, func(s *sim) {
		leader := s.leader()
		before := make(map[*simNode]shard.Session)
		for _, n := range s.others(leader) {
			before[n] = s.session(n, n)
		}
		for _, step := range []time.Duration{10 * time.Second, -time.Hour, 2 * time.Hour} {
			leader.clock.step(step)
			time.Sleep(2 * scheduleTTL)
			for n, session := range before {
				if now := s.session(n, n); now != session {
					s.fail("session %d of %s was ended by a step of %s's clock by %v; now it has %d", session, n, leader, step, now)
				}
			}
		}
		s.wait("every node serves something again", 10*time.Second, s.even)
	})
}

func TestSchedule_R3_ATTLThatANodeWasStartedWithCountsForNothing(t *testing.T) {
	schedule(t, bugOwnTTL, func(s *sim) {
		n := s.follower()
		n.ttl = 10 * time.Second
		n.proc.kill(false)
		n.start()
		s.wait("every node serves something again", 20*time.Second, s.even)
		id, w := n.one(), n.proc.serving()
		s.cutOff(n.name, true, true)
		s.silentBy(w, id, time.Now().Add(scheduleTTL))
		s.servedElsewhere(id, n, 2*time.Second)
	})
}

func TestSchedule_R3_AChangedTTLHoldsFromTheNextRegistration(t *testing.T) {
	schedule(t, bugOwnTTL, func(s *sim) {
		n := s.follower()
		var set control.Settings
		n.proc.node.View(func(st *control.State) { set = st.Settings })
		set.TTL = 10 * time.Second
		s.agree(n, control.Set{Settings: set})
		time.Sleep(time.Second)
		id, w := n.one(), n.proc.serving()
		s.cutOff(n.name, true, true)
		s.silentBy(w, id, time.Now().Add(scheduleTTL))
		s.servedElsewhere(id, n, 2*time.Second)
	})
}

// The note of an intent goes along with a planned move: when the new owner dies without
// one of its own, the next is in doubt.
func TestSchedule_R4_ANoteOutlivesAMoveAndADeath(t *testing.T) {
	schedule(t, bugNoDoubt, func(s *sim) {
		a := s.follower()
		id := a.one()
		token := s.intent(id, 30*time.Second)
		s.agree(a, control.Drain{Node: a.name, On: true})
		s.servedElsewhere(id, a, 5*time.Second)
		s.closed(id)
		b := s.serves(id).p.on
		s.agree(a, control.Drain{Node: a.name})
		b.proc.kill(false)
		s.servedElsewhere(id, b, 10*time.Second)
		// A reader fences the source; then the writer cannot commit.
		if told := s.closed(id); told.kind == lease.Granted {
			s.src.fenceAt(id, told.token)
		}
		if s.src.commitUnder(simKeys[id][0], id, token, true) {
			s.fail("the writer commits behind the fence")
		}
	})
}

// What a node is granted and hears of late counts from when it asked.
func TestSchedule_R5_ARenewalHeardOfLateCountsFromItsSend(t *testing.T) {
	const ttl, late = 1200 * time.Millisecond, 400 * time.Millisecond // a renewal every 200 ms
	scheduleWith(t, ttl, bugFromApply, func(s *sim) {
		n := s.nodes[2] // its clock is a slow one
		if s.leader() == n {
			n = s.nodes[0]
		}
		for _, from := range s.others(n) {
			s.net.slow(from.name, n.name, late)
		}
		time.Sleep(2 * time.Second)
		id, w := n.one(), n.proc.serving()
		s.net.silence(n.name)
		last := time.Now() // it asked
		time.Sleep(late)
		if !w.answers(id) {
			s.fail("the session of %s is over too early for this test", n)
		}
		s.silentBy(w, id, last.Add(ttl+50*time.Millisecond))
	})
}

// A shard is moved away and at once back, to a node that lags behind.
func TestSchedule_R6_ThereAndBackAgainAtANodeThatLags(t *testing.T) {
	schedule(t, bugNoIntents, func(s *sim) {
		a := s.follower()
		id := a.one()
		s.intent(id, 30*time.Second)
		for _, from := range s.others(a) {
			s.net.slow(from.name, a.name, 200*time.Millisecond)
		}
		leader := s.leader()
		s.agree(leader, control.Drain{Node: a.name, On: true})
		s.servedElsewhere(id, a, 5*time.Second)
		s.closed(id)
		s.agree(leader, control.Drain{Node: a.name})
		for _, n := range s.others(a) {
			s.agree(leader, control.Drain{Node: n.name, On: true})
		}
		s.wait("it is back", 10*time.Second, func() bool { w := s.serves(id); return w != nil && w.p.on == a })
		s.closed(id)
	})
}

// Two owners die, one after the other, and nobody fences between.
func TestSchedule_H4_DoubtOutlivesTwoOwners(t *testing.T) {
	schedule(t, bugNoDoubt, func(s *sim) {
		a := s.follower()
		id := a.one()
		s.intent(id, 30*time.Second)
		for range 2 {
			w := s.serves(id)
			if w == nil {
				s.fail("nobody serves shard %d", id)
				return
			}
			n := w.p.on
			n.proc.kill(false)
			s.servedElsewhere(id, n, 10*time.Second)
			n.start()
			s.wait("all vote", 10*time.Second, s.allVote)
			s.wait("all is served", 10*time.Second, s.allServed)
			s.closed(id)
		}
	})
}

// A shard is moved under a writer.
func TestSchedule_H5_AnIntentGoesAlongWithItsShard(t *testing.T) {
	schedule(t, bugNoIntents, func(s *sim) {
		a := s.follower()
		id := a.one()
		token := s.intent(id, 30*time.Second)
		s.agree(a, control.Drain{Node: a.name, On: true})
		s.servedElsewhere(id, a, 5*time.Second)
		s.closed(id)
		if !s.src.commitUnder(simKeys[id][0], id, token, true) {
			s.fail("a move fences writers off")
		}
		w := s.serves(id)
		hash, key := hashOf(simKeys[id][0])
		if out, err := w.owner.End(w.look().now, hash, key, token); err != nil || out != lease.Ended {
			s.fail("the intent is not known at %s: %v, %v", w.p.on, out, err)
		}
	})
}

// A process lives on that nobody hears of, and another is started in its place at once.
func TestSchedule_H8_ANewProcessOfANodeTakesNothingFromTheOldOne(t *testing.T) {
	schedule(t, bugForever, func(s *sim) {
		n := s.follower()
		id, old := n.one(), n.proc.serving()
		before := s.session(n, s.leader())
		n.proc.kill(true)
		n.start()
		s.wait("the new process has a session", 10*time.Second, func() bool { return s.session(n, s.leader()) != before })
		s.silentBy(old, id, time.Now().Add(scheduleTTL))
		s.wait("all is served", 10*time.Second, s.allServed)
	})
}

// Leaders lose the others, and lead again, over and over: what one of them found over is
// never taken from who was renewed by another.
func TestSchedule_H9_LeadersThatComeBack(t *testing.T) {
	schedule(t, 0, func(s *sim) {
		led := make(map[string]bool)
		for i := range 12 {
			s.wait("somebody leads", 5*time.Second, func() bool {
				for _, n := range s.nodes {
					if id, ok, _ := n.proc.node.Leader(); ok && id == n.name {
						return true
					}
				}
				return false
			})
			leader := s.leader()
			led[leader.name] = true
			s.cutOff(leader.name, true, true)
			time.Sleep(time.Duration(800+300*(i%6)) * time.Millisecond)
			s.heal()
			time.Sleep(time.Duration(100*(i%4)) * time.Millisecond)
		}
		s.wait("all is served", 10*time.Second, s.allServed)
		if len(led) < 2 {
			s.fail("only %v led", led)
		}
	})
}

// A shard's owner has handed it over, and hears nothing any more: it answers nothing for
// the shard until it knows what became of it.
func TestSchedule_R15_AnOwnerThatDoesNotHearTheEndOfAMove(t *testing.T) {
	schedule(t, bugOpensAgain, func(s *sim) {
		a := s.follower()
		left := make(chan shard.ID, simShards)
		s.left = func(w *plane, id shard.ID) {
			if w.p.on == a {
				s.cutOff(a.name, true, false)
				left <- id
			}
		}
		s.agree(a, control.Drain{Node: a.name, On: true})
		id := <-left
		w := a.proc.serving()
		for end := time.Now().Add(2 * scheduleTTL); time.Now().Before(end); {
			if w.answers(id) {
				s.fail("%s answers for shard %d, which it has handed over", a, id)
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
		s.servedElsewhere(id, a, 10*time.Second)
	})
}
