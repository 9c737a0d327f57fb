package control

import (
	"fmt"

	"github.com/leasecache/leasecache/shard"
)

// simProc is one process of a node. A node may have two: one that was thought dead.
type simProc struct {
	s    *sim
	node int
	life uint64

	dead     bool
	old      bool  // another process of the node took its place
	orphan   bool  // of a cluster that was given up: it hears nothing any more
	stopping bool  // it serves nothing, and is to release what it has
	stopped  int64 // it does nothing before that time
	asleep   int64 // nor does its monotonic clock go on before that time
	behind   int64 // it applies nothing before that time
	stepped  int64 // when its wall clock was
	forget   bool  // it does not come back by itself after it was forgotten

	// What its clocks say is counted from since on.
	rate  int64 // of 1100
	since int64
	mono  int64
	wall  int64 // ahead of the monotonic clock

	st      *State
	holder  *Holder
	grantor Grantor
	term    *simTerm // the one it believes to lead
	batch   []Renewal
	sentAt  int64

	open    map[shard.ID]*simShard
	imports map[simTransfer]*simImport
	resets  map[shard.ID]bool
}

func (p *simProc) String() string { return fmt.Sprintf("n%d/%d", p.node, p.life) }

// start starts a process of a node, on what the last one has kept on its disk.
func (s *sim) start(node int) *simProc {
	disk := s.log.base
	if before := s.proc(node); before != nil {
		disk = before.st.Snapshot()
		before.old = true
		s.saw("two processes of a node")
	} else if n := len(s.procs); n > 0 {
		for _, q := range s.procs {
			if q.node == node && q.dead && !q.orphan {
				disk = q.st.Snapshot()
			}
		}
	}
	st, err := Restore(disk)
	if err != nil {
		s.fail("%s starts: %w", name(node), err)
		return nil
	}
	s.lives++
	p := &simProc{
		s: s, node: node, life: s.lives, st: st,
		rate: []int64{1000, 1200, 1000 + s.rng.Int64N(201)}[s.rng.IntN(3)], since: s.now,
		mono: s.rng.Int64N(1000 * simSecond), wall: s.rng.Int64N(1000 * simSecond),
		open: make(map[shard.ID]*simShard), imports: make(map[simTransfer]*simImport), resets: make(map[shard.ID]bool),
	}
	p.holder = NewHolder(name(node), "b", p.life)
	s.procs = append(s.procs, p)
	s.say("%s starts", p)
	s.after(p, s.upTo(simSecond/10), p.tick)
	s.after(p, s.moment(), p.catchUp)
	return p
}

// proc is the process of a node that is not thought dead, nil if there is none.
func (s *sim) proc(node int) *simProc {
	for _, p := range s.procs {
		if p.node == node && !p.dead && !p.old && !p.orphan {
			return p
		}
	}
	return nil
}

func (s *sim) kill(p *simProc) {
	s.say("%s is killed", p)
	p.dead, p.term = true, nil
}

// read is what the process's clocks say.
func (p *simProc) read() Reading {
	mono := p.mono + max(0, p.s.now-p.since)*p.rate/1100
	return Reading{Mono(mono), Wall(mono + p.wall)}
}

// setClock goes on from what the clocks say with another rate, and so much later.
func (p *simProc) setClock(rate, sleep int64) {
	now := p.read()
	p.mono, p.since, p.rate = int64(now.Mono), p.s.now+sleep, rate
	p.wall += sleep
	p.asleep = max(p.asleep, p.since)
}

// live is the session that the process may serve under, by its own clocks.
func (p *simProc) live() shard.Session {
	session, _, ok := p.holder.Live(p.read())
	if !ok || p.stopping {
		return 0
	}
	return session
}

// tick is what a process does ten times a second.
func (p *simProc) tick() {
	s := p.s
	s.after(p, simSecond/20+s.upTo(simSecond/10), p.tick)
	now := p.read()
	if p.holder.Expire(now) {
		p.drop()
	}
	if int64(now.Mono) > p.sentAt+int64(p.st.Settings.RenewEvery()) || s.one(20) {
		p.sentAt = int64(now.Mono)
		if _, ok := p.st.Members[name(p.node)]; !ok && !p.forget && p.st.Cluster != "" {
			p.send(PutMember{Node: name(p.node), Birth: "b", Weight: 1})
		}
		if !p.stopping {
			for _, e := range p.holder.Send(p.read()) {
				p.send(e)
			}
		}
		for id := range p.resets {
			p.send(Reset{Session: p.holder.session, Items: []At{{id, p.st.Shards[id].Epoch}}})
		}
	}
	p.lead()
	p.work()
}

