package policy

import "github.com/leasecache/leasecache/internal/bench/load"

// S3FIFO is the policy of Yang et al., "FIFO queues are all you need for cache
// eviction" (SOSP 2023), with the paper's figures: a tenth of the capacity for
// what is new, the rest for what was asked for again, and the keys of as much as
// that again remembered after they went.
type S3FIFO struct {
	capacity           int64
	small, main, ghost *queue
	items              []s3item
}

type s3item struct {
	bytes int32
	uses  uint8 // up to 3
	where place
}

type place uint8

const (
	nowhere place = iota
	inSmall
	inMain
	inGhost
)

// NewS3FIFO makes one for keys below keys.
func NewS3FIFO(keys uint32, capacity int64) *S3FIFO {
	return &S3FIFO{capacity, newQueue(keys), newQueue(keys), newQueue(keys), make([]s3item, keys)}
}

// Ask implements Policy.
func (s *S3FIFO) Ask(r load.Request) bool {
	it := &s.items[r.Key]
	if it.where == inSmall || it.where == inMain {
		it.uses = min(it.uses+1, 3)
		return true
	}
	need := Payload(r)
	if need > s.capacity {
		return false
	}
	again := it.where == inGhost
	if again {
		s.ghost.remove(r.Key, int64(it.bytes))
	}
	*it = s3item{bytes: int32(need)}
	for s.small.bytes+s.main.bytes+need > s.capacity {
		if s.small.bytes > s.capacity/10 || s.main.bytes == 0 {
			s.evictSmall()
		} else {
			s.evictMain()
		}
	}
	if again {
		it.where = inMain
		s.main.push(r.Key, need)
	} else {
		it.where = inSmall
		s.small.push(r.Key, need)
	}
	return false
}

// evictSmall looks at the oldest of the new ones: it was asked for more than
// once and moves, or goes and is remembered.
func (s *S3FIFO) evictSmall() {
	k := s.small.tail
	it := &s.items[k]
	bytes := int64(it.bytes)
	s.small.remove(k, bytes)
	if it.uses > 1 {
		it.uses, it.where = 0, inMain
		s.main.push(k, bytes)
		return
	}
	it.where = inGhost
	s.ghost.push(k, bytes)
	for s.ghost.bytes > s.capacity-s.capacity/10 {
		old := s.ghost.tail
		s.ghost.remove(old, int64(s.items[old].bytes))
		s.items[old].where = nowhere
	}
}

// evictMain looks at the oldest of the others: each use is another round.
func (s *S3FIFO) evictMain() {
	k := s.main.tail
	it := &s.items[k]
	bytes := int64(it.bytes)
	s.main.remove(k, bytes)
	if it.uses > 0 {
		it.uses--
		s.main.push(k, bytes)
		return
	}
	it.where = nowhere
}
