package lease

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Who goes through the store is shown what a get would find, and never what it
// would not.
func TestShows(t *testing.T) {
	const now = 100 * second
	one := key(1)
	for name, c := range map[string]struct {
		begin Start
		do    func(*Table)
		shown bool
	}{
		"a value":            {shown: true, do: func(*Table) {}},
		"under a lease":      {shown: true, do: func(l *Table) { l.Lease(now, 0, one, Read{StaleOK: true, RefreshBelow: 1}, new(deaf)) }},
		"marked":             {shown: true, do: func(l *Table) { l.store.(*mapStore).items["key1"].Marked = true }},
		"a stale copy":       {do: func(l *Table) { l.Invalidate(now, 0, one, second) }},
		"flushed":            {do: func(l *Table) { l.Flush(now, now) }},
		"to be flushed":      {shown: true, do: func(l *Table) { l.Flush(now, now+1) }},
		"a flush is due":     {do: func(l *Table) { l.tags.flushAt = now }},
		"its tag was bumped": {do: func(l *Table) { l.BumpTag(now, []byte("tag")) }},
		"another was bumped": {shown: true, do: func(l *Table) { l.BumpTag(now, []byte("other")) }},
		"the shard in doubt": {begin: Start{DoubtBelow: 5}},
		"the shard closed":   {begin: Start{ClosedUntil: now + 1}},
	} {
		t.Run(name, func(t *testing.T) {
			store := newMapStore()
			l := New(NewSequence(1), store, someLimits(10), c.begin)
			item := Item{Version: l.tokens.Next(), Tags: AppendTag(nil, []byte("tag")), Value: []byte("v")}
			require.NoError(t, store.Put(0, one, item))
			if c.do != nil {
				c.do(l)
			}
			it, ok := store.Peek(0, one, now)
			require.True(t, ok)
			require.Equal(t, c.shown, l.Shows(now, one, &it))
			_, found := l.Get(now, 0, one)
			require.Equal(t, c.shown, found)
		})
	}
}

// An intent that nobody looked at since it ran out may have become doubt.
func TestShowsNothingUnderAnIntent(t *testing.T) {
	store := newMapStore()
	l := New(NewSequence(1), store, someLimits(10), Start{})
	_, _, err := l.Begin(second, 0, key(1), Fenced, second, nil)
	require.NoError(t, err)
	it := Item{Version: l.tokens.Next()}
	require.False(t, l.Shows(second, key(1), &it))
	require.False(t, l.Shows(10*second, key(1), &it))
}

func TestFlushedValuesAreCountedWhenTheyAreFound(t *testing.T) {
	store := newMapStore()
	l := New(NewSequence(1), store, someLimits(10), Start{})
	for i := range 4 {
		_, err := l.Put(second, 0, key(i), Set, Item{})
		require.NoError(t, err)
	}
	l.Flush(second, second)
	l.Get(second, 0, key(0))
	l.Get(second, 0, key(0))
	l.Delete(second, 0, key(1))
	l.Invalidate(second, 0, key(2), second)
	require.EqualValues(t, 3, l.Stats().Flushed)
	require.Empty(t, store.items["key2"])
}
