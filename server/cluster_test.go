package server

import (
	"fmt"
	"math/rand/v2"
	"net"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	internode "github.com/leasecache/leasecache/internal/peer"
	"github.com/leasecache/leasecache/server/owner"
	"github.com/leasecache/leasecache/shard"
)

// node is one of several Servers in this process, which own parts of 16 shards.
type node struct {
	*Server
	id   string
	port *internode.Listener
	pool *internode.Pool
	cuts *cuts
	nods atomic.Bool // its conversations fall asleep now and then
}

// dozer is a conversation whose goroutine does not run for a while, as the system may
// decide at any moment.
type dozer struct {
	internode.Conversation
	nods *atomic.Bool
}

func (d dozer) Serve(q internode.Request, r internode.Reply) {
	if d.nods.Load() && rand.IntN(50) == 0 {
		time.Sleep(rand.N(10 * time.Millisecond))
	}
	d.Conversation.Serve(q, r)
}

type named struct {
	Keeper
	node string
}

func (k named) Node() string { return k.node }

// cuts ends connections that were accepted.
type cuts struct {
	net.Listener
	mu  sync.Mutex
	all []net.Conn
}

func (c *cuts) Accept() (net.Conn, error) {
	nc, err := c.Listener.Accept()
	if err == nil {
		c.mu.Lock()
		c.all = append(c.all, nc)
		c.mu.Unlock()
	}
	return nc, err
}

func (c *cuts) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, nc := range c.all {
		_ = nc.Close()
	}
	c.all = nil
}

// startNodes starts nodes n1, n2, … that own every so manieth shard.
func startNodes(t testing.TB, count, loops int, change func(*Config)) []*node {
	t.Helper()
	var nodes []*node
	address := func(id string) (string, bool) {
		for _, n := range nodes {
			if n.id == id {
				return n.cuts.Addr().String(), true
			}
		}
		return "", false
	}
	for i := range count {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		nodes = append(nodes, &node{id: fmt.Sprintf("n%d", i+1), cuts: &cuts{Listener: ln}})
	}
	for _, n := range nodes {
		cfg := internode.Config{
			Hello: func() internode.Hello {
				return internode.Hello{Cluster: "test", Incarnation: 1, Node: n.id, Birth: n.id}
			},
			Address: address,
		}
		n.port, n.pool = internode.Listen(n.cuts, cfg), internode.NewPool(cfg)
		n.Server = start(t, func(c *Config) {
			c.Keeper, c.Loops, c.Peers = named{c.Keeper, n.id}, loops, n.pool
			if change != nil {
				change(c)
			}
		})
		t.Cleanup(n.pool.Close)
		served := make(chan error, 1)
		go func() {
			served <- n.port.Serve(func(internode.Hello) internode.Conversation { return dozer{n.Host().Conversation(), &n.nods} })
		}()
		t.Cleanup(func() {
			require.NoError(t, n.port.Close())
			require.NoError(t, <-served)
		})
	}
	m := mapOf(1, nodes, func(id shard.ID) int { return int(id) % count })
	for i, n := range nodes {
		h := n.Host()
		require.True(t, h.Extend(1, far, far))
		for id := range shard.ID(16) {
			if int(id)%count == i {
				require.NoError(t, h.Open(id, owner.Start{Epoch: 5}))
			}
		}
		require.NoError(t, h.Route(m))
	}
	return nodes
}

func mapOf(version uint64, nodes []*node, of func(shard.ID) int) shard.Map {
	m := shard.Map{Version: version, Cluster: "test", Shards: 16, Hash: shard.HashName, SessionTTL: 3000}
	for _, n := range nodes {
		m.Nodes = append(m.Nodes, shard.Node{ID: n.id, Addr: n.Addr().String(), State: shard.Alive})
	}
	for id := range shard.ID(16) {
		m.Owners = append(m.Owners, shard.Owner(of(id)))
		m.Epochs = append(m.Epochs, 5)
	}
	return m
}

