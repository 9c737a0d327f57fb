package control

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/shard"
)

// oneOfEach is an entry of every kind.
func oneOfEach() []Entry {
	return []Entry{
		Init{"c", 7, DefaultSettings(), []Former{{5, 9, shard.Note{Fenced: true, Bounded: ms}}, {Epoch: 6}}, 0},
		Term{3, "A"},
		PutMember{"A", "b", "h:1", "h:2", "", 1 << 30},
		Drain{"A", true},
		Forget{"A"},
		Register{"A", "b", 1 << 63, 4},
		Renew{[]Renewal{{2, 3}, {4, 5}}},
		Over{2, 3, []Owner{{1, 2, 3}}},
		Assign{[]Owner{{1, 2, 3}, {2, 3, 4}}},
		Release{"A", 2, true, ms},
		Note{2, []Noted{{1, 2, shard.Note{Bounded: ms}}}},
		Fenced{[]Fence{{1, 1 << 62}}},
		Quiet{2, []Calm{{1, 2, 3}}},
		Plan{2, []Owner{{1, 2, 3}}},
		Moved{1, 2, 3, 4, 5, 6, 7},
		Cancel{1, 2, 3, 4},
		Raise{2, 1, 2, 3},
		Reset{2, []At{{1, 2}}, true},
		Set{DefaultSettings()},
		Leave{2},
		Init{"c", 7, DefaultSettings(), []Former{{Epoch: 6}}, 99},
	}
}

func TestEntriesKeepTheirFields(t *testing.T) {
	require.Len(t, oneOfEach(), kindEnd-1, "there is one of each kind")
	for i, e := range oneOfEach() {
		data := Encode(e)
		require.Equal(t, []byte{entryVersion, byte(i + 1)}, data[:2], "%T: a kind keeps its number", e)
		back, err := Decode(data)
		require.NoError(t, err)
		require.Equal(t, e, back)
		for n := range data {
			_, err := Decode(data[:n])
			require.ErrorIs(t, err, ErrDamaged, "%T cut to %d bytes", e, n)
		}
		_, err = Decode(append(data, 0))
		require.ErrorIs(t, err, ErrDamaged)
	}
}

// The bytes are in logs and snapshots of clusters that run: they do not change.
func TestEncodingIsStable(t *testing.T) {
	require.Equal(t, "\x01\x07\x02\x02\x03\xac\x02\x05", string(Encode(Renew{[]Renewal{{2, 3}, {300, 5}}})))
	require.Equal(t, "\x01\x08\x02\x03\x01\x01\x02\x03", string(Encode(Over{2, 3, []Owner{{1, 2, 3}}})))
}

// What an old program does not know it must not pass over: others act on it.
func TestANewerProgramsEntryStopsTheNode(t *testing.T) {
	s := newScript(t)
	before := s.st.Snapshot()
	for _, data := range [][]byte{{2, kindTerm}, {entryVersion, kindEnd}} {
		_, err := s.st.Execute(100, data)
		require.ErrorIs(t, err, ErrTooNew)
		require.Equal(t, before, s.st.Snapshot())
	}
}

func TestEntriesAreAppliedOnce(t *testing.T) {
	s := newScript(t)
	before := s.st.Snapshot()
	require.Equal(t, Stale, s.st.Apply(s.st.Index, Forget{"A"}).Code)
	require.Equal(t, before, s.st.Snapshot())
	s.refused(Stale, Init{Cluster: "d", Incarnation: 1, Settings: DefaultSettings(), Shards: []Former{{Epoch: 1}}})
	require.Equal(t, Refused, new(State).Apply(1, Forget{"A"}).Code, "there is no cluster yet")
}

// full is a state with something in every field.
func full(t *testing.T) *State {
	s := newScript(t)
	a, b := s.joins("A", 1), s.joins("B", 1)
	s.assign(0, a)
	s.assign(1, b)
	s.must(s.note(0, shard.Note{Fenced: true, Bounded: ms}))
	s.must(Reset{a, []At{{0, 6}}, true})
	m := s.move(0, b)
	m.Near = ms
	s.must(m)
	s.move(1, a)
	s.must(Drain{"A", true})
	s.must(Leave{a})
	s.must(Forget{"A"})
	s.must(Term{3, "B"})
	return s.st
}

func TestSnapshotKeepsEverything(t *testing.T) {
	st := full(t)
	data := st.Snapshot()
	back, err := Restore(data)
	require.NoError(t, err)
	require.True(t, reflect.DeepEqual(st, back), "%+v\n%+v", st, back)
	require.Equal(t, data, back.Snapshot())
	for i := range data {
		bad := append([]byte(nil), data...)
		bad[i] ^= 1
		_, err := Restore(bad)
		require.Error(t, err, "byte %d", i)
		_, err = Restore(data[:i])
		require.ErrorIs(t, err, ErrDamaged)
	}
	empty, err := Restore(new(State).Snapshot())
	require.NoError(t, err)
	require.Empty(t, empty.Cluster)
}

// FuzzDecode: whatever the log hands us, it is refused or it is an entry that encodes
// to the same bytes; and whatever is applied to whatever state, that stays sound.
func FuzzDecode(f *testing.F) {
	for _, e := range oneOfEach() {
		f.Add(Encode(e))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := Decode(data)
		if err != nil {
			return
		}
		require.Equal(t, data, Encode(e))
		for _, st := range []*State{full(t), new(State)} {
			r := st.Apply(st.Index+1, e)
			require.NoError(t, st.Check())
			if r.Code != OK {
				require.Empty(t, r.Changed)
			}
			st.Map()
		}
	})
}

// FuzzRestore: what is taken for a state is sound, and is that state.
func FuzzRestore(f *testing.F) {
	head := len(snapshotMagic) + 8
	f.Add(new(State).Snapshot()[head:])
	f.Fuzz(func(t *testing.T, body []byte) {
		st, err := restore(body)
		if err != nil {
			return
		}
		require.NoError(t, st.Check())
		require.Equal(t, body, st.Snapshot()[head:])
		for _, e := range oneOfEach() {
			st.Apply(st.Index+1, e)
			require.NoError(t, st.Check(), "after %T%+v", e, e)
		}
	})
}
