package memory

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/shard"
)

// The model again, with so many small items, and in other phases large ones, that
// the index grows and shrinks all the time, also while the budget changes.
func TestModelWhileTheIndexChanges(t *testing.T) {
	hashes := map[string]func([]byte) uint64{
		"spread":  shard.Hash,
		"crowded": func(k []byte) uint64 { h := shard.Hash(k); return h%64<<58 | h>>24 },
	}
	for name, hash := range hashes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const budget, keys = 2 * mib, 30_000
			r := rand.New(rand.NewPCG(11, 12))
			m := newModel(t, Options{Bytes: budget, MaxItem: 3000, MaxPartitions: 1, Reserve: 3 * budget})
			m.p.hashOf = hash
			changes, was := 0, false
			for step := range uint64(5 * keys) {
				key := fmt.Sprint("k", r.IntN(keys))
				var err error
				switch op := r.IntN(16); {
				case op < 9:
					it := m.randomItem(r, step, 3000)
					if small := step/keys%2 == 0; small {
						it = Item{Version: step, Stored: m.now, Accessed: m.now, Value: it.Value[:min(len(it.Value), 8)]}
					}
					err = m.put(key, it)
				case op == 9:
					err = m.delete(key)
				case op == 10:
					err = m.update(key, m.randomItem(r, step, 300))
				case op == 11:
					m.now += r.Int64N(1e8)
				default:
					err = m.get(key, op < 14)
				}
				if changing := m.p.index.changing(); changing != was {
					was = changing
					changes++
				}
				if err == nil && step%7000 == 0 {
					err = m.resize(budget/2 + r.Int64N(2*budget))
				}
				if err == nil && step%5000 == 0 {
					err = m.check()
				}
				require.NoError(t, err, "step %d", step)
			}
			require.NoError(t, m.check())
			require.NoError(t, m.each())
			require.Greater(t, changes, 10)
		})
	}
}
