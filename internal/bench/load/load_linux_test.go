package load

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/leasecache/leasecache/internal/uring"
)

const items = 300

// filled starts a server with the items of a workload in it.
func filled(t *testing.T, f *fake, d Dialect, size uint32) string {
	addr := serveFake(t, f)
	if d != RESP {
		d = Classic
	}
	g, err := New(addr, Workload{Dialect: d, Conns: 2, Depth: 8, Sets: 1, Keys: items, Size: size, Order: InTurn})
	require.NoError(t, err)
	defer g.Close()
	_, err = g.RunKeys(items)
	require.NoError(t, err)
	return addr
}

func run(t *testing.T, addr string, w Workload) (Result, error) {
	w.Keys = max(w.Keys, items)
	g, err := New(addr, w)
	require.NoError(t, err)
	defer g.Close()
	return g.RunKeys(600)
}

func TestEveryDialectIsUnderstood(t *testing.T) { everyDialectIsUnderstood(t) }

func everyDialectIsUnderstood(t *testing.T) {
	for name, w := range map[string]Workload{
		"get":           {Conns: 3},
		"many":          {Conns: 3 * batchConns / 2},
		"pipelined":     {Conns: 3, Depth: 16},
		"multiget":      {Conns: 3, Multi: 32},
		"mixed":         {Conns: 3, Sets: 0.5, Depth: 4, Generation: 1},
		"mg":            {Conns: 3, Dialect: Meta, Depth: 4},
		"lg":            {Conns: 3, Dialect: Lease, Depth: 4},
		"GET":           {Conns: 3, Dialect: RESP, Depth: 16},
		"MGET":          {Conns: 3, Dialect: RESP, Multi: 32},
		"mixed in RESP": {Conns: 3, Dialect: RESP, Sets: 0.5, Generation: 1},
		"empty":         {Conns: 1, Size: 0},
	} {
		t.Run(name, func(t *testing.T) {
			if w.Size == 0 && name != "empty" {
				w.Size = 100
			}
			f := &fake{}
			addr := filled(t, f, w.Dialect, w.Size)
			r, err := run(t, addr, w)
			require.NoError(t, err)
			require.GreaterOrEqual(t, r.Keys, 600)
			require.Zero(t, r.Misses)
			require.Positive(t, r.Latency.Percentile(50))
			require.LessOrEqual(t, r.Requests*max(w.Multi, 1), r.Keys)
		})
	}
}

// Where there is no io_uring the generator measures the same, with more of its own
// processor's time.
func TestWithoutARing(t *testing.T) {
	newRing = func(int) (*uring.Ring, error) { return nil, unix.EPERM }
	defer func() { newRing = uring.New }()
	everyDialectIsUnderstood(t)
	largeValues(t)
}

// What a socket does not take of a batch goes on later, behind it.
func TestLargeBatches(t *testing.T) {
	w := Workload{Conns: 2, Depth: 200, Sets: 1, Keys: 400, Size: 100_000, Order: InTurn}
	g, err := New(serveFake(t, &fake{}), w)
	require.NoError(t, err)
	defer g.Close()
	r, err := g.RunKeys(800)
	require.NoError(t, err)
	require.Equal(t, 800, r.Keys)
}

// Values larger than any buffer come, and go, in pieces.
func TestLargeValues(t *testing.T) { largeValues(t) }

func largeValues(t *testing.T) {
	for _, d := range []Dialect{Classic, RESP} {
		w := Workload{Dialect: d, Conns: 2, Depth: 8, Sets: 1, Keys: 10, Size: 400_000}
		addr := serveFake(t, &fake{})
		w.Order = InTurn
		g, err := New(addr, w)
		require.NoError(t, err)
		defer g.Close()
		_, err = g.RunKeys(20)
		require.NoError(t, err)
		w.Sets = 0
		g, err = New(addr, w)
		require.NoError(t, err)
		defer g.Close()
		_, err = g.RunKeys(20)
		require.NoError(t, err)
	}
}

