package control

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/shard"
)

// script is a log of a cluster with three nodes, A, B and C, and four shards at epoch
// 5, of which nobody owns one yet.
type script struct {
	*testing.T
	st *State
}

func newScript(t *testing.T) *script {
	s := &script{t, new(State)}
	s.must(Init{Cluster: "c", Settings: DefaultSettings(), Shards: []Former{{Epoch: 5}, {Epoch: 5}, {Epoch: 5}, {Epoch: 5}}})
	for _, n := range []string{"A", "B", "C"} {
		s.must(PutMember{Node: n, Birth: "b", Client: n + ":11211"})
	}
	return s
}

// apply is the next entry of the log.
func (s *script) apply(e Entry) Result {
	s.Helper()
	r, err := s.st.Execute(s.st.Index+1, Encode(e))
	require.NoError(s, err)
	require.NoError(s, s.st.Check())
	return r
}

// must is one that has its effect, and that of all its items.
func (s *script) must(e Entry) Result {
	s.Helper()
	r := s.apply(e)
	require.Equal(s, OK, r.Code, "%T%+v", e, e)
	for _, c := range r.Items {
		require.Equal(s, OK, c, "%T%+v", e, e)
	}
	return r
}

// refused is one that has no effect at all.
func (s *script) refused(want Code, e Entry) {
	s.Helper()
	before, err := Restore(s.st.Snapshot())
	require.NoError(s, err)
	r := s.apply(e)
	got := r.Code
	if len(r.Items) == 1 {
		got = r.Items[0]
	}
	require.Equal(s, want, got, "%T%+v", e, e)
	require.Empty(s, r.Changed)
	before.Index = s.st.Index
	require.Equal(s, before.Snapshot(), s.st.Snapshot(), "a refused entry leaves nothing behind")
}

// joins has a process of a node register.
func (s *script) joins(node string, life uint64) shard.Session {
	s.Helper()
	s.must(Register{Node: node, Birth: "b", Life: life, Count: 1})
	return s.st.Members[node].Session
}

func (s *script) assign(id shard.ID, to shard.Session) {
	s.Helper()
	s.must(Assign{[]Owner{{id, s.st.Shards[id].Epoch, to}}})
}

func (s *script) move(id shard.ID, to shard.Session) Moved {
	s.Helper()
	rec := s.st.Shards[id]
	s.must(Plan{rec.Session, []Owner{{id, rec.Epoch, to}}})
	return Moved{Shard: id, Transfer: s.st.Index, Epoch: rec.Epoch, From: rec.Session, To: to}
}

func (s *script) note(id shard.ID, n shard.Note) Note {
	rec := s.st.Shards[id]
	return Note{rec.Session, []Noted{{id, rec.Epoch, n}}}
}

func at(d time.Duration) Reading { return Reading{Mono(d), Wall(d)} }

const ms = time.Millisecond

var fencedNote = shard.Note{Fenced: true}

// 1 epoch of A: an intent is noted. 2 A dies: B, in doubt; nobody fences, nobody
// begins an intent. 3 B dies: C must be in doubt still. Only a fence above all of it
// ends that.
func TestSchedule_H4_DoubtSurvivesTwoChanges(t *testing.T) {
	s := newScript(t)
	a, b, c := s.joins("A", 1), s.joins("B", 1), s.joins("C", 1)
	s.assign(0, a)
	s.must(s.note(0, fencedNote))
	s.must(Over{a, 0, []Owner{{0, 6, b}}})
	require.Equal(t, Start{Epoch: 7, DoubtBelow: shard.Epoch(7).Base(), TagFloor: shard.Epoch(7).Base()}, s.st.Start(0))
	s.must(Over{b, 0, []Owner{{0, 7, c}}})
	require.Equal(t, shard.Epoch(8).Base(), s.st.Start(0).DoubtBelow)
	s.refused(Stale, Fenced{[]Fence{{0, shard.Epoch(8).Base() - 1}}})
	s.must(Fenced{[]Fence{{0, shard.Epoch(8).Base()}}})
	require.Zero(t, s.st.Start(0).DoubtBelow)
}

