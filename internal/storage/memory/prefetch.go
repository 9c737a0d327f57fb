package memory

import (
	"unsafe"

	"github.com/leasecache/leasecache/internal/prefetch"
)

// A lookup waits for memory twice, one time after the other: for the entry in the
// index, then for the record. Who has many keys to look up has the first brought
// for all of them, then the second for all of them, and then looks: what was
// waited for one by one comes at the same time.

// PrefetchIndex has memory bring what tells where a key's record is.
func (p *Partition) PrefetchIndex(hash uint64) {
	x := &p.index
	prefetch.Line(unsafe.Add(x.base, x.home(x.part(hash))*int(x.width)))
}

// PrefetchRecord has memory bring the beginning of a key's record, if there is one.
// It comes some time after PrefetchIndex.
func (p *Partition) PrefetchRecord(hash uint64) {
	const lines, lineBytes = 3, 64
	x := &p.index
	if at, ok := x.first(x.part(hash)); ok {
		for i := range lines {
			if next := at + i*lineBytes; next < len(p.mem) {
				prefetch.Line(unsafe.Pointer(&p.mem[next]))
			}
		}
	}
}
