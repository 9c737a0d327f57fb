package server

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestLoopWithManyPeers has a loop and its peers take their steps by chance, in one
// thread: the loop's turns come between any two bytes. Peers send in pieces, read
// little, read late, hang up and are hung up; every reply is known, but for those
// that wait for others.
func TestLoopWithManyPeers(t *testing.T) {
	bothWays(t, func(t *testing.T, ring bool) {
		simulate(t, ring, rand.Uint64(), 20_000)
	})
}

// party is a loop that does not run, and its peers.
type party struct {
	t      *testing.T
	s      *Server
	l      *loop
	rng    *rand.Rand
	guests []*guest
	serial int

	ring     bool
	refusing bool // the kernel, from the middle of the next turn on to its end
}

// guest is a peer, by its end of a socket that does not block.
type guest struct {
	party *party
	c     *loopConn
	fd    int
	name  string
	ask   []byte
	heard []byte
	await []string // replies to come; "" is a line that depends on others
	half  bool     // it says no more
	cut   bool     // it is ended by the server, or has watched: not everything comes
}

func simulate(t *testing.T, ring bool, seed uint64, steps int) {
	t.Logf("seed %d", seed)
	s := start(t, func(c *Config) { c.Turn, c.StallTimeout, c.kept = 7, time.Hour, 256<<20 })
	l, err := newLoop(s)
	require.NoError(t, err)
	t.Cleanup(l.close)
	if ring {
		l.useRing()
		require.NotNil(t, l.ring)
		defer l.leaveRing()
	}
	p := &party{t: t, s: s, l: l, ring: ring, rng: rand.New(rand.NewPCG(seed, 0))}
	for range 40 {
		p.guests = append(p.guests, p.welcome())
	}
	for range steps {
		p.step()
	}
	p.end()
}

func (p *party) welcome() *guest {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	require.NoError(p.t, err)
	if p.rng.IntN(3) > 0 { // little room for replies
		require.NoError(p.t, unix.SetsockoptInt(pair[0], unix.SOL_SOCKET, unix.SO_SNDBUF, 1))
	}
	p.serial++
	addr := &net.UnixAddr{Net: "unix", Name: "@"}
	g := &guest{party: p, c: newLoopConn(p.s, p.l, pair[0], addr, addr), fd: pair[1], name: fmt.Sprintf("<%d>", p.serial)}
	require.True(p.t, p.s.admit(g.c))
	p.t.Cleanup(g.c.close)
	p.l.open.Add(1)
	p.l.post(g.c)
	return g
}

// step is a turn of somebody.
func (p *party) step() {
	i := p.rng.IntN(len(p.guests))
	g := p.guests[i]
	switch n := p.rng.IntN(1000); {
	case n < 150:
		p.turn()
	case n < 500:
		g.say(1 + int(p.rng.ExpFloat64()*100))
	case n < 550:
		g.say(1 << 20)
	case n < 850:
		g.hear(1 + int(p.rng.ExpFloat64()*1000))
	case n < 970:
		g.hear(1 << 20)
	case n < 975:
		g.check(false)
		_ = unix.Close(g.fd)
		p.guests[i] = p.welcome()
	case n < 980:
		if len(g.ask) == 0 {
			g.half = true
			require.NoError(p.t, unix.Shutdown(g.fd, unix.SHUT_WR))
		}
	case n < 982:
		g.cut = true
		g.c.stop()
	case n < 984:
		g.cut = true
		g.c.kill()
	case n < 986:
		if len(g.ask) == 0 && !g.half {
			g.ask = []byte("watch mutations\r\n")
			g.await = append(g.await, "")
			g.half, g.cut = true, true
		}
	case n < 987:
		p.refusing = p.ring
	}
}

// turn is what the loop does when it is awake.
func (p *party) turn() {
	l := p.l
	for events := l.events[:rawPoll(l.epoll, l.events)]; len(events) > 0; {
		events = events[l.gather(events):]
		if p.refusing && p.rng.IntN(2) == 0 {
			p.refuse()
		}
		l.receive()
		if p.refusing {
			p.refuse()
		}
		l.execute()
	}
	if p.ring && l.ring == nil {
		l.useRing()
	}
	require.Empty(p.t, l.out)
	require.Empty(p.t, l.leaving)
	require.Empty(p.t, l.arrived)
	l.takePosted()
	l.goOn()
	l.deadlines(p.s.clock.now())
}

// refuse has the kernel refuse what the ring asks for: it is another thread's.
func (p *party) refuse() {
	p.refusing = false
	p.l.leaveRing()
	made := make(chan struct{})
	go func() {
		defer close(made)
		runtime.LockOSThread() // never unlocked: the thread ends
		p.l.useRing()
	}()
	<-made
}

