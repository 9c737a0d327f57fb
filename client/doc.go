// Package client is the Go library of Leasecache: a cache in front of a
// database that never serves a value older than the database says.
//
//	c, err := client.New(client.Options{})
//	v, err := c.Get(ctx, "product:1", loadProduct)      // miss → lease → load → fill
//	err = c.Update(ctx, []string{"product:1"}, write)   // intent → write → commit or abort
//	err = c.Invalidate(ctx, "product:1")                // for writers without an intent
//
// # What a loader must do
//
// A [Loader] is called after the server has answered, never before and never
// for two calls at once: there is no sharing of one load by several callers in
// the process, because a caller who arrives after an invalidation must not be
// given what was read before it. In return the loader
//
//   - reads the primary, not a replica;
//   - reads in a snapshot that it opens itself: never in a transaction which
//     was open before the loader was called;
//   - reads everything it needs in one snapshot, if it reads more than one row;
//   - returns [ErrNotFound] for "there is no such thing" and any other error
//     for everything else. Only the former is ever cached, as a negative entry.
//
// # What a writer must do
//
// The function given to [Client.Update] runs while an intent is open on every
// key. It writes in one transaction which checks the fence first, at top level
// (package sqlfence does both), and says by its error what became of that
// transaction: nil for committed, [RolledBack] for surely rolled back, anything
// else for unknown. An unknown outcome never opens a key.
//
// # Clusters
//
// Any node's address will do, several are better. The client learns the map of the
// cluster and sends each request to the node that owns its key; it follows when
// shards move, and where an owner cannot be reached it has another node ask for it.
// What may be done twice is repeated within the context. What may not, a fill, is
// never sent twice: a [TransportError] with Sent set says that its outcome is
// unknown. A server of another cluster than the first is refused with
// [ErrOtherCluster].
//
// # Times
//
// Durations are rounded to what the wire carries: milliseconds for leases,
// intents and waits, whole seconds for times to live (up: a part of a second
// counts as one). All deadlines are counted from before the request was sent.
//
// The package imports the wire format and the placement of keys, and nothing
// of the server; it starts goroutines only for its connections and, with the first
// of them, one that keeps the map. [Client.Close] waits for all of them.
package client
