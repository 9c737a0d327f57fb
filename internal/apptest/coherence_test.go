package apptest

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/shard"
)

// TestCoherence plays a database, its readers and its writers against a real
// process for some seconds, while that is killed, stopped, paused and started
// again with intents outstanding. It judges only what clients see:
//
//   - no hit is older than its key's level allows (see source.floor),
//   - tokens of a key only grow, over restarts too,
//   - every reply is one that the protocol knows for its command,
//   - replies come once, in order, however long some of them wait.
//
// LEASECACHE_COHERENCE=2m makes it last longer.
func TestCoherence(t *testing.T) {
	length := 8 * time.Second
	if testing.Short() {
		length = 3 * time.Second
	}
	if text := os.Getenv("LEASECACHE_COHERENCE"); text != "" {
		var err error
		length, err = time.ParseDuration(text)
		require.NoError(t, err)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed) // of the choices; what they meet is the scheduler's
	w := &world{t: t, source: newSource(), end: time.Now().Add(length), seen: make(map[string]int)}
	dir := DataDir(t)
	start := func() *Process {
		p := Start(t, Options{DataDir: dir, Flags: []string{"--shards", strconv.Itoa(coherenceShards)}})
		w.addr.Store(p.Listen)
		return p
	}
	p := start()
	var all sync.WaitGroup
	for i := range uint64(14) {
		rng := rand.New(rand.NewPCG(seed, i))
		a := &actor{world: w, rng: rng, name: fmt.Sprintf("actor%d", i)}
		work := a.read
		switch {
		case i >= 12:
			work = a.meddle
		case i >= 7:
			work = a.write
		}
		all.Go(func() {
			for !w.over() {
				work()
			}
			a.hangUp()
		})
	}
	rng := rand.New(rand.NewPCG(seed, 99))
	for fault := 2; !w.over(); fault = rng.IntN(4) {
		time.Sleep(time.Duration(300+rng.IntN(900)) * time.Millisecond)
		switch fault {
		case 0:
			require.NoError(t, p.Signal(syscall.SIGSTOP))
			time.Sleep(time.Duration(rng.IntN(400)) * time.Millisecond)
			require.NoError(t, p.Signal(syscall.SIGCONT))
			w.saw("pause")
			continue
		case 1:
			require.NoError(t, p.Stop())
			w.saw("stop")
		default:
			require.NoError(t, p.Kill())
			w.saw("kill")
		}
		p = start()
	}
	all.Wait()
	t.Log(w.seen)
	require.NoError(t, p.Stop())
	require.NotContains(t, p.Log(), "panic")
	for _, what := range []string{"hit", "fill", "commit", "kill"} {
		require.NotZero(t, w.seen[what], "never seen: %s", what)
	}
}

// world is what all actors share.
type world struct {
	t      *testing.T
	source *source
	addr   atomic.Value
	end    time.Time

	mu   sync.Mutex
	seen map[string]int
}

func (w *world) over() bool { return time.Now().After(w.end) || w.t.Failed() }

func (w *world) saw(what string) {
	w.mu.Lock()
	w.seen[what]++
	w.mu.Unlock()
}

// coherenceKeys have their level in their first letter: f, every writer takes
// fenced intents; b, bounded ones; l, writers invalidate after their commit. The
// bounded ones are all in one shard: after a restart that is closed, and would
// hide what goes wrong with the fenced ones.
var coherenceKeys = append(append(append(inShard("f", 0, 1), inShard("f", 1, 3)...), inShard("b", 0, 2)...), inShard("l", 1, 2)...)

const coherenceShards = 2

// inShard names keys of a shard.
func inShard(level string, id shard.ID, count int) (keys []string) {
	for i := 0; len(keys) < count; i++ {
		if key := level + strconv.Itoa(i); shard.Of([]byte(key), coherenceShards) == id {
			keys = append(keys, key)
		}
	}
	return keys
}

// source is the database. Everything in it happens in an instant.
type source struct {
	mu      sync.Mutex
	version map[string]int
	acked   map[string]int // what was invalidated, and is acknowledged, is this version or older
	fence   [coherenceShards]uint64
	newest  map[string]uint64 // tokens that somebody was given
}

func newSource() *source {
	return &source{version: make(map[string]int), acked: make(map[string]int), newest: make(map[string]uint64)}
}

// floor is the least version that a read sent now may show: what is committed,
// or at the level of leases what was acknowledged.
func (s *source) floor(key string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if key[0] == 'l' {
		return s.acked[key]
	}
	return s.version[key]
}

func (s *source) load(key string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.version[key]
}

func (s *source) token(key string) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newest[key]
}

// granted notes a token of a key, which must be above what was known of when the
// command was sent.
func (s *source) granted(key string, token, before uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if token <= before {
		return fmt.Errorf("token %d of %s is not above %d, which was given before", token, key, before)
	}
	s.newest[key] = max(s.newest[key], token)
	return nil
}

