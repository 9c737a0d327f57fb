package wire

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// puppet is a Target that answers each request line with the bytes of a table;
// "%d" in an answer counts up over all answers. It stands in for the server so
// that scripts can be shown to fail.
type puppet struct {
	answers map[string]string
	stopErr error

	mu     sync.Mutex
	ln     net.Listener
	count  int
	flags  [][]string
	ended  []string
	active []net.Conn
}

func (p *puppet) Start(flags []string) (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ln, p.flags = ln, append(p.flags, flags)
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			p.mu.Lock()
			p.active = append(p.active, c)
			p.mu.Unlock()
			go p.serve(c)
		}
	}()
	return ln.Addr().String(), nil
}

func (p *puppet) serve(c net.Conn) {
	defer c.Close()
	in := bufio.NewScanner(c)
	for in.Scan() {
		line := strings.TrimSuffix(in.Text(), "\r")
		answer, ok := p.answers[line]
		switch {
		case !ok && line == "mn":
			answer = "MN\r\n"
		case !ok:
			answer = "ERROR\r\n"
		case answer == "close":
			return
		}
		if strings.Contains(answer, "%d") {
			p.mu.Lock()
			p.count++
			answer = fmt.Sprintf(answer, p.count)
			p.mu.Unlock()
		}
		if _, err := c.Write([]byte(answer)); err != nil {
			return
		}
	}
}

func (p *puppet) end(how string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = append(p.ended, how)
	p.ln.Close()
	for _, c := range p.active {
		c.Close()
	}
}

func (p *puppet) Stop() error             { p.end("stop"); return p.stopErr }
func (p *puppet) Kill() error             { p.end("kill"); return nil }
func (p *puppet) Logged(text string) bool { return text == "known" }

var table = map[string]string{
	"lg k":    "LE L%d e10000\r\n",
	"lg t":    "LE L%d e10000 T1\r\n",
	"lg both": "QU X e50\r\n",
	"get k":   "VALUE k 0 2\r\nhi\r\nEND\r\n",
	"stats":   "STAT pid 12\r\nSTAT x 1\r\nEND\r\n",
	"twice":   "HD\r\nHD\r\n",
	"mute":    "",
	"bare":    "HD\n",
	"quit":    "close",
	"big":     strings.Repeat("x", 300_000) + "\r\n",
}

func runScript(t *testing.T, text string) (*puppet, error) {
	t.Helper()
	s, err := Parse("script", text)
	require.NoError(t, err)
	p := &puppet{answers: table}
	t.Cleanup(func() { p.end("cleanup") })
	return p, s.Run(p)
}

func TestRunPasses(t *testing.T) {
	for name, text := range map[string]string{
		"reply":       "A> lg k\nA< LE L$t e10000\nA> lg k\nA< LE L$u e~9000..10000\nexpect $u > $t",
		"words":       "A> lg both\nA< QU {e~1..50 X}",
		"body":        "A> get k\nA< VALUE k 0 2\nA< hi\nA< END",
		"block":       "A> stats\nA until END\nA has STAT pid $p\nexpect $p = 12",
		"regexp":      "A> nonsense\nA~ ERROR|CLIENT_ERROR .+",
		"bare line":   "A> bare\nA bare .+",
		"silence":     "A> mute\nA silent 20ms",
		"close":       "A> quit\nA closed\nA> get k\nA< VALUE k 0 2\nA< hi\nA< END",
		"last words":  "A> lg both\nA> quit\nA ends",
		"large":       "A> big\nA< ${x*300000}",
		"pipelined":   "A> mute\\r\\nlg both\nA< QU X e50",
		"raw":         "A>> lg bo\nA silent 20ms\nA>> th\\r\\n\nA< QU X e50",
		"two":         "A> lg both\nB> get k\nB< VALUE k 0 2\nB< hi\nB< END\nA< QU X e50",
		"log":         "logged known",
		"let and nap": "let $x = 3 + 4\nexpect $x = 7\nsleep ${x}ms\nA> mn\nA< MN",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := runScript(t, text)
			require.NoError(t, err)
		})
	}
}