// keysOf returns keys of a node, by their shards' number modulo count.
func keysOf(prefix string, i, count, want int) (keys []string) {
	for n := 0; len(keys) < want; n++ {
		key := fmt.Sprintf("%s%04d", prefix, n)
		if int(shard.Of([]byte(key), 16))%count == i {
			keys = append(keys, key)
		}
	}
	return keys
}

// whole sends something and returns all that is answered, up to the end of a mn.
func (p *peer) whole(text string) string {
	p.t.Helper()
	p.send(text + "mn\n")
	var b strings.Builder
	for {
		line := p.line()
		if line == "MN" {
			return b.String()
		}
		b.WriteString(line + "\n")
	}
}

var tokens = regexp.MustCompile(`\b([LDc])[0-9]{6,}\b|(LVALUE \S+ )[0-9]{6,}| [0-9]{6,}$|cas=[0-9]+`)

// The commands on one key, in an order in which each finds something. $L is the last
// token that was seen, K the key.
var everyVerb = []string{
	"get K\n", "set K 5 0 3\nabc\n", "get K\n", "gets K\n", "add K 0 0 1\nx\n", "replace K 1 0 2\nxy\n", "append K 0 0 1\n1\n",
	"prepend K 0 0 1\n2\n", "get K\n", "cas K 0 0 1 1\nz\n", "touch K 100\n", "gat 100 K\n", "gats 100 K\n", "delete K\n", "delete K\n",
	"set K 0 0 1\n5\n", "incr K 7\n", "decr K 1\n", "incr K x\n", "set K 0 0 1 noreply\nq\n", "get K\n", "delete K noreply\n",
	"mg K v k O77\n", "ms K 2 T100 F3\nhi\n", "mg K v f t s k O1 q\n", "mg K t v\n", "ms K 1 ME q\nz\n", "ma K\n", "md K q\n", "ma K N0 J13 v t\n",
	"ma K MD D3 v\n", "md K I T30\n", "mg K v\n", "mg K v\n", "md K\n", "me K\n", "mg K N30 v\n", "ms K 1 T0\nv\n",
	"ld K\n", "ld K q\n", "lg K v e5000 k Oa\n", "lg K v\n", "ls K 3 L$L T50 Gtag c\nval\n", "lg K v f s t\n", "ls K 1 L$L\nx\n", "ld K S5\n", "lg K v S\n",
	"la K L$L\n", "lg K p\n", "lw K F e3000 Uabc\n", "lw K F e3000 Uabc\n", "lw K B F\n", "lg K v\n", "set K 0 0 1\nx\n", "lc K L$L\n", "lc K L$L\n",
	"lw K B e2000 k\n", "la K L$L q\n", "la K L$L\n", "lf K L1\n", "lf K L1 q\n",
	"lease-get K\n", "lease-set K $V 0 0 2\nhi\n", "lease-get K\n", "get K K\n", "delete K\n", "lease-get K K\n", "delete K\n",
	"ls K 3 L$L\nabcdef\n", "set K 0 0 3\nabcdef\n", "lg K w1\n", "lg K n\nget K\n", "get K\n",
}

// answers has all that is said about a key, tokens left out.
func answers(p *peer, key string) []string {
	var all []string
	last, leased := "7", "7"
	for _, cmd := range everyVerb {
		cmd = strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(cmd, "$L", last), "$V", leased), "K", key)
		cmd = strings.ReplaceAll(cmd, " n\n", "\n")
		got := p.whole(cmd)
		if m := regexp.MustCompile(` L([0-9]+)`).FindStringSubmatch(got); m != nil {
			last = m[1]
		}
		if m := regexp.MustCompile(`LVALUE \S+ ([0-9]{6,})`).FindStringSubmatch(got); m != nil {
			leased = m[1]
		}
		got = strings.ReplaceAll(got, key, "K")
		got = regexp.MustCompile(`\be[0-9]+`).ReplaceAllString(got, "e")
		var lines []string
		for _, line := range strings.Split(got, "\n") {
			lines = append(lines, tokens.ReplaceAllString(line, "$1$2#"))
		}
		cmd = strings.ReplaceAll(cmd, key, "K")
		all = append(all, regexp.MustCompile(`[0-9]{6,}`).ReplaceAllString(cmd, "#")+" => "+strings.Join(lines, "\n"))
	}
	return all
}

