package lease

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// benchTable is a table with so many other keys that have lease state, and one
// value, under key(0), that lives for ever.
func benchTable(b *testing.B, entries int) *Table {
	limits := DefaultLimits()
	limits.LeaseFor = 1000 * second
	t := New(NewSequence(1), newMapStore(), limits, Start{})
	for i := range entries {
		t.Lease(second, 0, key(1000+i), Read{}, new(deaf))
	}
	if _, err := t.Put(second, 0, key(0), Set, Item{Value: make([]byte, 100)}); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	return t
}

func BenchmarkGetHit(b *testing.B) {
	for _, entries := range []int{0, 100} {
		b.Run(fmt.Sprintf("entries=%d", entries), func(b *testing.B) {
			t, k := benchTable(b, entries), key(0)
			for b.Loop() {
				if _, ok := t.Get(second, 0, k); !ok {
					b.Fatal("no hit")
				}
			}
		})
	}
}

// taker takes the last lease that it was given.
type taker struct{ token Token }

func (r *taker) Answer(a *Answer) { r.token = a.Token }
func (r *taker) Park() Reader     { return r }

func BenchmarkLeaseHit(b *testing.B) {
	for _, entries := range []int{0, 100} {
		b.Run(fmt.Sprintf("entries=%d", entries), func(b *testing.B) {
			t, k, r := benchTable(b, entries), key(0), new(taker)
			for b.Loop() {
				t.Lease(second, 0, k, Read{}, r)
			}
		})
	}
}

// BenchmarkMissAndFill is a lease, its fill and the loss of the value.
func BenchmarkMissAndFill(b *testing.B) {
	for _, entries := range []int{0, 100} {
		b.Run(fmt.Sprintf("entries=%d", entries), func(b *testing.B) {
			t, k, r := benchTable(b, entries), key(1), new(taker)
			item := Item{Value: make([]byte, 100), Expires: 2 * second}
			for b.Loop() {
				// The value's time is over, which spares the store from losing it.
				t.Lease(3*second, 0, k, Read{}, r)
				if reason, _, _ := t.Fill(3*second, 0, k, r.token, item, false); reason != Stored {
					b.Fatal("not stored: ", reason)
				}
			}
		})
	}
}

// BenchmarkParkAndFill has one more reader wait for the fill.
func BenchmarkParkAndFill(b *testing.B) {
	t, k, r, waiting, now := benchTable(b, 100), key(1), new(taker), new(taker), second
	item := Item{Value: make([]byte, 100)}
	for b.Loop() {
		now += 2 * second
		item.Expires = now + second
		t.Lease(now, 0, k, Read{}, r)
		t.Lease(now, 0, k, Read{Wait: second}, waiting)
		t.Fill(now, 0, k, r.token, item, false)
	}
}

func BenchmarkInvalidate(b *testing.B) {
	t, k := benchTable(b, 100), key(1)
	for b.Loop() {
		t.Invalidate(second, 0, k, 0)
	}
}

func BenchmarkBeginAndEnd(b *testing.B) {
	t, k := benchTable(b, 100), key(1)
	for b.Loop() {
		token, _, err := t.Begin(second, 0, k, Fenced, 0, nil)
		if err != nil {
			b.Fatal(err)
		}
		t.End(second, 0, k, token)
	}
}

func BenchmarkBeginAndEndWithNonce(b *testing.B) {
	t, k, nonce := benchTable(b, 100), key(1), []byte("0123456789abcdef")
	for b.Loop() {
		token, _, err := t.Begin(second, 0, k, Fenced, 0, nonce)
		if err != nil {
			b.Fatal(err)
		}
		t.End(second, 0, k, token)
	}
}

// TestNothingIsAllocated holds the paths of every read to what the benchmarks
// show: in a steady state the rules allocate nothing.
func TestNothingIsAllocated(t *testing.T) {
	table := New(NewSequence(1), newMapStore(), DefaultLimits(), Start{})
	k, other, r, waiting, now := key(1), key(2), new(taker), new(taker), second
	item := Item{Value: make([]byte, 100)}
	round := func() {
		now += 2 * second
		item.Expires = now + second
		table.Lease(now, 0, k, Read{}, r)
		table.Lease(now, 0, k, Read{Wait: second}, waiting)
		table.Fill(now, 0, k, r.token, item, false)
		table.Lease(now, 0, k, Read{RefreshBelow: 2 * second}, r)
		table.GiveBack(now, 0, k, r.token)
		table.Get(now, 0, k)
		token, _, _ := table.Begin(now, 0, other, Fenced, 0, nil)
		table.End(now, 0, other, token)
		table.Invalidate(now, 0, other, 0)
		table.Advance(now)
	}
	round()
	require.Zero(t, testing.AllocsPerRun(100, round))
}
