package consensus

import (
	"fmt"
	"time"

	"github.com/hashicorp/raft"
)

// calmTransport has heartbeats handled by raft's main goroutine like all else.
//
// With the handler that raft would set, a heartbeat is handled by the goroutine of its
// connection, beside the main one (hashicorp/raft#695):
//
//	1 The leader of term 5 appends an entry; its main goroutine is about to store it.
//	2 A heartbeat of the leader of term 6 arrives: its own goroutine raises the term.
//	3 The main goroutine stores the entry under term 6: two leaders of one term, and
//	  logs that differ under the same index and term.
//
// It embeds the transport itself and not raft.Transport: raft looks for
// RequestPreVote, and without it goes without pre-votes and says nothing.
type calmTransport struct{ *raft.NetworkTransport }

func (calmTransport) SetHeartbeatHandler(func(raft.RPC)) {}

// storeLimit is how long a write to the log may take. Were there no limit, a leader
// whose disk hangs would lead for ever: its heartbeats do not need the disk
// (hashicorp/raft#503).
const storeLimit = 10 * time.Second

// guardedLog is a log store whose writes succeed, in time, or end the node, and in which
// there are no gaps.
//
// After a write took too long nothing is written any more, because nobody knows what
// becomes of the one that hangs:
//
//	1 StoreLogs(7) hangs; raft is told that it failed, steps down, and writes another 7
//	  of the new leader. 2 The first write gets through: 7 is what no majority has.
//
// Nor after one was refused, as by a disk that is full. A node whose log does not grow
// serves nothing, but keeps others from it:
//
//	1 The leader's disk is full: raft steps down. 2 Its log is as long as anybody's, so it
//	is elected again; it cannot write the first entry of its term, and steps down. 3 And so
//	on: nobody else waits long enough to stand, and all sessions end.
//
// Without gaps, by raft's own words a monotonic store, the log is cleared when a
// snapshot was installed. Else an entry that conflicts with the snapshot may stay, and
// the node asks for the snapshot again and again (hashicorp/raft#697).
type guardedLog struct {
	raft.LogStore
	limit time.Duration
	die   func(error)
	ended error // of raft's main goroutine, which is the only one to write
}

func (g *guardedLog) IsMonotonic() bool { return true }

func (g *guardedLog) StoreLog(l *raft.Log) error { return g.StoreLogs([]*raft.Log{l}) }

func (g *guardedLog) StoreLogs(logs []*raft.Log) error {
	if g.ended != nil {
		return g.ended
	}
	done := make(chan error, 1)
	go func() { done <- g.LogStore.StoreLogs(logs) }()
	err, inTime := within(g.limit, done, nil)
	switch {
	case !inTime:
		g.ended = fmt.Errorf("the data directory's disk did not take a write within %v: look after the disk and start the node again", g.limit)
	case err != nil:
		g.ended = fmt.Errorf("the data directory's disk does not take what the cluster agrees on: %w: look after the disk and start the node again", err)
	default:
		return nil
	}
	g.die(g.ended)
	return g.ended
}

// within waits for an error, or for quit, so long as this process runs: in steps, because
// one that was stopped for a while has not waited.
//
//	1 The process is stopped for a minute in the middle of a write. 2 It goes on: the
//	timer is over, the write is done, and a select takes either.
func within(limit time.Duration, done <-chan error, quit <-chan struct{}) (error, bool) {
	step := limit / 20
	tick := time.NewTimer(step)
	defer tick.Stop()
	for range 20 {
		select {
		case err := <-done:
			return err, true
		case <-quit:
			return nil, true
		case <-tick.C:
			tick.Reset(step)
		}
	}
	return nil, false
}
