package experiment

import "time"

// Scale says how much is measured, and how long.
type Scale struct {
	Items         uint32 // in each server, where their number is not what is asked
	ValueSize     uint32
	Rounds        int
	Warm, Measure time.Duration

	// Curves take many points, and so fewer rounds each.
	CurveRounds  int
	CurveMeasure time.Duration
	Conns        []int
	Depths       []int
	Sizes        []uint32
	Mixes        []float64 // shares of sets

	Loads []float64 // shares of the lowest peak, the same for all
	Own   []float64 // shares of each server's own peak
	Open  time.Duration

	CrowdPart int // crowds are divided by it

	MemoryItems uint32 // most items of the memory experiment
	MemoryBytes int64  // and most bytes of values
	MemorySizes []uint32
	ShiftLimit  int64
	ShiftSizes  []uint32

	Held []int64 // bytes of values while pauses are measured

	TraceKeys   uint32
	TraceLength int
	Budgets     []int64
	RSSKeys     uint32 // traces over sockets have their own size
	RSSLength   int
	RSSTraces   []string // nil: all
}

const mib = 1 << 20

// Quick is for a look: some minutes.
func Quick() Scale {
	return Scale{
		Items: 200_000, ValueSize: 100, Rounds: 3, Warm: 100 * time.Millisecond, Measure: 250 * time.Millisecond,
		CurveRounds: 1, CurveMeasure: 300 * time.Millisecond,
		Conns: []int{1, 50, 1000}, Depths: []int{1, 8, 64}, Sizes: []uint32{10, 1024, 65536}, Mixes: []float64{0, 0.1, 1},
		Loads: []float64{0.5, 0.8}, Own: []float64{0.5}, Open: 500 * time.Millisecond,
		CrowdPart:   1,
		MemoryItems: 200_000, MemoryBytes: 128 * mib, MemorySizes: []uint32{10, 100, 1000},
		ShiftLimit: 64 * mib, ShiftSizes: []uint32{100, 1000, 300},
		Held:      []int64{256 * mib},
		TraceKeys: 400_000, TraceLength: 1_000_000, Budgets: []int64{12 * mib, 24 * mib},
		RSSKeys: 400_000, RSSLength: 500_000, RSSTraces: []string{"Zipf 0.9", "one-hit wonders", "sizes shift"},
	}
}

// Full is for the page: some forty minutes on two cores.
func Full() Scale {
	return Scale{
		Items: 1_000_000, ValueSize: 100, Rounds: 5, Warm: 200 * time.Millisecond, Measure: time.Second,
		CurveRounds: 3, CurveMeasure: 500 * time.Millisecond,
		Conns: []int{1, 5, 20, 50, 100, 200, 500, 1000}, Depths: []int{1, 2, 4, 8, 16, 32, 64},
		Sizes: []uint32{10, 100, 1024, 4096, 16384, 65536}, Mixes: []float64{0, 0.05, 0.1, 0.5, 1},
		Loads: []float64{0.2, 0.5, 0.65, 0.8, 0.9}, Own: []float64{0.5, 0.8}, Open: 3 * time.Second,
		CrowdPart:   1,
		MemoryItems: 1_000_000, MemoryBytes: 1024 * mib, MemorySizes: []uint32{10, 30, 100, 300, 1000, 4000, 16000, 64000},
		ShiftLimit: 256 * mib, ShiftSizes: []uint32{100, 1000, 300, 4000, 100},
		Held:      []int64{64 * mib, 10 * 1024 * mib},
		TraceKeys: 1_000_000, TraceLength: 3_000_000, Budgets: []int64{12 * mib, 24 * mib, 48 * mib, 96 * mib},
		RSSKeys: 2_000_000, RSSLength: 3_000_000,
	}
}
