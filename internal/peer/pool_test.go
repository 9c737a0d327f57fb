package peer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestACallIsAnswered(t *testing.T) {
	l := serve(t, Config{Hello: hello("n2")}, by(echo))
	p := pool(t, Config{Hello: hello("n1"), Address: at(l)})
	require.Equal(t, outcome{reply: "re a", sent: true}, ask(t, p, "a"))
	require.Equal(t, outcome{reply: "re ", sent: true}, ask(t, p, ""))
	long := strings.Repeat("x", 1<<20)
	require.Equal(t, outcome{reply: "re " + long, sent: true}, ask(t, p, long))
}

// TestAnswersFindTheirCalls: answered backwards, from other goroutines, each
// call has its own reply, once.
func TestAnswersFindTheirCalls(t *testing.T) {
	const n = 1000
	type owed struct {
		text string
		r    Reply
	}
	var debts []owed
	l := serve(t, Config{Hello: hello("n2")}, by(func(q Request, r Reply) {
		debts = append(debts, owed{string(q.Payload), r})
		if len(debts) == n {
			for i := n - 1; i >= 0; i-- {
				go debts[i].r.Send([]byte(debts[i].text))
			}
		}
	}))
	p := pool(t, Config{Hello: hello("n1"), Address: at(l)})
	var waiters []waiter
	for i := range n {
		w, err := call(p, "n2", fmt.Sprint(i), 10*time.Second)
		require.NoError(t, err)
		waiters = append(waiters, w)
	}
	for i, w := range waiters {
		require.Equal(t, outcome{reply: fmt.Sprint(i), sent: true}, w.get(t))
	}
	for i, d := range debts {
		require.Equal(t, fmt.Sprint(i), d.text, "a lane keeps its order")
	}
}

func TestManyCallersOverTwoLanes(t *testing.T) {
	l := serve(t, Config{Hello: hello("n2")}, by(echo))
	p := pool(t, Config{Hello: hello("n1"), Address: at(l)})
	var wg sync.WaitGroup
	var wrong atomic.Int64
	for lane := range 8 {
		wg.Go(func() {
			for i := range 500 {
				text := fmt.Sprintf("%d-%d", lane, i)
				w := make(waiter, 1)
				err := p.Call(Call{Node: "n2", Lane: lane, Kind: KindRequest, Deadline: time.Now().Add(10 * time.Second), Payload: [][]byte{[]byte(text)}, Done: w.done})
				if err != nil || <-w != (outcome{reply: "re " + text, sent: true}) {
					wrong.Add(1)
				}
			}
		})
	}
	wg.Wait()
	require.Zero(t, wrong.Load())
}

func TestAnswersThatAreNone(t *testing.T) {
	l := serve(t, Config{Hello: hello("n2"), MaxPayload: 100}, by(func(q Request, r Reply) {
		switch string(q.Payload) {
		case "moved":
			r.Moved()
		case "fail":
			r.Fail("no room")
		case "long":
			r.Send(make([]byte, 101))
		}
	}))
	p := pool(t, Config{Hello: hello("n1"), Address: at(l), MaxPayload: 100})
	o := ask(t, p, "moved")
	require.ErrorIs(t, o.err, ErrMoved)
	require.False(t, o.sent, "nothing was done")
	o = ask(t, p, "fail")
	require.EqualError(t, o.err, "n2: no room")
	require.False(t, o.sent)
	o = ask(t, p, "long")
	require.EqualError(t, o.err, "n2: "+tooLong)
	require.True(t, o.sent, "it was done, and only the answer is lost")

	w := make(waiter, 1)
	require.NoError(t, p.Call(Call{Node: "n2", Kind: kinds, Deadline: time.Now().Add(5 * time.Second), Done: w.done}))
	o = w.get(t)
	require.EqualError(t, o.err, "n2: this node does not know such requests: run the same release on all nodes")
	require.False(t, o.sent)

	_, err := call(p, "n2", strings.Repeat("x", 101), time.Second)
	require.ErrorIs(t, err, ErrTooLong)
}

func TestOneWay(t *testing.T) {
	got := make(chan string, 10)
	l := serve(t, Config{Hello: hello("n2")}, by(func(q Request, r Reply) {
		got <- fmt.Sprint(q.Kind, string(q.Payload))
		r.Send([]byte("nobody hears it"))
	}))
	p := pool(t, Config{Hello: hello("n1"), Address: at(l)})
	require.NoError(t, p.Call(Call{Node: "n2", Kind: KindRenew, Payload: [][]byte{[]byte(" 1")}}))
	require.NoError(t, p.Call(Call{Node: "n2", Kind: KindRenew, Payload: [][]byte{[]byte(" 2")}}))
	require.Equal(t, fmt.Sprint(KindRenew, " 1"), <-got)
	require.Equal(t, fmt.Sprint(KindRenew, " 2"), <-got)
}