func TestRunFails(t *testing.T) {
	for name, c := range map[string]struct{ text, says string }{
		"wrong reply":       {"A> lg k\nA< WT e10000", "script:2"},
		"wrong number":      {"A> lg k\nA< LE L$t e~1..9999", "not in 1..9999"},
		"wrong variable":    {"let $t = 99\nA> lg k\nA< LE L$t e10000", `L1 e10000`},
		"wrong order":       {"A> lg k\nA< LE L$t e10000\nA> lg k\nA< LE L$u e10000\nexpect $t > $u", "does not hold"},
		"extra word":        {"A> lg t\nA< LE L$t e10000", "T1"},
		"missing word":      {"A> lg both\nA< QU {e~1..50 X Z}", "the form differs"},
		"wrong body":        {"A> get k\nA< VALUE k 0 2\nA< ho", `"hi"`},
		"wrong large body":  {"A> big\nA< ${x*299999}", "300000 bytes"},
		"no such line":      {"A> stats\nA until END\nA has STAT pid 13", "none of 2 lines"},
		"regexp is whole":   {"A> nonsense\nA~ ERR", "ERROR"},
		"reply not bare":    {"A> nonsense\nA bare ERROR", "want ERROR"},
		"reply in silence":  {"A> lg k\nA silent 200ms", "want silence"},
		"end in silence":    {"A> quit\nA silent 2s", "ended"},
		"not closed":        {"A> lg k\nA closed", "want the end"},
		"no end":            {"A> lg both\nA ends", "still open"},
		"left over":         {"A> twice\nA< HD", "nobody asked for"},
		"left over body":    {"A> get k\nA< VALUE k 0 2", "nobody asked for"},
		"unknown variable":  {"A> ls k 2 L$t", "no value yet"},
		"not in the log":    {"logged unknown", "log does not say"},
		"unclean stop":      {"stop", "boom"},
		"unclean restart":   {"restart", "boom"},
		"dead connection":   {"A> quit\nA< HD", "EOF"},
		"reply on another":  {"A> lg both\nB silent 20ms\nA< MN", "QU"},
		"bare newline":      {"A> bare\nA< HD", "so far"},
		"nothing but a bit": {"A>> mn\nA< MN", "no reply line"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := Parse("script", c.text)
			require.NoError(t, err)
			p := &puppet{answers: table, stopErr: errors.New("boom")}
			defer p.end("cleanup")
			err = s.Run(p)
			require.Error(t, err)
			require.ErrorContains(t, err, c.says)
		})
	}
}

func TestRunDrivesTheServer(t *testing.T) {
	p, err := runScript(t, "server --a 1 --b\nA> mn\nA< MN\nrestart\nA> mn\nA< MN\nkill -9\nstart --c\nrestart")
	require.NoError(t, err)
	require.Equal(t, [][]string{{"--a", "1", "--b"}, {"--a", "1", "--b"}, {"--c"}, {"--c"}}, p.flags)
	require.Equal(t, []string{"stop", "kill", "stop"}, p.ended)
}

func TestParseFaults(t *testing.T) {
	for _, text := range []string{
		"", "# nothing but words", "lg k", "a> lower", "A>no space", "A < HD", "A< {a", "A~ (", "A closed now", "A until",
		"A> x\nserver --late", "kill", "kill -15", "sleep", "expect", "logged", "let",
	} {
		_, err := Parse("script", text)
		require.Error(t, err, text)
	}
}

func TestLineKeepsWhatCameLate(t *testing.T) {
	here, there := net.Pipe()
	defer here.Close()
	defer there.Close()
	c := &conn{Conn: here}
	go func() {
		_, _ = there.Write([]byte("H"))
		time.Sleep(60 * time.Millisecond)
		_, _ = there.Write([]byte("D\r\nMN\r\n"))
	}()
	_, err := c.line(20 * time.Millisecond)
	require.ErrorContains(t, err, "no reply line within")
	line, err := c.line(time.Second)
	require.NoError(t, err)
	require.Equal(t, "HD", line)
	line, err = c.line(time.Second)
	require.NoError(t, err)
	require.Equal(t, "MN", line)
}
