// Package owner holds what a node may do with the shards it serves: it puts the
// rules of package lease, the memory store and the right to serve together, so
// that the check of that right and the effect of a command are one critical
// section.
//
// It does no network I/O. The only thing it waits for is the Keeper's disk, and
// only in calls that take a context.
//
// # The lock
//
// Shards are dealt out to buckets, one for each partition of the store. A
// bucket's mutex is the lock of everything that belongs to the keys of its
// shards: values, lease state, and the gate. Nothing is shared between buckets
// but counters, so a hot key is fought over by its own readers only.
//
// Why one critical section, as a schedule (H6), with two:
//
//	1 T1 takes `ld k`, sees that the node owns the shard, and is preempted.
//	2 The gate closes; the shard is handed on (or its notes are cleared for a stop).
//	3 T1 resumes, voids k in memory that nobody reads any more, and acknowledges.
//	4 The next owner serves the old value.
//
// Lock order: bucket, then the reply queue of a connection (taken by a Reader
// that is answered). Never two buckets at once, and nothing blocks under one.
package owner