// TestACutLeavesUnknown: what was handed to the connection is unknown.
func TestACutLeavesUnknown(t *testing.T) {
	arrived := make(chan struct{})
	cut := make(chan struct{})
	addr := puppet(t, func(nc net.Conn) {
		_, _ = io.ReadFull(nc, make([]byte, 3*(frameHead+untilLen+1)))
		close(arrived)
		<-cut
	})
	p := pool(t, quick(Config{Hello: hello("n1"), Address: addr}))
	var ws []waiter
	for range 3 {
		w, err := call(p, "n2", "a", 5*time.Second)
		require.NoError(t, err)
		ws = append(ws, w)
	}
	<-arrived
	close(cut)
	for _, w := range ws {
		o := w.get(t)
		require.ErrorContains(t, o.err, "connection to n2 lost")
		require.True(t, o.sent)
	}
}

// TestWhatWasNotHandedOverWasNotSent: a side that reads nothing fills the
// connection; what waits behind is a clear "not done", at its deadline and at
// the cut.
func TestWhatWasNotHandedOverWasNotSent(t *testing.T) {
	first, second := net.Pipe() // takes nothing unread
	cfg := quick(Config{Hello: hello("n1")})
	cfg.times.write, cfg.times.silence = 5*time.Second, 5*time.Second
	cfg.Address = func(string) (string, bool) { return "pipe", true }
	cfg.Dial = pipeDial(first)
	p := pool(t, cfg)
	theirs := quick(Config{Hello: hello("n2")}).withDefaults()
	go func() {
		_, _ = io.ReadFull(second, make([]byte, 1))
		_, _ = welcome(second, &theirs, peerFrames, anyTime, anyTurn)
	}()
	stuck, err := call(p, "n2", strings.Repeat("x", 1000), 5*time.Second)
	require.NoError(t, err)
	c := p.lane("n2", 0)
	require.Eventually(t, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.mu.out.writing > 0
	}, 5*time.Second, time.Millisecond)

	short, err := call(p, "n2", "short", 20*time.Millisecond)
	require.NoError(t, err)
	behind, err := call(p, "n2", "behind", 5*time.Second)
	require.NoError(t, err)
	o := short.get(t)
	require.ErrorIs(t, o.err, ErrDeadline)
	require.False(t, o.sent)

	// Read all: the frame that was given up is one to skip.
	in := frames{src: second, max: 1 << 20}
	var kindsSeen []Kind
	for range 3 {
		f, err := in.next()
		require.NoError(t, err)
		if f.kind != ping {
			kindsSeen = append(kindsSeen, f.kind)
		}
	}
	require.Equal(t, []Kind{KindRequest, cancelled, KindRequest}, kindsSeen)

	again, err := call(p, "n2", strings.Repeat("y", 1000), 5*time.Second)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.mu.out.writing > 0
	}, 5*time.Second, time.Millisecond)
	last, err := call(p, "n2", "last", 5*time.Second)
	require.NoError(t, err)
	_ = second.Close()
	require.True(t, stuck.get(t).sent)
	require.True(t, behind.get(t).sent)
	require.True(t, again.get(t).sent, "handed over, maybe taken")
	require.False(t, last.get(t).sent, "never handed over")
}

func TestASilentPeer(t *testing.T) {
	hold := make(chan struct{})
	addr := puppet(t, func(net.Conn) { <-hold })
	t.Cleanup(func() { close(hold) })
	p := pool(t, quick(Config{Hello: hello("n1"), Address: addr}))
	short, err := call(p, "n2", "a", 50*time.Millisecond)
	require.NoError(t, err)
	long, err := call(p, "n2", "b", 5*time.Second)
	require.NoError(t, err)
	o := short.get(t)
	require.ErrorIs(t, o.err, ErrDeadline)
	require.True(t, o.sent)
	o = long.get(t)
	require.ErrorIs(t, o.err, errSilent, "given up long before the deadline")
	require.True(t, o.sent)
}