// A restart, clean or not, is a change like any other.
func TestSchedule_H4_AReleaseKeepsDoubtAndClosure(t *testing.T) {
	s := newScript(t)
	a := s.joins("A", 1)
	s.assign(0, a)
	s.must(s.note(0, shard.Note{Fenced: true, Bounded: 5 * time.Second}))
	s.must(s.note(0, shard.Note{Bounded: time.Second}))
	for life := range uint64(2) {
		s.must(Release{Node: "A", Session: a})
		a = s.joins("A", life+2)
		s.assign(0, a)
		start := s.st.Start(0)
		require.Equal(t, start.Epoch.Base(), start.DoubtBelow)
		require.GreaterOrEqual(t, start.Closed, 6500*ms)
		require.Less(t, start.Closed, 6501*ms)
	}
}

// What came by a transfer is all a receiver knows of intents: the entry that gives it
// the shard names the transfer, and without it the shard is not served.
func TestSchedule_H5_OwnedNamesTheTransfer(t *testing.T) {
	s := newScript(t)
	a, b := s.joins("A", 1), s.joins("B", 1)
	s.assign(0, a)
	m := s.move(0, b)
	s.must(m)
	holds := func(id uint64) bool { return id == m.Transfer }
	require.Equal(t, Close, s.st.Next(0, a, 6, nil))
	require.Equal(t, OpenMoved, s.st.Next(0, b, 0, holds))
	require.Equal(t, GiveUp, s.st.Next(0, b, 0, func(uint64) bool { return false }))
	require.Equal(t, m.Transfer, s.st.Start(0).Via)
	require.Zero(t, s.st.Start(0).Closed, "of that the transfer knows more")

	s.must(s.note(0, fencedNote))
	s.must(Reset{Session: b, Items: []At{{0, 7}}})
	require.Equal(t, OpenCold, s.st.Next(0, b, 0, nil))
	require.Equal(t, shard.Epoch(8).Base(), s.st.Start(0).DoubtBelow)
}

// 1 A asks for a note of epoch 6. 2 The shard moves, or is lost. 3 The note comes:
// were it taken, A would add an intent to memory that nobody reads any more.
func TestSchedule_H6_ANoteOfAnotherEpochIsRefused(t *testing.T) {
	s := newScript(t)
	a, b := s.joins("A", 1), s.joins("B", 1)
	s.assign(0, a)
	late := s.note(0, fencedNote)
	s.must(s.move(0, b))
	s.refused(Stale, late)
	s.refused(Stale, Note{a, []Noted{{0, 7, fencedNote}}})
	s.refused(NotFound, Note{b, []Noted{{9, 7, fencedNote}}})
	s.refused(Refused, s.note(0, shard.Note{Bounded: time.Hour}))
	s.must(s.note(0, fencedNote))
}

// Near sessions that a former owner could not flush are waited for by the next one.
func TestSchedule_H7_NearSessionsOfTheFormerOwner(t *testing.T) {
	s := newScript(t)
	a, b := s.joins("A", 1), s.joins("B", 1)
	s.assign(0, a)
	require.Zero(t, s.st.Start(0).Near)
	m := s.move(0, b)
	m.Near = time.Second
	s.must(m)
	require.GreaterOrEqual(t, s.st.Start(0).Near, 1300*ms)
	s.must(Release{Node: "B", Session: b, Near: 2 * time.Second})
	s.assign(0, a)
	require.GreaterOrEqual(t, s.st.Start(0).Near, 2500*ms)
	s.must(Over{a, 0, nil})
	require.GreaterOrEqual(t, s.st.Start(0).Near, 2500*ms, "nobody knows how much of it passed")
}

// 1 The old process of A is paused; its session lives. 2 A new one registers. The
// shards stay with the old session until it is over.
func TestSchedule_H8_ARegistrationTakesNothing(t *testing.T) {
	s := newScript(t)
	old := s.joins("A", 1)
	s.assign(0, old)
	now := s.joins("A", 2)
	require.NotEqual(t, old, now)
	require.Equal(t, old, s.st.Shards[0].Session)
	require.Equal(t, Keep, s.st.Next(0, now, 0, nil), "the new process does not serve it")
	require.Equal(t, Keep, s.st.Next(0, old, 6, nil), "the old one may")
	s.refused(Refused, Renew{[]Renewal{{old, 1}}})
	s.refused(Stale, Assign{[]Owner{{0, 6, now}}})
	s.must(Over{old, 0, []Owner{{0, 6, now}}})
	require.Equal(t, OpenCold, s.st.Next(0, now, 0, nil))
}

