package apptest

import (
	"fmt"
	"sync"
	"time"

	"github.com/leasecache/leasecache/shard"
)

// source is the database. Everything in it happens in an instant.
type source struct {
	mu      sync.Mutex
	version map[string]int
	acked   map[string]int    // what was invalidated, and is acknowledged, is this version or older
	fence   []uint64          // by shard
	newest  map[string]uint64 // tokens that somebody was given
}

func newSource(shards int) *source {
	return &source{version: make(map[string]int), acked: make(map[string]int), newest: make(map[string]uint64), fence: make([]uint64, shards)}
}

// floor is the least version that a read sent now may show: what is committed,
// or at the level of leases what was acknowledged.
func (s *source) floor(key string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if key[0] == 'l' {
		return s.acked[key]
	}
	return s.version[key]
}

func (s *source) load(key string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.version[key]
}

func (s *source) token(key string) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newest[key]
}

// granted notes a token of a key, which must be above what was known of when the
// command was sent.
func (s *source) granted(key string, token, before uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if token <= before {
		return fmt.Errorf("token %d of %s is not above %d, which was given before", token, key, before)
	}
	s.newest[key] = max(s.newest[key], token)
	return nil
}

// row is a key's in the table of fences; mu is held.
func (s *source) row(key string) *uint64 {
	return &s.fence[shard.Of([]byte(key), uint32(len(s.fence)))]
}

// fenceAt is the recoverer's transaction.
func (s *source) fenceAt(key string, token uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	row := s.row(key)
	*row = max(*row, token)
}

// commit is a writer's transaction, which checks its fence or its timeout.
func (s *source) commit(key string, token uint64, until time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case key[0] == 'f' && *s.row(key) > token, key[0] == 'b' && time.Now().After(until):
		return false
	}
	s.version[key]++
	return true
}
