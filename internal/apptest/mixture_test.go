package apptest

import (
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestNoReplyHasBytesOfAnotherClient has many clients at once whose every reply is
// known to the byte and full of the client's own mark. Buffers are shared among
// connections and used again; whatever comes out of one that was another's shows.
func TestNoReplyHasBytesOfAnotherClient(t *testing.T) {
	length := 3 * time.Second
	if testing.Short() {
		length = time.Second
	}
	for _, transport := range []string{"uring", "epoll", "goroutines"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			p := Start(t, Options{Flags: []string{"--memory", "512MiB", "--io", transport}})
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			end := time.Now().Add(length)
			var wg sync.WaitGroup
			rounds := make([]int, 24)
			for i := range rounds {
				wg.Go(func() {
					m := &marked{addr: p.Listen, mark: fmt.Sprintf("<%02d:%08x>", i, rand.Uint32()), rng: rand.New(rand.NewPCG(seed, uint64(i)))}
					for first := true; (first || time.Now().Before(end)) && !t.Failed(); first = false {
						if err := m.round(); err != nil {
							t.Errorf("client %s: %v", m.mark, err)
							return
						}
						rounds[i]++
					}
				})
			}
			wg.Wait()
			total := 0
			for _, n := range rounds {
				require.Positive(t, n)
				total += n
			}
			t.Logf("%d connections", total)
			require.NotContains(t, p.Log(), "panic")
		})
	}
}

// marked is a client that knows what it is to be answered.
type marked struct {
	addr, mark string
	rng        *rand.Rand
	n          int // of keys used so far
	ask, want  strings.Builder
}

// round is one connection: requests in pieces of chance, and all of their replies,
// or an end in the middle of them.
func (m *marked) round() error {
	m.ask.Reset()
	m.want.Reset()
	for range 1 + m.rng.IntN(20) {
		m.request()
	}
	c, err := net.DialTimeout("tcp", m.addr, 5*time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return err
	}
	ask, want := m.ask.String(), m.want.String()
	cut := m.rng.IntN(8) == 0
	if cut {
		ask = ask[:m.rng.IntN(len(ask))]
	}
	piece := float64(max(3000, len(ask)/50))
	rng := rand.New(rand.NewPCG(m.rng.Uint64(), 0)) // the writer's own
	go func() {
		for len(ask) > 0 {
			n := min(len(ask), 1+int(rng.ExpFloat64()*piece))
			if _, err := io.WriteString(c, ask[:n]); err != nil {
				return // the reader sees it too
			}
			ask = ask[n:]
		}
		_ = c.(*net.TCPConn).CloseWrite()
	}()
	if m.rng.IntN(3) == 0 { // a peer that takes its time
		if err := c.(*net.TCPConn).SetReadBuffer(96 << 10); err != nil {
			return err
		}
		time.Sleep(time.Duration(m.rng.IntN(60)) * time.Millisecond)
	}
	said, err := io.ReadAll(c)
	if err != nil {
		return err
	}
	got := string(said)
	if cut && len(got) <= len(want) {
		want = want[:len(got)]
	}
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return fmt.Errorf("byte %d of %d: got %.80q, want %.80q", i, len(want), got[max(0, i-10):], want[max(0, i-10):])
		}
	}
	if len(got) != len(want) {
		return fmt.Errorf("%d bytes of replies, not %d", len(got), len(want))
	}
	return nil
}

func (m *marked) value() string {
	n := 1 + m.rng.IntN(40)
	if m.rng.IntN(6) == 0 {
		n = m.rng.IntN(20000)
	}
	return strings.Repeat(m.mark, n)
}

// request adds one exchange.
func (m *marked) request() {
	m.n++
	key, v := fmt.Sprintf("%s%d", m.mark, m.n%50), m.value()
	say := func(ask, want string, args ...any) {
		m.ask.WriteString(strings.NewReplacer("KEY", key, "SIZE", fmt.Sprint(len(v)), "VALUE", v, "MARK", m.mark).Replace(ask))
		fmt.Fprintf(&m.want, want, args...)
	}
	kind := m.rng.IntN(9)
	if kind >= 7 && m.rng.IntN(10) > 0 {
		kind = 0 // those take long
	}
	switch kind {
	case 0:
		say("set KEY 5 0 SIZE\r\nVALUE\r\nget KEY "+m.mark+"none\r\n", "STORED\r\nVALUE %s 5 %d\r\n%s\r\nEND\r\n", key, len(v), v)
	case 1:
		say("ms KEY SIZE OMARK k\r\nVALUE\r\nmg KEY v k OMARK\r\n", "HD O%s k%s\r\nVA %d k%s O%s\r\n%s\r\n", m.mark, key, len(v), key, m.mark, v)
	case 2:
		k64 := base64.StdEncoding.EncodeToString([]byte(key + "\n"))
		say("ms "+k64+" SIZE b k\r\nVALUE\r\nmg "+k64+" b v k\r\n", "HD k%s b\r\nVA %d k%s b\r\n%s\r\n", k64, len(v), k64, v)
	case 3:
		say("set KEY 0 0 SIZE noreply\r\nVALUE\r\nappend KEY 0 0 SIZE\r\nVALUE\r\nget KEY\r\n", "STORED\r\nVALUE %s 0 %d\r\n%s%s\r\nEND\r\n", key, 2*len(v), v, v)
	case 4:
		say("ld KEY q\r\ndelete KEY noreply\r\nlg KEY p\r\nset KEY 0 0 SIZE\r\nVALUE\r\nlg KEY v k OMARK\r\nmn\r\n", "EN\r\nSTORED\r\nVA %d k%s O%s\r\n%s\r\nMN\r\n", len(v), key, m.mark, v)
	case 7: // refused, with its data block
		say("set KEY 0 0 2000000\r\n"+strings.Repeat("y", 2000000)+"\r\nget KEY\r\n", "SERVER_ERROR object too large for cache\r\nEND\r\n")
	case 8: // more replies than sockets hold
		v = strings.Repeat(m.mark, 15000)
		again := strings.Repeat(fmt.Sprintf("VALUE %s 0 %d\r\n%s\r\nEND\r\n", key, len(v), v), 25)
		say("set KEY 0 0 SIZE\r\nVALUE\r\n"+strings.Repeat("get KEY\r\n", 25), "STORED\r\n%s", again)
	case 5:
		say("mg KEY OMARK"+strings.Repeat("x", 40)+"\r\nme KEYnone\r\nnonsense MARK\r\n", "CLIENT_ERROR opaque token too long\r\nEN\r\nERROR\r\n")
	case 6:
		say("set KEY 0 0 2\r\n41\r\nincr KEY 1\r\nma KEY v k OMARK\r\n", "STORED\r\n42\r\nVA 2 k%s O%s\r\n43\r\n", key, m.mark)
	}
}
