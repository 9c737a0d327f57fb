package stats

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMedian(t *testing.T) {
	in := []float64{9, 1, 5}
	require.Equal(t, 5.0, Median(in))
	require.Equal(t, []float64{9, 1, 5}, in, "the order of rounds is kept")
	require.Equal(t, 3.0, Median([]float64{5, 1, 9, 1}))
	require.Equal(t, 4.0, Median([]float64{4}))
	require.True(t, math.IsNaN(Median(nil)))
}

func TestRatiosAreOfTheSameRound(t *testing.T) {
	// The machine was half as fast in the second round; the ratio was not.
	require.Equal(t, []float64{2, 2, 2}, Ratios([]float64{2, 4, 2}, []float64{1, 2, 1}))
	require.Equal(t, []float64{2}, Ratios([]float64{2, 4}, []float64{1}))
	require.Equal(t, []float64{2}, Ratios([]float64{5, 4}, []float64{0, 2}))
	require.Empty(t, Ratios(nil, []float64{1}))
}

func TestSpread(t *testing.T) {
	low, high := Spread([]float64{3, 1, 2})
	require.Equal(t, [2]float64{1, 3}, [2]float64{low, high})
	low, high = Spread(nil)
	require.True(t, math.IsNaN(low) && math.IsNaN(high))
}

func TestRound(t *testing.T) {
	for in, want := range map[float64]float64{
		1.23456: 1.235, 123456: 123500, -0.000123456: -0.0001235, 0: 0, 1000: 1000, 99999: 100000, 0.1: 0.1,
	} {
		require.InDelta(t, want, Round(in, 4), math.Abs(want)*1e-12)
	}
	require.Equal(t, 1e9, Round(1e9, 4))
}
