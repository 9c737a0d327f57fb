package apptest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The classes of input that have broken caches before, each against the real
// binary. Whatever comes, the process lives, its memory is bounded, and others are
// served.

// survives checks that a process serves others and has nothing to hide.
func survives(t *testing.T, p *Process) {
	t.Helper()
	require.True(t, p.Alive())
	c := dial(t, p.Listen)
	require.Equal(t, []string{"MN"}, ask(t, c, "mn\r\n", 1))
	require.NotContains(t, p.Log(), "panic")
	require.NotContains(t, p.Log(), "DATA RACE")
}

// firstLine sends input on a connection of its own, says that nothing more comes,
// and returns the first line of the answer, "" if there is none.
func firstLine(t *testing.T, addr, input string) string {
	t.Helper()
	c := dial(t, addr)
	defer c.Close()
	_, _ = io.WriteString(c, input) // may fail where the server has closed
	_ = c.(*net.TCPConn).CloseWrite()
	require.NoError(t, c.SetReadDeadline(time.Now().Add(30*time.Second)))
	line, err := bufio.NewReader(c).ReadString('\n')
	if ne, ok := err.(net.Error); ok {
		require.False(t, ne.Timeout(), "no answer and no end: %.100q", input)
	}
	return strings.TrimRight(line, "\r\n")
}

// Lengths beyond what they are stored in: none is taken for a small one.
func TestBadInput_LengthOverflow(t *testing.T) {
	p := Start(t, Options{})
	var lengths []string
	for _, bits := range []int{15, 16, 31, 32, 63, 64} {
		for _, d := range []int64{-1, 0, 1} {
			if bits < 63 {
				lengths = append(lengths, strconv.FormatInt(1<<bits+d, 10))
			}
		}
	}
	lengths = append(lengths, "9223372036854775806", "9223372036854775807", "9223372036854775808", "9223372036854775809",
		"18446744073709551614", "18446744073709551615", "18446744073709551616", "18446744073709551617", "99999999999999999999999",
		"-1", "-2147483648", "-2147483649", "-9223372036854775808", "+3", "0x3", "3.0", "3e0", "٣", "", " ")
	for _, n := range lengths {
		for _, line := range []string{
			"set k 0 0 %s", "add k 0 0 %s noreply", "cas k 0 0 %s 1", "append k 0 0 %s", "ms k %s", "ms k %s MA q", "ls k %s L1099511627777", "lease-set k 1 0 0 %s",
		} {
			input := fmt.Sprintf(line, n) + "\r\nabc\r\nget k\r\n"
			got := firstLine(t, p.Listen, input)
			size, err := strconv.Atoi(n)
			if err == nil && size > 0 && size < 1<<20 && n[0] != '+' {
				// Such a length is right: its data block just never comes.
				require.Empty(t, got, "%q", input)
				continue
			}
			require.NotEqual(t, "STORED", got, "%q", input)
			require.NotEqual(t, "HD", got, "%q", input)
		}
	}
	for _, line := range []string{"set k %s 0 1", "set k 0 %s 1", "touch k %s", "gat %s k", "incr k %s", "mg k T%s", "mg k N%s", "mg k C%s", "ma k N0 J%s", "ma k D%s",
		"lg k e%s", "lg k w%s", "lg k R%s", "ld k S%s", "lc k L%s", "lf k L%s", "flush_all %s", "verbosity %s", "md k I T%s", "ms k 1 F%s"} {
		for _, n := range lengths {
			firstLine(t, p.Listen, fmt.Sprintf(line, n)+"\r\nx\r\n")
		}
	}
	survives(t, p)
	require.Equal(t, "END", firstLine(t, p.Listen, "get absent\r\n"))
}

// A length that is announced takes no memory; what arrives does.
func TestBadInput_AllocationFromAWireLength(t *testing.T) {
	p := Start(t, Options{Flags: []string{"--memory", "16GiB", "--max-item-size", "1GiB", "--stall-timeout", "1m"}})
	before := resident(t, p)
	const peers = 500
	for i := range peers {
		c := dial(t, p.Listen)
		_, err := fmt.Fprintf(c, "set k%d 0 0 1073741824\r\nabc", i)
		require.NoError(t, err)
	}
	time.Sleep(300 * time.Millisecond)
	require.Less(t, resident(t, p)-before, (peers*64<<10)*heavier(), "64 KiB for each that announced 1 GiB")
	survives(t, p)
}

