package server

import (
	"bytes"
	"strconv"

	"github.com/leasecache/leasecache/lease"
	"github.com/leasecache/leasecache/protocol"
)

// editor carries out memcached's conditional commands under the key's lock. A
// session has one, for one command at a time.
type editor struct {
	req     *protocol.Request
	at      reading
	maxItem int
	step    func(*editor, *lease.Current) lease.Edit

	result  editResult
	had     int    // length of the value that was there; -1 is none
	number  uint64 // incr, decr, ma
	size    int    // of the value as it is stored now
	expires int64  // of the item as it is now, or where t asks for it
	scratch []byte // what is stored must not alias the store
	tags    []byte
}

// editResult is what a conditional command came to.
type editResult uint8

const (
	editStored editResult = iota
	editNotStored
	editExists
	editNotFound
	editNonNumeric
)

var _ lease.Editor = (*editor)(nil)

func (ed *editor) Edit(cur *lease.Current) lease.Edit {
	ed.had = -1
	if cur.Found {
		ed.had = len(cur.Item.Value)
	}
	return ed.step(ed, cur)
}

func (ed *editor) nothing(r editResult) lease.Edit {
	ed.result = r
	return lease.Edit{}
}

func (ed *editor) put(action lease.Action, it lease.Item) lease.Edit {
	ed.result, ed.size, ed.expires = editStored, len(it.Value), it.Expires
	return lease.Edit{Action: action, Item: it}
}

// sent is the item that the request brings.
func (ed *editor) sent() lease.Item {
	req := ed.req
	it := lease.Item{Flags: req.ClientFlags, Value: req.Body, Expires: ed.at.expiry(req.Exptime)}
	if req.Verb == protocol.VerbMS {
		it.Expires = ed.at.expiry(req.TTL)
		it.CAS = ed.newCAS()
	}
	return it
}

func (ed *editor) newCAS() uint64 {
	if ed.req.HasNewCAS {
		return ed.req.NewCAS
	}
	return 0
}

// storing does cas, append, prepend and ms, whose mode is one of S E R A P, or C
// for a store that compares.
func (ed *editor) storing(cur *lease.Current) lease.Edit {
	req, mode := ed.req, ed.mode()
	if cur.Barred && mode != 'C' {
		// Refused, but its writer has written all the same: see lease.Table.Put.
		edit := ed.put(lease.PutItem, lease.Item{})
		ed.result = editNotStored
		return edit
	}
	matches := req.CompareCAS == 0 || req.CompareCAS == cur.Item.Shown()
	switch {
	case mode == 'S', mode == 'E' && !cur.Found, mode == 'R' && cur.Found:
		return ed.put(lease.PutItem, ed.sent())
	case mode == 'C' && req.CompareCAS == 0:
		// 0 is no version: nothing has it. What only compares when asked to (append,
		// ma) takes it for not asked.
		if cur.Found || cur.Stub != 0 {
			return ed.nothing(editExists)
		}
		return ed.nothing(editNotFound)
	case mode == 'C' && cur.Found && matches:
		return ed.put(lease.PutItem, ed.sent())
	case mode == 'C' && cur.Found && req.MarkStale && req.CompareCAS < cur.Item.Shown():
		// The value is older than what is known to be, but newer than what is there.
		it := ed.sent()
		it.Expires, it.Marked = cur.Item.Expires, true
		return ed.put(lease.PutStale, it)
	case mode == 'C' && cur.Stub != 0 && cur.Stub == req.CompareCAS:
		return ed.put(lease.FillStub, ed.sent())
	case mode == 'C' && (cur.Found || cur.Stub != 0):
		return ed.nothing(editExists)
	case mode == 'C':
		return ed.nothing(editNotFound)
	case mode == 'A' || mode == 'P':
		return ed.joining(cur, mode, matches)
	}
	return ed.nothing(editNotStored)
}

func (ed *editor) mode() byte {
	switch ed.req.Verb {
	case protocol.VerbCAS:
		return 'C'
	case protocol.VerbAppend:
		return 'A'
	case protocol.VerbPrepend:
		return 'P'
	}
	mode := ed.req.Mode
	if ed.req.HasCompareCAS && (mode == 'S' || mode == 'R') {
		return 'C'
	}
	return mode
}