// Each of these servers answers fast, and wrongly. None may be measured.
func TestLyingServersAreCaught(t *testing.T) {
	once := func(old, new string) func(int, string) string {
		return func(gets int, reply string) string {
			if gets == 150 {
				return strings.Replace(reply, old, new, 1)
			}
			return reply
		}
	}
	flip := func(gets int, reply string) string {
		if gets != 150 {
			return reply
		}
		b := []byte(reply)
		b[len(b)/2] ^= 1
		return string(b)
	}
	constant := func(with string) func(int, string) string {
		return func(int, string) string { return with }
	}
	for name, c := range map[string]struct {
		w    Workload
		lie  func(int, string) string
		want error
	}{
		"one bit of one value": {Workload{}, flip, ErrRubbish},
		"one bit, pipelined":   {Workload{Depth: 16}, flip, ErrRubbish},
		"one bit of mg":        {Workload{Dialect: Meta}, flip, ErrRubbish},
		"one bit of lg":        {Workload{Dialect: Lease}, flip, ErrRubbish},
		"one bit of GET":       {Workload{Dialect: RESP}, flip, ErrRubbish},
		"another key":          {Workload{}, once("key:", "kez:"), ErrRubbish},
		"another size":         {Workload{}, once(" 100\r", " 101\r"), ErrRubbish},
		"never a value":        {Workload{}, constant("END\r\n"), ErrMisses},
		"never a value by mg":  {Workload{Dialect: Meta}, constant("EN\r\n"), ErrMisses},
		"leases without end":   {Workload{Dialect: Lease}, constant("LE L5 e10000\r\n"), ErrMisses},
		"nil for ever":         {Workload{Dialect: RESP}, constant("$-1\r\n"), ErrMisses},
		"an error":             {Workload{}, constant("SERVER_ERROR busy\r\n"), ErrRubbish},
		"only errors by mg":    {Workload{Dialect: Meta}, constant("ERROR\r\n"), ErrRubbish},
		"two replies":          {Workload{}, once("END\r\n", "END\r\nEND\r\n"), ErrRubbish},
		"half of a multiget":   {Workload{Multi: 32}, func(_ int, r string) string { return r[:strings.Index(r[1:], "VALUE")+1] + "END\r\n" }, ErrMisses},
		"no end of a multiget": {Workload{Multi: 2}, once("END\r\n", "VALUE\r\n"), ErrRubbish},
		"the first value of many": {Workload{}, func(_ int, r string) string {
			return "VALUE key:000000000000 0 100\r\n" + r[strings.Index(r, "\r\n")+2:]
		}, ErrRubbish},
		"a line that does not end": {Workload{Dialect: Meta}, constant(strings.Repeat("V", 200)), ErrRubbish},
		"half a line too much":     {Workload{Dialect: RESP}, once("\r\n", "\r\n\r\n"), ErrRubbish},
	} {
		t.Run(name, func(t *testing.T) {
			c.w.Conns, c.w.Size = 1, 100
			f := &fake{lie: c.lie}
			addr := filled(t, f, c.w.Dialect, 100)
			_, err := run(t, addr, c.w)
			require.ErrorIs(t, err, c.want)
		})
	}
}

// A fill is over when everything is stored, also what a slow connection carried:
//
//	1 Connection A stores the last keys and is not answered yet.
//	2 Connection B goes on from the first key, and its answers make up the number.
//	3 Counted by answers alone the fill is over, and A's keys are not stored.
func TestRunKeysWaitsForTheSlowest(t *testing.T) {
	f := &fake{slowKey: "key:000000000099"}
	addr := serveFake(t, f)
	g, err := New(addr, Workload{Conns: 4, Depth: 1, Sets: 1, Keys: 100, Size: 10, Order: InTurn})
	require.NoError(t, err)
	defer g.Close()
	r, err := g.RunKeys(100)
	require.NoError(t, err)
	require.Equal(t, 100, r.Keys)
	f.mu.Lock()
	require.Len(t, f.values, 100)
	f.mu.Unlock()
	_, err = g.RunKeys(7)
	require.NoError(t, err)
	_, err = g.Run(10 * time.Millisecond)
	require.NoError(t, err)
}