// TestAnIdleListenerIsNotSilent: who is asked whether he is there says so, and
// a long wait for an answer is none for a sign of life.
func TestAnIdleListenerIsNotSilent(t *testing.T) {
	cfg := quick(Config{Hello: hello("n2")})
	l := serve(t, cfg, by(func(q Request, r Reply) {
		go func() {
			time.Sleep(3 * cfg.times.silence)
			r.Send([]byte("at last"))
		}()
	}))
	p := pool(t, quick(Config{Hello: hello("n1"), Address: at(l)}))
	require.Equal(t, outcome{reply: "at last", sent: true}, ask(t, p, "a"))
}

// TestOneWayFindsOut: nobody waits for an answer to a renewal, and yet a dead
// connection is replaced.
func TestOneWayFindsOut(t *testing.T) {
	var conns atomic.Int64
	hold := make(chan struct{})
	addr := puppet(t, func(net.Conn) {
		conns.Add(1)
		<-hold
	})
	t.Cleanup(func() { close(hold) })
	p := pool(t, quick(Config{Hello: hello("n1"), Address: addr}))
	require.Eventually(t, func() bool {
		_ = p.Call(Call{Node: "n2", Kind: KindRenew})
		return conns.Load() >= 2
	}, 5*time.Second, 20*time.Millisecond)
}

func TestHalfClosed(t *testing.T) {
	addr := puppet(t, func(nc net.Conn) {
		_ = nc.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, nc)
	})
	p := pool(t, quick(Config{Hello: hello("n1"), Address: addr}))
	w, err := call(p, "n2", "a", 5*time.Second)
	require.NoError(t, err)
	require.ErrorContains(t, w.get(t).err, "connection to n2 lost")
}

func TestGarbageEndsTheConnection(t *testing.T) {
	for name, b := range map[string][]byte{
		"too long":       {0xff, 0xff, 0xff, 0xff},
		"too short":      {0, 0, 0, 1},
		"a request":      appendFrame(nil, KindRequest, 1<<16, 0, 0),
		"the wrong kind": appendFrame(nil, KindImport|answer, 1<<16, 0, 0),
	} {
		t.Run(name, func(t *testing.T) {
			addr := puppet(t, func(nc net.Conn) {
				_, _ = io.ReadFull(nc, make([]byte, frameHead+untilLen+1))
				_, _ = nc.Write(b)
				_, _ = io.Copy(io.Discard, nc)
			})
			p := pool(t, quick(Config{Hello: hello("n1"), Address: addr}))
			w, err := call(p, "n2", "a", 5*time.Second)
			require.NoError(t, err)
			o := w.get(t)
			require.ErrorIs(t, o.err, errFrame)
			require.True(t, o.sent)
		})
	}
}

func TestALateAnswerIsForgotten(t *testing.T) {
	late := make(chan Reply, 1)
	l := serve(t, Config{Hello: hello("n2")}, by(func(q Request, r Reply) {
		if string(q.Payload) == "late" {
			late <- r
			return
		}
		echo(q, r)
	}))
	p := pool(t, Config{Hello: hello("n1"), Address: at(l)})
	w, err := call(p, "n2", "late", 30*time.Millisecond)
	require.NoError(t, err)
	o := w.get(t)
	require.ErrorIs(t, o.err, ErrDeadline)
	require.True(t, o.sent)
	(<-late).Send([]byte("too late"))
	for range 10 {
		require.Equal(t, "re next", ask(t, p, "next").reply, "the slot's next call has its own answer")
	}
	require.Empty(t, w)
}

func TestBounds(t *testing.T) {
	hold := make(chan struct{})
	addr := puppet(t, func(net.Conn) { <-hold })
	t.Cleanup(func() { close(hold) })
	p := pool(t, Config{Hello: hello("n1"), Address: addr, MaxCalls: 3, Lanes: 1})
	for range 3 {
		_, err := call(p, "n2", "a", 5*time.Second)
		require.NoError(t, err)
	}
	_, err := call(p, "n2", "a", 5*time.Second)
	require.ErrorIs(t, err, ErrBusy)
	require.EqualError(t, err, "too much waits for this node: 3 calls wait for n2")

	// Nothing is written before there is a connection.
	dialling := make(chan struct{})
	p = pool(t, Config{Hello: hello("n1"), Lanes: 1, MaxWaiting: 110, Address: func(string) (string, bool) {
		<-dialling
		return "", false
	}})
	w, err := call(p, "n2", strings.Repeat("x", 80), 5*time.Second)
	require.NoError(t, err)
	_, err = call(p, "n2", strings.Repeat("x", 80), 5*time.Second)
	require.ErrorIs(t, err, ErrBusy)
	close(dialling)
	o := w.get(t)
	require.ErrorContains(t, o.err, "no address of n2 is known")
	require.False(t, o.sent)
}

