package control

import (
	"maps"
	"time"

	"github.com/leasecache/leasecache/shard"
)

// simShard is a shard that a process has open: what stands for its lease table.
type simShard struct {
	epoch   shard.Epoch
	session shard.Session
	seq     uint64
	noted   shard.Note
	notes   uint64 // what was noted up to then is not counted on
	doubt   uint64
	closed  Mono // until then
	intents map[*simIntent]bool

	transfer uint64 // the one that was begun
	shut     bool   // the gate is, for the transfer or for Quiet
	shutAt   Mono
}

// simImport is what came with a transfer, complete.
type simImport struct {
	epoch   shard.Epoch // of the plan
	intents map[*simIntent]bool
	left    time.Duration // of the closure
}

type simTransfer struct {
	shard shard.ID
	id    uint64
}

// simIntent is a writer whose commit the source may still see.
type simIntent struct {
	shard   shard.ID
	token   uint64
	bounded bool
}

// serves says whether a command for the shard would be let in now.
func (p *simProc) serves(id shard.ID) *simShard {
	sh := p.open[id]
	if sh == nil || sh.shut || sh.session != p.live() {
		return nil
	}
	return sh
}

func (p *simProc) close(id shard.ID) {
	p.s.say("%s closes shard %d", p, id)
	delete(p.open, id)
}

// reconcile does with each shard what the newest State says.
func (p *simProc) reconcile() {
	s, mine := p.s, p.live()
	clear(p.resets)
	for i := range p.st.Shards {
		id, rec := shard.ID(i), &p.st.Shards[i]
		at := shard.Epoch(0)
		if sh := p.open[id]; sh != nil {
			at = sh.epoch
		}
		switch p.st.Next(id, mine, at, func(transfer uint64) bool { return p.imports[simTransfer{id, transfer}] != nil }) {
		case Close:
			p.close(id)
		case OpenCold:
			s.saw("opened cold")
			p.openShard(id, nil)
		case OpenMoved:
			s.saw("opened moved")
			p.openShard(id, p.imports[simTransfer{id, rec.Via}])
		case Rise:
			s.saw("risen")
			sh := p.open[id]
			sh.epoch, sh.seq, sh.shut = rec.Epoch, 0, false
		case GiveUp:
			s.saw("given up")
			delete(p.open, id)
			p.resets[id] = true
		case Keep:
		}
		if sh := p.open[id]; sh != nil {
			if rec.Notes > sh.notes {
				sh.noted = rec.Noted
			}
			if rec.Transfer.ID != 0 && rec.Transfer.ID != sh.transfer {
				sh.transfer = rec.Transfer.ID
				s.after(p, s.moment(), func() { p.move(id, sh, rec.Transfer) })
			}
		}
	}
	for key, im := range p.imports {
		if rec := &p.st.Shards[key.shard]; rec.Epoch > im.epoch && rec.Via != key.id {
			delete(p.imports, key)
		}
	}
}

func (p *simProc) openShard(id shard.ID, im *simImport) {
	start := p.st.Start(id)
	sh := &simShard{
		epoch: start.Epoch, session: p.holder.session, noted: start.Noted, doubt: start.DoubtBelow,
		closed: p.read().Mono + Mono(start.Closed), intents: make(map[*simIntent]bool),
	}
	if im != nil {
		sh.intents = maps.Clone(im.intents)
		sh.closed = p.read().Mono + Mono(p.st.Settings.stretch(im.left))
		if len(sh.intents) > 0 {
			p.s.saw("moved with an intent")
		}
	}
	if start.Closed > 0 {
		p.s.saw("opened closed")
	}
	p.open[id] = sh
	p.s.say("%s opens shard %d: %+v", p, id, start)
}

// move hands a shard over, under its shut gate.
func (p *simProc) move(id shard.ID, sh *simShard, t Transfer) {
	s := p.s
	if p.open[id] != sh || p.serves(id) == nil || p.st.Shards[id].Transfer != t || p.st.Shards[id].Epoch != sh.epoch {
		return
	}
	s.say("%s shuts shard %d for transfer %d", p, id, t.ID)
	now := p.read().Mono
	sh.shut, sh.shutAt = true, now
	im := &simImport{epoch: sh.epoch, intents: maps.Clone(sh.intents), left: time.Duration(max(0, sh.closed-now))}
	moved := Moved{Shard: id, Transfer: t.ID, Epoch: sh.epoch, From: sh.session, To: t.To}
	for _, to := range s.procs {
		if to.holder.session != t.To || to.orphan != p.orphan {
			continue
		}
		s.mail(p, to, func() {
			if to.live() != t.To {
				return
			}
			if rec := &to.st.Shards[id]; rec.Epoch > im.epoch && rec.Via != t.ID {
				return // it is of no use any more
			}
			to.imports[simTransfer{id, t.ID}] = im
			if !s.calm && s.one(20) { // it has no room for it after all
				s.after(to, s.moment(), func() { delete(to.imports, simTransfer{id, t.ID}) })
			}
			s.mail(to, p, func() { p.send(moved) })
		})
	}
}

