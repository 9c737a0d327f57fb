package lease

import "errors"

var errTooLarge = errors.New("too large")

// mapStore is a Store that keeps what it is told and forgets only what it is
// told to, so that a script says when a value is lost.
type mapStore struct {
	items  map[string]*Item
	refuse bool // the next Put fails
}

func newMapStore() *mapStore { return &mapStore{items: make(map[string]*Item)} }

func (s *mapStore) Get(hash uint64, key []byte, now int64) (Item, bool) {
	it, ok := s.Peek(hash, key, now)
	if ok {
		it.Accessed, it.Fetched = now, true
		*s.items[string(key)] = it
	}
	return it, ok
}

func (s *mapStore) Peek(_ uint64, key []byte, now int64) (Item, bool) {
	it := s.items[string(key)]
	if it == nil || (it.Expires != 0 && it.Expires <= now) {
		return Item{}, false
	}
	return *it, true
}

// Put reuses the memory of a former item, so that benchmarks see only what the
// Table allocates.
func (s *mapStore) Put(_ uint64, key []byte, it Item) error {
	if s.refuse {
		s.refuse = false
		delete(s.items, string(key))
		return errTooLarge
	}
	old := s.items[string(key)]
	if old == nil {
		old = new(Item)
		s.items[string(key)] = old
	}
	it.Tags = append(old.Tags[:0], it.Tags...)
	it.Value = append(old.Value[:0], it.Value...)
	*old = it
	return nil
}

func (s *mapStore) Update(_ uint64, key []byte, it Item) bool {
	old := s.items[string(key)]
	if old == nil {
		return false
	}
	it.Tags, it.Value = old.Tags, old.Value
	*old = it
	return true
}

func (s *mapStore) Delete(_ uint64, key []byte) bool {
	_, ok := s.items[string(key)]
	delete(s.items, string(key))
	return ok
}