func TestServerThatHangsUpIsAnError(t *testing.T) {
	f := &fake{}
	addr := filled(t, f, Classic, 10)
	g, err := New(addr, Workload{Conns: 1, Keys: items, Size: 10})
	require.NoError(t, err)
	defer g.Close()
	g.begun = true
	require.NoError(t, g.transmit(0, []byte("quit\r\n")))
	_, err = g.Run(time.Second)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

func TestStoresThatAreNoneAreCaught(t *testing.T) {
	for name, forget := range map[string]bool{"honest": false, "forgets": true} {
		t.Run(name, func(t *testing.T) {
			f := &fake{}
			addr := filled(t, f, Classic, 100)
			f.mu.Lock()
			f.forget = forget
			f.mu.Unlock()
			g, err := New(addr, Workload{Conns: 2, Keys: items, Size: 100, Sets: 1, Generation: 1})
			require.NoError(t, err)
			defer g.Close()
			_, err = g.RunKeys(500)
			require.NoError(t, err)
			if err = g.CheckWritten(addr); forget {
				require.ErrorIs(t, err, ErrRubbish)
			} else {
				require.NoError(t, err)
			}
		})
	}
}

// A server that stands still for 300 ms of a second: three in ten requests came
// due while it did, and their latency says so.
func TestOpenLoopCountsWhatAStallHeldUp(t *testing.T) {
	var began time.Time
	f := &fake{lie: func(_ int, reply string) string {
		if s := time.Since(began); s > 300*time.Millisecond && s < 400*time.Millisecond {
			time.Sleep(300 * time.Millisecond)
		}
		return reply
	}}
	addr := serveFake(t, f)
	g, err := New(addr, Workload{Conns: 1, Keys: 1, Size: 10, Sets: 1})
	require.NoError(t, err)
	_, err = g.RunKeys(1)
	require.NoError(t, err)
	g.Close()

	g, err = New(addr, Workload{Conns: 2, Keys: 1, Size: 10, Seed: 7})
	require.NoError(t, err)
	defer g.Close()
	warmed := false
	f.mu.Lock()
	began = time.Now()
	f.mu.Unlock()
	r, err := g.RunOpen(1000, 10*time.Millisecond, time.Second, func() { warmed = true })
	require.NoError(t, err)
	require.True(t, warmed)
	require.True(t, r.Kept)
	require.InDelta(t, 1000, r.Requests, 150, "all requests that were due were sent")
	require.Greater(t, r.Latency.Percentile(85), 30*time.Millisecond, "omitted: 2 requests were slow, 300 were due")
}

func TestOpenLoopSaysWhenTheServerDoesNotKeepUp(t *testing.T) {
	f := &fake{}
	addr := filled(t, f, Classic, 10)
	f.mu.Lock()
	f.lie = func(_ int, reply string) string { time.Sleep(5 * time.Millisecond); return reply }
	f.mu.Unlock()
	g, err := New(addr, Workload{Conns: 1, Keys: items, Size: 10})
	require.NoError(t, err)
	defer g.Close()
	r, err := g.RunOpen(5000, 0, 200*time.Millisecond, nil)
	require.NoError(t, err)
	require.False(t, r.Kept)
	require.Greater(t, r.Latency.Max(), time.Second)
}

func TestReplayFillsWhatItMisses(t *testing.T) {
	f := &fake{}
	addr := serveFake(t, f)
	// 200 keys, each asked for five times, far enough apart for a fill to land.
	trace := func(yield func(Request) bool) {
		for i := range uint32(1000) {
			if !yield(Request{Key: i % 200, Size: i % 200}) {
				return
			}
		}
	}
	got, err := Replay(addr, Classic, trace, 0)
	require.NoError(t, err)
	require.Equal(t, Replayed{Requests: 1000, Hits: 800}, got)
	got, err = Replay(addr, Classic, trace, 1000-1000%replayBatch)
	require.NoError(t, err)
	require.Equal(t, Replayed{Requests: 1000 % replayBatch, Hits: 1000 % replayBatch}, got)
}

func TestCrowdsLeaveTheOthersAlone(t *testing.T) {
	f := &fake{}
	addr := filled(t, f, Classic, 100)
	g, err := New(addr, Workload{Conns: 2, Keys: items, Size: 100})
	require.NoError(t, err)
	defer g.Close()
	for _, h := range []Habit{Idle, HalfAsked, OneByte, SlowReader} {
		_, err := g.Annoy(addr, h, 20, 1)
		require.NoError(t, err, h.String())
	}
	before := f.count()
	_, err = g.Run(300 * time.Millisecond)
	require.NoError(t, err)
	require.Greater(t, f.count(), before)
}

func (f *fake) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.gets
}

func TestWorkloadsThatMakeNoSenseAreRefused(t *testing.T) {
	for _, w := range []Workload{
		{Keys: 1}, {Conns: 1}, {Conns: 1, Keys: 1, Size: MaxValue + 1},
		{Conns: 1, Keys: 1, Dialect: Lease, Sets: 1},
		{Conns: 1, Keys: 1, Dialect: Meta, Multi: 2},
		{Conns: 1, Keys: 1, Multi: 2, Sets: 0.5},
	} {
		_, err := New("127.0.0.1:1", w)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "connect to")
	}
}
