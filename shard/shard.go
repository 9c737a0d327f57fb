// Package shard holds the pure facts of placement: which shard a key belongs
// to, and which owner serves a shard at which epoch. It does no I/O and reads
// no clock.
package shard

import "github.com/cespare/xxhash/v2"

// ID numbers a shard, from 0 to the cluster's shard count less one.
type ID uint32

// DefaultCount is the number of shards of a cluster that was made without
// naming one.
const DefaultCount = 1024

// Of returns the shard of a key among count shards: xxhash64(key) mod count.
// count is fixed when the cluster is made and is never zero.
func Of(key []byte, count uint32) ID {
	return OfHash(Hash(key), count)
}

// Hash is the 64-bit hash by which keys are placed, in shards and in the store.
func Hash(key []byte) uint64 { return xxhash.Sum64(key) }

// OfHash is Of for a key whose Hash is known already.
func OfHash(hash uint64, count uint32) ID { return ID(hash % uint64(count)) }