// 1 The old process of A has a session and shards. 2 The new one registers, but has
// not applied that yet. 3 Its session is over. 4 It applies both: the newest session
// of A is the old process's again, and not its own.
func TestSchedule_H8_TheNewestSessionIsAnotherProcesses(t *testing.T) {
	s := newScript(t)
	old := s.joins("A", 1)
	s.assign(0, old)
	h := NewHolder("A", "b", 2)
	s.must(h.Send(at(0))[0])
	its := s.st.Members["A"].Session
	s.must(Over{its, 0, nil})
	require.Equal(t, old, s.st.Members["A"].Session)
	h.Applied(at(ms), s.st)
	_, _, ok := h.Live(at(ms))
	require.False(t, ok)
}

// Nor does the lock of a directory end a session where there are several nodes: one
// of them may have been started from a copy.
func TestSchedule_H8_TheLockSpeaksForOneNodeOnly(t *testing.T) {
	s := newScript(t)
	a := s.joins("A", 1)
	s.refused(Refused, Release{Node: "A", Session: a, ByLock: true})
	s.refused(Refused, Release{Node: "B", Session: a})
	s.must(Forget{"B"})
	s.must(Forget{"C"})
	s.must(Release{Node: "A", Session: a, ByLock: true})
}

// 1 L1 decides that A is over, and is cut off with that in its log. 2 L2 leads, and A
// is renewed. 3 L1's entry is agreed on after all.
func TestSchedule_H9_AnOldLeadersDecision(t *testing.T) {
	s := newScript(t)
	a, b := s.joins("A", 1), s.joins("B", 1)
	s.assign(0, a)
	var l1, l2 Grantor
	s.must(Term{1, "B"})
	l1.Elected(0, s.st)
	decided := l1.Duties(Mono(4*time.Second), s.st)
	require.Contains(t, decided, Entry(Over{Session: a, Owners: nil}))

	s.must(Renew{[]Renewal{{a, 1}}})
	s.must(Term{2, "C"})
	l2.Elected(Mono(time.Hour), s.st)
	require.Empty(t, l2.Duties(Mono(time.Hour+3600*ms), s.st), "it waits as long as A may count on")
	for _, e := range decided {
		if over, ok := e.(Over); ok && over.Session == a {
			s.refused(Stale, over)
		}
	}
	require.Equal(t, a, s.st.Shards[0].Session)
	_ = b
}

// A step of the leader's wall clock ends nobody: the one who waits cannot even ask
// it. The one who holds stops by either clock.
func TestSchedule_R2_TwoClocksTwoQuestions(t *testing.T) {
	d := deadline(at(10*time.Second), 3*time.Second)
	require.True(t, d.Held(at(12999*ms)))
	require.False(t, d.Held(at(13*time.Second)))
	require.False(t, d.Held(Reading{Mono(11 * time.Second), Wall(time.Hour)}), "the wall clock was stepped, or the machine slept")
	require.False(t, d.Held(Reading{Mono(13 * time.Second), 0}), "the wall clock was set back")

	require.False(t, SurelyOver(Mono(10*time.Second), 3700*ms, Mono(13699*ms)))
	require.True(t, SurelyOver(Mono(10*time.Second), 3700*ms, Mono(13700*ms)))
}

// U8: the monotonic clock stands still while a machine sleeps.
func TestSchedule_U8_AfterASleepNothingIsServed(t *testing.T) {
	s := newScript(t)
	h := NewHolder("A", "b", 1)
	s.must(h.Send(at(0))[0])
	h.Applied(at(ms), s.st)
	_, _, ok := h.Live(Reading{Mono(2 * ms), Wall(2 * ms)})
	require.True(t, ok)
	_, _, ok = h.Live(Reading{Mono(2 * ms), Wall(time.Minute)})
	require.False(t, ok)
}

// Settings are the cluster's, and a session lasts as long as it was granted for.
func TestSchedule_R3_ASessionKeepsItsTTL(t *testing.T) {
	s := newScript(t)
	h := NewHolder("A", "b", 1)
	s.must(h.Send(at(0))[0])
	h.Applied(at(ms), s.st)
	longer := DefaultSettings()
	longer.TTL, longer.Changes = 10*time.Second, 1
	s.must(Set{longer})
	s.refused(Stale, Set{longer})
	s.must(h.Send(at(time.Second))[0])
	h.Applied(at(1001*ms), s.st)
	_, d, ok := h.Live(at(1001 * ms))
	require.True(t, ok)
	require.Equal(t, deadline(at(time.Second), 3*time.Second), d)
	require.Equal(t, 3*time.Second, s.st.Sessions[s.st.Members["A"].Session].TTL)

	b := s.joins("B", 1)
	require.Equal(t, 10*time.Second, s.st.Sessions[b].TTL)
	require.GreaterOrEqual(t, s.st.Sessions[b].Wait, 12100*ms)
	longer.Changes, longer.TTL = 2, 0
	s.refused(Refused, Set{longer})
}

