package lease

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// editor is an Editor made of a function.
type editor func(*Current) Edit

func (f editor) Edit(cur *Current) Edit { return f(cur) }

// views keeps what a meta read showed.
type views struct{ last MetaView }

func (v *views) ViewMeta(m *MetaView) { v.last = *m }

func newEdited() (*Table, *mapStore) {
	store := newMapStore()
	return New(NewSequence(5), store, DefaultLimits(), Start{}), store
}

func appended(text string) editor {
	return func(cur *Current) Edit {
		it := cur.Item
		it.Value = append(append([]byte(nil), it.Value...), text...)
		it.Tags = append([]byte(nil), it.Tags...)
		it.CAS = 0
		return Edit{Action: PutItem, Item: it}
	}
}

// A tagged value that is changed in place shows a newer version, and its tags are
// still held against the lease under which they were read:
//
//	1 R takes T1. 2 tag x is bumped: T2. Were the value filled before it and then
//	appended to, its newest version T3 would hide the bump.
func TestSchedule_R9_TagsCompareTheLeasesToken(t *testing.T) {
	table, _ := newEdited()
	r := &keptAnswer{}
	table.Lease(second, 0, []byte("k"), Read{}, r)
	reason, _, err := table.Fill(second, 0, []byte("k"), r.last.Token, Item{Value: []byte("v"), Tags: AppendTag(nil, []byte("x"))}, false)
	require.NoError(t, err)
	require.Equal(t, Stored, reason)
	first, _ := table.Get(second, 0, []byte("k"))
	shown, err := table.Edit(second, 0, []byte("k"), appended("+"))
	require.NoError(t, err)
	require.Greater(t, shown, uint64(r.last.Token))
	now, ok := table.Get(second, 0, []byte("k"))
	require.True(t, ok)
	require.Equal(t, "v+", string(now.Value))
	require.Equal(t, first.Version, now.Version)
	require.Equal(t, shown, now.Shown())
	table.BumpTag(second, []byte("x"))
	_, ok = table.Get(second, 0, []byte("k"))
	require.False(t, ok)
}

type keptAnswer struct{ last Answer }

func (r *keptAnswer) Answer(a *Answer) { r.last = *a }
func (r *keptAnswer) Park() Reader     { return r }

func TestEditVoidsTheLease(t *testing.T) {
	table, _ := newEdited()
	r := &keptAnswer{}
	_, err := table.Put(second, 0, []byte("k"), Set, Item{Value: []byte("1"), Expires: 10 * second})
	require.NoError(t, err)
	table.Lease(second, 0, []byte("k"), Read{RefreshBelow: 100 * second}, r)
	require.True(t, r.last.Won)
	_, err = table.Edit(second, 0, []byte("k"), appended("2"))
	require.NoError(t, err)
	reason, _, _ := table.Fill(second, 0, []byte("k"), r.last.Token, Item{Value: []byte("old")}, false)
	require.Equal(t, Invalidated, reason)
}

// Under an intent and in doubt an editor finds nothing, and what it would store
// invalidates.
func TestEditBehindTheBar(t *testing.T) {
	table, store := newEdited()
	_, err := table.Put(second, 0, []byte("k"), Set, Item{Value: []byte("1")})
	require.NoError(t, err)
	_, _, err = table.Begin(second, 0, []byte("k"), Fenced, second, nil)
	require.NoError(t, err)
	for _, now := range []int64{second, 3 * second} { // open, then run out
		shown, err := table.Edit(now, 0, []byte("k"), editor(func(cur *Current) Edit {
			require.True(t, cur.Barred)
			require.False(t, cur.Found)
			return Edit{Action: PutItem, Item: Item{Value: []byte("2")}}
		}))
		require.NoError(t, err)
		require.Zero(t, shown)
		require.Empty(t, store.items)
		require.False(t, table.Meta(now, 0, []byte("k"), Meta{Vivify: true}, &views{}))
	}
}

// A stub is filled by who was shown it, once, and only while nothing happened.
func TestStubIsALease(t *testing.T) {
	fill := func(version uint64) editor {
		return func(cur *Current) Edit {
			if cur.Stub == version {
				return Edit{Action: FillStub, Item: Item{Value: []byte("v")}}
			}
			return Edit{}
		}
	}
	for name, between := range map[string]func(*Table){
		"invalidated": func(t *Table) { t.Invalidate(2*second, 0, []byte("k"), 0) },
		"written":     func(t *Table) { _, _, _ = t.Begin(2*second, 0, []byte("k"), Bounded, second, nil) },
		"flushed":     func(t *Table) { t.Flush(2*second, 2*second) },
		"superseded":  func(t *Table) { t.Lease(20*second, 0, []byte("k"), Read{}, &keptAnswer{}) },
		"raised":      func(t *Table) { t.Raise(2*second, 9) },
	} {
		table, store := newEdited()
		v := &views{}
		require.True(t, table.Meta(second, 0, []byte("k"), Meta{Vivify: true, VivifyAs: 77}, v), name)
		require.True(t, v.last.Won && v.last.Stub, name)
		require.Equal(t, uint64(77), v.last.Item.Shown(), name)
		between(table)
		_, err := table.Edit(20*second, 0, []byte("k"), fill(77))
		require.NoError(t, err)
		require.Empty(t, store.items, name)
	}
	table, store := newEdited()
	v := &views{}
	table.Meta(second, 0, []byte("k"), Meta{Vivify: true}, v)
	waiting := &keptAnswer{}
	table.Lease(second, 0, []byte("k"), Read{Wait: 100 * second}, waiting)
	_, err := table.Edit(2*second, 0, []byte("k"), fill(v.last.Item.Shown()))
	require.NoError(t, err)
	require.Len(t, store.items, 1)
	require.Equal(t, Hit, waiting.last.Kind, "who waits by lg gets what a meta winner brings")
	_, err = table.Edit(2*second, 0, []byte("k"), fill(v.last.Item.Shown()))
	require.NoError(t, err)
	require.Equal(t, "v", string(waiting.last.Item.Value))
}

// A dead winner is replaced when the lease runs out, whatever the stub's own time.
func TestStubOfADeadWinnerIsHandedOn(t *testing.T) {
	table, _ := newEdited()
	v := &views{}
	ask := Meta{Vivify: true, VivifyUntil: 1000 * second}
	require.True(t, table.Meta(second, 0, []byte("k"), ask, v))
	require.True(t, table.Meta(5*second, 0, []byte("k"), ask, v))
	require.True(t, v.last.Taken)
	require.True(t, table.Meta(12*second, 0, []byte("k"), ask, v))
	require.True(t, v.last.Won)
}
