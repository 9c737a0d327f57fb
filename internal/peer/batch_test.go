package peer

import (
	"bytes"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Calls of a batch wait for its Flush, and go out in their order, with those behind
// them.
func TestBatch(t *testing.T) {
	var order []string
	l := serve(t, Config{Hello: hello("n2")}, by(func(q Request, r Reply) {
		order = append(order, string(q.Payload))
		echo(q, r)
	}))
	p := pool(t, Config{Hello: hello("n1"), Address: at(l), Lanes: 1})
	require.Equal(t, "re well", ask(t, p, "well").reply)
	var b Batch
	var all []waiter
	for i := range 3 {
		w := make(waiter, 1)
		require.NoError(t, p.Call(Call{Node: "n2", Kind: KindRequest, Deadline: time.Now().Add(5 * time.Second), Payload: [][]byte{fmt.Append(nil, i)}, Done: w.done, Batch: &b}))
		all = append(all, w)
	}
	require.Len(t, b.conns, 1)
	time.Sleep(20 * time.Millisecond)
	require.Empty(t, all[0])
	b.Flush()
	require.Empty(t, b.conns)
	for i, w := range all {
		require.Equal(t, fmt.Sprint("re ", i), w.get(t).reply)
	}
	require.Equal(t, []string{"well", "0", "1", "2"}, order)
	b.Flush() // nothing
}

// What the connection does not take at once its flusher sends, both ways; nothing is
// lost, doubled or out of order between the two.
func TestMoreThanAConnectionTakesAtOnce(t *testing.T) {
	next := 0
	l := serve(t, Config{Hello: hello("n2")}, by(func(q Request, r Reply) {
		if want := fmt.Append(nil, next); !bytes.HasPrefix(q.Payload, append(want, ' ')) {
			r.Fail("out of order")
			return
		}
		next++
		echo(q, r)
	}))
	cfg := Config{Hello: hello("n1"), Address: at(l), Lanes: 1, MaxWaiting: 1 << 30}
	p := pool(t, cfg)
	fill := bytes.Repeat([]byte(" x"), 20_000)
	var b Batch
	var all []waiter
	for i := range 1000 {
		w := make(waiter, 1)
		with := &b
		if i%7 == 3 {
			with = nil
		}
		require.NoError(t, p.Call(Call{Node: "n2", Kind: KindRequest, Deadline: time.Now().Add(20 * time.Second), Payload: [][]byte{fmt.Append(nil, i), fill}, Done: w.done, Batch: with}))
		if i%50 == 0 {
			b.Flush()
		}
		all = append(all, w)
	}
	b.Flush()
	for i, w := range all {
		o := w.get(t)
		require.NoError(t, o.err, i)
		require.Equal(t, fmt.Sprint("re ", i)+string(fill), o.reply)
	}
	c := p.lane("n2", 0)
	c.mu.Lock()
	defer c.mu.Unlock()
	require.False(t, c.mu.out.busy)
	require.Zero(t, c.mu.out.waiting())
}

// A connection that the system knows nothing of has its flusher only.
func TestABatchOverAPipe(t *testing.T) {
	first, second := net.Pipe()
	cfg := quick(Config{Hello: hello("n1"), Lanes: 1})
	cfg.Address = func(string) (string, bool) { return "pipe", true }
	cfg.Dial = pipeDial(first)
	p := pool(t, cfg)
	theirs := quick(Config{Hello: hello("n2")}).withDefaults()
	var b Batch
	w := make(waiter, 1)
	require.NoError(t, p.Call(Call{Node: "n2", Kind: KindRequest, Deadline: time.Now().Add(5 * time.Second), Payload: [][]byte{[]byte("a")}, Done: w.done, Batch: &b}))
	b.Flush()
	_, err := second.Read(make([]byte, 1))
	require.NoError(t, err)
	_, err = welcome(second, &theirs, peerFrames, anyTime, anyTurn)
	require.NoError(t, err)
	in := frames{src: second, max: 1 << 20}
	f, err := in.next()
	require.NoError(t, err)
	require.Equal(t, "a", string(f.payload))
	_ = second.Close()
	require.True(t, w.get(t).sent)
}
