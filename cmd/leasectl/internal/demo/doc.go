// Package demo shows, on this machine and in seconds, how a cache in front of a database goes stale and how leases and intents
// keep it from that. It starts a throwaway server in its own process and a throwaway database, runs the same readers and writers
// over three ways of using the cache, one after the other, and judges every answer against the database's own versions.
//
// The ways are
//
//   - plain: cache-aside as everybody writes it, through an ordinary memcached client. Miss, SELECT, set; and UPDATE, delete.
//   - leases: the same with [client.Client.Get], whose fill is refused if the key was invalidated meanwhile, and Invalidate after the commit.
//   - intents: Get, and [client.Client.Update], which announces the write before the database hears of it.
//
// What counts as stale is defined at [Judge]; what the readers and writers wait for, and why so long, at [Delays]. Nothing
// outlives a run: not the server, not the database's files or schema, and that holds for an interrupted one too.
//
// [client.Client.Get]: https://pkg.go.dev/github.com/leasecache/leasecache/client#Client.Get
// [client.Client.Update]: https://pkg.go.dev/github.com/leasecache/leasecache/client#Client.Update
package demo
