package placement

import (
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whatever the weights and the owners before: nobody is further than one shard
// from his part, no fewer moves would do, a shard moves once, and then it is over.
func TestEven(t *testing.T) {
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 7))
		weights := make([]uint64, 1+r.IntN(12))
		for i := range weights {
			switch r.IntN(4) {
			case 0: // is drained
			case 1:
				weights[i] = 1 + r.Uint64N(3)
			default:
				weights[i] = 1 << 30 * (1 + r.Uint64N(8))
			}
		}
		owners := make([]int, r.IntN(200))
		for i := range owners {
			owners[i] = r.IntN(len(weights)+1) - 1
		}
		moves := Even(weights, owners)
		sum := new(big.Int)
		for _, w := range weights {
			sum.Add(sum, new(big.Int).SetUint64(w))
		}
		if sum.Sign() == 0 {
			require.Empty(t, moves)
			continue
		}
		before := make([]int, len(weights))
		for _, o := range owners {
			if o != None {
				before[o]++
			}
		}
		last := None
		for _, m := range moves {
			require.Equal(t, owners[m.Shard], m.From, "seed %d", seed)
			require.NotEqual(t, m.From, m.To, "seed %d", seed)
			require.False(t, m.From == None && last != None, "seed %d: those without an owner come first", seed)
			owners[m.Shard], last = m.To, m.From
		}
		after := make([]int, len(weights))
		for _, o := range owners {
			require.NotEqual(t, None, o, "seed %d", seed)
			after[o]++
		}
		fewest, spare := 0, 0
		for i, w := range weights {
			part, rest := new(big.Int).QuoRem(new(big.Int).Mul(new(big.Int).SetUint64(w), big.NewInt(int64(len(owners)))), sum, new(big.Int))
			down, up := int(part.Int64()), int(part.Int64())
			if rest.Sign() > 0 {
				up++
			}
			require.GreaterOrEqual(t, after[i], down, "seed %d: node %d", seed, i)
			require.LessOrEqual(t, after[i], up, "seed %d: node %d", seed, i)
			fewest += max(0, before[i]-down)
			spare += down
			if up > down && before[i] > down {
				fewest-- // one may stay, if there are as many to give; see below
			}
		}
		homeless := 0
		for _, m := range moves {
			if m.From == None {
				homeless++
			}
		}
		// At most len(owners)-spare nodes may have one more than their part rounded down.
		stays := 0
		for i, w := range weights {
			part := new(big.Int).Mul(new(big.Int).SetUint64(w), big.NewInt(int64(len(owners))))
			down, rest := new(big.Int).QuoRem(part, sum, new(big.Int))
			if rest.Sign() > 0 && before[i] > int(down.Int64()) {
				stays++
			}
		}
		fewest += max(0, stays-(len(owners)-spare))
		require.Equal(t, fewest, len(moves)-homeless, "seed %d: fewest moves", seed)
		require.Empty(t, Even(weights, owners), "seed %d: it is even now", seed)
	}
}

func TestEvenSpreadsALostNode(t *testing.T) {
	owners := make([]int, 1024)
	for i := range owners {
		owners[i] = i % 4
	}
	for i, o := range owners {
		if o == 3 {
			owners[i] = None
		}
	}
	got := make([]int, 4)
	for _, m := range Even([]uint64{1, 1, 1, 0}, owners) {
		require.Equal(t, None, m.From)
		got[m.To]++
	}
	require.Equal(t, []int{86, 85, 85, 0}, got)
}

func TestEvenWithoutWeightMovesNothing(t *testing.T) {
	require.Empty(t, Even([]uint64{0, 0}, []int{0, 1, None}))
	require.Empty(t, Even(nil, []int{None}))
	require.Empty(t, Even([]uint64{5}, nil))
}

func BenchmarkEven(b *testing.B) {
	weights := make([]uint64, 1000)
	owners := make([]int, 16384)
	for i := range weights {
		weights[i] = 1 << 30
	}
	for i := range owners {
		owners[i] = i % (len(weights) - 1)
	}
	for b.Loop() {
		Even(weights, owners)
	}
}
