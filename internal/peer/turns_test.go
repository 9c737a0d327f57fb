package peer

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// over is a connection of a lane to the listener, hellos said.
func over(t *testing.T, l *Listener, of line) net.Conn {
	t.Helper()
	cfg := Config{Hello: hello("n1")}.withDefaults()
	nc, _, err := cfg.connect(t.Context(), l.Addr().String(), peerFrames, "", of)
	require.NoError(t, err)
	t.Cleanup(func() { _ = nc.Close() })
	return nc
}

func requests(t *testing.T, nc net.Conn, payloads ...string) {
	t.Helper()
	var b []byte
	for i, p := range payloads {
		b = appendFrame(b, KindRequest, uint64(i+1), 0, len(p), []byte(p))
	}
	_, err := nc.Write(b)
	require.NoError(t, err)
}

// What a later connection of a lane asks for is not done before the one in front has
// done with what it is at; and what that one has read besides is never done.
func TestALanesConnectionsFollowOneAnother(t *testing.T) {
	arrived, goOn := make(chan struct{}), make(chan struct{})
	served := make(chan string, 10)
	l := serve(t, Config{Hello: hello("n2")}, by(func(q Request, r Reply) {
		if string(q.Payload) == "a1" {
			arrived <- struct{}{}
			<-goOn
		}
		served <- string(q.Payload)
		echo(q, r)
	}))
	release := sync.OnceFunc(func() { close(goOn) })
	t.Cleanup(release)
	requests(t, over(t, l, line{7, 1}), "a1", "a2")
	<-arrived
	// One in between that asks for something, too, and is over before its turn.
	b := over(t, l, line{7, 2})
	requests(t, b, "b1")
	requests(t, over(t, l, line{7, 3}), "c1")
	requests(t, over(t, l, line{8, 1}), "another lane")
	require.Equal(t, "another lane", <-served)
	_ = b.SetDeadline(time.Now().Add(5 * time.Second))
	_, err := b.Read(make([]byte, 1))
	require.Error(t, err, "it ended")
	select {
	case was := <-served:
		require.Fail(t, was)
	case <-time.After(20 * time.Millisecond):
	}

	// Whose hello is late ends nobody, and is not served.
	cfg := Config{Hello: hello("n1")}.withDefaults()
	_, _, err = cfg.connect(t.Context(), l.Addr().String(), peerFrames, "", line{7, 2})
	require.Error(t, err)

	release()
	require.Equal(t, "a1", <-served)
	require.Equal(t, "c1", <-served)
	require.Eventually(t, func() bool {
		l.turns.mu.Lock()
		defer l.turns.mu.Unlock()
		return l.turns.newest[7].line.life == 3 && l.turns.newest[7].before == nil
	}, 5*time.Second, time.Millisecond)
}

// A Pool's connection says so of itself: its next life waits for the last.
func TestALaneWaitsForItsFormerLife(t *testing.T) {
	var mu sync.Mutex
	var order []string
	arrived, goOn := make(chan struct{}, 1), make(chan struct{})
	l := serve(t, Config{Hello: hello("n2")}, by(func(q Request, r Reply) {
		if string(q.Payload) == "first" {
			arrived <- struct{}{}
			<-goOn
		}
		mu.Lock()
		order = append(order, string(q.Payload))
		mu.Unlock()
		echo(q, r)
	}))
	var last net.Conn
	cfg := Config{Hello: hello("n1"), Address: at(l), Lanes: 1}
	cfg.Dial = func(ctx context.Context, addr string) (net.Conn, error) {
		var d net.Dialer
		nc, err := d.DialContext(ctx, "tcp", addr)
		last = nc
		return nc, err
	}
	p := pool(t, cfg)
	release := sync.OnceFunc(func() { close(goOn) })
	t.Cleanup(release)
	require.Equal(t, "re well", ask(t, p, "well").reply) // else there is a pause before the next life
	first, err := call(p, "n2", "first", 5*time.Second)
	require.NoError(t, err)
	<-arrived
	_ = last.Close()
	o := first.get(t)
	require.True(t, o.sent)
	require.ErrorContains(t, o.err, "connection to n2 lost")
	second, err := call(p, "n2", "second", 5*time.Second)
	require.NoError(t, err)
	time.Sleep(20 * time.Millisecond)
	require.Empty(t, second)
	release()
	require.Equal(t, "re second", second.get(t).reply)
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, []string{"well", "first", "second"}, order)
}

