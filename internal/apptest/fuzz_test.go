package apptest

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestNothingAClientSendsEndsTheProcess sends random bytes, and good requests that
// were damaged, for some seconds. Afterwards the process lives, serves, and stops in
// order. A failure names the seed that repeats its bytes.
func TestNothingAClientSendsEndsTheProcess(t *testing.T) {
	length := 4 * time.Second
	if testing.Short() {
		length = time.Second
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	p := Start(t, Options{Flags: []string{"--shards", "2", "--stall-timeout", "200ms"}})
	var wg sync.WaitGroup
	for worker := range uint64(4) {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(seed, worker))
			for end := time.Now().Add(length); time.Now().Before(end); {
				babble(p.Listen, rng)
			}
		})
	}
	wg.Wait()
	require.True(t, p.Alive(), "it must live")
	c := dial(t, p.Listen)
	require.Equal(t, []string{"MN"}, ask(t, c, "mn\r\n", 1))
	require.Contains(t, ask(t, c, "lg a-key-of-its-own\r\n", 1)[0], "L")
	require.NoError(t, p.Stop())
	require.NotContains(t, p.Log(), "panic")
	require.NotContains(t, p.Log(), "DATA RACE")
}

// babble is one connection that talks nonsense, reads a little and goes away.
// Errors are what it is out for: the server may end it whenever it likes.
func babble(addr string, rng *rand.Rand) {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(300 * time.Millisecond)) // without it the reads below end with the connection
	for range 1 + rng.IntN(20) {
		var b []byte
		if rng.IntN(3) == 0 {
			b = make([]byte, rng.IntN(300))
			for i := range b {
				b[i] = byte(rng.Uint32())
			}
		} else {
			for range 1 + rng.IntN(4) {
				b = append(b, damaged(request(rng), rng)...)
			}
		}
		if _, err := c.Write(b); err != nil {
			return
		}
	}
	if rng.IntN(2) == 0 {
		_, _ = io.CopyN(io.Discard, c, 4096) // some read their answers, some do not
	}
}

// request makes a request that is right but for the chance of its words.
func request(rng *rand.Rand) []byte {
	key := fmt.Sprintf("key%d", rng.IntN(8))
	token := uint64(1+rng.IntN(3))<<40 + uint64(rng.IntN(50))
	body := strings.Repeat("x", rng.IntN(40))
	forms := []string{
		"lg KEY v f s t c k Oab\r\n", "lg KEY S R30 e20 D\r\n", "lg KEY w20 v\r\n", "lg KEY p q\r\n",
		"ls KEY SIZE LTOKEN T5 Gtag D c\r\nBODY\r\n", "ld KEY S5\r\n", "lw KEY F e20 Unonce\r\n", "lw KEY B e20\r\n",
		"lc KEY LTOKEN\r\n", "la KEY LTOKEN\r\n", "la KEY Unonce\r\n", "lt tag\r\n", "lf KEY LTOKEN\r\n", "lm\r\n", "lm m1\r\n",
		"ln client e100 a1\r\n", "get KEY KEY\r\n", "gets KEY\r\n", "set KEY 1 5 SIZE\r\nBODY\r\n",
		"add KEY 0 -1 SIZE noreply\r\nBODY\r\n", "replace KEY 0 0 SIZE\r\nBODY\r\n", "touch KEY 1\r\n", "delete KEY\r\n",
		"stats\r\n", "version\r\n", "flush_all\r\n", "verbosity 1\r\n", "mn\r\n", "set KEY 0 0 99999999\r\nBODY\r\n",
	}
	return []byte(strings.NewReplacer(
		"KEY", key, "TOKEN", strconv.FormatUint(token, 10), "SIZE", strconv.Itoa(len(body)), "BODY", body,
	).Replace(forms[rng.IntN(len(forms))]))
}

// damaged leaves half of the requests alone and breaks the others a little.
func damaged(b []byte, rng *rand.Rand) []byte {
	if len(b) == 0 || rng.IntN(2) == 0 {
		return b
	}
	at := rng.IntN(len(b))
	switch rng.IntN(5) {
	case 0:
		b[at] = byte(rng.Uint32())
	case 1:
		b = append(b[:at], b[at+1:]...)
	case 2:
		b = append(b[:at:at], append([]byte{byte(rng.Uint32())}, b[at:]...)...)
	case 3:
		b = b[:at]
	case 4:
		b = bytes.Replace(b, []byte(" "), []byte(" 18446744073709551616 "), 1)
	}
	return b
}