// Every verb answers through a node that does not own the key, byte for byte, as it
// does through the owner.
func TestForwardedRepliesAreTheOwners(t *testing.T) {
	for _, loops := range []int{0, 2} {
		for _, count := range []int{2, 3} {
			nodes := startNodes(t, count, loops, nil)
			keys := keysOf("key", count-1, count, 2)
			direct := answers(dial(t, nodes[count-1].Server), keys[0])
			through := answers(dial(t, nodes[0].Server), keys[1])
			for i := range direct {
				require.Equal(t, direct[i], through[i])
				require.NotContains(t, direct[i], "unavailable")
			}
		}
	}
}

// The replies of a pipeline come in the order of its requests, whoever does them, and
// requests for a key are done in order.
func TestPipelinesKeepTheirOrder(t *testing.T) {
	for _, loops := range []int{0, 2} {
		nodes := startNodes(t, 3, loops, nil)
		p := dial(t, nodes[0].Server)
		var ask, want strings.Builder
		for n := range 300 {
			key := keysOf("k", n%3, 3, 8)[n%8]
			fmt.Fprintf(&ask, "set %s 0 0 3\n%03d\nget %s\nmg %s v\nmn\n", key, n, key, key)
			fmt.Fprintf(&want, "STORED\nVALUE %s 0 3\n%03d\nEND\nVA 3\n%03d\nMN\n", key, n, n)
		}
		p.send(ask.String())
		for _, line := range strings.Split(strings.TrimSpace(want.String()), "\n") {
			require.Equal(t, line, p.line())
		}
	}
}

func TestKeysOfSeveralOwners(t *testing.T) {
	for _, loops := range []int{0, 2} {
		nodes := startNodes(t, 3, loops, nil)
		p := dial(t, nodes[0].Server)
		var keys []string
		for i := range 3 {
			keys = append(keys, keysOf("multi", i, 3, 200)...)
		}
		var list, want strings.Builder
		for n := range 600 {
			key := keys[n*7%600]
			list.WriteString(" " + key)
			if n%4 == 0 {
				continue
			}
			value := strings.Repeat("x", 1+n%300)
			if n%100 == 1 {
				value = strings.Repeat("y", 900_000) // the owner answers in parts
			}
			require.Equal(t, "STORED\n", p.whole(fmt.Sprintf("set %s 1 0 %d\n%s\n", key, len(value), value)))
			fmt.Fprintf(&want, "VALUE %s 1 %d\n%s\n", key, len(value), value)
		}
		want.WriteString("END\n")
		require.Equal(t, want.String(), p.whole("get"+list.String()+"\n"))
		require.Equal(t, want.String(), p.whole("gat 100"+list.String()+"\n"))
		require.Contains(t, p.whole("lease-get nothing1 nothing2 nothing3 nothing4\n"), "LVALUE nothing1 ")
	}
}

func TestEveryOwnerInvalidates(t *testing.T) {
	for _, loops := range []int{0, 2} {
		nodes := startNodes(t, 3, loops, nil)
		p := dial(t, nodes[1].Server)
		var all []string
		for i := range 3 {
			all = append(all, keysOf("tagged", i, 3, 6)...)
		}
		for _, key := range all {
			require.Equal(t, "HD\n", p.whole(fmt.Sprintf("ls %s 1 L%s Gt\nv\n", key, p.lease(key))))
		}
		require.Regexp(t, `^HD L[0-9]+ Oq\n$|^HD Oq L[0-9]+\n$`, p.whole("lt t Oq\n"))
		for _, key := range all {
			require.Equal(t, "END\n", p.whole("get "+key+"\n"), key)
			require.Equal(t, "STORED\n", p.whole("set "+key+" 0 0 1\nv\n"))
		}
		require.Equal(t, "", p.whole("lt t q\nflush_all noreply\n"))
		for _, key := range all {
			require.Equal(t, "END\n", p.whole("get "+key+"\n"), key)
		}
		// What is asked for behind it comes behind it.
		var ask, want strings.Builder
		ask.WriteString("flush_all\n")
		want.WriteString("OK\n")
		for _, key := range all {
			fmt.Fprintf(&ask, "set %s 0 0 1\nv\n", key)
			want.WriteString("STORED\n")
		}
		require.Equal(t, want.String(), p.whole(ask.String()))
		for _, key := range all {
			require.Equal(t, "VALUE "+key+" 0 1\nv\nEND\n", p.whole("get "+key+"\n"), key)
		}
		require.Contains(t, p.whole("lm\n"), `"owners":[0,1,2,0,`)
		require.Equal(t, "HD m1\n", p.whole("lm m1\n"))
	}
}