// joining is append and prepend: the old item with a longer value.
func (ed *editor) joining(cur *lease.Current, mode byte, matches bool) lease.Edit {
	req, old := ed.req, &cur.Item
	switch {
	case !cur.Found && req.HasVivify:
		it := ed.sent()
		it.Expires = ed.at.expiry(req.VivifyTTL)
		return ed.put(lease.PutItem, it)
	case !cur.Found, len(old.Value)+len(req.Body) > ed.maxItem:
		return ed.nothing(editNotStored)
	case !matches:
		return ed.nothing(editExists)
	}
	first, second := old.Value, req.Body
	if mode == 'P' {
		first, second = second, first
	}
	ed.scratch = append(append(ed.scratch[:0], first...), second...)
	return ed.put(lease.PutItem, ed.changed(old))
}

// changed is the old item with the value in scratch.
func (ed *editor) changed(old *lease.Item) lease.Item {
	ed.tags = append(ed.tags[:0], old.Tags...)
	return lease.Item{Flags: old.Flags, Expires: old.Expires, Value: ed.scratch, Tags: ed.tags, CAS: ed.newCAS()}
}

// counting does incr, decr and ma.
func (ed *editor) counting(cur *lease.Current) lease.Edit {
	req, old := ed.req, &cur.Item
	if !cur.Found {
		if !req.HasVivify || cur.Barred {
			return ed.nothing(editNotFound)
		}
		ed.number = req.Initial
		ed.scratch = strconv.AppendUint(ed.scratch[:0], ed.number, 10)
		return ed.counted(lease.Item{Value: ed.scratch, CAS: ed.newCAS()}, true)
	}
	if len(old.Value) == 0 {
		return ed.nothing(editNonNumeric)
	}
	if req.CompareCAS != 0 && req.CompareCAS != old.Shown() {
		return ed.nothing(editExists)
	}
	n, ok := protocol.Counter(old.Value)
	if !ok {
		return ed.nothing(editNonNumeric)
	}
	switch {
	case req.Verb == protocol.VerbIncr || (req.Verb == protocol.VerbMA && req.Mode != 'D'):
		n += req.Delta // wraps, as memcached's does
	case req.Delta > n:
		n = 0
	default:
		n -= req.Delta
	}
	ed.number = n
	ed.scratch = strconv.AppendUint(ed.scratch[:0], n, 10)
	// A number that became shorter keeps its room, filled up with blanks.
	for len(ed.scratch) < len(old.Value) {
		ed.scratch = append(ed.scratch, ' ')
	}
	it := ed.changed(old)
	if len(it.Value) == len(old.Value) { // in place: it is the same item still
		it.Marked, it.Fetched = old.Marked, old.Fetched
	}
	return ed.counted(it, false)
}

// counted stores a number. T and N set its time to live in the order in which
// they stand, and t shows what it is where it stands.
func (ed *editor) counted(it lease.Item, created bool) lease.Edit {
	flags, was := ed.req.Echo.Flags, it.Expires
	it.Expires = ed.at.expiresAt(ed.req, flags, was, created)
	edit := ed.put(lease.PutItem, it)
	if i := bytes.IndexByte(flags, 't'); i >= 0 {
		ed.expires = ed.at.expiresAt(ed.req, flags[:i], was, created)
	}
	return edit
}

// removing does md: it deletes, marks as stale, or drops the value.
func (ed *editor) removing(cur *lease.Current) lease.Edit {
	req, old := ed.req, &cur.Item
	switch {
	case !cur.Found && cur.Stub == 0:
		ed.result = editNotFound
		return lease.Edit{Action: lease.Remove}
	case req.HasCompareCAS && !(cur.Found && req.CompareCAS == old.Shown()) && (cur.Stub == 0 || req.CompareCAS != cur.Stub):
		return ed.nothing(editExists)
	case cur.Found && req.DropValue:
		it := lease.Item{Flags: req.ClientFlags, CAS: old.Shown(), Marked: req.MarkStale}
		if req.HasTTL {
			it.Expires = ed.at.expiry(req.TTL)
		}
		if req.HasNewCAS || req.MarkStale {
			it.CAS = ed.newCAS()
		}
		return ed.put(lease.PutItem, it)
	case cur.Found && req.MarkStale:
		it := *old
		it.Marked, it.CAS = true, ed.newCAS()
		if req.HasTTL {
			it.Expires = ed.at.expiry(req.TTL)
		}
		return ed.put(lease.SetHead, it)
	}
	ed.result = editStored
	return lease.Edit{Action: lease.Remove}
}
