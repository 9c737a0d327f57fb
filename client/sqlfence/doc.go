// Package sqlfence keeps the fence of a Leasecache cluster in the SQL database
// that is its source of truth: the small table by which the database itself
// shuts out a writer whose intent is over.
//
//	fence := sqlfence.Postgres(db, sqlfence.Options{})
//	err = fence.Install(ctx, cluster.ID, cluster.Shards)   // once
//	c, err := client.New(client.Options{Fencer: fence})
//	err = c.Update(ctx, keys, func(ctx context.Context, in client.Intents) error {
//		return fence.InTx(ctx, in, func(tx sqlfence.Tx) error {
//			_, err := tx.ExecContext(ctx, "UPDATE …")
//			return err
//		})
//	})
//
// It speaks database/sql and imports no driver. What a driver's error means is
// read from its SQLSTATE (a method SQLState() string) or its SQLite code (a
// method Code() int).
//
// # The two sides
//
// The table leasecache_fence(cluster, shard, token) has a row for every shard,
// made by Install. A writer looks at the rows of his shards in the transaction
// that writes, before his first write, in a way that keeps them from being
// raised until he is done, and gives up if one is above the smallest of his
// tokens. A recoverer raises a row in a transaction of its own: when that commit
// is acknowledged, every writer with a smaller token has either committed
// before, so that a snapshot opened now shows it, or never will.
//
// # What became of COMMIT
//
// database/sql makes it hard to know whether COMMIT was sent: a transaction
// begun with a context is rolled back behind the caller's back when the context
// ends, some drivers hand that context to COMMIT itself and return its error
// while the server commits, and sql.ErrTxDone is returned in either case. So
// InTx begins with a context that never ends by itself. The caller's context
// ends statements, which are before COMMIT, and nothing else; COMMIT has a time
// of its own (Options.CommitTimeout), and when that is over the outcome is
// unknown. Before COMMIT is sent every error is a rollback for certain, also if
// the ROLLBACK could not be delivered: a database never commits what it was not
// told to commit. After that only the database's own word counts.
package sqlfence
