package control

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/leasecache/leasecache/shard"
)

// A snapshot is its magic, the xxhash64 of the rest, the version of the form, and
// the state with its maps in ascending order.
const (
	snapshotMagic   = "leasecache-ctl\n"
	snapshotVersion = 1
)

// Snapshot is the whole state in bytes: for equal states equal ones.
func (st *State) Snapshot() []byte {
	e := encoder{b: append([]byte(snapshotMagic), make([]byte, 8)...)}
	e.number(snapshotVersion)
	e.text(st.Cluster)
	e.number(st.Incarnation)
	e.settings(&st.Settings)
	e.number(st.Index)
	e.number(st.Term)
	e.text(st.Leader)
	e.number(st.Version)
	list(&e, slices.Sorted(maps.Keys(st.Members)), func(id string) {
		m := st.Members[id]
		for _, s := range []string{id, m.Birth, m.Peer, m.Client, m.Admin} {
			e.text(s)
		}
		e.number(m.Weight)
		e.truth(m.Draining)
		e.truth(m.Forgotten)
		e.session(m.Session)
		e.number(m.Life)
		e.number(m.Count)
	})
	list(&e, slices.Sorted(maps.Keys(st.Sessions)), func(id shard.Session) {
		s := st.Sessions[id]
		e.session(id)
		e.text(s.Node)
		e.number(s.Life)
		e.number(s.Count)
		e.duration(s.TTL)
		e.duration(s.Wait)
		e.number(s.Seq)
		e.truth(s.Leaving)
	})
	list(&e, st.Shards, func(s Shard) {
		e.session(s.Session)
		e.number(uint64(s.Epoch))
		e.number(uint64(s.Since))
		e.number(s.Via)
		e.note(s.Noted)
		e.number(s.Notes)
		e.number(s.DoubtBelow)
		e.number(s.TagFloor)
		e.duration(s.NearWait)
		e.number(s.Transfer.ID)
		e.session(s.Transfer.To)
	})
	binary.BigEndian.PutUint64(e.b[len(snapshotMagic):], xxhash.Sum64(e.b[len(snapshotMagic)+8:]))
	return e.b
}

// Restore reads what Snapshot wrote, and checks all of it: a node that goes by a
// wrong number gives tokens twice. The error wraps ErrDamaged or ErrTooNew.
func Restore(data []byte) (*State, error) {
	head := len(snapshotMagic) + 8
	if len(data) < head || string(data[:len(snapshotMagic)]) != snapshotMagic {
		return nil, fmt.Errorf("%w: it does not begin like a snapshot", ErrDamaged)
	}
	if binary.BigEndian.Uint64(data[len(snapshotMagic):]) != xxhash.Sum64(data[head:]) {
		return nil, fmt.Errorf("%w: its checksum does not match", ErrDamaged)
	}
	return restore(data[head:])
}

func restore(body []byte) (*State, error) {
	d := decoder{b: body}
	if v := d.number(); d.err == nil && v != snapshotVersion {
		return nil, fmt.Errorf("%w: form %d, this one knows %d", ErrTooNew, v, snapshotVersion)
	}
	st := &State{
		Cluster: d.text(), Incarnation: d.number(), Settings: d.settings(),
		Index: d.number(), Term: d.number(), Leader: d.text(), Version: d.number(),
		Members: make(map[string]Member), Sessions: make(map[shard.Session]Session),
	}
	last := ""
	for range d.count(11) {
		id := d.text()
		if id <= last {
			d.fail("members out of order")
		}
		last = id
		st.Members[id] = Member{
			Birth: d.text(), Peer: d.text(), Client: d.text(), Admin: d.text(), Weight: d.number(),
			Draining: d.truth(), Forgotten: d.truth(), Session: d.session(), Life: d.number(), Count: d.number(),
		}
	}
	newest := shard.Session(0)
	for range d.count(8) {
		id := d.session()
		if id <= newest {
			d.fail("sessions out of order")
		}
		newest = id
		st.Sessions[id] = Session{Node: d.text(), Life: d.number(), Count: d.number(), TTL: d.duration(), Wait: d.duration(), Seq: d.number(), Leaving: d.truth()}
	}
	st.Shards = items(&d, 12, func() Shard {
		return Shard{
			Session: d.session(), Epoch: d.epoch(), Since: d.epoch(), Via: d.number(),
			Noted: d.note(), Notes: d.number(), DoubtBelow: d.number(), TagFloor: d.number(), NearWait: d.duration(),
			Transfer: Transfer{ID: d.number(), To: d.session()},
		}
	})
	if err := d.end(); err != nil {
		return nil, err
	}
	if err := st.Check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return st, nil
}
