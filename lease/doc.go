// Package lease holds the rules of one shard's keys: who may fill, who is
// writing, what is stale, what is in doubt.
//
// It is pure. Time is handed in with every call (nanoseconds of a monotonic
// clock, any origin), tokens come from the Sequence a Table was made with, and
// values are kept by whatever Store the owner hands in. So a run is decided by
// its calls alone, and every schedule that ever broke such a system is a
// script under testdata/.
//
// A Table does no locking. Its owner holds one lock over a check of its right
// to serve, the call, and the Store: check and effect are one critical section.
//
// The words: a reader's right to fill a key is a lease, a writer's right to
// write it is an intent. An intent that ran out becomes a doubt, which only a
// fence in the source, or its own writer, can end.
package lease