// The note stays through a planned move, a cancelled one and a raise, and falls by an
// unplanned change or Quiet.
func TestSchedule_R4_TheNoteStaysThroughPlannedChanges(t *testing.T) {
	s := newScript(t)
	a, b := s.joins("A", 1), s.joins("B", 1)
	s.assign(0, a)
	s.must(s.note(0, fencedNote))
	m := s.move(0, b)
	s.must(Cancel{0, m.Transfer, 6, a})
	require.Equal(t, Rise, s.st.Next(0, a, 6, nil), "its items and intents are still there")
	s.must(Raise{Session: a, Shard: 0, From: 7, AtLeast: 20})
	require.Equal(t, shard.Epoch(20), s.st.Shards[0].Epoch)
	s.must(s.move(0, b))
	require.Equal(t, fencedNote, s.st.Start(0).Noted)
	s.must(Over{b, 0, []Owner{{0, 21, a}}})
	require.Equal(t, shard.Epoch(22).Base(), s.st.Start(0).DoubtBelow, "B had no intent of its own, and inherited one")

	s.must(s.note(0, fencedNote))
	quiet := Quiet{a, []Calm{{0, 22, s.st.Shards[0].Notes}}}
	s.must(s.note(0, fencedNote))
	s.refused(Stale, quiet)
	quiet.Items[0].Notes++
	s.must(quiet)
	require.Equal(t, shard.Note{}, s.st.Start(0).Noted)
	require.NotZero(t, s.st.Start(0).DoubtBelow, "doubt is a fence's to clear")
}

// a) A renewal that is sent again has a number and a time of its own.
func TestSchedule_R5_EverySendHasItsOwnTime(t *testing.T) {
	s := newScript(t)
	h := NewHolder("A", "b", 1)
	s.must(h.Send(at(0))[0])
	h.Applied(at(ms), s.st)
	first, second := h.Send(at(100 * ms))[0], h.Send(at(2 * time.Second))[0]
	require.NotEqual(t, first, second)
	s.must(first)
	h.Applied(at(2100*ms), s.st)
	_, d, _ := h.Live(at(2100 * ms))
	require.Equal(t, deadline(at(100*ms), 3*time.Second), d, "what was granted is the first")
	s.must(second)
	s.refused(Stale, first) // b) a copy of an older one
	h.Applied(at(2200*ms), s.st)
	_, d, _ = h.Live(at(2200 * ms))
	require.Equal(t, deadline(at(2*time.Second), 3*time.Second), d)
}

// c) What is granted after the session ran out comes too late, even if nobody took
// the shards: what was in memory is gone.
func TestSchedule_R5_ARenewalAfterTheEndGrantsNothing(t *testing.T) {
	s := newScript(t)
	h := NewHolder("A", "b", 1)
	s.must(h.Send(at(0))[0])
	h.Applied(at(ms), s.st)
	old, _, _ := h.Live(at(ms))
	s.must(h.Send(at(2900 * ms))[0])
	h.Applied(at(3*time.Second), s.st)
	_, _, ok := h.Live(at(3 * time.Second))
	require.False(t, ok)
	require.Empty(t, h.Send(at(3*time.Second)), "first everything is dropped")
	release, ok := h.Dropped()
	require.True(t, ok)
	require.Equal(t, old, release.Session)
	next := h.Send(at(3100 * ms))
	require.Len(t, next, 2, "the release may have been lost")
	s.must(next[0])
	s.must(next[1])
	h.Applied(at(3200*ms), s.st)
	now, _, ok := h.Live(at(3200 * ms))
	require.True(t, ok)
	require.Greater(t, now, old)
	require.Len(t, h.Send(at(3300*ms)), 1)
}

// A process has one session at a time, and a copy of an old registration makes none.
func TestSchedule_R5_ACopyOfARegistration(t *testing.T) {
	s := newScript(t)
	h := NewHolder("A", "b", 1)
	first, second := h.Send(at(0))[0], h.Send(at(time.Second))[0]
	s.must(first)
	s.refused(Stale, first)
	s.refused(Stale, second)
	h.Applied(at(1100*ms), s.st)
	a, d, ok := h.Live(at(1100 * ms))
	require.True(t, ok)
	require.Equal(t, deadline(at(0), 3*time.Second), d, "it counts from the send that was granted")
	s.must(Release{Node: "A", Session: a})
	s.refused(Stale, first)
	s.refused(Refused, Register{Node: "A", Birth: "another-directory", Life: 9, Count: 1})
}

