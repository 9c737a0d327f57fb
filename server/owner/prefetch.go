package owner

import (
	"unsafe"

	"github.com/leasecache/leasecache/internal/prefetch"
	"github.com/leasecache/leasecache/shard"
)

// PrefetchKeys is how many keys Prefetch takes at a time.
const PrefetchKeys = 16

// Prefetch has memory bring what commands on some keys, PrefetchKeys at most, will
// look at. It has no effect but on how long they take; a bucket that somebody else
// is in is left alone.
func (w *Owner) Prefetch(keys [][]byte) {
	var hashes [PrefetchKeys]uint64
	for i, key := range keys {
		hashes[i] = shard.Hash(key)
		prefetch.Line(unsafe.Pointer(w.shardOf(hashes[i])))
	}
	for i := range keys {
		s := w.shardOf(hashes[i])
		prefetch.Line(unsafe.Pointer(s.table))
		prefetch.Line(unsafe.Pointer(s.tokens))
		if s.bucket.mu.TryLock() {
			s.bucket.mu.part.PrefetchIndex(hashes[i])
			s.bucket.mu.Unlock()
		}
	}
	for i := range keys {
		if b := w.shardOf(hashes[i]).bucket; b.mu.TryLock() {
			b.mu.part.PrefetchRecord(hashes[i])
			b.mu.Unlock()
		}
	}
}
