package trace

import (
	"math"
	"math/rand/v2"
)

// zipf draws ranks from 1 to n, rank k with a weight of k to the power of -alpha,
// for any alpha above 0 (the standard library's takes only those above 1). It is
// rejection-inversion, after Hörmann and Derflinger (1996): no tables, so a
// million keys cost no more than ten.
type zipf struct {
	alpha    float64
	n        float64
	first    float64 // of the integral's range
	last     float64
	shortcut float64
	random   *rand.Rand
}

func newZipf(r *rand.Rand, alpha float64, n uint32) *zipf {
	z := &zipf{alpha: alpha, n: float64(n), random: r}
	z.first = z.integral(1.5) - 1
	z.last = z.integral(z.n + 0.5)
	z.shortcut = 2 - z.inverse(z.integral(2.5)-z.weight(2))
	return z
}

// next draws a rank, counted from 0.
func (z *zipf) next() uint32 {
	for {
		u := z.last + z.random.Float64()*(z.first-z.last)
		x := z.inverse(u)
		k := min(max(math.Floor(x+0.5), 1), z.n)
		if k-x <= z.shortcut || u >= z.integral(k+0.5)-z.weight(k) {
			return uint32(k) - 1
		}
	}
}

func (z *zipf) weight(x float64) float64 { return math.Exp(-z.alpha * math.Log(x)) }

// integral is that of weight, and inverse its inverse. Both are written so that
// they are exact around alpha = 1, too.
func (z *zipf) integral(x float64) float64 {
	l := math.Log(x)
	return expm1Over((1-z.alpha)*l) * l
}

func (z *zipf) inverse(x float64) float64 {
	return math.Exp(log1pOver(max(x*(1-z.alpha), -1)) * x)
}

func expm1Over(x float64) float64 {
	if math.Abs(x) < 1e-8 {
		return 1 + x/2
	}
	return math.Expm1(x) / x
}

func log1pOver(x float64) float64 {
	if math.Abs(x) < 1e-8 {
		return 1 - x/2
	}
	return math.Log1p(x) / x
}
