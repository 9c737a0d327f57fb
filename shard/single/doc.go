// Package single is the smallest real owner of shards: one node, whose epochs
// are kept in its data directory.
//
// What other nodes would agree on through a log, this node proves by holding
// an exclusive lock on the directory: whoever holds it is the only process of
// the cluster, and every process before it is over. So a start takes a new
// epoch for every shard at once and waits for nobody. It relies on a local
// file system, where a lock ends with its holder.
//
// What a start has to remember of the lives before it is little: the epoch of
// each shard, and whether intents may be outstanding in the source. Values and
// leases are never kept.
//
// The rules (rules.go) are pure steps from one state to the next. Keeper
// (keeper.go) runs them one batch at a time and answers when the batch is on
// disk. The file (file.go) and the lock (lock.go) are the only parts that do
// I/O; nothing here reads a clock.
package single
