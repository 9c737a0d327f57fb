package sqlfence_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/client"
	"github.com/leasecache/leasecache/client/sqlfence"
)

const (
	cluster = "6f1c00aa"
	shards  = 16
)

func TestInstallNeverLowersARow(t *testing.T) {
	onEach(t, func(t *testing.T, s *source) {
		require.NoError(t, s.Install(ctx(t), cluster, 4))
		require.NoError(t, s.Fence.Fence(ctx(t), cluster, 3, 77))
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if err := s.Install(ctx(t), cluster, shards); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		require.Equal(t, uint64(77), s.row(t, 3))
		require.Zero(t, s.row(t, shards-1))
		require.NoError(t, s.Install(ctx(t), "another", 2))
		require.Error(t, s.Install(ctx(t), "", 2))
		require.Error(t, s.Install(ctx(t), "x", 0))
	})
}

func TestInTxCommits(t *testing.T) {
	onEach(t, func(t *testing.T, s *source) {
		s.installed(t)
		require.NoError(t, s.InTx(ctx(t), intents(t, 3, 10), set(ctx(t), 1)))
		require.Equal(t, 1, s.value(t))
		require.Zero(t, s.row(t, 3), "a writer changes nothing in the fence")
	})
}

func TestAnErrorOfTheWriteRollsBack(t *testing.T) {
	onEach(t, func(t *testing.T, s *source) {
		s.installed(t)
		s.db.SetMaxOpenConns(1) // a connection with an open transaction would show
		oops := errors.New("oops")
		err := s.InTx(ctx(t), intents(t, 3, 10), func(tx sqlfence.Tx) error {
			require.NoError(t, set(ctx(t), 1)(tx))
			return oops
		})
		require.ErrorIs(t, err, oops)
		require.True(t, client.IsRolledBack(err))
		require.Panics(t, func() {
			_ = s.InTx(ctx(t), intents(t, 3, 10), func(tx sqlfence.Tx) error {
				require.NoError(t, set(ctx(t), 2)(tx))
				panic("oops")
			})
		})
		err = s.InTx(ctx(t), intents(t, 3, 10), func(tx sqlfence.Tx) error {
			_, err := tx.ExecContext(ctx(t), "UPDATE no_such_table SET n = 1")
			return err
		})
		require.True(t, client.IsRolledBack(err))
		require.Zero(t, s.value(t))
		require.NoError(t, s.InTx(ctx(t), intents(t, 3, 10), set(ctx(t), 3)))
		require.Equal(t, 3, s.value(t))
	})
}

// TestSchedule_H10a_ARowIsNeverSetBack: the delayed fence of a slow recoverer.
func TestSchedule_H10a_ARowIsNeverSetBack(t *testing.T) {
	onEach(t, func(t *testing.T, s *source) {
		s.installed(t)
		require.NoError(t, s.Fence.Fence(ctx(t), cluster, 3, 5))
		require.NoError(t, s.Fence.Fence(ctx(t), cluster, 3, 3))
		require.Equal(t, uint64(5), s.row(t, 3))
		require.ErrorIs(t, s.InTx(ctx(t), intents(t, 3, 4), set(ctx(t), 1)), client.ErrFenced)
	})
}

// TestSchedule_H10b_NoRowNoWrite: a row that is not there locks nothing, so its
// absence fails writers and recoverers, and the error names the cure.
func TestSchedule_H10b_NoRowNoWrite(t *testing.T) {
	onEach(t, func(t *testing.T, s *source) {
		notInstalled := func() {
			t.Helper()
			err := s.InTx(ctx(t), intents(t, 15, 10), func(sqlfence.Tx) error { t.Error("called"); return nil })
			require.ErrorIs(t, err, sqlfence.ErrNotInstalled)
			require.ErrorContains(t, err, "Install")
			require.True(t, client.IsRolledBack(err))
			err = s.Fence.Fence(ctx(t), cluster, 15, 10)
			require.ErrorIs(t, err, sqlfence.ErrNotInstalled)
			require.ErrorContains(t, err, "Install")
		}
		notInstalled()                                           // no table
		require.NoError(t, s.Install(ctx(t), "another", shards)) // rows of another cluster
		notInstalled()
		require.NoError(t, s.Install(ctx(t), cluster, 15)) // one row too few
		notInstalled()
		require.NoError(t, s.Install(ctx(t), cluster, 16))
		require.NoError(t, s.InTx(ctx(t), intents(t, 15, 10), set(ctx(t), 1)))
	})
}