// 1 x moves from A to B; A lags. 2 x moves back at once: A takes the stream. 3 A
// applies both.
func TestSchedule_R6_ThereAndBackAgain(t *testing.T) {
	s := newScript(t)
	a, b := s.joins("A", 1), s.joins("B", 1)
	s.assign(0, a)
	s.must(s.move(0, b))
	back := s.move(0, a)
	s.must(back)
	require.Equal(t, GiveUp, s.st.Next(0, a, 6, func(uint64) bool { return false }), "what A had of epoch 6 is not what B had")
	require.Equal(t, OpenMoved, s.st.Next(0, a, 6, func(id uint64) bool { return id == back.Transfer }))
	s.must(Raise{Session: a, Shard: 0, From: 8})
	require.Equal(t, OpenMoved, s.st.Next(0, a, 0, func(id uint64) bool { return id == back.Transfer }), "also if a raise came before it was opened")
	require.Equal(t, Rise, s.st.Next(0, a, 8, nil))
	s.must(Reset{Session: a, Items: []At{{0, 9}}})
	require.Equal(t, OpenCold, s.st.Next(0, a, 9, nil), "what is in memory is of before the reset")
}

// Survivors may be behind: epochs that they do not know were given, nodes that they
// do not know serve, intents that they do not know are open.
func TestSchedule_R10_Recover(t *testing.T) {
	s := newScript(t)
	a := s.joins("A", 1)
	s.assign(0, a)
	s.must(Forget{"C"})
	require.True(t, s.st.Recover(77))
	require.NoError(t, s.st.Check())
	require.Equal(t, uint64(77), s.st.Incarnation)
	require.Equal(t, "c", s.st.Cluster)
	require.Equal(t, []shard.Owner{-1, -1, -1, -1}, s.st.Map().Owners)

	var g Grantor
	s.must(Term{9, "B"})
	g.Elected(0, s.st)
	b := s.joins("B", 5)
	s.refused(Stale, Assign{[]Owner{{0, s.st.Shards[0].Epoch, b}}})
	s.must(Renew{[]Renewal{{b, 1}}})
	g.Applied(Mono(36099*ms), s.st)
	require.Empty(t, g.Duties(Mono(36099*ms), s.st), "the longest session that there can be")
	for _, e := range g.Duties(Mono(36200*ms), s.st) {
		s.must(e)
	}
	for id := range s.st.Shards {
		start := s.st.Start(shard.ID(id))
		require.Equal(t, b, s.st.Shards[id].Session)
		require.Greater(t, start.Epoch, shard.Epoch(5+1<<12))
		require.Equal(t, start.Epoch.Base(), start.DoubtBelow)
		require.GreaterOrEqual(t, start.Closed, 72*time.Second)
	}
}

// A fence row of an older life may lie above every token: the epoch is lifted.
func TestSchedule_R12_AnEpochIsLifted(t *testing.T) {
	s := newScript(t)
	a := s.joins("A", 1)
	s.assign(0, a)
	require.Equal(t, shard.Epoch(4000), s.must(Raise{Session: a, Shard: 0, From: 6, AtLeast: 4000}).Epoch)
	s.refused(Stale, Raise{Session: a, Shard: 0, From: 6, AtLeast: 5000})
	require.Equal(t, shard.MaxEpoch, s.must(Raise{Session: a, Shard: 0, From: 4000, AtLeast: shard.MaxEpoch}).Epoch)
	s.refused(Refused, Raise{Session: a, Shard: 0, From: shard.MaxEpoch})
	s.must(Release{Node: "A", Session: a})
	b := s.joins("B", 1)
	s.must(Assign{[]Owner{{0, shard.MaxEpoch, b}}})
	require.Zero(t, s.st.Shards[0].Session, "a shard that has had all its tokens is served by nobody")
}

