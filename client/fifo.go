package client

// fifo is a queue of calls in a ring that grows by doubling; its users bound it.
type fifo struct {
	ring []*call // length zero or a power of two
	tail int     // index of the head call
	n    int
}

func (f *fifo) len() int { return f.n }

// head is the oldest call. REQUIRES: len() > 0.
func (f *fifo) head() *call { return f.ring[f.tail] }

func (f *fifo) push(k *call) {
	if f.n == len(f.ring) {
		grown := make([]*call, max(16, 2*len(f.ring)))
		for i := range f.n {
			grown[i] = f.ring[(f.tail+i)&(len(f.ring)-1)]
		}
		f.ring, f.tail = grown, 0
	}
	f.ring[(f.tail+f.n)&(len(f.ring)-1)] = k
	f.n++
}

// pop takes the oldest call out. REQUIRES: len() > 0.
func (f *fifo) pop() *call {
	k := f.ring[f.tail]
	f.ring[f.tail] = nil
	f.tail = (f.tail + 1) & (len(f.ring) - 1)
	f.n--
	return k
}
