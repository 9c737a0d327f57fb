package memory

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/shard"
)

// bare is an index without records: where a record lies says which part it has.
type bare struct {
	index
	parts map[int]uint64
}

func newBare(t *testing.T, memory, budget int) *bare {
	// Off the heap, as in a partition: the race detector need not watch all of it.
	const slots = 8 * mib
	mem, err := mapMemory(memory + slots)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, unmapMemory(mem)) })
	require.NoError(t, commitMemory(mem[memory:]))
	b := &bare{parts: map[int]uint64{}}
	b.init(mem[:memory], mem[memory:], budget)
	require.Equal(t, 8*uint(b.width), uint(b.atBits+b.tagBits))
	return b
}

func (b *bare) add(part uint64, at int) {
	slot, empty, crowd := b.place(part)
	if crowd < 0 {
		b.put(slot, empty, b.entry(part, at))
		b.parts[at] = part
		return
	}
	entry := b.load(crowd)
	b.drop(crowd, b.atOf(entry))
}

func (b *bare) drop(slot, at int) {
	b.remove(slot, b.parts[at])
	delete(b.parts, at)
}

func (b *bare) check() error {
	last, empty, n := uint64(0), -1, 0
	for slot := range b.high + maxShift + 2 {
		entry := b.load(slot)
		if entry == 0 {
			empty = slot
			continue
		}
		n++
		part := b.partAt(slot, entry)
		if want, ok := b.parts[b.atOf(entry)]; !ok || want != part {
			return fmt.Errorf("slot %d: %x, taken for %x", slot, want, part)
		}
		home := b.home(part)
		if part < last || home > slot || home <= empty || slot-home > maxShift {
			return fmt.Errorf("slot %d: %x with home %d, after %x and the empty slot %d", slot, part, home, last, empty)
		}
		last = part
	}
	if n != b.count || n != len(b.parts) {
		return fmt.Errorf("%d entries counted as %d, of %d", n, b.count, len(b.parts))
	}
	return nil
}

// Whatever comes and goes while the table grows and shrinks, what is in it is
// found, and the invariants hold after every step.
func TestIndexKeepsItsInvariants(t *testing.T) {
	hashes := map[string]func(uint64) uint64{
		"spread":    func(h uint64) uint64 { return h },
		"narrow":    func(h uint64) uint64 { return h >> 12 },
		"clustered": func(h uint64) uint64 { return h % 5 << 61 / 3 * 2 & (h>>14 | 7<<61) },
		"alike":     func(h uint64) uint64 { return h % 50 << 56 },
	}
	sizes := map[string][2]int{"6 bytes": {1 << 24, 1 << 24}, "7 bytes": {1 << 28, 1 << 28}, "6 bytes, tags cut": {1 << 26, 1 << 26}}
	rounds := 6
	if underRace {
		rounds = 3 // it grows twice and shrinks once
	}
	for size, n := range sizes {
		for name, hash := range hashes {
			t.Run(size+", "+name, func(t *testing.T) {
				t.Parallel()
				b := newBare(t, n[0], n[1])
				r := rand.New(rand.NewPCG(1, 2))
				var ats []int
				next := 0
				for round := range rounds {
					grow := round%3 != 2
					for step := range 6000 {
						if grow || step%16 == 0 {
							part := b.part(hash(r.Uint64()))
							b.add(part, next)
							ats = append(ats, next)
							next += 16
						}
						for range 3 {
							if len(ats) == 0 || grow && step%8 != 0 {
								break
							}
							i := r.IntN(len(ats))
							at := ats[i]
							ats[i] = ats[len(ats)-1]
							ats = ats[:len(ats)-1]
							if part, ok := b.parts[at]; ok {
								slot := b.slotOf(part, at)
								require.GreaterOrEqual(t, slot, 0)
								b.drop(slot, at)
							}
						}
						b.change(b.wanted())
						for _, at := range b.step(stepsPerPut) {
							delete(b.parts, at)
						}
						if step%1000 == 0 {
							require.NoError(t, b.check(), "round %d, step %d", round, step)
						}
					}
					for at, part := range b.parts {
						require.GreaterOrEqual(t, b.slotOf(part, at), 0)
					}
				}
			})
		}
	}
}