// One tokenizer: a line ends in \n, with one \r before it at most, and nothing else
// ends a line or a word.
func TestBadInput_LineEndings(t *testing.T) {
	p := Start(t, Options{})
	bad := "CLIENT_ERROR bad command line format"
	for input, want := range map[string]string{
		"get k\n":                               "END",
		"get k\r\n":                             "END",
		"get k\r\r\n":                           bad,
		"get k\x00\r\n":                         bad,
		"get k\x0b\r\n":                         bad,
		"get \x7f\r\n":                          bad,
		"get k\rversion\r\n":                    bad,
		"set a 0 0 1\r\nx\nget k\r\n":           "CLIENT_ERROR bad data chunk",
		"set a 0 0 1\nx\r\n":                    "STORED",
		"set a 0 0 2\r\nx\r\n":                  "",
		"set a 0 0 1\r\nxy\r\n":                 "CLIENT_ERROR bad data chunk",
		"ls k 1 L1099511627777\r\nx\nget k\r\n": "CLIENT_ERROR bad data chunk",
		"\r\n":                                  bad,
		"\n":                                    bad,
		"delete " + strings.Repeat("x", 4000):   "CLIENT_ERROR line too long",
		"get " + strings.Repeat("k ", 3<<19):    "CLIENT_ERROR line too long",
		"mg " + strings.Repeat("k", 251) + "\n": bad,
		strings.Repeat("x", 1<<20):              "CLIENT_ERROR line too long",
	} {
		got := firstLine(t, p.Listen, input)
		if want == "CLIENT_ERROR line too long" || want == bad {
			require.Regexp(t, "^(CLIENT_)?ERROR", got, "%.60q", input)
			continue
		}
		require.Equal(t, want, got, "%.60q", input)
	}
	survives(t, p)
}

// A large value without its end: memcached's own assertion is reached by it (#1306).
func TestBadInput_LargeValueWithoutItsEnd(t *testing.T) {
	p := Start(t, Options{})
	for _, size := range []int{512<<10 - 1, 512 << 10, 600 << 10, 1 << 20} {
		for _, head := range []string{"set k 0 0 %d", "ms k %d", "append k 0 0 %d"} {
			input := fmt.Sprintf(head, size) + "\r\n" + strings.Repeat("v", size)
			require.Equal(t, "CLIENT_ERROR bad data chunk", firstLine(t, p.Listen, input+"xx"))
			require.Empty(t, firstLine(t, p.Listen, input), "and cut off it is nothing")
		}
	}
	require.Equal(t, "END", firstLine(t, p.Listen, "get k\r\n"))
	survives(t, p)
}