// lead is what it does if it believes to be the leader.
func (p *simProc) lead() {
	if p.term == nil {
		return
	}
	if len(p.batch) > 0 && (p.s.log.settled || p.s.one(2)) {
		p.s.propose(p.term, Renew{p.batch})
		p.batch = nil
	}
	for _, e := range p.grantor.Duties(p.read().Mono, p.st) {
		p.s.propose(p.term, e)
	}
}

// send sends an entry to somebody who may be the leader.
func (p *simProc) send(e Entry) {
	s := p.s
	var to *simProc
	for i, n := s.rng.IntN(s.nodes), 0; n < s.nodes && (to == nil || to.term == nil); n++ {
		to = s.proc((i + n) % s.nodes)
	}
	if to == nil || p.orphan {
		return
	}
	s.mail(p, to, func() {
		if r, ok := e.(Renew); ok {
			to.batch = append(to.batch, r.Renewals...)
		} else {
			s.propose(to.term, e)
		}
	})
}

// mail has something arrive: never, once or twice, and in any order.
func (s *sim) mail(from, to *simProc, do func()) {
	arrive := func() {
		if !s.cut[[2]int{from.node, to.node}] && (s.calm || !s.one(20)) {
			do()
		}
	}
	s.after(to, s.moment(), arrive)
	if !s.calm && s.one(8) {
		s.after(to, s.moment(), arrive)
	}
}

// catchUp applies what was agreed on, some or all of it.
func (p *simProc) catchUp() {
	s := p.s
	if p.orphan {
		return
	}
	if p.behind > s.now && !s.log.settled {
		s.after(p, p.behind-s.now, p.catchUp)
		return
	}
	behind := int(s.log.ref.Index - p.st.Index)
	if behind <= 0 {
		return
	}
	if (!s.majority(p.node) && !s.one(10)) || (!s.calm && s.one(15)) {
		s.after(p, s.moment(), p.catchUp) // cut off, or just slow
		return
	}
	if behind > len(s.log.entries) || s.one(30) {
		p.install(s.log.ref.Snapshot())
		s.saw("snapshot taken over")
	} else {
		n := behind
		if s.one(3) {
			n = 1 + s.rng.IntN(n)
			s.after(p, s.moment(), p.catchUp)
		}
		from := len(s.log.entries) - behind
		for _, data := range s.log.entries[from : from+n] {
			if _, err := p.st.Execute(p.st.Index+1, data); err != nil {
				s.fail("%s: %w", p, err)
			}
			p.terms()
		}
	}
	p.applied()
}

func (p *simProc) install(snapshot []byte) {
	st, err := Restore(snapshot)
	if err != nil {
		p.s.fail("%s installs a snapshot: %w", p, err)
		return
	}
	p.st = st
	p.terms()
}

// terms looks whether it leads, or does no more.
func (p *simProc) terms() {
	switch {
	case p.term == nil || p.st.Term < p.term.number:
	case p.st.Term > p.term.number || p.st.Leader != name(p.node):
		p.s.saw("leader deposed")
		p.term, p.batch = nil, nil
		p.grantor.Deposed()
	case !p.grantor.leads:
		p.grantor.Elected(p.read().Mono, p.st)
	}
}

// applied is what a process does after it has applied something.
func (p *simProc) applied() {
	p.grantor.Applied(p.read().Mono, p.st)
	before := p.holder.session
	p.holder.Applied(p.read(), p.st)
	if p.holder.session != before && before != 0 {
		p.s.saw("registered again")
	}
	if p.holder.Expire(p.read()) {
		p.drop()
	}
	p.reconcile()
	if p.s.nodes == 1 {
		p.releasePredecessor()
	}
}

// releasePredecessor is sent by who has the lock of the data directory: whoever had
// it before is no more.
func (p *simProc) releasePredecessor() {
	for id, session := range p.st.Sessions {
		if session.Node == name(p.node) && id != p.holder.session {
			p.send(Release{Node: name(p.node), Session: id, ByLock: true})
		}
	}
}

// drop shuts every gate and forgets everything, and gives the session back.
func (p *simProc) drop() {
	p.s.say("%s drops everything", p)
	p.s.saw("ran out")
	for id := range p.open {
		p.close(id)
	}
	clear(p.imports)
	clear(p.resets)
	if release, ok := p.holder.Dropped(); ok {
		p.send(release)
	}
}
