package policy

import (
	"fmt"

	"github.com/leasecache/leasecache/internal/bench/load"
	"github.com/leasecache/leasecache/internal/storage/memory"
	"github.com/leasecache/leasecache/shard"
)

// Store is the server's own store, asked without a server around it.
type Store struct {
	cache *memory.Cache
	now   int64
	every int // requests between two looks at what is held
	until int
	key   []byte
	held  int64
}

// NewStore makes one with a budget. Every so many requests it looks at how much
// payload it holds; [Store.Held] is the most of that.
func NewStore(budget int64, every int) (*Store, error) {
	cache, err := memory.New(memory.Options{Bytes: budget})
	if err != nil {
		return nil, fmt.Errorf("a store of %d bytes: %w", budget, err)
	}
	return &Store{cache: cache, every: every, until: every}, nil
}

// Close gives the memory back.
func (s *Store) Close() error { return s.cache.Close() }

// requestTime is how far the clock moves from one request to the next.
const requestTime = 1000

// Ask implements Policy.
func (s *Store) Ask(r load.Request) bool {
	s.now += requestTime
	if s.until--; s.until == 0 {
		s.until = s.every
		s.look()
	}
	s.key = load.AppendKey(s.key[:0], r.Key)
	hash := shard.Hash(s.key)
	p := s.cache.Partition(int(hash) & (s.cache.Partitions() - 1))
	if _, ok := p.Get(hash, s.key, s.now); ok {
		return true
	}
	// Too large for it: then it is never a hit, as it should be.
	_ = p.Put(hash, s.key, memory.Item{Value: load.Value(r.Key, 0, r.Size), Stored: s.now})
	return false
}

// look adds up the keys and values that are held.
func (s *Store) look() {
	sum := int64(0)
	for i := range s.cache.Partitions() {
		s.cache.Partition(i).Each(s.now, func(key []byte, it memory.Item) bool {
			sum += int64(len(key) + len(it.Value))
			return true
		})
	}
	s.held = max(s.held, sum)
}

// Held is how many bytes of keys and values the store held at most.
func (s *Store) Held() int64 { return s.held }
