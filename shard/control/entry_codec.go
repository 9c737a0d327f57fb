package control

import "fmt"

// An entry is the version of the form, its kind, and its fields. A kind keeps its
// number and its fields for ever; what is new gets a new number, and a new version
// is for what an old program must not overlook.
const entryVersion = 1

const (
	kindInit = 1 + iota
	kindTerm
	kindPutMember
	kindDrain
	kindForget
	kindRegister
	kindRenew
	kindOver
	kindAssign
	kindRelease
	kindNote
	kindFenced
	kindQuiet
	kindPlan
	kindMoved
	kindCancel
	kindRaise
	kindReset
	kindSet
	kindLeave
	kindInitAfter // an Init with a Version
	kindEnd
)

// Encode is an entry in bytes: for equal entries equal ones.
func Encode(e Entry) []byte {
	enc := encoder{b: []byte{entryVersion}}
	e.encode(&enc)
	return enc.b
}

// Decode reads what Encode wrote. The error wraps ErrDamaged or ErrTooNew.
func Decode(data []byte) (Entry, error) {
	d := decoder{b: data}
	if v := d.number(); d.err == nil && v != entryVersion {
		return nil, fmt.Errorf("%w: form %d, this one knows %d", ErrTooNew, v, entryVersion)
	}
	kind := d.number()
	if d.err == nil && kind >= kindEnd {
		return nil, fmt.Errorf("%w: an entry of kind %d", ErrTooNew, kind)
	}
	e := d.entry(kind)
	if err := d.end(); err != nil {
		return nil, err
	}
	return e, nil
}

func (d *decoder) entry(kind uint64) Entry {
	switch kind {
	case kindInit:
		return d.init()
	case kindTerm:
		return Term{d.number(), d.text()}
	case kindPutMember:
		return PutMember{d.text(), d.text(), d.text(), d.text(), d.text(), d.number()}
	case kindDrain:
		return Drain{d.text(), d.truth()}
	case kindForget:
		return Forget{d.text()}
	case kindRegister:
		return Register{d.text(), d.text(), d.number(), d.number()}
	case kindRenew:
		return Renew{items(d, 2, func() Renewal { return Renewal{d.session(), d.number()} })}
	case kindOver:
		return Over{d.session(), d.number(), d.owners()}
	case kindAssign:
		return Assign{d.owners()}
	case kindRelease:
		return Release{d.text(), d.session(), d.truth(), d.duration()}
	case kindNote:
		return Note{d.session(), items(d, 4, func() Noted { return Noted{d.id(), d.epoch(), d.note()} })}
	case kindFenced:
		return Fenced{items(d, 2, func() Fence { return Fence{d.id(), d.number()} })}
	case kindQuiet:
		return Quiet{d.session(), items(d, 3, func() Calm { return Calm{d.id(), d.epoch(), d.number()} })}
	case kindPlan:
		return Plan{d.session(), d.owners()}
	case kindMoved:
		return Moved{d.id(), d.number(), d.epoch(), d.session(), d.session(), d.number(), d.duration()}
	case kindCancel:
		return Cancel{d.id(), d.number(), d.epoch(), d.session()}
	case kindRaise:
		return Raise{d.session(), d.id(), d.epoch(), d.epoch()}
	case kindReset:
		return Reset{d.session(), d.ats(), d.truth()}
	case kindSet:
		return Set{d.settings()}
	case kindLeave:
		return Leave{d.session()}
	case kindInitAfter:
		version := d.number()
		if version == 0 {
			d.fail("an Init after nothing")
		}
		e := d.init()
		e.Version = version
		return e
	}
	d.fail("an entry of kind %d", kind)
	return nil
}

func (d *decoder) init() Init {
	return Init{
		Cluster: d.text(), Incarnation: d.number(), Settings: d.settings(),
		Shards: items(d, 4, func() Former { return Former{d.epoch(), d.number(), d.note()} }),
	}
}

func (d *decoder) owners() []Owner {
	return items(d, 3, func() Owner { return Owner{d.id(), d.epoch(), d.session()} })
}

func (d *decoder) ats() []At { return items(d, 2, func() At { return At{d.id(), d.epoch()} }) }

