package server

import (
	"errors"
	"fmt"

	"github.com/leasecache/leasecache/lease"
)

// leaseShareOf is the part of the memory that lease state may take: a
// sixteenth.
const leaseShareOf = 16

// processTakes is what the system counts for a server that holds nothing and has a
// few connections: most of it is the program itself.
const processTakes = 13 << 20

// notForValues is the part of the memory that the store does not get, so that all
// of the process keeps to it: half of what lease state may take, as it rarely does,
// or the process itself if that is more. So what is taken is within a twentieth of
// the memory whether there is lease state or not. Of little memory it is a quarter
// at most, or nothing would be left.
func notForValues(memory int64) int64 {
	return max(memory/leaseShareOf/2, min(processTakes, memory/4))
}

// heapLimit is the bound for Go's heap: where it comes near, Go's collector runs
// more often, and gives memory back. So all of the process stays within the memory,
// a thirty-second of it, and what connections may take:
//
//	values   memory - notForValues
//	process  notForValues, with half of the lease state
//	leases   memory/32, the other half
//	conns    connShare
//
// The program itself, of 7 MiB, is no heap; as much of what Go counts is never
// written to, and is not in the memory that the system counts. Connections that do
// nothing are not in it: where they are thousands, or lease state is more than its
// sixteenth, the bound gives way (resident.LimitHeap).
func heapLimit(cfg *Config) int64 {
	return max(processTakes, notForValues(cfg.Memory)) + cfg.Memory/leaseShareOf/2 + connShare(cfg)
}

// What a lease, an intent or a doubt, and a tag take, with its key and its place in
// the tables: TestLeaseStateKeepsItsMemory measures it.
const (
	perLease, perIntent, perTag = 384, 512, 192

	// perLeast is what one of each takes.
	perLeast = perLease + 2*perIntent + perTag
)

// Of each kind a shard may have some, however little its part is: keys are not
// spread so evenly that one for each shard would do. That may be more than the
// share, if all shards have that many at once, and therefore has a bound of its own.
const (
	most  = 32 // of the least
	least = 2  // with fewer a writer would be refused for another key's

	leastShareOf = 4        // of the memory
	leastMemory  = 32 << 20 // or this, where that is little
)

// ErrMemory is what New fails with where so many shards want more memory.
var ErrMemory = errors.New("too little memory")

// leaseLimits divides the memory for lease state among the shards. Of a shard's
// part three eighths are for leases and as much for tags, an eighth each for
// intents and for doubts.
func leaseLimits(memory int64, shards uint32) (lease.Limits, error) {
	floor := max(memory/leastShareOf, leastMemory) / int64(shards) / perLeast
	if floor < least {
		return lease.Limits{}, fmt.Errorf("%w for %d shards: their leases alone may take %d MiB, so give %d MiB, or begin a new cluster with fewer shards",
			ErrMemory, shards, mib(least*perLeast*int64(shards)), mib(leastShareOf*least*perLeast*int64(shards)))
	}
	n := int(min(floor, most))
	each := int(memory / leaseShareOf / int64(shards))
	l := lease.DefaultLimits()
	l.Leases = max(n, each*3/8/perLease)
	l.Intents = max(n, each/8/perIntent)
	l.Doubts = max(n, each/8/perIntent)
	l.Tags = max(n, each*3/8/perTag)
	return l, nil
}

// mib rounds up.
func mib(bytes int64) int64 { return (bytes + mebibyte - 1) / mebibyte }