// What is read after its deadline is not done, also if it was asked for before the
// connection stood.
func TestWhatComesAfterItsDeadlineIsNotDone(t *testing.T) {
	var served []string
	l := serve(t, Config{Hello: hello("n2")}, by(func(q Request, r Reply) {
		served = append(served, string(q.Payload))
		echo(q, r)
	}))
	held := make(chan struct{})
	holds := false
	cfg := Config{Hello: hello("n1"), Address: at(l), Lanes: 1}
	cfg.Dial = func(ctx context.Context, addr string) (net.Conn, error) {
		var d net.Dialer
		nc, err := d.DialContext(ctx, "tcp", addr)
		return &holding{Conn: nc, until: held, holds: &holds}, err
	}
	p := pool(t, cfg)
	holds = true // the first write behind the hellos
	for i := range 3 {
		patience := 50 * time.Millisecond
		if i == 1 {
			patience = 10 * time.Second
		}
		w, err := call(p, "n2", fmt.Sprint("call ", i), patience)
		require.NoError(t, err)
		defer func() {
			o := w.get(t)
			if i == 1 {
				require.Equal(t, "re call 1", o.reply)
				require.Equal(t, []string{"call 1"}, served)
				return
			}
			require.ErrorIs(t, o.err, ErrDeadline)
			require.True(t, o.sent)
		}()
	}
	time.Sleep(100 * time.Millisecond)
	close(held)
}

// holding keeps what is written behind the hellos for a while, as a network may.
type holding struct {
	net.Conn
	until  chan struct{}
	holds  *bool
	writes int
}

func (h *holding) Write(b []byte) (int, error) {
	if h.writes++; *h.holds && h.writes > 2 {
		<-h.until
	}
	return h.Conn.Write(b)
}

// A better pace is taken at once, a worse one when the old one is old.
func TestPace(t *testing.T) {
	c := &conn{}
	now := time.Now()
	said := func(theirs time.Duration) []byte { return binary.BigEndian.AppendUint64(nil, uint64(theirs)) }
	c.mu.pace = pace{theirs: int64(time.Minute), ours: now.Add(-time.Second)}
	before := c.mu.pace
	c.paced(said(time.Minute + time.Second/2)) // half a second on its way
	require.Equal(t, before, c.mu.pace)
	c.paced(said(time.Minute + 2*time.Second))
	require.Equal(t, int64(time.Minute+2*time.Second), c.mu.pace.theirs)
	c.mu.pace.ours = now.Add(-longestPace)
	c.paced(said(time.Minute))
	require.Equal(t, int64(time.Minute), c.mu.pace.theirs)
	c.paced(nil)
	require.Equal(t, int64(time.Minute), c.mu.pace.theirs)

	p := pace{theirs: 100, ours: now}
	require.Equal(t, int64(107), p.until(now.Add(7)))
	require.Equal(t, int64(1), p.until(now.Add(-time.Hour)), "not 0, which is for ever")
	require.Zero(t, p.until(time.Time{}))
	require.Zero(t, pace{}.until(now))
}

// A request that arrives with other frames in front of it is known to have arrived
// later than those of the read before.
func TestAPingHidesNoArrival(t *testing.T) {
	reads := make(chan uint64, 10)
	l := serve(t, Config{Hello: hello("n2")}, by(func(q Request, r Reply) {
		reads <- q.Read
		echo(q, r)
	}))
	nc := over(t, l, line{})
	requests(t, nc, "a")
	first := <-reads
	one := appendFrame(appendFrame(nil, ping, 0, 0, 0), cancelled, 2, 0, 0)
	_, err := nc.Write(appendFrame(appendFrame(one, KindRequest, 3, 0, 0), KindRequest, 4, 0, 0))
	require.NoError(t, err)
	second := <-reads
	require.NotEqual(t, first, second)
	require.Equal(t, second, <-reads)
}
