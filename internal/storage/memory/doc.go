// Package memory is the bounded store of values: keys, values and the header
// of each item, off the Go heap, under one budget that covers the index too.
//
// It knows nothing of leases, intents, shards' owners or the wire; it reads no
// clock and starts no goroutine. A value may vanish from it at any time
// (eviction, expiry), and nobody need be told: that is a miss. What it never does
// is to give an older value than the last one put, or one that was deleted.
//
// A [Cache] is divided into partitions, each a store of its own with an equal
// part of the budget. The concurrency rule, in order:
//
//  1. The caller owns one lock per partition and holds it during every call on
//     that [Partition], reads included: a read marks the item as used and frees
//     it when it has expired.
//  2. Bytes handed out by Get, Peek, Each and Walk alias the store. They may be
//     overwritten by the next call on the same partition, so they are copied
//     or written out before the lock is let go.
//  3. [Cache.Stats] takes no lock and may be called at any time before Close.
//  4. [Cache.Resize] is given a way to hold those locks, one at a time.
//
// DESIGN.md beside this file has the layout and the reasons for it.
package memory
