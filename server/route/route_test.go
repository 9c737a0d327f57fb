package route

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/protocol"
	"github.com/leasecache/leasecache/shard"
)

func mapOf(version uint64, owners ...shard.Owner) shard.Map {
	return shard.Map{
		Version: version, Shards: uint32(len(owners)), Hash: shard.HashName,
		Nodes:  []shard.Node{{ID: "n1", Addr: "a1"}, {ID: "n2", Addr: "a2"}},
		Owners: owners, Epochs: make([]shard.Epoch, len(owners)),
	}
}

func TestTable(t *testing.T) {
	table := NewTable(3)
	_, ok := table.Route(0)
	require.False(t, ok)
	require.Nil(t, table.Map())

	require.NoError(t, table.Set(mapOf(7, 0, 1, shard.NoOwner), "n2"))
	at, ok := table.Route(0)
	require.True(t, ok)
	require.Equal(t, Place{Node: shard.Node{ID: "n1", Addr: "a1"}, Shard: 0, Version: 7}, at)
	at, _ = table.Route(1)
	require.True(t, at.Local)
	at, _ = table.Route(2)
	require.Empty(t, at.Node.ID)
	require.False(t, at.Local)
	at, _ = table.RouteHash(4)
	require.Equal(t, shard.ID(1), at.Shard)

	require.NoError(t, table.Set(mapOf(6, 1, 1, 1), "n2"), "an older map")
	require.Equal(t, uint64(7), table.Map().Version)
	require.ErrorIs(t, table.Set(mapOf(8, 0, 1), "n2"), shard.ErrMap)
	require.ErrorIs(t, table.Set(mapOf(8, 0, 1, 2), "n2"), shard.ErrMap)
	require.NoError(t, table.Set(mapOf(8, 0, 1, shard.NoOwner), "n3"), "a node that left")
	at, _ = table.Route(1)
	require.False(t, at.Local)
}

// Every verb is decided. What must never be done twice is listed once more: a
// store or a count repeated behind another's would take its place.
func TestVerbs(t *testing.T) {
	again := map[protocol.Verb]bool{
		protocol.VerbGet: true, protocol.VerbGets: true, protocol.VerbMG: true, protocol.VerbME: true, protocol.VerbLG: true,
		protocol.VerbLeaseGet: true, protocol.VerbLD: true, protocol.VerbLC: true, protocol.VerbLA: true, protocol.VerbLF: true,
		protocol.VerbLT: true, protocol.VerbFlushAll: true,
	}
	for v := range protocol.Verb(protocol.VerbCount) {
		require.NotEqual(t, undecided, To(v), v)
		require.Equal(t, again[v], Repeatable(&protocol.Request{Verb: v}), v)
		if v.Stores() {
			require.True(t, Replaces(&protocol.Request{Verb: v}), v)
		}
	}
	for _, req := range []protocol.Request{
		{Verb: protocol.VerbMG, HasVivify: true}, {Verb: protocol.VerbMG, HasNewCAS: true}, {Verb: protocol.VerbMG, HasTTL: true},
	} {
		require.False(t, Repeatable(&req), "%+v", req)
	}
	require.True(t, Repeatable(&protocol.Request{Verb: protocol.VerbLW, Nonce: []byte("x")}))
	require.False(t, Replaces(&protocol.Request{Verb: protocol.VerbLS}), "the token says whether it is late")
}

func TestAnswers(t *testing.T) {
	keys, reply, err := ReadPart(append(AppendPart(nil, 70000), "VALUE"...)[1:])
	require.NoError(t, err)
	require.Equal(t, 70000, keys)
	require.Equal(t, "VALUE", string(reply))
	_, _, err = ReadPart([]byte{1, 2})
	require.ErrorIs(t, err, ErrAnswer)

	a, b := NewShards(20), NewShards(20)
	a.Add(3)
	b.Add(19)
	token, err := ReadCovered(AppendCovered(nil, 77, b)[1:], a)
	require.NoError(t, err)
	require.Equal(t, uint64(77), token)
	for id := range shard.ID(20) {
		require.Equal(t, id == 3 || id == 19, a.Has(id), id)
	}
	_, err = ReadCovered(AppendCovered(nil, 77, NewShards(30))[1:], a)
	require.ErrorIs(t, err, ErrAnswer)
}

// Whatever is split and cut comes together as if one had answered.
func TestSplitAndCut(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		verb := []string{"VALUE", "LVALUE"}[r.IntN(2)]
		var keys [][]byte
		var whole []byte
		found := map[string][]byte{}
		for range r.IntN(600) {
			key := fmt.Appendf(nil, "key\u00a0%d", r.IntN(400))
			keys = append(keys, key)
			if _, known := found[string(key)]; !known {
				found[string(key)] = nil
				if r.IntN(3) > 0 {
					// Values that look like replies.
					body := []string{"", "END\r\n", "VALUE key 0 1\r\nx\r\n", "v"}[r.IntN(4)]
					words := "5"
					if verb == "LVALUE" {
						words = "123 5"
					}
					found[string(key)] = fmt.Appendf(nil, "%s %s %s %d\r\n%s\r\n", verb, key, words, len(body), body)
				}
			}
			whole = append(whole, found[string(key)]...)
		}
		pieces := make([][]byte, len(keys))
		seen := 0
		for _, g := range Split(keys, func(i int) string { return []string{"a", "b", "c"}[shard.Of(keys[i], 3)] }) {
			require.LessOrEqual(t, len(g.Keys), mostKeys)
			var mine [][]byte
			var reply []byte
			for n, i := range g.Keys {
				require.True(t, n == 0 || i > g.Keys[n-1])
				mine = append(mine, keys[i])
				reply = append(reply, found[string(keys[i])]...)
			}
			got := make([][]byte, len(mine))
			rest, err := Cut(append(reply, "END\r\n"...), mine, got)
			require.NoError(t, err)
			require.Equal(t, "END\r\n", string(rest))
			for n, i := range g.Keys {
				pieces[i] = got[n]
				seen++
			}
		}
		require.Equal(t, len(keys), seen)
		var joined []byte
		for _, p := range pieces {
			joined = append(joined, p...)
		}
		require.Equal(t, string(whole), string(joined), "seed %d", seed)
	}
}

func TestCutRefuses(t *testing.T) {
	keys := [][]byte{[]byte("a"), []byte("b")}
	for _, reply := range []string{
		"VALUE a 0 1\r\n", "VALUE a 0 5\r\nx\r\n", "VALUE a 0\r\nx\r\n", "VALUE a 0 x\r\nx\r\n", "VALUE c 0 1\r\nx\r\n",
		"VALUE b 0 1\r\nx\r\nVALUE a 0 1\r\nx\r\n", "VALUE a 0 4294967295\r\nx\r\n", "LVALUE a 1 2\r\n\r\n", "VALUE a", "VALUE  0 1\r\nx\r\n",
	} {
		_, err := Cut([]byte(reply), keys, make([][]byte, 2))
		require.ErrorIs(t, err, ErrAnswer, "%q", reply)
	}
	rest, err := Cut([]byte("SERVER_ERROR x\r\n"), keys, make([][]byte, 2))
	require.NoError(t, err)
	require.Equal(t, "SERVER_ERROR x\r\n", string(rest))
}