// A move is valid for its transfer, its epoch, its owner and a receiver that is not
// over, and for nothing else.
func TestSchedule_R15_AMoveIsConditional(t *testing.T) {
	s := newScript(t)
	a, b, c := s.joins("A", 1), s.joins("B", 1), s.joins("C", 1)
	s.assign(0, a)
	m := s.move(0, b)
	for name, change := range map[string]func(*Moved){
		"another transfer": func(m *Moved) { m.Transfer++ },
		"no transfer":      func(m *Moved) { m.Transfer = 0 },
		"another epoch":    func(m *Moved) { m.Epoch++ },
		"another owner":    func(m *Moved) { m.From = c },
		"another receiver": func(m *Moved) { m.To = c },
	} {
		t.Run(name, func(t *testing.T) {
			wrong := m
			change(&wrong)
			s.refused(Stale, wrong)
		})
	}
	s.refused(Stale, Plan{a, []Owner{{0, 6, c}}})
	s.refused(Refused, Plan{a, []Owner{{0, 6, a}}}.with(1, s))
	s.must(Release{Node: "B", Session: b})
	s.refused(Stale, m)
	s.must(Cancel{0, m.Transfer, 6, a})
	s.refused(Stale, m)
	s.refused(Stale, Cancel{0, m.Transfer, 7, a})

	m = s.move(0, c)
	s.must(Over{a, 0, nil})
	s.refused(Stale, m)
}

// with names a shard that is not under way.
func (p Plan) with(id shard.ID, s *script) Plan {
	s.assign(id, p.From)
	p.Moves[0].Shard, p.Moves[0].Epoch = id, s.st.Shards[id].Epoch
	return p
}

// Nothing ends a live session by force.
func TestSchedule_R15_ForgetAndDrainWait(t *testing.T) {
	s := newScript(t)
	a := s.joins("A", 1)
	s.assign(0, a)
	s.must(Drain{"A", true})
	s.must(Forget{"A"})
	require.Equal(t, a, s.st.Shards[0].Session)
	require.Equal(t, Keep, s.st.Next(0, a, 6, nil))
	s.refused(Refused, Renew{[]Renewal{{a, 1}}})
	s.refused(Refused, Register{Node: "A", Birth: "b", Life: 2, Count: 1})
	s.refused(Refused, PutMember{Node: "A", Birth: "b"})
	s.must(Over{a, 0, nil})
	require.NotContains(t, s.st.Members, "A")
	s.must(PutMember{Node: "A", Birth: "another-directory"})
}

// A clean stop takes effect at once; on one node so does a start.
func TestSchedule_R16_AReleaseWaitsForNobody(t *testing.T) {
	s := newScript(t)
	a, b := s.joins("A", 1), s.joins("B", 1)
	s.assign(0, a)
	var g Grantor
	s.must(Term{1, "B"})
	g.Elected(0, s.st)
	s.must(Release{Node: "A", Session: a})
	g.Applied(Mono(ms), s.st)
	for _, e := range g.Duties(Mono(ms), s.st) {
		s.must(e)
	}
	require.Equal(t, b, s.st.Shards[0].Session)
	s.refused(NotFound, Release{Node: "A", Session: a})
}

// Who is about to stop gets nothing and hands everything over; the next process of the
// node gets its part again, though nobody takes anything back.
func TestLeavingEndsWithItsSession(t *testing.T) {
	s := newScript(t)
	a, b := s.joins("A", 1), s.joins("B", 1)
	s.assign(0, a)
	s.assign(1, a)
	s.assign(2, b)
	s.assign(3, b)
	s.must(Term{1, "B"})
	var g Grantor
	g.Elected(0, s.st)
	require.Empty(t, g.Duties(0, s.st))
	s.must(Leave{a})
	version := s.st.Version
	s.must(Leave{a})
	require.Equal(t, version, s.st.Version, "a copy is no change that wakes everybody")
	require.Equal(t, []Entry{Plan{From: a, Moves: []Owner{{0, 6, b}, {1, 6, b}}}}, g.Duties(0, s.st))

	s.must(Release{Node: "A", Session: a})
	s.refused(NotFound, Leave{a})
	g.Applied(0, s.st)
	for _, e := range g.Duties(0, s.st) {
		s.must(e)
	}
	require.Len(t, s.st.owned(b), 4)
	a = s.joins("A", 2)
	g.Applied(0, s.st)
	back := g.Duties(0, s.st)
	require.Len(t, back, 1)
	require.Len(t, back[0].(Plan).Moves, 2)

	// With nobody else there it keeps what it has.
	s.must(Leave{a})
	s.must(Leave{b})
	require.Empty(t, g.Duties(0, s.st))
}
