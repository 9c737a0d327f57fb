package consensus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/leasecache/leasecache/internal/peer"
)

const (
	seekEvery = 500 * time.Millisecond
	// recent is how long an answer counts: some questions.
	recent = 2 * time.Second
)

// reach is how other nodes can be reached while nobody leads. As soon as somebody does, the
// log says where they are; without, nobody can be told that he has moved:
//
//	1 All nodes are stopped, and come back at other addresses. 2 Each knows the old ones
//	alone, from its log. 3 No two find each other, so nobody leads; so the log stays as it is.
//
// So each asks at the addresses of --join too, and who is asked learns who asks, and from
// where. Votes and entries go to whoever is found, if he is who was meant: see stream.
type reach struct {
	mu sync.Mutex // nothing is done under it but to look
	of map[string]contact
	at map[string]error // what came of the addresses of --join
}

type contact struct {
	answered time.Time
	err      error  // of the newest try, if there was none after it
	addr     string // where it was found
	instead  string // of what the log says; when that changes, this is out of date
}

// where is what two nodes tell each other: where they are, and where they found others.
type where struct {
	At    string
	Found map[string]string `json:",omitempty"`
}

// seek asks others as long as nobody leads.
func (n *Node) seek() {
	tick := time.NewTicker(seekEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-n.ended:
			return
		}
		if n.leaderID() != "" {
			continue
		}
		ask, err := json.Marshal(n.whereabouts())
		if err != nil {
			n.die(err)
			return
		}
		for _, id := range n.voting() {
			if id != n.id.Node {
				n.seekNode(id, ask)
			}
		}
		for _, addr := range n.cfg.Join {
			n.spawn(func() { n.seekAt(addr, ask) })
		}
	}
}

func (n *Node) seekNode(id string, ask []byte) {
	err := n.pool.Call(peer.Call{
		Node: id, Kind: peer.KindFind, Deadline: time.Now().Add(recent), Payload: [][]byte{ask},
		Done: func(reply []byte, _ bool, err error) {
			if err == nil {
				err = n.meet(id, reply)
			}
			n.reach.tried(id, err)
		},
	})
	if err != nil {
		n.reach.tried(id, err)
	}
}

func (n *Node) seekAt(addr string, ask []byte) {
	ctx, cancel := n.untilEnded()
	defer cancel()
	ctx, cancel = context.WithTimeout(ctx, recent)
	defer cancel()
	reply, from, err := peer.Exchange(ctx, n.peers, addr, peer.KindFind, ask)
	if err == nil {
		err = n.meet(from.Node, reply)
	}
	if r := (*peer.Refusal)(nil); errors.As(err, &r) && r.Reason == peer.SameNode {
		err = nil // its own address may be in the list
	}
	n.reach.triedAt(addr, err)
}

// meet notes what another node says of itself and others.
func (n *Node) meet(id string, data []byte) error {
	var w where
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	placed := n.placed()
	for other, addr := range w.Found {
		if said, there := placed[other]; there && other != n.id.Node && other != id {
			n.reach.found(other, addr, said, false)
		}
	}
	if said, there := placed[id]; there {
		n.reach.found(id, w.At, said, true)
	}
	return nil
}

// met is the other side of it.
func (n *Node) met(id string, data []byte) where {
	_ = n.meet(id, data) // what is not understood is not noted
	return n.whereabouts()
}

func (n *Node) whereabouts() where {
	w := where{At: n.hostport(), Found: make(map[string]string)}
	for id, said := range n.placed() {
		if addr, ok := n.reach.address(id, said); ok {
			w.Found[id] = addr
		}
	}
	return w
}

// placed is where nodes are by raft's log, which a node knows before it knows what of it
// was agreed on.
func (n *Node) placed() map[string]string {
	at := make(map[string]string)
	for _, s := range n.servers() {
		if id, hostport, ok := splitAddress(s.Address); ok {
			at[id] = hostport
		}
	}
	return at
}

// found notes where a node is. What it says itself goes before what others say.
func (r *reach) found(id, addr, instead string, itself bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.of == nil {
		r.of = make(map[string]contact)
	}
	c := r.of[id]
	if addr == "" || !itself && c.addr != "" && time.Since(c.answered) < recent {
		return
	}
	c.addr, c.instead = addr, instead
	if itself {
		c.answered, c.err = time.Now(), nil
	}
	r.of[id] = c
}

func (r *reach) tried(id string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.of == nil {
		r.of = make(map[string]contact)
	}
	c := r.of[id]
	c.err = err
	r.of[id] = c
}

func (r *reach) triedAt(addr string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.at == nil {
		r.at = make(map[string]error)
	}
	r.at[addr] = err
}

// address is where a node was found, unless the log has said something new since.
func (r *reach) address(id, said string) (string, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.of[id]
	return c.addr, c.addr != "" && (said == c.instead || said == c.addr)
}

// foundAt is that by this node's log.
func (n *Node) foundAt(id string) (string, bool) { return n.reach.address(id, n.placed()[id]) }

// whyNoLeader says what is missing, and what can be done, for people.
func (n *Node) whyNoLeader() string {
	if leader := n.leaderID(); leader != "" {
		return leader + " leads, and was not reached: wait a moment"
	}
	votes := n.voting()
	if len(votes) == 0 {
		return "there is no other voter that this node knows of: wait a moment"
	}
	there, missing, why, refused := 0, []string(nil), []string(nil), false
	n.reach.mu.Lock()
	for _, id := range votes {
		c := n.reach.of[id]
		if id == n.id.Node || time.Since(c.answered) < recent {
			there++
			continue
		}
		missing = append(missing, id)
		if c.err != nil {
			refused = refused || errors.As(c.err, new(*peer.Refusal))
			why = append(why, fmt.Sprintf("%s: %v", id, c.err))
		}
	}
	for _, addr := range slices.Sorted(maps.Keys(n.reach.at)) {
		if err := n.reach.at[addr]; err != nil {
			why = append(why, fmt.Sprintf("--join %s: %v", addr, err))
		}
	}
	n.reach.mu.Unlock()
	text := fmt.Sprintf("%d of %d voters reachable", there, len(votes))
	needed := len(votes)/2 + 1 - there
	switch {
	case needed <= 0:
		return text + ": one of them is being elected, wait a moment"
	case needed == 1:
		text += "; waiting for " + strings.Join(missing, " or ")
	default:
		text += fmt.Sprintf("; waiting for %d of %s", needed, strings.Join(missing, ", "))
	}
	if len(why) > 0 {
		text += " (" + strings.Join(why, "; ") + ")"
	}
	if len(why) > 0 && !refused { // who refuses says what to do
		text += "; if they are at other addresses now, start this node with --join and the address of one"
	}
	return text
}