// fenceAt is the recoverer's transaction.
func (s *source) fenceAt(key string, token uint64) {
	s.mu.Lock()
	row := &s.fence[shard.Of([]byte(key), coherenceShards)]
	*row = max(*row, token)
	s.mu.Unlock()
}

// commit is a writer's transaction, which checks its fence or its timeout.
func (s *source) commit(key string, token uint64, until time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case key[0] == 'f' && s.fence[shard.Of([]byte(key), coherenceShards)] > token, key[0] == 'b' && time.Now().After(until):
		return false
	}
	s.version[key]++
	return true
}

// actor is one client. A connection that fails, as by a kill, is replaced.
type actor struct {
	*world
	rng  *rand.Rand
	name string
	n    int
	nc   net.Conn
	r    *bufio.Reader
}

func (a *actor) chance(percent int) bool { return a.rng.IntN(100) < percent }
func (a *actor) key() string             { return coherenceKeys[a.rng.IntN(len(coherenceKeys))] }
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
	if a.nc == nil {
		nc, err := net.DialTimeout("tcp", a.addr.Load().(string), time.Second)
		if err != nil {
			time.Sleep(5 * time.Millisecond)
			return nil
		}
		a.nc, a.r = nc, bufio.NewReader(nc)
	}
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
			if ok := asTimeout(err, &timeout); ok {
				a.t.Errorf("%s: no reply to %q in 5 s", a.name, request)
			}
			a.hangUp()
			return nil
		}
		line = strings.TrimSuffix(line, "\r\n")
		verb, _, _ := strings.Cut(request, " ")
		if !legal[verb].MatchString(opaqueFlag.ReplaceAllString(line, "")) && !strings.HasPrefix(line, "SERVER_ERROR unavailable: ") {
			a.t.Errorf("%s: %q was answered %q", a.name, request, line)
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

// read reads some keys in one batch, and loads those it is given a lease for.
func (a *actor) read() {
	type want struct {
		key           string
		floor         int
		before        uint64
		stale, fences bool
		wait          int
	}
	var wants []want
	var requests []string
	for range 1 + a.rng.IntN(4) {
		w := want{key: a.key(), stale: a.chance(10), fences: a.chance(30)}
		a.n++
		request := fmt.Sprintf("lg %s v O%d e%d", w.key, a.n, 20+a.rng.IntN(200))
		if a.chance(60) {
			w.wait = 1 + a.rng.IntN(300)
			request += fmt.Sprintf(" w%d", w.wait)
		}
		if w.stale {
			request += " S"
		}
		if a.chance(20) {
			request += " R5"
		}
		if w.fences {
			request += " D"
		}
		w.floor, w.before = a.source.floor(w.key), a.source.token(w.key)
		wants, requests = append(wants, w), append(requests, request)
	}
	sent := time.Now()
	replies := a.ask(requests...)
	for i, reply := range replies {
		w := wants[i]
		line, value, hit := strings.Cut(reply, "\n")
		if hit && flagX(line) && w.stale {
			a.saw("stale hit")
		} else if hit {
			version, err := strconv.Atoi(strings.TrimPrefix(value, w.key+"="))
			if now := a.source.load(w.key); err != nil || version < w.floor || version > now {
				a.t.Errorf("%s: %q was answered %q; it must be at least %d, and now is %d", a.name, requests[i], reply, w.floor, now)
			}
			a.saw("hit")
			if w.wait > 0 && time.Since(sent) > 5*time.Millisecond {
				a.saw("hit after a wait")
			}
		}
		if token := tokenIn(line, 'L'); token != 0 {
			if err := a.source.granted(w.key, token, w.before); err != nil {
				a.t.Errorf("%s: %q was answered %q: %v", a.name, requests[i], reply, err)
			}
			doubt := flagOf(line, 'D') != ""
			if doubt {
				a.saw("doubt lease")
			}
			if !a.chance(10) { // some never come back
				a.fill(w.key, token, doubt)
			}
		}
	}
}

func flagX(line string) bool { return strings.Contains(line+" ", " X ") }

// fill loads and fills, soon or late, once or twice, here or elsewhere; in doubt
// with its fence, or without and then in vain.
func (a *actor) fill(key string, token uint64, doubt bool) {
	if a.chance(5) {
		a.ask(fmt.Sprintf("la %s L%d", key, token))
		return
	}
	fenced := doubt && a.chance(85)
	if fenced {
		a.source.fenceAt(key, token)
	}
	value := fmt.Sprintf("%s=%d", key, a.source.load(key))
	if a.chance(30) {
		a.pause(120)
	}
	request := fmt.Sprintf("ls %s %d L%d G%s", key, len(value), token, key)
	if fenced {
		request += " D"
	}
	if a.chance(50) {
		request += fmt.Sprintf(" T%d", 1+a.rng.IntN(6))
	}
	send := func() {
		for _, reply := range a.ask(request + "\r\n" + value) {
			switch {
			case reply == "HD" && doubt && !fenced:
				a.t.Errorf("%s: a doubt lease was filled without its fence: %q", a.name, request)
			case reply == "HD" && doubt:
				a.saw("doubt fill")
			case reply == "HD":
				a.saw("fill")
			default:
				a.saw("refused " + flagOf(reply, 'r'))
			}
		}
	}
	send()
	if a.chance(10) {
		a.pause(100)
		send() // the message comes twice
	}
}

// write changes a row in the way of the key's level.
func (a *actor) write() {
	a.pause(60)
	key := a.key()
	if key[0] == 'l' {
		a.invalidate(key)
		return
	}
	a.n++
	nonce := fmt.Sprintf("%s_%d", a.name, a.n)
	length := 20 + a.rng.IntN(250)
	stalls := a.chance(15) // for longer than the server takes to be back
	if stalls && key[0] == 'b' {
		length += 600
	}
	kind := map[byte]string{'f': "F", 'b': "B"}[key[0]]
	request := fmt.Sprintf("lw %s %s e%d U%s O%d", key, kind, length, nonce, a.n)
	before, sent := a.source.token(key), time.Now()
	replies := a.ask(request)
	if replies != nil && tokenIn(replies[0], 'L') != 0 {
		if err := a.source.granted(key, tokenIn(replies[0], 'L'), before); err != nil {
			a.t.Errorf("%s: %q: %v", a.name, request, err)
		}
	}
	if replies == nil || a.chance(10) {
		sent = time.Now()
		if replies = a.ask(request); replies == nil { // the same intent if it lives, else another
			return
		}
		a.saw("repeated lw")
	}
	token := tokenIn(replies[0], 'L')
	if token == 0 {
		return // unavailable: the write does not begin
	}
	left, _ := strconv.Atoi(flagOf(replies[0], 'e'))
	deadline := sent.Add(time.Duration(left) * time.Millisecond)
	switch {
	case stalls:
		a.pause(min(1000, 5*length))
	case a.chance(20):
		a.pause(2 * length)
	default:
		a.pause(max(1, length/4))
	}
	if a.chance(10) {
		if a.chance(50) { // rolled back
			a.ask(fmt.Sprintf("la %s L%d", key, token))
		} else {
			a.ask(fmt.Sprintf("la %s U%s", key, nonce))
		}
		return
	}
	if !a.source.commit(key, token, deadline.Add(-20*time.Millisecond)) {
		a.saw("fenced off")
		a.ask(fmt.Sprintf("la %s L%d", key, token))
		return
	}
	a.saw("commit")
	if time.Now().After(deadline) {
		a.saw("commit late")
	}
	if a.chance(15) {
		a.saw("unknown") // to the writer, who says nothing then
		return
	}
	if stalls || a.chance(30) {
		a.pause(50) // in which only the intent, or its doubt, keeps readers from the old value
	}
	for range 1 + a.rng.IntN(2) {
		a.ask(fmt.Sprintf("lc %s L%d", key, token))
	}
}

// invalidate is a write at the level of leases: whatever says that the value is
// void is repeated until it is acknowledged.
func (a *actor) invalidate(key string) {
	a.source.commit(key, 0, time.Time{})
	version := a.source.load(key)
	request := []string{"ld " + key, "ld " + key + " S1", "lt " + key, "delete " + key, "flush_all"}[a.rng.IntN(5)]
	a.pause(20)
	for !a.over() {
		before := a.source.token(key)
		replies := a.ask(request)
		if replies == nil || strings.HasPrefix(replies[0], "SERVER_ERROR") {
			continue
		}
		if strings.HasPrefix(request, "ld") {
			if err := a.source.granted(key, tokenIn(replies[0], 'L'), before); err != nil {
				a.t.Error(err)
			}
		}
		a.source.mu.Lock()
		a.source.acked[key] = max(a.source.acked[key], version)
		a.source.mu.Unlock()
		return
	}
}

// meddle does what may come at any time and must harm nobody.
func (a *actor) meddle() {
	a.pause(40)
	key := a.key()
	a.source.mu.Lock()
	row, newest := a.source.fence[shard.Of([]byte(key), coherenceShards)], a.source.newest[key]
	a.source.mu.Unlock()
	switch a.rng.IntN(7) {
	case 0:
		a.ask("ld " + key)
	case 1:
		a.ask("delete "+key, "touch "+key+" 10")
	case 2:
		a.ask("lt " + key)
	case 3:
		a.ask(fmt.Sprintf("lc %s L%d", key, 1+a.rng.Uint64N(1<<40))) // of an intent nobody knows
	case 4:
		if row != 0 {
			a.ask(fmt.Sprintf("lf %s L%d", key, row))
		}
	case 5:
		if a.chance(10) && newest != 0 { // a row of an older life of the cluster
			above := newest + uint64(1+a.rng.IntN(3))<<40
			a.source.fenceAt(key, above)
			a.ask(fmt.Sprintf("lf %s L%d", key, above))
			a.saw("lift")
		}
	case 6:
		if a.chance(20) {
			a.ask("flush_all")
		}
	}
}
