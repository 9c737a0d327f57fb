package consensus

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/raft"

	"github.com/leasecache/leasecache/shard/control"
)

// errStopped is Stop's, and no failure.
var errStopped = errors.New("the node was stopped")

// releaseLimit is how long a clean stop waits for its session to be given back; later
// others wait it out.
const releaseLimit = 2 * time.Second

// drainLimit is how long a clean stop hands over shards, if nobody says.
const drainLimit = 10 * time.Second

// Stop ends the node cleanly: while it goes on serving its shards are moved to others, if
// there are any; then nothing is served any more, the session is given back and the lead
// handed over. Most of the context's time is for the moves. It returns when Run has, or
// when the context ends.
func (n *Node) Stop(ctx context.Context) error {
	n.mu.Lock()
	n.drainLocked(ctx)
	if !n.stops {
		n.stops = true
		close(n.stop)
	}
	runs := n.runs
	n.runs = true
	n.mu.Unlock()
	if !runs {
		n.end(errStopped)
		n.close()
		close(n.done)
	}
	select {
	case <-n.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Drain has this node own nothing any more, before a stop: its shards are moved to others
// as planned, while it serves. It returns when it owns none, or when nobody is there to
// take them, or when most of the context's time is over; or at the node's end. A node that
// was drained goes on as a member, and is given shards again after its next start.
func (n *Node) Drain(ctx context.Context) {
	n.mu.Lock()
	n.drainLocked(ctx)
	runs := n.runs
	n.mu.Unlock()
	if !runs {
		return
	}
	select {
	case <-n.drained:
	case <-n.ended:
	case <-ctx.Done():
	}
}

// drainLocked begins that, once; mu is held.
func (n *Node) drainLocked(ctx context.Context) {
	if n.drainBy.IsZero() {
		n.drainBy = drainBy(ctx)
		close(n.drain)
	}
}

// drainBy leaves a part of the time for what follows the moves.
func drainBy(ctx context.Context) time.Time {
	now := time.Now()
	deadline, ok := ctx.Deadline()
	if !ok {
		return now.Add(drainLimit)
	}
	left := deadline.Sub(now)
	return deadline.Add(-min(left/4, releaseLimit))
}

func (n *Node) drainUntil() time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.drainBy
}

// die ends the node for a reason that it cannot go on with. The first one counts.
func (n *Node) die(err error) { n.end(err) }

func (n *Node) end(cause error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.over {
		return
	}
	n.over, n.cause = true, cause
	close(n.ended)
}

func (n *Node) isOver() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.over
}

func (n *Node) why() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if errors.Is(n.cause, errStopped) {
		return nil
	}
	return n.cause
}

// close ends what start began, and waits, but not for a disk that hangs.
func (n *Node) close() {
	done := make(chan struct{})
	go func() {
		defer close(done)
		var ends raft.Future
		if n.raft != nil {
			ends = n.raft.Shutdown()
		}
		if n.port != nil { // before raft's goroutines are waited for: some wait for an answer
			_ = n.trans.Close()
			n.trans.CloseStreams() // the ones it dialled; Close leaves them
			_ = n.port.Close()
			n.pool.Close()
		} else {
			_ = n.ln.Close()
		}
		if ends != nil {
			_ = ends.Error()
		}
		n.tasks.Wait()
		if n.disk != nil {
			_ = n.disk.bolt.Close()
		}
		_ = n.lock.Close()
	}()
	select {
	case <-done:
	case <-time.After(storeLimit):
	}
}

// leave says what is calm, gives the session back, and the lead to another, so that nobody
// waits for this node. In this order: once it is released the shards are others', in doubt
// if anything is noted.
func (n *Node) leave(release *control.Release, calm control.Quiet) {
	if n.isOver() {
		return
	}
	ctx, cancel := n.untilEnded()
	defer cancel()
	ctx, cancel = context.WithTimeout(ctx, releaseLimit)
	defer cancel()
	if len(calm.Items) > 0 {
		if _, err := n.Propose(ctx, calm); err != nil {
			n.cfg.Logger.Warn("shards without writers will be in doubt", "err", err)
		}
	}
	if release != nil && ctx.Err() == nil {
		if _, err := n.Propose(ctx, *release); err != nil {
			n.cfg.Logger.Warn("the session was not given back: other nodes wait for its end", "err", err)
		}
	}
	if ctx.Err() == nil && n.raft.State() == raft.Leader && voters(raft.Configuration{Servers: n.servers()}) > 1 {
		_ = n.raft.LeadershipTransfer().Error() // without it there is an election
	}
}
