package difftest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// A fake is a server of a few commands, which answers everything else with ERROR. It
// can be told to answer one of them wrongly.
type fake struct {
	mu      sync.Mutex
	values  map[string]fakeValue
	version uint64
	step    uint64 // between versions
	wrong   func(words []string, right string) string
}

type fakeValue struct {
	flags, data string
	version     uint64
}

func startFake(t *testing.T, step uint64, wrong func(words []string, right string) string) string {
	t.Helper()
	f := &fake{values: map[string]fakeValue{}, version: 1000, step: step, wrong: wrong}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var wg sync.WaitGroup
	t.Cleanup(func() { ln.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { f.serve(c) })
		}
	})
	return ln.Addr().String()
}

func (f *fake) serve(c net.Conn) {
	defer c.Close()
	r := bufio.NewReader(c)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		words := strings.Fields(line)
		if len(words) == 0 {
			words = []string{""}
		}
		if words[0] == "quit" {
			return
		}
		answer := f.answer(words, r)
		if f.wrong != nil {
			answer = f.wrong(words, answer)
		}
		if _, err := io.WriteString(c, answer); err != nil {
			return
		}
	}
}

func (f *fake) answer(words []string, r *bufio.Reader) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case words[0] == "mn":
		return "MN\r\n"
	case words[0] == "mg" && len(words) == 3 && words[1] == ".": // the barrier with a name
		return "EN " + words[2] + "\r\n"
	case words[0] == "set" && len(words) == 5:
		n, err := strconv.Atoi(words[4])
		if err != nil || n < 0 || n > 1<<21 {
			return "CLIENT_ERROR bad command line format\r\n"
		}
		data := make([]byte, n+2)
		if _, err := io.ReadFull(r, data); err != nil || string(data[n:]) != "\r\n" {
			return "CLIENT_ERROR bad data chunk\r\n"
		}
		f.version += f.step
		f.values[words[1]] = fakeValue{words[2], string(data[:n]), f.version}
		return "STORED\r\n"
	case words[0] == "get", words[0] == "gets":
		var b strings.Builder
		for _, key := range words[1:] {
			if v, ok := f.values[key]; ok {
				fmt.Fprintf(&b, "VALUE %s %s %d", key, v.flags, len(v.data))
				if words[0] == "gets" {
					fmt.Fprintf(&b, " %d", v.version)
				}
				fmt.Fprintf(&b, "\r\n%s\r\n", v.data)
			}
		}
		return b.String() + "END\r\n"
	case words[0] == "delete" && len(words) > 1:
		if _, ok := f.values[words[1]]; !ok {
			return "NOT_FOUND\r\n"
		}
		delete(f.values, words[1])
		return "DELETED\r\n"
	}
	return "ERROR\r\n"
}

// found plays rounds before two fakes until one shows a difference.
func found(t *testing.T, wrong func(words []string, right string) string) *Report {
	t.Helper()
	p := NewPair(startFake(t, 1, nil), startFake(t, 3, wrong), nil)
	defer p.Close()
	for round := range 60 {
		report, _, err := p.Round(Generate(1, round))
		require.NoError(t, err)
		if report != nil {
			return report
		}
	}
	return nil
}

// TestEqualServersAgree: the fakes count their versions by different steps, which is
// no difference.
func TestEqualServersAgree(t *testing.T) {
	require.Nil(t, found(t, nil))
}

// TestAWrongAnswerIsFoundAndShrunk: of all commands one reply is wrong, to the second
// delete of a key.
func TestAWrongAnswerIsFoundAndShrunk(t *testing.T) {
	report := found(t, func(words []string, right string) string {
		if words[0] == "delete" && right == "NOT_FOUND\r\n" && len(words) == 2 {
			return "DELETED\r\n"
		}
		return right
	})
	require.NotNil(t, report, "a wrong reply goes unseen")
	require.Len(t, report.Steps, 1, report)
	require.Len(t, report.Steps[0].Lines, 1)
	require.Regexp(t, `^A> delete \S+\nA< NOT_FOUND\n# leasecache:\n#   "DELETED"\n$`, report.Script)
}

// TestAWrongVersionIsFound: a version that changes although the value did not is seen
// by comparing versions with versions.
func TestAWrongVersionIsFound(t *testing.T) {
	lie := 0
	var mu sync.Mutex
	report := found(t, func(words []string, right string) string {
		if words[0] != "gets" || !strings.HasPrefix(right, "VALUE ") {
			return right
		}
		mu.Lock()
		defer mu.Unlock()
		lie++
		line, rest, _ := strings.Cut(right, "\r\n")
		return line + strconv.Itoa(lie) + "\r\n" + rest
	})
	require.NotNil(t, report, "a wrong version goes unseen")
	require.LessOrEqual(t, len(report.Steps), 3, report)
	require.Contains(t, report.Found.How, "version")
	require.Contains(t, report.Script, "$v1")
}

// TestAMissingReplyIsFound: one reply less, or one more, moves all that follow.
func TestAMissingReplyIsFound(t *testing.T) {
	for name, other := range map[string]string{"missing": "", "double": "STORED\r\nSTORED\r\n"} {
		t.Run(name, func(t *testing.T) {
			report := found(t, func(words []string, right string) string {
				if right == "STORED\r\n" {
					return other
				}
				return right
			})
			require.NotNil(t, report)
			require.Len(t, report.Steps, 1, report)
		})
	}
}