func (e *encoder) owners(os []Owner) {
	list(e, os, func(o Owner) { e.at(o.Shard, o.Epoch); e.session(o.To) })
}

func (e *encoder) ats(as []At) { list(e, as, func(a At) { e.at(a.Shard, a.Epoch) }) }

func (m Init) encode(e *encoder) {
	if m.Version == 0 {
		e.number(kindInit)
	} else {
		e.number(kindInitAfter)
		e.number(m.Version)
	}
	e.text(m.Cluster)
	e.number(m.Incarnation)
	e.settings(&m.Settings)
	list(e, m.Shards, func(f Former) { e.number(uint64(f.Epoch)); e.number(f.DoubtBelow); e.note(f.Noted) })
}

func (m Term) encode(e *encoder) {
	e.number(kindTerm)
	e.number(m.Term)
	e.text(m.Node)
}

func (m PutMember) encode(e *encoder) {
	e.number(kindPutMember)
	for _, s := range []string{m.Node, m.Birth, m.Peer, m.Client, m.Admin} {
		e.text(s)
	}
	e.number(m.Weight)
}

func (m Drain) encode(e *encoder) {
	e.number(kindDrain)
	e.text(m.Node)
	e.truth(m.On)
}

func (m Forget) encode(e *encoder) {
	e.number(kindForget)
	e.text(m.Node)
}

func (m Register) encode(e *encoder) {
	e.number(kindRegister)
	e.text(m.Node)
	e.text(m.Birth)
	e.number(m.Life)
	e.number(m.Count)
}

func (m Renew) encode(e *encoder) {
	e.number(kindRenew)
	list(e, m.Renewals, func(r Renewal) { e.session(r.Session); e.number(r.Seq) })
}

func (m Over) encode(e *encoder) {
	e.number(kindOver)
	e.session(m.Session)
	e.number(m.Seq)
	e.owners(m.Owners)
}

func (m Assign) encode(e *encoder) {
	e.number(kindAssign)
	e.owners(m.Owners)
}

func (m Release) encode(e *encoder) {
	e.number(kindRelease)
	e.text(m.Node)
	e.session(m.Session)
	e.truth(m.ByLock)
	e.duration(m.Near)
}

func (m Note) encode(e *encoder) {
	e.number(kindNote)
	e.session(m.Session)
	list(e, m.Items, func(n Noted) { e.at(n.Shard, n.Epoch); e.note(n.Note) })
}

func (m Fenced) encode(e *encoder) {
	e.number(kindFenced)
	list(e, m.Items, func(f Fence) { e.number(uint64(f.Shard)); e.number(f.Token) })
}

func (m Quiet) encode(e *encoder) {
	e.number(kindQuiet)
	e.session(m.Session)
	list(e, m.Items, func(c Calm) { e.at(c.Shard, c.Epoch); e.number(c.Notes) })
}

func (m Plan) encode(e *encoder) {
	e.number(kindPlan)
	e.session(m.From)
	e.owners(m.Moves)
}

func (m Moved) encode(e *encoder) {
	e.number(kindMoved)
	e.number(uint64(m.Shard))
	e.number(m.Transfer)
	e.number(uint64(m.Epoch))
	e.session(m.From)
	e.session(m.To)
	e.number(m.TagFloor)
	e.duration(m.Near)
}

func (m Cancel) encode(e *encoder) {
	e.number(kindCancel)
	e.number(uint64(m.Shard))
	e.number(m.Transfer)
	e.number(uint64(m.Epoch))
	e.session(m.From)
}

func (m Raise) encode(e *encoder) {
	e.number(kindRaise)
	e.session(m.Session)
	e.at(m.Shard, m.From)
	e.number(uint64(m.AtLeast))
}

func (m Reset) encode(e *encoder) {
	e.number(kindReset)
	e.session(m.Session)
	e.ats(m.Items)
	e.truth(m.Doubt)
}

func (m Set) encode(e *encoder) {
	e.number(kindSet)
	e.settings(&m.Settings)
}

func (m Leave) encode(e *encoder) {
	e.number(kindLeave)
	e.session(m.Session)
}