// Entries are dense: that is what the index is for.
func TestIndexIsDense(t *testing.T) {
	t.Parallel()
	b := newBare(t, 1<<24, 1<<24)
	r := rand.New(rand.NewPCG(3, 4))
	for n := 1; n <= 150_000; n++ {
		b.add(b.part(r.Uint64()), 16*n)
		b.change(b.wanted())
		b.step(stepsPerPut)
		if n > 3*b.least && n%100 == 0 {
			require.Less(t, float64(b.bytes())/float64(n), 9.0)
			require.Less(t, float64(n)/float64(b.low), 0.9)
		}
	}
	require.NoError(t, b.check())
}

// Keys whose hashes share long prefixes crowd in a few places of the index. Then
// records are evicted there; nothing is ever answered wrongly.
func TestCollidingPrefixes(t *testing.T) {
	t.Parallel()
	m := newModel(t, Options{Bytes: mib - 8*kib, MaxItem: 4 * kib})
	m.p.hashOf = func(k []byte) uint64 {
		h := shard.Hash(k)
		group := h % 4
		return group<<58 | h>>16<<16>>15&(1<<46-1) // the group in six bits, zeros, then the rest
	}
	for i := range 30_000 {
		key := fmt.Sprint("k", i)
		require.NoError(t, m.put(key, Item{Version: uint64(i)}))
		require.NoError(t, m.get(key, true))
		require.NoError(t, m.get(fmt.Sprint("k", i/2), false))
	}
	require.NoError(t, m.check())
	require.NoError(t, m.each())
	require.Positive(t, m.p.evictions)
	require.LessOrEqual(t, m.p.items, 4*(maxShift+maxAlike))
	require.LessOrEqual(t, m.p.seg.ofIndex, len(m.p.seg.all)/indexShare)
	put(t, m.p, "large", Item{Value: value(4*kib, 'l')})
	_, ok := peek(m.p, "large", 0)
	require.True(t, ok)
}

// Many small records, then few large ones: the index gives back what it took.
func TestIndexShrinks(t *testing.T) {
	t.Parallel()
	m := newModel(t, Options{Bytes: 4 * mib, MaxItem: 8 * kib, MaxPartitions: 1})
	for i := range 100_000 {
		require.NoError(t, m.put(fmt.Sprint("k", i), Item{Version: uint64(i), Value: value(4, 'x')}))
	}
	large := m.p.seg.ofIndex
	require.Greater(t, large, 4)
	for i := range 4000 {
		require.NoError(t, m.put(fmt.Sprint("large", i), Item{Version: uint64(i), Value: value(8000, 'l')}))
	}
	require.Less(t, m.p.seg.ofIndex, large/3)
	require.NoError(t, m.check())
	require.NoError(t, m.each())
	require.Greater(t, m.p.live, m.p.capacity()/10*8, "and what it gave back holds records")
	for i := range 100_000 {
		require.NoError(t, m.put(fmt.Sprint("k", i), Item{Version: uint64(i), Value: value(4, 'y')}))
	}
	require.Greater(t, m.p.seg.ofIndex, large-2)
	require.NoError(t, m.check())
}

// Where entries crowd, a step finds many in its way that it need not move, or
// cannot place. It still comes further, and no entry gets too far from its home.
func TestIndexChangesWhereEntriesCrowd(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	firsts := []uint64{0, r.Uint64(), 1 << 58, 1 << 63, r.Uint64(), r.Uint64()}
	if underRace {
		firsts = firsts[:2]
	}
	for _, first := range firsts {
		b := newBare(t, 1<<24, 1<<24)
		next := 0
		fill := func(n int) {
			for range n { // a slot or two are home to all of these
				b.add(b.part(first+r.Uint64()>>13), next)
				next += 16
			}
		}
		fill(3 * maxShift)
		require.NoError(t, b.check())
		require.Greater(t, b.count, maxShift-maxAlike)
		change := func(slots int) {
			b.change(slots)
			for steps := 0; b.changing(); steps++ {
				require.Less(t, steps, 2*slots, "from %x", first)
				for _, at := range b.step(1) {
					delete(b.parts, at)
				}
				if steps%1000 == 0 {
					require.NoError(t, b.check())
				}
			}
			require.NoError(t, b.check())
		}
		for range 30 {
			change(b.high + b.high/30)
			fill(maxShift / 2)
		}
		change(b.least)
		require.Greater(t, b.count, maxShift/2)
	}
}
