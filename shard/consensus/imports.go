package consensus

import (
	"encoding/binary"
	"errors"
	"sync"

	"github.com/leasecache/leasecache/shard"
	"github.com/leasecache/leasecache/shard/control"
)

const (
	// maxImport is the longest that one shard's former owner may hand over, maxImports
	// what is kept of all shards. What is more stays where it is.
	maxImport  = 16 << 20
	maxImports = 64 << 20
	// importPart goes in one frame.
	importPart = 256 << 10
)

// transfer names a planned move: one Plan plans those of many shards under one id.
type transfer struct {
	shard shard.ID
	id    uint64
}

// imports is what former owners have handed over to this node, apart from the shards
// until the State says what becomes of each transfer (R6):
//
//	1 x moves from A to B, and back to A at once, which lags behind. 2 A takes what B
//	hands over. 3 A applies the first move: "x is B's, drop all of x". 4 A applies the
//	second. Had it dropped in 3 what came in 2, it would serve x without its intents.
//
// Only the State forgets one: when it shows another transfer, or none, where this one
// was; or the end of the session that it was for. mu is held by who brings a part and by
// the agent; neither blocks under it.
//
// A part and the end of its session cannot miss each other:
//
//	1 A part for session 7 arrives: 7 is this node's by the State. 2 7 runs out by this
//	node's clocks; the agent says so here: over is 7, and what was for it is gone.
//	3 The part is to be put down. over says no: were it kept, who asks would be told that
//	it is here, and nobody would look for it again.
type imports struct {
	mu   sync.Mutex
	over shard.Session // it and those before it are over by this node's own clocks
	held map[transfer]*imported
	size int
}

type imported struct {
	to    shard.Session
	total int
	data  []byte
}

func (h *imported) complete() bool { return len(h.data) == h.total }

// part is what goes in one frame: a piece of what is handed over or, if total is 0, the
// question whether this node is ready for it.
type part struct {
	of            transfer
	to            shard.Session
	total, offset int
	data          []byte
}

const (
	partForm = 1
	partHead = 1 + 4 + 8 + 8 + 4 + 4
)

func (p *part) payload() [][]byte {
	b := make([]byte, 0, partHead)
	b = append(b, partForm)
	b = binary.BigEndian.AppendUint32(b, uint32(p.of.shard))
	b = binary.BigEndian.AppendUint64(b, p.of.id)
	b = binary.BigEndian.AppendUint64(b, uint64(p.to))
	b = binary.BigEndian.AppendUint32(b, uint32(p.total))
	b = binary.BigEndian.AppendUint32(b, uint32(p.offset))
	return [][]byte{b, p.data}
}

var errPart = errors.New("what is handed over is not understood: run the same release on all nodes")

func readPart(b []byte) (part, error) {
	if len(b) < partHead || b[0] != partForm {
		return part{}, errPart
	}
	p := part{
		of:    transfer{shard.ID(binary.BigEndian.Uint32(b[1:])), binary.BigEndian.Uint64(b[5:])},
		to:    shard.Session(binary.BigEndian.Uint64(b[13:])),
		total: int(binary.BigEndian.Uint32(b[21:])), offset: int(binary.BigEndian.Uint32(b[25:])),
		data: b[partHead:],
	}
	if p.total > maxImport || p.offset+len(p.data) > p.total || p.total > 0 && len(p.data) == 0 {
		return part{}, errPart
	}
	return p, nil
}

// verdict is what the receiver says to a part, with a reason if it refuses.
type verdict byte

const (
	taken    verdict = 1 + iota // and go on
	complete                    // all is here, and stays until the State says otherwise
	later                       // this node has not followed the State so far
	refused                     // for this transfer for ever
)

// handed is told of a part, by the reader of a connection.
func (n *Node) handed(payload []byte) (verdict, string) {
	p, err := readPart(payload)
	if err != nil {
		return refused, err.Error()
	}
	v, why := taken, ""
	n.fsm.view(func(st *control.State) { v, why = n.expected(st, &p) })
	if v != taken {
		return v, why
	}
	return n.imports.take(&p)
}

// expected says whether the State has this node wait for a part. What is of no transfer
// that is under way is refused, and so is what is for a shard that was served here since
// (R15).
func (n *Node) expected(st *control.State, p *part) (verdict, string) {
	switch {
	case st.Index < p.of.id:
		return later, ""
	case int(p.of.shard) >= len(st.Shards):
		return refused, "there is no such shard"
	case st.Shards[p.of.shard].Transfer != control.Transfer{ID: p.of.id, To: p.to}:
		return refused, "the move is over, or was never planned"
	case st.Sessions[p.to].Node != n.id.Node:
		return refused, "it is to go to another node"
	}
	return taken, ""
}

func (i *imports) take(p *part) (verdict, string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	switch {
	case p.to <= i.over:
		return refused, "the session that it is for is over"
	case i.size+len(p.data) > maxImports:
		return refused, "this node holds as much as it can for other shards"
	case p.total == 0:
		return taken, ""
	}
	h := i.held[p.of]
	if h != nil && h.complete() {
		return complete, "" // a copy
	}
	if p.offset == 0 {
		// The first, or the sender begins again as he lost an answer.
		i.drop(p.of)
		h = &imported{to: p.to, total: p.total}
		if i.held == nil {
			i.held = make(map[transfer]*imported)
		}
		i.held[p.of] = h
	}
	switch {
	case h == nil || h.total != p.total || p.offset > len(h.data):
		return refused, "a part is missing"
	case p.offset+len(p.data) > len(h.data):
		news := p.data[len(h.data)-p.offset:]
		h.data = append(h.data, news...)
		i.size += len(news)
	}
	if h.complete() {
		return complete, ""
	}
	return taken, ""
}

// drop forgets one; mu is held.
func (i *imports) drop(t transfer) {
	if h := i.held[t]; h != nil {
		i.size -= len(h.data)
		delete(i.held, t)
	}
}

// holds says whether a transfer of a session is here complete.
func (i *imports) holds(t transfer, to shard.Session) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	h := i.held[t]
	return h != nil && h.to == to && h.complete()
}

// adopt takes a transfer out, for the shard to be opened with: once.
func (i *imports) adopt(t transfer) []byte {
	i.mu.Lock()
	defer i.mu.Unlock()
	h := i.held[t]
	if h == nil || !h.complete() {
		return nil
	}
	i.drop(t)
	return h.data
}

// sweep forgets what the State has no use for any more.
func (i *imports) sweep(st *control.State) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for t, h := range i.held {
		s := &st.Shards[t.shard]
		underWay := s.Transfer == control.Transfer{ID: t.id, To: h.to}
		ours := s.Via == t.id && s.Session == h.to
		if !underWay && !ours {
			i.drop(t)
		}
	}
}

// lapse forgets what was for a session that is over.
func (i *imports) lapse(s shard.Session) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.over = max(i.over, s)
	for t, h := range i.held {
		if h.to <= i.over {
			i.drop(t)
		}
	}
}
