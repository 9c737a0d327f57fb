package apptest

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// read reads some keys in one batch, and loads those it is given a lease for.
func (a *actor) read() {
	if a.think > 0 {
		a.pause(a.think)
	}
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
			case strings.HasPrefix(reply, "NS "):
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
	row, newest := *a.source.row(key), a.source.newest[key]
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
