package shard

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The vectors are those of the xxHash64 specification with seed 0: a client in
// another language that gets them right places keys as this package does.
func TestHashVectors(t *testing.T) {
	for text, want := range map[string]uint64{
		"":    0xef46db3751d8e999,
		"a":   0xd24ec4f1a98c6e5b,
		"abc": 0x44bc2cf5ad770999,
		"Nobody inspects the spammish repetition": 0xfbcea83c8a378bf1,
	} {
		require.Equal(t, want, Hash([]byte(text)), "%q", text)
	}
}

func TestOfIsTheHashModuloTheCount(t *testing.T) {
	require.Equal(t, ID(0x44bc2cf5ad770999%1024), Of([]byte("abc"), 1024))
	require.Equal(t, ID(0), Of([]byte("abc"), 1))
	require.Equal(t, Of([]byte("abc"), 77), OfHash(Hash([]byte("abc")), 77))
}

func TestEveryShardGetsItsPart(t *testing.T) {
	const keys, count = 64 * 1024, 1024
	var hits [count]int
	key := []byte("product:00000")
	for i := range keys {
		for j, n := len(key)-1, i; j >= len(key)-5; j, n = j-1, n/10 {
			key[j] = '0' + byte(n%10)
		}
		hits[Of(key, count)]++
	}
	for s, n := range hits {
		require.InDelta(t, keys/count, n, 48, "shard %d", s)
	}
}

func TestTokenHalves(t *testing.T) {
	token := Epoch(5).Token(9)
	require.Equal(t, uint64(5)<<40|9, token)
	require.Equal(t, Epoch(5), EpochOf(token))
	require.Equal(t, uint64(9), SequenceOf(token))
	require.Greater(t, Epoch(6).Base(), Epoch(5).Token(MaxSequence))
	require.Less(t, MaxEpoch.Token(MaxSequence), uint64(1)<<63, "fits a signed column")
	require.Greater(t, EpochOf(1<<63), MaxEpoch, "what is no token is seen")
}

func TestCheckName(t *testing.T) {
	for _, good := range []string{"n1", "6f1c0aFE", "eu-west.1_a"} {
		require.NoError(t, CheckName(good))
	}
	for _, bad := range []string{"", "a b", "a\n", "é", "a/b", string(make([]byte, 65))} {
		require.ErrorIs(t, CheckName(bad), ErrName, "%q", bad)
	}
}