func TestMovedToWhoDoesNotForward(t *testing.T) {
	nodes := startNodes(t, 2, 2, nil)
	key := keysOf("k", 1, 2, 1)[0]
	p := dial(t, nodes[0].Server)
	at := shard.Of([]byte(key), 16)
	for _, cmd := range []string{"lg %s n O5", "ld %s n O5", "lw %s F n O5", "lc %s L7 n O5", "la %s L7 n O5", "lf %s L7 n O5", "ls %s 1 L7 n O5\nx"} {
		p.send(fmt.Sprintf(cmd, key) + "\n")
		p.expect(fmt.Sprintf("MV %d m1 %s O5", at, nodes[1].Addr()))
	}
	require.Zero(t, nodes[1].owner.Stats().Leases)
}

// A fill that was cut off ends its lease, wherever that is; so does a lease that was
// granted to who is gone.
func TestLeasesOfTheGoneEnd(t *testing.T) {
	for _, loops := range []int{0, 2} {
		nodes := startNodes(t, 2, loops, nil)
		key := keysOf("k", 1, 2, 1)[0]
		owner := dial(t, nodes[1].Server)
		p := dial(t, nodes[0].Server)
		p.send(fmt.Sprintf("ls %s 100 L%s\nabc", key, p.lease(key)))
		time.Sleep(20 * time.Millisecond)
		require.NoError(t, p.nc.Close())
		token := ""
		require.Eventually(t, func() bool {
			line := owner.whole("lg " + key + "\n")
			if strings.HasPrefix(line, "LE ") {
				token = tokenOf(t, strings.TrimSpace(line))
			}
			return token != ""
		}, 5*time.Second, 5*time.Millisecond)

		waits := dial(t, nodes[0].Server)
		waits.send("lg " + key + " w60000\n")
		require.Eventually(t, func() bool { return nodes[1].Server.owner.Stats().Parked == 1 }, 5*time.Second, time.Millisecond)
		require.NoError(t, waits.nc.Close())
		time.Sleep(50 * time.Millisecond)
		require.Equal(t, "HD\n", owner.whole("la "+key+" L"+token+"\n"))
		require.Eventually(t, func() bool { return strings.HasPrefix(owner.whole("lg "+key+"\n"), "LE ") }, 5*time.Second, 5*time.Millisecond)
	}
}

// A value that is too large takes the old one with it, at its owner; and what comes
// behind it is forwarded without what was swallowed.
func TestTooLargeElsewhere(t *testing.T) {
	for _, loops := range []int{0, 2} {
		nodes := startNodes(t, 2, loops, nil)
		keys := keysOf("k", 1, 2, 2)
		p := dial(t, nodes[0].Server)
		for _, key := range keys {
			require.Equal(t, "STORED\n", p.whole("set "+key+" 0 0 1\nv\n"))
		}
		large := strings.Repeat("x", 1<<20+1)
		got := p.whole(fmt.Sprintf("set %s 0 0 %d\n%s\nget %s\nget %s\n", keys[0], len(large), large, keys[1], keys[0]))
		require.Equal(t, "SERVER_ERROR object too large for cache\nVALUE "+keys[1]+" 0 1\nv\nEND\nEND\n", got)
		token := p.lease(keys[0])
		require.Equal(t, "CLIENT_ERROR bad data chunk\n", p.whole("ls " + keys[0] + " 1 L" + token + "\nxyz\n")[:28])
		require.Contains(t, p.whole("lg "+keys[0]+"\n"), "LE L", "the lease of a broken fill is over")
	}
}
