package memory

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/shard"
)

// model is what a partition may know: the last item put for each key. A key it
// does not hold must be absent; one it holds may be absent (evicted), and is
// then forgotten, so that it must stay absent until it is put again.
type model struct {
	c     *Cache
	p     *Partition
	items map[string]Item
	now   int64
}

func newModel(t testing.TB, o Options) *model {
	c, err := New(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return &model{c: c, p: c.Partition(0), items: map[string]Item{}, now: 1}
}

func roundDown(t int64) int64 { return t &^ (TimeStep - 1) }

func sameItem(a, b Item) bool {
	at, av, bt, bv := a.Tags, a.Value, b.Tags, b.Value
	a.Tags, a.Value, b.Tags, b.Value = nil, nil, nil, nil
	a.Stored, b.Stored = roundDown(a.Stored), roundDown(b.Stored)
	a.Accessed, b.Accessed = roundDown(a.Accessed), roundDown(b.Accessed)
	for _, at := range []*int64{&a.Expires, &b.Expires, &a.StaleUntil, &b.StaleUntil} {
		*at &^= ExpiryStep - 1
	}
	return fmt.Sprint(a) == fmt.Sprint(b) && bytes.Equal(at, bt) && bytes.Equal(av, bv)
}

// expect settles what the store answered for a key against the model.
func (m *model) expect(key string, got Item, ok bool) error {
	want, known := m.items[key]
	switch {
	case ok && !known:
		return fmt.Errorf("key %q came back: %+v", key, short(got))
	case ok && want.dies() != 0 && want.dies() <= m.now:
		return fmt.Errorf("key %q is expired at %d: %+v", key, m.now, short(got))
	case ok && !sameItem(want, got):
		return fmt.Errorf("key %q: want %+v, got %+v", key, short(want), short(got))
	case !ok:
		delete(m.items, key)
	}
	return nil
}

func short(it Item) Item {
	it.Value = it.Value[:min(len(it.Value), 16)]
	return it
}

func (m *model) get(key string, touch bool) error {
	h := m.p.hashOf([]byte(key))
	if !touch {
		it, ok := m.p.Peek(h, []byte(key), m.now)
		return m.expect(key, it, ok)
	}
	it, ok := m.p.Get(h, []byte(key), m.now)
	if err := m.expect(key, it, ok); err != nil || !ok {
		return err
	}
	want := m.items[key]
	want.Fetched, want.Accessed = true, m.now
	m.items[key] = want
	return nil
}

func (m *model) put(key string, it Item) error {
	err := m.p.Put(m.p.hashOf([]byte(key)), []byte(key), it)
	if err != nil {
		delete(m.items, key)
		return nil
	}
	m.items[key] = it
	return nil
}

func (m *model) update(key string, it Item) error {
	want, known := m.items[key]
	if !m.p.Update(m.p.hashOf([]byte(key)), []byte(key), it) {
		delete(m.items, key)
		return nil
	}
	if !known {
		return fmt.Errorf("update found %q, which is absent", key)
	}
	want.Version, want.CAS, want.Flags = it.Version, it.CAS, it.Flags
	want.StaleUntil, want.Expires, want.Fetched, want.Bits = it.StaleUntil, it.Expires, it.Fetched, it.Bits
	m.items[key] = want
	return nil
}

func (m *model) delete(key string) error {
	_, known := m.items[key]
	if m.p.Delete(m.p.hashOf([]byte(key)), []byte(key)) && !known {
		return fmt.Errorf("delete found %q, which is absent", key)
	}
	delete(m.items, key)
	return nil
}

func (m *model) each() error {
	var err error
	seen := map[string]bool{}
	m.p.Each(m.now, func(key []byte, it Item) bool {
		k := string(key)
		if seen[k] {
			err = fmt.Errorf("each showed %q twice", k)
			return false
		}
		seen[k] = true
		err = m.expect(k, it, true)
		return err == nil
	})
	if err != nil {
		return err
	}
	for k := range m.items {
		if !seen[k] {
			delete(m.items, k)
		}
	}
	return nil
}

// resize changes the budget, which may be refused, and looks whether it is kept.
func (m *model) resize(bytes int64) error {
	before := m.p.seg.limit
	err := m.c.Resize(bytes, func(_ int, f func(*Partition)) error { f(m.p); return nil })
	s := m.c.Stats()
	var refused *BudgetError
	switch {
	case errors.As(err, &refused) && (refused.Least <= bytes || m.p.seg.limit != before):
		return fmt.Errorf("refused %d: %w, and %d segments became %d", bytes, err, before, m.p.seg.limit)
	case refused != nil:
		return nil
	case err != nil:
		return err
	case s.Limit != bytes || s.Used > s.Limit:
		return fmt.Errorf("%d used of %d, %d were asked for", s.Used, s.Limit, bytes)
	}
	return nil
}

// check recounts everything the partition keeps a sum of.
func (m *model) check() error {
	p := m.p
	live, records, freeSeen := 0, 0, 0
	var open [2]int
	for i := range p.seg.all {
		g := &p.seg.all[i]
		if g.use == unused {
			freeSeen++
		}
		if !g.use.holdsRecords() {
			continue
		}
		open[g.use-probation]++
		if g.tail > g.rest && g.swept() || int(g.end) > p.seg.size {
			return fmt.Errorf("segment %d: new records to %d, old ones from %d to %d", i, g.tail, g.rest, g.end)
		}
		in := 0
		var err error
		p.eachRecord(i, func(at int, r record) bool {
			if r[0]&isDead != 0 {
				return true
			}
			records++
			in += r.room()
			if e := r.expires(); (e == 0 && g.dies != math.MaxInt64) || e > g.dies {
				err = fmt.Errorf("segment %d is said to die at %d, a record at %d", i, g.dies, e)
			}
			if p.index.slotOf(p.index.part(p.hashOf(r.key())), at) < 0 {
				err = fmt.Errorf("no entry for live record %q at %d", r.key(), at)
			}
			return err == nil
		})
		if err != nil {
			return err
		}
		if in != int(g.live) {
			return fmt.Errorf("segment %d: %d live bytes counted as %d", i, in, g.live)
		}
		if in == 0 && i != p.seg.queue(g.use).head {
			return fmt.Errorf("segment %d is empty and not free", i)
		}
		live += in
	}
	if v := p.seg.emptying; v >= 0 {
		if !p.seg.all[v].use.holdsRecords() || p.seg.all[v].live == 0 || slices.Contains(p.seg.free, uint32(v)) {
			return fmt.Errorf("segment %d is being emptied: %+v", v, p.seg.all[v])
		}
		for _, q := range p.seg.queues {
			if q.head == v || q.sweep == v {
				return fmt.Errorf("segment %d is being emptied, and takes records: %+v", v, q)
			}
		}
	}
	if open[0] != p.seg.queues[0].open || open[1] != p.seg.queues[1].open {
		return fmt.Errorf("counted %d open segments; kept %+v", open, p.seg.queues)
	}
	entries, err := checkIndex(p)
	if err != nil {
		return err
	}
	if err := checkVersions(p); err != nil {
		return err
	}
	if live != p.live || records != p.items || entries != p.items || freeSeen != len(p.seg.free)+len(p.seg.all)-p.seg.fresh {
		return fmt.Errorf("counted %d bytes, %d records, %d entries, %d free segments; kept %d, %d, %d",
			live, records, entries, freeSeen, p.live, p.items, len(p.seg.free)+len(p.seg.all)-p.seg.fresh)
	}
	return nil
}

// checkVersions counts the records that refer to each high half of a version.
func checkVersions(p *Partition) error {
	var records [256]uint32
	for slot := range p.index.high + maxShift + 2 {
		entry := p.index.load(slot)
		if entry == 0 {
			continue
		}
		if r := record(p.mem[p.index.atOf(entry):]); r[0]&hasVersion == 0 {
			records[r[offPrefix]]++
		}
	}
	for i, n := range records {
		if p.versions[i].records != n {
			return fmt.Errorf("high half %d of versions: %d records counted as %d", i, n, p.versions[i].records)
		}
	}
	return nil
}

// checkIndex looks at the invariants of the index, and counts its entries.
func checkIndex(p *Partition) (entries int, err error) {
	x := &p.index
	last, empty := uint64(0), -1
	for slot := range x.high + maxShift + 2 {
		entry := x.load(slot)
		if entry == 0 {
			empty = slot
			continue
		}
		entries++
		part := x.partAt(slot, entry)
		if want := x.part(p.hashOf(record(p.mem[x.atOf(entry):]).key())); part != want {
			return 0, fmt.Errorf("slot %d: hash part %x, taken for %x", slot, want, part)
		}
		home := x.home(part)
		if part < last || home > slot || home <= empty || slot-home > maxShift {
			return 0, fmt.Errorf("slot %d: hash part %x with home %d, after %x and the empty slot %d", slot, part, home, last, empty)
		}
		last = part
	}
	if entries != x.count {
		return 0, fmt.Errorf("%d entries counted as %d", entries, x.count)
	}
	return entries, nil
}

// randomItem marks its value with a number of its own, so that an older one is
// recognized.
func (m *model) randomItem(r *rand.Rand, serial uint64, largest int) Item {
	it := Item{Version: uint64(r.IntN(20))<<40 | serial, Stored: m.now, Accessed: m.now}
	if r.IntN(20) == 0 {
		it.Version = r.Uint64() // beyond what the table of high halves holds
	}
	if r.IntN(3) == 0 {
		it.CAS = r.Uint64()
	}
	if r.IntN(3) == 0 {
		it.Flags = r.Uint32()
	}
	if r.IntN(3) == 0 {
		it.Expires = m.now + r.Int64N(int64(100e9))
	}
	if r.IntN(8) == 0 {
		it.StaleUntil = m.now + r.Int64N(int64(100e9))
	}
	it.Fetched = r.IntN(8) == 0
	it.Bits = uint8(r.IntN(16))
	if r.IntN(4) == 0 {
		it.Tags = make([]byte, r.IntN(MaxTags+1))
		for i := range it.Tags {
			it.Tags[i] = byte(r.Uint32())
		}
	}
	n := r.IntN(200)
	switch r.IntN(20) {
	case 0:
		n = r.IntN(largest + 1)
	case 1:
		n = largest - r.IntN(3)
	case 2:
		n = r.IntN(5000)
	}
	it.Value = make([]byte, n)
	for i := range it.Value {
		it.Value[i] = byte(serial) + byte(i)
	}
	if n >= 8 {
		binary.BigEndian.PutUint64(it.Value, serial)
	}
	return it
}

func TestModel(t *testing.T) {
	hashes := map[string]func([]byte) uint64{
		"spread":     shard.Hash,
		"few hashes": func(k []byte) uint64 { return shard.Hash(k) % 7 << 61 },
		"one page":   func(k []byte) uint64 { return shard.Hash(k) >> 24 },
	}
	for name, hash := range hashes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(8) {
				runModel(t, seed, hash)
			}
		})
	}
}

