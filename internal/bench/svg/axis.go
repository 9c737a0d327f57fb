package svg

import (
	"math"
	"strconv"
)

// axis maps values to places on paper.
type axis struct {
	low, high float64
	log       bool
	from, to  float64 // on paper
}

func (a *axis) at(v float64) float64 {
	low, high := a.low, a.high
	if a.log {
		low, high, v = math.Log(low), math.Log(high), math.Log(max(v, a.low))
	}
	if high == low {
		return (a.from + a.to) / 2
	}
	return a.from + (v-low)/(high-low)*(a.to-a.from)
}

// fit returns an axis that holds all values, with ends that are ticks. Linear
// ones begin at 0 unless that would hide what they show.
func fit(values []float64, log, fromZero bool, from, to float64) (axis, []float64) {
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) || (log && v <= 0) {
			continue
		}
		low, high = min(low, v), max(high, v)
	}
	if low > high { // nothing to show
		low, high = 1, 2
	}
	if log {
		ticks := logTicks(low, high)
		return axis{ticks[0], ticks[len(ticks)-1], true, from, to}, ticks
	}
	if fromZero {
		low, high = min(low, 0), max(high, 0)
	}
	ticks := ticks(low, high, 6)
	return axis{ticks[0], ticks[len(ticks)-1], false, from, to}, ticks
}

// ticks are about n round numbers that enclose a range.
func ticks(low, high float64, n int) []float64 {
	if high <= low {
		high = low + max(math.Abs(low)/10, 1e-9)
	}
	step := math.Pow(10, math.Floor(math.Log10((high-low)/float64(n))))
	for _, factor := range []float64{1, 2, 5, 10} {
		if (high-low)/(step*factor) <= float64(n) {
			step *= factor
			break
		}
	}
	first := math.Floor(low/step + 1e-9)
	last := math.Ceil(high/step - 1e-9)
	var out []float64
	for i := first; i <= last; i++ {
		out = append(out, i*step)
	}
	return out
}

// logTicks are powers of ten that enclose a range, with 2 and 5 between them if
// there are few.
func logTicks(low, high float64) []float64 {
	var all []float64
	factors := []float64{1}
	if high/low < 500 {
		factors = []float64{1, 2, 5}
	}
	for e := math.Floor(math.Log10(low)); e <= math.Ceil(math.Log10(high))+1; e++ {
		for _, f := range factors {
			all = append(all, f*math.Pow(10, e))
		}
	}
	first, last := 0, len(all)-1
	for first+1 < len(all) && all[first+1] <= low*(1+1e-9) {
		first++
	}
	for last-1 > first && all[last-1] >= high*(1-1e-9) {
		last--
	}
	return all[first : last+1]
}

// Short writes a number for an axis: 1500 is 1.5k.
func Short(v float64) string {
	a := math.Abs(v)
	for _, unit := range []struct {
		size float64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if a >= unit.size {
			return short(v/unit.size) + unit.name
		}
	}
	return short(v)
}

func short(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }
