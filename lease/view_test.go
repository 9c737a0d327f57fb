package lease

import (
	"testing"

	"github.com/stretchr/testify/require"
)

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