func TestReconnectAndBackoff(t *testing.T) {
	ln := listenTCP(t)
	addr := ln.Addr().String()
	_ = ln.Close()
	var now atomic.Value
	now.Store(addr)
	cfg := quick(Config{Hello: hello("n1"), Lanes: 1, Address: func(string) (string, bool) { return now.Load().(string), true }})
	cfg.times.backoff, cfg.times.backoffTo = 100*time.Millisecond, 100*time.Millisecond
	p := pool(t, cfg)
	o := ask(t, p, "a")
	require.ErrorContains(t, o.err, "reach n2 at "+addr)
	require.False(t, o.sent)
	_, err := call(p, "n2", "a", time.Second)
	require.ErrorIs(t, err, ErrUnreachable, "refused at once, with the reason")
	require.ErrorContains(t, err, addr)

	answers := func() bool {
		w, err := call(p, "n2", "a", time.Second)
		return err == nil && w.get(t).reply == "re a"
	}
	for range 2 { // it comes, goes, and comes again elsewhere
		l := Listen(listenTCP(t), quick(Config{Hello: hello("n2")}))
		now.Store(l.Addr().String())
		ended := make(chan error, 1)
		go func() { ended <- l.Serve(by(echo)) }()
		require.Eventually(t, answers, 5*time.Second, 10*time.Millisecond)
		require.NoError(t, l.Close())
		require.NoError(t, <-ended)
		require.Eventually(t, func() bool { return !answers() }, 5*time.Second, 10*time.Millisecond)
	}
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	gone := make(chan struct{})
	l := serve(t, quick(Config{Hello: hello("n2")}), func(Hello) Conversation { return &script{echo, gone} })
	cfg := quick(Config{Hello: hello("n1"), Address: at(l)})
	cfg.times.idle = 100 * time.Millisecond
	p := pool(t, cfg)
	require.Equal(t, "re a", ask(t, p, "a").reply)
	select {
	case <-gone:
	case <-time.After(5 * time.Second):
		require.Fail(t, "still there")
	}
}

func TestCloseEndsCalls(t *testing.T) {
	hold := make(chan struct{})
	addr := puppet(t, func(net.Conn) { <-hold })
	t.Cleanup(func() { close(hold) })
	p := NewPool(Config{Hello: hello("n1"), Address: addr})
	w, err := call(p, "n2", "a", 5*time.Second)
	require.NoError(t, err)
	p.Close()
	require.ErrorIs(t, w.get(t).err, ErrClosed)
	p.Close()
	_, err = call(p, "n2", "a", 5*time.Second)
	require.ErrorIs(t, err, ErrClosed)
}

// TestDoneMayCall: a call that failed is made again from its Done.
func TestDoneMayCall(t *testing.T) {
	l := serve(t, Config{Hello: hello("n2")}, by(echo))
	p := pool(t, Config{Hello: hello("n1"), Address: at(l)})
	w := make(waiter, 1)
	n := 0
	var again Done
	send := func() error {
		return p.Call(Call{Node: "n2", Kind: KindRequest, Deadline: time.Now().Add(5 * time.Second), Done: again})
	}
	again = func(reply []byte, sent bool, err error) {
		if n++; n == 100 {
			w.done(reply, sent, errors.Join(err))
			return
		}
		if err := send(); err != nil {
			w.done(nil, false, err)
		}
	}
	require.NoError(t, send())
	require.Equal(t, outcome{reply: "re ", sent: true}, w.get(t))
}

func TestACallDoesNotAllocate(t *testing.T) {
	l := serve(t, Config{Hello: hello("n2")}, func(Hello) Conversation { return answering{bytes.Repeat([]byte("v"), 100)} })
	p := pool(t, Config{Hello: hello("n1"), Address: at(l)})
	answered := make(chan struct{}, 1)
	done := func([]byte, bool, error) { answered <- struct{}{} }
	parts := [][]byte{[]byte("question")}
	deadline := time.Now().Add(time.Hour)
	one := func() {
		_ = p.Call(Call{Node: "n2", Kind: KindRequest, Deadline: deadline, Payload: parts, Done: done})
		<-answered
	}
	for range 100 {
		one()
	}
	require.Less(t, testing.AllocsPerRun(1000, one), 1.0, "caller and listener together")
}
