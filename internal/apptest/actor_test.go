package apptest

import (
	"bufio"
	"math/rand/v2"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// actor is one client. A connection that fails, as by a kill, is replaced, maybe by one
// to another node.
type actor struct {
	*world
	rng   *rand.Rand
	name  string
	only  func(node int) bool // nil: it talks to all nodes
	think int                 // milliseconds between its reads, at most
	n     int
	node  int // that it talks to
	nc    net.Conn
	r     *bufio.Reader
}

func (a *actor) chance(percent int) bool { return a.rng.IntN(100) < percent }
func (a *actor) key() string             { return a.keys[a.rng.IntN(len(a.keys))] }
func (a *actor) pause(most int)          { time.Sleep(time.Duration(a.rng.IntN(most*1000)) * time.Microsecond) }

func (a *actor) hangUp() {
	if a.nc != nil {
		_ = a.nc.Close()
		a.nc = nil
	}
}

var opaqueFlag = regexp.MustCompile(` O\d+`) // which may stand anywhere

var legal = map[string]*regexp.Regexp{
	"lg":        regexp.MustCompile(`^(VA \d+( X| Z| W L\d+ e\d+)*|LE L\d+ e\d+( D\d+)?|WT e\d+|QU e\d+( X)?|QU X)$`),
	"ls":        regexp.MustCompile(`^(HD|NS r[isqotud])$`),
	"ld":        regexp.MustCompile(`^HD L\d+$`),
	"lt":        regexp.MustCompile(`^HD L\d+$`),
	"lw":        regexp.MustCompile(`^HD L\d+ e\d+$`),
	"lc":        regexp.MustCompile(`^(HD|HD X|EX)$`),
	"la":        regexp.MustCompile(`^(HD|HD X|EX)$`),
	"lf":        regexp.MustCompile(`^HD$`),
	"mn":        regexp.MustCompile(`^MN$`),
	"delete":    regexp.MustCompile(`^(DELETED|NOT_FOUND)$`),
	"touch":     regexp.MustCompile(`^(TOUCHED|NOT_FOUND)$`),
	"flush_all": regexp.MustCompile(`^OK$`),
}

// ask sends requests in one piece and returns a reply for each, or nil if the
// connection broke; a reply to a read has its value behind a blank line's place.
func (a *actor) ask(requests ...string) []string {
	if len(a.addrs) > 1 && a.chance(2) {
		a.hangUp()
	}
	if a.nc == nil {
		for a.node = a.rng.IntN(len(a.addrs)); a.only != nil && !a.only(a.node); {
			a.node = a.rng.IntN(len(a.addrs))
		}
		nc, err := net.DialTimeout("tcp", *a.addrs[a.node].Load(), time.Second)
		if err != nil {
			time.Sleep(5 * time.Millisecond)
			return nil
		}
		a.nc, a.r = nc, bufio.NewReader(nc)
	}
	pauses := a.pauses[a.node].Load()
	_ = a.nc.SetDeadline(time.Now().Add(5 * time.Second))
	// What follows the last reply shows that it came once.
	if _, err := a.nc.Write([]byte(strings.Join(requests, "\r\n") + "\r\nmn\r\n")); err != nil {
		a.hangUp()
		return nil
	}
	var replies []string
	for _, request := range append(requests[:len(requests):len(requests)], "mn") {
		line, err := a.r.ReadString('\n')
		if err != nil {
			var timeout net.Error
			switch late := asTimeout(err, &timeout); {
			case late && pauses%2 == 0 && pauses == a.pauses[a.node].Load():
				a.t.Errorf("%s: no reply of n%d to %q in 5 s", a.name, a.node+1, request)
			case late:
				a.saw("no reply of a node that stood still")
			}
			a.hangUp()
			return nil
		}
		line = strings.TrimSuffix(line, "\r\n")
		verb, _, _ := strings.Cut(request, " ")
		switch {
		case legal[verb].MatchString(opaqueFlag.ReplaceAllString(line, "")):
			a.saw("answer")
		case strings.HasPrefix(line, "SERVER_ERROR unavailable: "):
			a.saw("unavailable")
			a.pause(10) // as a client would, before it tries again
		default:
			a.t.Errorf("%s: %q was answered %q by n%d", a.name, request, line, a.node+1)
		}
		if strings.HasPrefix(line, "VA ") {
			value, err := a.r.ReadString('\n')
			if err != nil {
				a.hangUp()
				return nil
			}
			line += "\n" + strings.TrimSuffix(value, "\r\n")
		}
		if opaque := flagOf(request, 'O'); opaque != "" && !strings.HasPrefix(line, "SERVER_ERROR") && flagOf(line, 'O') != opaque {
			a.t.Errorf("%s: the reply to %q is %q", a.name, request, line)
		}
		replies = append(replies, line)
	}
	return replies[:len(replies)-1]
}

func asTimeout(err error, into *net.Error) bool {
	ne, ok := err.(net.Error)
	*into = ne
	return ok && ne.Timeout()
}

// flagOf returns a flag's argument in the first line of a request or reply.
func flagOf(line string, flag byte) string {
	line, _, _ = strings.Cut(line, "\n")
	for i, word := range strings.Fields(line) {
		if i > 0 && word[0] == flag {
			return word[1:]
		}
	}
	return ""
}

func tokenIn(line string, flag byte) uint64 {
	n, _ := strconv.ParseUint(flagOf(line, flag), 10, 64) // 0 if there is none
	return n
}