// TestSchedule_H10c_AReadAfterTheFenceSeesTheLastWriter: the recoverer waits for
// the writer who looked at the row before him, and reads in a new snapshot.
func TestSchedule_H10c_AReadAfterTheFenceSeesTheLastWriter(t *testing.T) {
	onEach(t, func(t *testing.T, s *source) {
		s.installed(t)
		inside, release := make(chan struct{}), make(chan struct{})
		wrote := make(chan error)
		go func() {
			wrote <- s.InTx(ctx(t), intents(t, 3, 10), func(tx sqlfence.Tx) error {
				close(inside)
				<-release
				return set(ctx(t), 7)(tx)
			})
		}()
		<-inside
		fenced := make(chan error)
		go func() { fenced <- s.Fence.Fence(ctx(t), cluster, 3, 20) }()
		select {
		case err := <-fenced:
			t.Fatalf("the fence did not wait for the writer: %v", err)
		case <-time.After(200 * time.Millisecond):
		}
		close(release)
		require.NoError(t, <-wrote)
		require.NoError(t, <-fenced)
		require.Equal(t, 7, s.value(t))
		err := s.InTx(ctx(t), intents(t, 3, 10), set(ctx(t), 8))
		require.ErrorIs(t, err, client.ErrFenced)
		require.Equal(t, 7, s.value(t))
	})
}

// TestSchedule_H10f_TheSmallestTokenCounts: k1's run-out intent does not ride on
// a younger intent of k2.
func TestSchedule_H10f_TheSmallestTokenCounts(t *testing.T) {
	onEach(t, func(t *testing.T, s *source) {
		s.installed(t)
		require.NoError(t, s.Fence.Fence(ctx(t), cluster, 3, 20))
		err := s.InTx(ctx(t), intents(t, 3, 30, 10), func(sqlfence.Tx) error { t.Error("called"); return nil })
		var fe *client.FencedError
		require.ErrorAs(t, err, &fe)
		require.Equal(t, client.FencedError{Shard: 3, Token: 10, Row: 20}, *fe)
		require.True(t, client.IsRolledBack(err))
		require.NoError(t, s.InTx(ctx(t), intents(t, 3, 30, 20), set(ctx(t), 1)), "a fence at a token is not above it")
		require.NoError(t, s.InTx(ctx(t), intents(t, 4, 1), set(ctx(t), 2)), "another shard")
	})
}

// TestSchedule_H10h_TokensThatDoNotFit are refused on both sides.
func TestSchedule_H10h_TokensThatDoNotFit(t *testing.T) {
	onEach(t, func(t *testing.T, s *source) {
		s.installed(t)
		require.Error(t, s.Fence.Fence(ctx(t), cluster, 3, 1<<63))
		err := s.InTx(ctx(t), intents(t, 3, 1<<63), set(ctx(t), 1))
		require.True(t, client.IsRolledBack(err))
		require.NoError(t, s.Fence.Fence(ctx(t), cluster, 3, math.MaxInt64))
		require.Equal(t, uint64(math.MaxInt64), s.row(t, 3))
		require.NoError(t, s.InTx(ctx(t), intents(t, 3, math.MaxInt64), set(ctx(t), 1)))
	})
}

