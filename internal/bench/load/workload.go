package load

import (
	"errors"
	"fmt"
)

// Dialect is a way to ask.
type Dialect uint8

const (
	Classic Dialect = iota // get, set
	Meta                   // mg
	Lease                  // lg
	RESP                   // Redis: GET, MGET, SET
)

func (d Dialect) String() string { return [...]string{"get", "mg", "lg", "RESP"}[d] }

// Workload says what a generator asks, and how.
type Workload struct {
	Dialect Dialect
	Conns   int     // connections, each with one batch under way
	Depth   int     // requests sent together; 0 is 1
	Multi   int     // keys of one get; 0 is 1
	Sets    float64 // share of requests that are sets, 0 to 1
	Keys    uint32  // how many; they are numbered from First on
	First   uint32
	Size    uint32 // of every value
	Seed    uint64

	// Order says how keys are chosen.
	Order Order
	// List is what ByList goes through.
	List []uint32
	// MayMiss lets a server have lost what it was given.
	MayMiss bool
	// Lenient lets a server say that it has no room for a set.
	Lenient bool
	// Generation of the values that are set. Reads of a workload that sets
	// accept the generation before it, too.
	Generation uint32
}

// Order is a way to choose keys.
type Order uint8

const (
	Uniform Order = iota // any key, each as likely as the others
	InTurn               // the first, the second … and again from the first
	ByList               // as InTurn, over List
)

func (w *Workload) fill() error {
	w.Depth = max(w.Depth, 1)
	w.Multi = max(w.Multi, 1)
	if w.Order == ByList {
		w.Keys = uint32(len(w.List))
	}
	switch {
	case w.Conns < 1:
		return errors.New("a workload takes a connection at least")
	case w.Keys < 1:
		return errors.New("a workload takes a key at least")
	case w.Size > MaxValue:
		return fmt.Errorf("values of %d bytes: the limit is %d", w.Size, MaxValue)
	case w.Sets > 0 && w.Dialect != Classic && w.Dialect != RESP:
		return fmt.Errorf("%v does not set", w.Dialect)
	case w.Multi > 1 && w.Dialect != Classic && w.Dialect != RESP:
		return fmt.Errorf("%v asks for one key at a time", w.Dialect)
	case w.Sets > 0 && w.Multi > 1:
		return errors.New("sets and gets of several keys do not mix")
	}
	return nil
}

// picker chooses keys.
type picker struct {
	order Order
	first uint32
	keys  uint32
	list  []uint32
	turn  uint32
	rng   rng
}

func (p *picker) next() uint32 {
	switch p.order {
	case InTurn, ByList:
		n := p.turn
		if p.turn++; p.turn == p.keys {
			p.turn = 0
		}
		if p.order == ByList {
			return p.list[n]
		}
		return p.first + n
	}
	return p.first + p.rng.below(p.keys)
}