func runModel(t *testing.T, seed uint64, hash func([]byte) uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	largest := []int{300, 20_000, 70_000}[seed%3]
	m := newModel(t, Options{Bytes: 800 << 10, MaxItem: largest, Reserve: 4 << 20})
	m.p.hashOf = hash
	keys := []int{50, 700, 6000}[r.IntN(3)]
	const steps = 12_000
	for step := range uint64(steps) {
		key := fmt.Sprintf("k%d", r.IntN(keys))
		if r.IntN(2) == 0 {
			key = fmt.Sprintf("k%d", r.IntN(1+keys/20))
		}
		var err error
		switch r.IntN(20) {
		case 0, 1, 2, 3, 4, 5, 6, 7:
			err = m.put(key, m.randomItem(r, step, largest))
		case 8:
			it := m.randomItem(r, step, largest)
			it.Value = make([]byte, largest+1)
			err = m.put(key, it)
		case 9, 10:
			err = m.delete(key)
		case 11, 12, 13:
			err = m.update(key, m.randomItem(r, step, 300))
		case 14:
			m.now += r.Int64N(1e9)
		case 15, 16:
			err = m.get(key, false)
		default:
			err = m.get(key, true)
		}
		if err == nil && step%700 == 0 {
			err = m.resize(500<<10 + r.Int64N(2<<20))
		}
		if err == nil && step%500 == 0 {
			err = m.check()
		}
		if err == nil && step%1500 == 0 {
			err = m.each()
		}
		require.NoError(t, err, "seed %d, step %d", seed, step)
	}
	require.NoError(t, m.check(), "seed %d", seed)
	for key := range m.items {
		require.NoError(t, m.get(key, false), "seed %d", seed)
	}
	for i := range keys {
		require.NoError(t, m.delete(fmt.Sprintf("k%d", i)), "seed %d", seed)
	}
	require.Zero(t, m.p.live, "seed %d", seed)
}