func (g *guest) compose() {
	rng := g.party.rng
	for range 1 + rng.IntN(20) {
		g.party.serial++
		mark := fmt.Sprintf("O%d", g.party.serial)
		switch kind := rng.IntN(12); {
		case kind < 5:
			n := rng.IntN(60)
			if rng.IntN(10) == 0 {
				n = rng.IntN(10_000)
			}
			if rng.IntN(50) == 0 {
				n = rng.IntN(100_000)
			}
			v := strings.Repeat(g.name, n)
			g.ask = fmt.Appendf(g.ask, "ms own%s %d %s\r\n%s\r\nmg own%s v %s\r\n", g.name, len(v), mark, v, g.name, mark)
			g.await = append(g.await, "HD "+mark+"\r\n", fmt.Sprintf("VA %d %s\r\n%s\r\n", len(v), mark, v))
		case kind < 8:
			g.ask = fmt.Appendf(g.ask, "mg nobody v %s\r\nmn\r\nxyzzy %s\r\n", mark, g.name)
			g.await = append(g.await, "EN "+mark+"\r\n", "MN\r\n", "ERROR\r\n")
		case kind < 9:
			hot := rng.IntN(3)
			g.ask = fmt.Appendf(g.ask, "ld hot%d\r\nset hot%d 0 0 1\r\nv\r\nld hot%d q\r\n", hot, hot, hot)
			g.await = append(g.await, "", "STORED\r\n")
		case kind < 10:
			g.ask = fmt.Appendf(g.ask, "lg hot%d e60000 w60000\r\n", rng.IntN(3))
			g.await = append(g.await, "")
		default:
			g.ask = fmt.Appendf(g.ask, "get own%s_\r\n", g.name)
			g.await = append(g.await, "END\r\n")
			if rng.IntN(40) == 0 { // the keeper answers; with many doubts plain stores would be refused
				g.ask = fmt.Appendf(g.ask, "lw n%s F\r\n", g.name)
				g.await = append(g.await, "")
			}
		}
	}
}

// say sends, and returns whether anything went out.
func (g *guest) say(n int) bool {
	if len(g.ask) == 0 && !g.half {
		g.compose()
	}
	k, errno := rawWrite(g.fd, g.ask[:min(n, len(g.ask))])
	if errno != 0 && errno != unix.EAGAIN {
		require.True(g.party.t, g.half || g.cut, "%v", errno)
		g.ask = nil
	}
	g.ask = g.ask[k:]
	return k > 0
}

// hear reads, and returns whether there was something.
func (g *guest) hear(n int) bool {
	buf := make([]byte, n)
	k, errno := rawReceive(g.fd, buf)
	if errno != 0 || k == 0 {
		return false
	}
	g.heard = append(g.heard, buf[:k]...)
	g.check(false)
	return true
}

// check compares what came with what was to come.
func (g *guest) check(whole bool) {
	t := g.party.t
	for len(g.await) > 0 {
		want := g.await[0]
		if want == "" {
			end := bytes.IndexByte(g.heard, '\n')
			if end < 0 {
				break
			}
			line := string(g.heard[:end+1])
			require.Regexp(t, `^(HD|LE|WT|QU|STORED|NOT_STORED|OK|ERROR|CLIENT_ERROR|SERVER_ERROR)\b.*\r\n$`, line, g.name)
			g.heard = g.heard[end+1:]
		} else {
			n := min(len(want), len(g.heard))
			if string(g.heard[:n]) != want[:n] {
				require.Fail(t, "wrong reply", "%s got %.200q, not %.200q", g.name, g.heard, want)
			}
			if n < len(want) {
				break
			}
			g.heard = g.heard[n:]
		}
		g.await = g.await[1:]
	}
	if len(g.await) == 0 && !g.cut {
		require.Empty(t, string(g.heard), g.name)
	}
	if whole && !g.cut {
		require.Empty(t, g.await, g.name)
		require.Empty(t, g.ask, g.name)
	}
}

// end lets everybody say and hear what is left, and has everything given back.
func (p *party) end() {
	ours, theirs := net.Pipe()
	defer func() { _, _ = ours.Close(), theirs.Close() }()
	filler := fed{newSession(p.s, &newBlocking(ours, time.Second, maxHeld, &p.s.stats.bytesWritten, newBudget(&Config{})).replies), p.t}
	until := time.Now().Add(time.Minute)
	for busy := true; busy && time.Now().Before(until); {
		busy = false
		for _, g := range p.guests {
			for len(g.ask) > 0 && g.say(1<<20) || g.hear(1<<20) {
			}
			busy = busy || !g.cut && len(g.ask)+len(g.await) > 0
		}
		p.turn()
		for i := range 3 {
			filler.do(fmt.Appendf(nil, "set hot%d 0 0 1\r\nv\r\n", i))
		}
	}
	for _, g := range p.guests {
		g.check(true)
		_ = unix.Close(g.fd)
	}
	for p.s.connections() > 0 && time.Now().Before(until) {
		p.turn()
	}
	require.Zero(p.t, p.s.connections())
	require.Zero(p.t, p.l.open.Load())
	require.Zero(p.t, p.l.timed)
	require.Zero(p.t, p.s.budget.used.Load())
	for _, c := range p.l.conns {
		require.Nil(p.t, c)
	}
}
