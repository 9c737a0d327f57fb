package demo

import "math/rand/v2"

// zipfExponent makes a shop: with 2,000 products the first gets about a sixth of all requests, the first hundred about two
// thirds. Measured traffic of shops and social sites lies between 0.6 and 1.3. What is read most is also written most
// (stock, price, counters), so both sides draw from the same curve.
const zipfExponent = 1.1

// popularity draws product numbers; not for several goroutines.
type popularity struct{ z *rand.Zipf }

func newPopularity(r *rand.Rand, products int) popularity {
	return popularity{rand.NewZipf(r, zipfExponent, 1, uint64(products-1))}
}

func (p popularity) next() int { return int(p.z.Uint64()) }