// TestSchedule_H10i_AFenceIsNotOvertakenForEver: writers overlap without a gap.
func TestSchedule_H10i_AFenceIsNotOvertakenForEver(t *testing.T) {
	onEach(t, func(t *testing.T, s *source) {
		s.installed(t)
		stop := make(chan struct{})
		var began atomic.Int32
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 50 * time.Millisecond)
				for {
					select {
					case <-stop:
						return
					default:
					}
					err := s.InTx(ctx(t), intents(t, 3, 100), func(sqlfence.Tx) error {
						began.Add(1)
						time.Sleep(200 * time.Millisecond)
						return nil
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		require.Eventually(t, func() bool { return began.Load() >= 2 }, 5*time.Second, time.Millisecond)
		start := time.Now()
		require.NoError(t, s.Fence.Fence(ctx(t), cluster, 3, 50))
		took := time.Since(start)
		close(stop)
		wg.Wait()
		require.Less(t, took, 2*time.Second)
	})
}

func TestAFenceThatCannotBeHadInTime(t *testing.T) {
	onEach(t, func(t *testing.T, s *source) {
		s.installed(t)
		impatient := s.fence(sqlfence.Options{LockTimeout: 100 * time.Millisecond})
		err := s.InTx(ctx(t), intents(t, 3, 10), func(sqlfence.Tx) error {
			start := time.Now()
			require.Error(t, impatient.Fence(ctx(t), cluster, 3, 20))
			require.Less(t, time.Since(start), 5*time.Second)
			short, cancel := context.WithTimeout(ctx(t), 100*time.Millisecond)
			defer cancel()
			require.Error(t, s.Fence.Fence(short, cluster, 3, 20))
			return nil
		})
		require.NoError(t, err)
		require.Zero(t, s.row(t, 3))
		require.NoError(t, s.Fence.Fence(ctx(t), cluster, 3, 20))
	})
}

// TestSchedule_R13_ManyShardsDoNotDeadlock: writers of overlapping sets of
// shards, and recoverers of each.
func TestSchedule_R13_ManyShardsDoNotDeadlock(t *testing.T) {
	onEach(t, func(t *testing.T, s *source) {
		s.installed(t)
		s.db.SetMaxOpenConns(20)
		var wg sync.WaitGroup
		for w := range 6 {
			wg.Go(func() {
				for i := range 10 {
					var list []client.Intent
					for k := range 5 {
						list = append(list, client.Intent{Key: fmt.Sprint("k", k), Token: 1000, Cluster: cluster, Shard: uint32((w*7 + i + k*5) % shards)})
					}
					in, err := client.NewIntents(list...)
					if err == nil {
						err = s.InTx(ctx(t), in, func(sqlfence.Tx) error { return nil })
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
			wg.Go(func() {
				for i := range 10 {
					if err := s.Fence.Fence(ctx(t), cluster, uint32((w*3+i)%shards), uint64(i)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
	})
}

// TestSchedule_U2_NoSecondTransactionAfterAnUnknownOutcome under the same
// intents.
func TestSchedule_U2_NoSecondTransactionAfterAnUnknownOutcome(t *testing.T) {
	onEach(t, func(t *testing.T, s *source) {
		s.installed(t)
		in := intents(t, 3, 10)
		in.MarkUnknown()
		err := s.InTx(ctx(t), in, func(sqlfence.Tx) error { t.Error("called"); return nil })
		require.Error(t, err)
		require.False(t, client.IsRolledBack(err))
		err = s.InTx(ctx(t), client.Intents{}, func(sqlfence.Tx) error { t.Error("called"); return nil })
		require.True(t, client.IsRolledBack(err))
	})
}

// TestSchedule_U3_ACancelledWriteIsARollbackBeforeCommit: at every point before
// COMMIT the end of the context is a certain rollback.
func TestSchedule_U3_ACancelledWriteIsARollbackBeforeCommit(t *testing.T) {
	onEach(t, func(t *testing.T, s *source) {
		s.installed(t)
		over, cancel := context.WithCancel(ctx(t))
		cancel()
		err := s.InTx(over, intents(t, 3, 10), set(over, 1))
		require.ErrorIs(t, err, context.Canceled)
		require.True(t, client.IsRolledBack(err))

		c, cancel := context.WithCancel(ctx(t))
		err = s.InTx(c, intents(t, 3, 10), func(tx sqlfence.Tx) error {
			require.NoError(t, set(c, 1)(tx))
			cancel()
			return nil // did not notice
		})
		require.ErrorIs(t, err, context.Canceled)
		require.True(t, client.IsRolledBack(err))

		c, cancel = context.WithCancel(ctx(t))
		err = s.InTx(c, intents(t, 3, 10), func(tx sqlfence.Tx) error {
			require.NoError(t, set(c, 1)(tx))
			cancel()
			return set(c, 2)(tx)
		})
		require.True(t, client.IsRolledBack(err))
		require.Zero(t, s.value(t))
		require.NoError(t, s.Fence.Fence(ctx(t), cluster, 3, 20), "nothing is left open")
	})
}

func TestWaitingForOthersEndsWithTheContext(t *testing.T) {
	onEach(t, func(t *testing.T, s *source) {
		s.installed(t)
		s.db.SetMaxOpenConns(1)
		require.NoError(t, s.InTx(ctx(t), intents(t, 3, 10), func(sqlfence.Tx) error {
			c, cancel := context.WithTimeout(ctx(t), 50*time.Millisecond)
			defer cancel()
			err := s.InTx(c, intents(t, 4, 10), func(sqlfence.Tx) error { return nil })
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.True(t, client.IsRolledBack(err))
			return nil
		}))
		require.NoError(t, s.InTx(ctx(t), intents(t, 4, 10), set(ctx(t), 1)))
	})
}

func TestReadIsOneSnapshot(t *testing.T) {
	onEach(t, func(t *testing.T, s *source) {
		s.installed(t)
		require.NoError(t, s.Read(ctx(t), func(tx sqlfence.Tx) error {
			var before, after int
			require.NoError(t, tx.QueryRowContext(ctx(t), "SELECT n FROM value WHERE k = 'k'").Scan(&before))
			require.NoError(t, s.InTx(ctx(t), intents(t, 3, 10), set(ctx(t), before+1)))
			require.NoError(t, tx.QueryRowContext(ctx(t), "SELECT n FROM value WHERE k = 'k'").Scan(&after))
			require.Equal(t, before, after)
			return nil
		}))
		oops := errors.New("oops")
		require.ErrorIs(t, s.Read(ctx(t), func(sqlfence.Tx) error { return oops }), oops)
	})
}
