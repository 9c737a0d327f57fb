package policy

import "github.com/leasecache/leasecache/internal/bench/load"

// Policy is a cache that is asked for a key and, if it has not got it, is given
// it: true is a hit.
type Policy interface {
	Ask(load.Request) bool
}

// Payload is what an item takes of a capacity: its key and its value.
func Payload(r load.Request) int64 { return load.KeyLen + int64(r.Size) }

// HitRatio replays requests and returns the share of hits among those from warm
// on.
func HitRatio(p Policy, requests []load.Request, warm int) float64 {
	hits := 0
	for i, r := range requests {
		if p.Ask(r) && i >= warm {
			hits++
		}
	}
	return float64(hits) / float64(len(requests)-warm)
}

// queue is a list of keys in which each key is at most once, in arrays: the head
// is the newest.
type queue struct {
	newer, older []uint32 // by key; none ends the list
	head, tail   uint32
	bytes        int64
}

const none = 1<<32 - 1

func newQueue(keys uint32) *queue {
	return &queue{newer: make([]uint32, keys), older: make([]uint32, keys), head: none, tail: none}
}

func (q *queue) push(k uint32, bytes int64) {
	q.newer[k], q.older[k] = none, q.head
	if q.head != none {
		q.newer[q.head] = k
	} else {
		q.tail = k
	}
	q.head = k
	q.bytes += bytes
}

func (q *queue) remove(k uint32, bytes int64) {
	newer, older := q.newer[k], q.older[k]
	if newer != none {
		q.older[newer] = older
	} else {
		q.head = older
	}
	if older != none {
		q.newer[older] = newer
	} else {
		q.tail = newer
	}
	q.bytes -= bytes
}

// LRU keeps what was asked for last.
type LRU struct {
	capacity int64
	list     *queue
	bytes    []int32 // by key; 0: not there
}

// NewLRU makes one for keys below keys.
func NewLRU(keys uint32, capacity int64) *LRU {
	return &LRU{capacity, newQueue(keys), make([]int32, keys)}
}

// Ask implements Policy.
func (l *LRU) Ask(r load.Request) bool {
	if b := int64(l.bytes[r.Key]); b > 0 {
		l.list.remove(r.Key, b)
		l.list.push(r.Key, b)
		return true
	}
	need := Payload(r)
	if need > l.capacity {
		return false
	}
	for l.list.bytes+need > l.capacity {
		k := l.list.tail
		l.list.remove(k, int64(l.bytes[k]))
		l.bytes[k] = 0
	}
	l.list.push(r.Key, need)
	l.bytes[r.Key] = int32(need)
	return false
}