// work is what goes on in the shards that a process has open.
func (p *simProc) work() {
	s, now := p.s, p.read().Mono
	for i := range p.st.Shards {
		id := shard.ID(i)
		sh := p.open[id]
		if sh == nil {
			continue
		}
		if sh.shut && now > sh.shutAt+Mono(simSecond) && s.one(4) {
			if t := p.st.Shards[id].Transfer.ID; t != 0 {
				p.send(Cancel{Shard: id, Transfer: t, Epoch: sh.epoch, From: sh.session})
			} else {
				sh.shut = false // it was for Quiet; see there
			}
		}
		if p.serves(id) == nil {
			continue
		}
		s.saw("served")
		switch n := s.rng.IntN(60); {
		case n < 6 && (!s.lazy || s.one(15)):
			p.begin(id, sh)
		case n < 8 && sh.doubt > 0 && (s.fences || s.one(20)):
			p.fence(id, sh)
		case n == 8 && !s.log.settled && len(sh.intents) == 0 && sh.doubt == 0 && now >= sh.closed && sh.noted != (shard.Note{}):
			sh.shut, sh.shutAt = true, now-Mono(simSecond/2)
			sh.noted, sh.notes = shard.Note{}, p.st.Shards[id].Notes
			p.send(Quiet{Session: sh.session, Items: []Calm{{id, sh.epoch, sh.notes}}})
		case n == 9 && s.one(5):
			p.send(Raise{Session: sh.session, Shard: id, From: sh.epoch, AtLeast: sh.epoch + shard.Epoch(s.rng.IntN(5))})
		case n == 10 && s.one(10):
			p.send(Reset{Session: sh.session, Items: []At{{id, sh.epoch}}, Doubt: s.one(2)})
		default:
			p.token(id, sh)
		}
	}
}

// token is one of the shard's. They only grow, whoever gives them.
func (p *simProc) token(id shard.ID, sh *simShard) uint64 {
	sh.seq++
	token := sh.epoch.Token(sh.seq)
	if token <= p.s.newest[id] {
		p.s.fail("%s gives token %x in shard %d after %x", p, token, id, p.s.newest[id])
	}
	p.s.newest[id] = token
	return token
}

// begin is an lw: it begins an intent if its kind is noted, else it asks for the
// note and comes back later.
func (p *simProc) begin(id shard.ID, sh *simShard) {
	s := p.s
	want := shard.Note{Fenced: true}
	length := time.Duration(s.upTo(5 * simSecond))
	if s.one(2) {
		want = shard.Note{Bounded: wholeMillis(length)}
	}
	if (want.Fenced && !sh.noted.Fenced) || want.Bounded > sh.noted.Bounded {
		p.send(Note{Session: sh.session, Items: []Noted{{id, sh.epoch, want}}})
		return
	}
	s.saw("intent")
	w := &simIntent{shard: id, token: p.token(id, sh), bounded: !want.Fenced}
	sh.intents[w] = true
	s.writers = append(s.writers, w)
	s.say("%s begins intent %x in shard %d, bounded: %v", p, w.token, id, w.bounded)
	ends := s.moment()
	if s.one(3) {
		ends = s.upTo(25 * simSecond) // it stalls
	}
	if w.bounded { // by the slowest clock there is
		ends = min(ends, int64(length)*11/10)
	}
	s.after(nil, ends, func() { s.ended(w) })
}

// ended is a writer whose outcome is known, to the owner too.
func (s *sim) ended(w *simIntent) {
	held := false
	for _, p := range s.procs {
		if sh := p.open[w.shard]; sh != nil {
			held = held || sh.intents[w]
			delete(sh.intents, w)
		}
	}
	if !held {
		s.saw("intent of an owner that is gone")
	}
	s.remove(func(x *simIntent) bool { return x == w })
}

func (s *sim) remove(gone func(*simIntent) bool) {
	left := s.writers[:0]
	for _, w := range s.writers {
		if !gone(w) {
			left = append(left, w)
		}
	}
	s.writers = left
}

// fence is a recoverer who fences the source with a token of the shard, and reports
// it.
func (p *simProc) fence(id shard.ID, sh *simShard) {
	s := p.s
	token := p.token(id, sh)
	s.remove(func(w *simIntent) bool { return w.shard == id && !w.bounded && w.token < token })
	if token >= sh.doubt {
		s.saw("doubt fenced")
		sh.doubt = 0
	}
	p.send(Fenced{[]Fence{{id, token}}})
}
