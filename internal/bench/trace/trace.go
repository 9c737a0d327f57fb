// Package trace makes the request traces that hit ratios are measured on. They
// are synthetic, each with a description that says all there is to it, and the
// same in every run.
package trace

import (
	"math"
	"math/rand/v2"

	"github.com/leasecache/leasecache/internal/bench/load"
)

// Trace is a sequence of requests. A key has the same size whenever it comes.
type Trace struct {
	Name        string
	Description string
	Requests    []load.Request
	Keys        uint32 // all keys are below
}

// Spec is a trace that has not been made yet.
type Spec struct {
	Name        string
	Description string
	make        func(m *maker)
}

// Make makes the trace: length requests for about keys popular keys.
func (s *Spec) Make(keys uint32, length int) *Trace {
	m := &maker{
		random:   rand.New(rand.NewPCG(20, 26)),
		keys:     keys,
		length:   length,
		requests: make([]load.Request, 0, length),
		fresh:    4 * keys,
	}
	s.make(m)
	return &Trace{Name: s.Name, Description: s.Description, Requests: m.requests[:length], Keys: m.fresh}
}

// maker writes the requests of one trace. Keys below four times its number of
// keys are for populations, those above are never asked for twice.
type maker struct {
	random   *rand.Rand
	keys     uint32
	length   int
	requests []load.Request
	fresh    uint32
}

const usual = 100 // bytes of a value, where sizes are not the point

func (m *maker) add(key, size uint32) {
	m.requests = append(m.requests, load.Request{Key: key, Size: size})
}

// done says how much of the trace is written, from 0 to 1.
func (m *maker) done() float64 { return float64(len(m.requests)) / float64(m.length) }

func (m *maker) full() bool { return len(m.requests) >= m.length }

// All are the traces, in the order of the page.
var All = []Spec{
	popular(0.7), popular(0.9), popular(1.0), popular(1.2),
	{"scans", "Zipf 0.9; eight times a batch job reads a sixteenth as many keys as there are popular ones, in order, at every other request; these keys come in no other place", func(m *maker) {
		z := newZipf(m.random, 0.9, m.keys)
		const scans = 8
		scan := m.keys / 16
		for !m.full() {
			n := len(m.requests) * scans / m.length
			inside := len(m.requests) - n*m.length/scans
			if inside%2 == 1 && uint32(inside/2) < scan {
				m.add(m.keys+uint32(inside/2), usual)
			} else {
				m.add(z.next(), usual)
			}
		}
	}},
	{"one-hit wonders", "Zipf 1.0 for six requests of ten; the other four are for keys that never come again", func(m *maker) {
		z := newZipf(m.random, 1.0, m.keys)
		for !m.full() {
			if m.random.Float64() < 0.4 {
				m.add(m.fresh, usual)
				m.fresh++
			} else {
				m.add(z.next(), usual)
			}
		}
	}},
	{"popularity shifts", "Zipf 1.0; with each tenth of the trace other keys are the popular ones, and those of before are as rare as the rest", func(m *maker) {
		z := newZipf(m.random, 1.0, m.keys)
		for !m.full() {
			phase := uint32(m.done() * 10)
			m.add((z.next()+phase*(m.keys/10))%m.keys, usual)
		}
	}},
	{"sizes mixed", "Zipf 0.9; value sizes log-normal, median 200 B, sigma 1.2, from 10 B to 16 KiB, independent of popularity", func(m *maker) {
		z := newZipf(m.random, 0.9, m.keys)
		sizes := m.sizes(200, 1.2)
		for !m.full() {
			k := z.next()
			m.add(k, sizes[k])
		}
	}},
	{"sizes shift", "Zipf 0.9 over three sets of keys, with values of 64 to 128 B, 600 to 1200 B and 200 to 400 B; requests move from the first to the second set, then to the third, each over a third of the trace", func(m *maker) {
		z := newZipf(m.random, 0.9, m.keys)
		least := [3]uint32{64, 600, 200}
		for !m.full() {
			// In the first third all ask the first set; then ever more the next one.
			at := m.done() * 3
			set := uint32(0)
			if at > 1 {
				set = uint32(min(at-1+m.random.Float64(), 2))
			}
			k := z.next()
			m.add(set*m.keys+k, least[set]+k%least[set])
		}
	}},
}

func popular(alpha float64) Spec {
	names := map[float64]string{0.7: "Zipf 0.7", 0.9: "Zipf 0.9", 1.0: "Zipf 1.0", 1.2: "Zipf 1.2"}
	return Spec{names[alpha], "popularity alone, values of 100 B", func(m *maker) {
		z := newZipf(m.random, alpha, m.keys)
		for !m.full() {
			m.add(z.next(), usual)
		}
	}}
}

// sizes draws a log-normal size for each key.
func (m *maker) sizes(median, sigma float64) []uint32 {
	out := make([]uint32, m.keys)
	for i := range out {
		s := median * math.Exp(sigma*m.random.NormFloat64())
		out[i] = uint32(min(max(s, 10), 16<<10))
	}
	return out
}
