// Package placement says which node should own which shard: even by weight, and
// with as few moves as that takes. It is pure arithmetic; whoever asks names the
// nodes in the same order every time.
package placement

import (
	"cmp"
	"math/bits"
	"slices"
)

// None stands for no node.
const None = -1

// Move takes a shard from one node to another; both are indices into the
// weights. From is None for a shard that nobody owned.
type Move struct {
	Shard    int
	From, To int
}

// Even returns the moves that make ownership even. weights says how much each
// node can carry, in any unit; a node with weight 0 is to own nothing. owners
// has the node of each shard, or None.
//
// After the moves every node owns its part of all shards by weight, rounded up or
// down. No set of moves with that result is smaller, and a second call returns
// none. Without any weight there is nowhere to go, and nothing moves. Shards
// without an owner come first.
func Even(weights []uint64, owners []int) []Move {
	owned := make([]int, len(weights))
	for _, o := range owners {
		if o != None {
			owned[o]++
		}
	}
	room := targets(weights, owned, len(owners))
	if room == nil {
		return nil
	}
	for i := range room {
		room[i] -= owned[i] // below zero: so many have to leave
	}
	var homeless, leaving []Move
	for s := len(owners) - 1; s >= 0; s-- {
		switch o := owners[s]; {
		case o == None:
			homeless = append(homeless, Move{Shard: s, From: None})
		case room[o] < 0:
			room[o]++
			leaving = append(leaving, Move{Shard: s, From: o})
		}
	}
	slices.Reverse(homeless)
	slices.Reverse(leaving)
	return settle(append(homeless, leaving...), room)
}

// settle deals the moves out to the nodes with room, one each in turn, so that
// what one node leaves behind is taken up by many.
func settle(moves []Move, room []int) []Move {
	to := 0
	for i := range moves {
		for room[to] <= 0 {
			to = (to + 1) % len(room)
		}
		moves[i].To = to
		room[to]--
		to = (to + 1) % len(room)
	}
	return moves
}

// targets says how many of total shards each node is to own: its part rounded
// down, and one more for as many as it takes. Those come first who have one more
// already, because then nothing moves; among them, and then among the others,
// those from whose part most was cut off. nil if there is no weight at all.
func targets(weights []uint64, owned []int, total int) []int {
	var sum, carry uint64
	for _, w := range weights {
		sum, carry = bits.Add64(sum, w, 0)
		if carry != 0 {
			panic("placement: the weights exceed 64 bits")
		}
	}
	if sum == 0 {
		return nil
	}
	type cut struct {
		node int
		rest uint64
	}
	target := make([]int, len(weights))
	left := total
	var cuts []cut
	for i, w := range weights {
		high, low := bits.Mul64(w, uint64(total))
		whole, rest := bits.Div64(high, low, sum) // w <= sum, so the quotient is at most total
		target[i] = int(whole)
		left -= int(whole)
		if rest > 0 {
			cuts = append(cuts, cut{i, rest})
		}
	}
	slices.SortFunc(cuts, func(a, b cut) int {
		aStays, bStays := owned[a.node] > target[a.node], owned[b.node] > target[b.node]
		switch {
		case aStays != bStays && aStays:
			return -1
		case aStays != bStays:
			return 1
		case a.rest != b.rest:
			return cmp.Compare(b.rest, a.rest)
		}
		return cmp.Compare(a.node, b.node)
	})
	for _, c := range cuts[:left] {
		target[c.node]++
	}
	return target
}