// A key is free of what ends words and lines, on its way in and out, in plain and
// in base64; and what another protocol asks ends the connection.
func TestBadInput_KeyInjection(t *testing.T) {
	p := Start(t, Options{})
	for _, line := range []string{"get %s", "gets a %s", "gat 1 %s", "set %s 0 0 1", "cas %s 0 0 1 1", "delete %s", "touch %s 1", "incr %s 1",
		"mg %s", "ms %s 1", "md %s", "ma %s", "me %s", "lg %s", "ls %s 1 L1099511627777", "ld %s", "lw %s F", "lc %s L1099511627777", "la %s L1099511627777", "lt %s", "lf %s L1099511627777", "lease-get %s"} {
		for _, key := range []string{"a\x00b", "a\rb", "a\tb", "a\x1bb", "a\x7fb", strings.Repeat("k", 251)} {
			got := firstLine(t, p.Listen, fmt.Sprintf(line, key)+"\r\nx\r\n")
			require.Regexp(t, "^(CLIENT_ERROR|ERROR)", got, "%q %q", line, key)
		}
		// UTF-8 is legal.
		got := firstLine(t, p.Listen, fmt.Sprintf(line, "schlüssel·鍵")+"\r\nx\r\n")
		require.NotContains(t, got, "bad command line format", "%q", line)
	}
	// base64 of "a\r\nEN\r\n": what comes back of it is base64.
	const sly = "YQ0KRU4NCg=="
	for _, line := range []string{"mg " + sly + " b k", "ms " + sly + " 1 b k\r\nx", "mg " + sly + " b k v", "md " + sly + " b k I", "ma " + sly + " b k", "lg " + sly + " b k"} {
		got := firstLine(t, p.Listen, line+"\r\n")
		require.True(t, strings.Contains(got, "k"+sly) || strings.HasPrefix(got, "CLIENT_ERROR "), "%q: %q", line, got)
	}
	for _, hello := range []string{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "POST /set HTTP/1.1\r\n\r\nset k 0 0 1\r\nx\r\n", "PUT / HTTP/1.0\r\n\r\n", "\x80\x00\x00\x00", "\x16\x03\x01\x02\x00"} {
		got := firstLine(t, p.Listen, hello+"set smuggled 0 0 1\r\nx\r\n")
		require.NotContains(t, got, "STORED", "%q", hello)
	}
	require.Equal(t, "END", firstLine(t, p.Listen, "get k smuggled\r\n"))
	survives(t, p)
}

// Peers who connect and say nothing, little, or never read: each has its bounds,
// all together have theirs, and others are served meanwhile.
func TestBadInput_Floods(t *testing.T) {
	p := Start(t, Options{Flags: []string{"--max-connections", "2500", "--stall-timeout", "1m"}})
	c := dial(t, p.Listen)
	require.Equal(t, []string{"STORED"}, ask(t, c, "set big 0 0 300000\r\n"+strings.Repeat("v", 300000)+"\r\n", 1))
	before := resident(t, p)
	const idle = 1500
	for range idle {
		dial(t, p.Listen)
	}
	require.Equal(t, []string{"MN"}, ask(t, c, "mn\r\n", 1))
	each := (resident(t, p) - before) / idle
	t.Logf("an idle connection takes %d bytes", each)
	require.Less(t, each, int64(16<<10)*heavier())

	for range 500 { // requests that are not whole
		half := dial(t, p.Listen)
		_, err := fmt.Fprintf(half, "set half 0 0 100000\r\n%s", strings.Repeat("h", 8000))
		require.NoError(t, err)
	}
	for range 100 { // replies that nobody reads: 30 MB each
		deaf := dial(t, p.Listen)
		require.NoError(t, deaf.(*net.TCPConn).SetReadBuffer(4<<10))
		_, err := io.WriteString(deaf, strings.Repeat("get big\r\n", 100))
		require.NoError(t, err)
	}
	require.Equal(t, []string{"MN"}, ask(t, c, "mn\r\n", 1))
	grown := resident(t, p) - before
	t.Logf("in all %d MiB more", grown>>20)
	require.Less(t, grown, int64(150<<20)*heavier())

	// Beyond the limit one is told so, or just closed, and nobody else suffers.
	refused := 0
	for range 2000 {
		if firstLine(t, p.Listen, "mn\r\n") == "ERROR Too many open connections" {
			refused++
			if refused > 20 {
				break
			}
		}
		dial(t, p.Listen)
	}
	require.Greater(t, refused, 20)
	require.Equal(t, []string{"MN"}, ask(t, c, "mn\r\n", 1))
	require.True(t, p.Alive())
	require.NotContains(t, p.Log(), "panic")
}

// heavier is how much more memory a process takes that looks for data races.
func heavier() int64 {
	if raceEnabled {
		return 8
	}
	return 1
}

// resident is the memory that a process has, in bytes.
func resident(t *testing.T, p *Process) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.cmd.Process.Pid))
	require.NoError(t, err)
	var size, pages int64
	_, err = fmt.Sscan(string(text), &size, &pages)
	require.NoError(t, err)
	return pages * int64(os.Getpagesize())
}
