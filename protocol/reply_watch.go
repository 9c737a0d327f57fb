package protocol

import (
	"strconv"
	"time"
)

// WatchKind says what a line of watch tells.
type WatchKind uint8

const (
	WatchGet       WatchKind = iota // of fetchers
	WatchStore                      // of mutations
	WatchEviction                   // of evictions
	WatchDeletion                   // of deletions
	WatchConnNew                    // of connevents
	WatchConnClose                  // of connevents
)

// WatchEvent is one line of watch. Which fields a kind shows is said behind
// them; the others are ignored.
type WatchEvent struct {
	Kind WatchKind
	At   time.Time
	GID  uint64 // counts the events of this server

	Key     []byte // all but connections
	Status  string // get: found not_found flushed expired; store: stored not_stored exists not_found too_large no_memory
	Command string // store: set add replace append prepend cas; deletion: delete md
	TTL     int64  // store: 0 for ever; eviction: -1 for ever; seconds
	Idle    int64  // eviction: seconds since it was read
	Fetched bool   // eviction
	Class   uint32 // of its slab: all but connections
	Conn    int64  // get store and connections: a number of the connection
	Size    int    // of the value: all but connections

	Addr      string // connections: the peer's, "unix" for a socket file
	Port      uint16 // connections
	Transport string // connections: tcp local
	Reason    string // close: normal error idle_timeout shutdown
}

// AppendWatch appends the event's line. Watching begins with LineOK.
func AppendWatch(dst []byte, w *WatchEvent) []byte {
	dst = strconv.AppendInt(append(dst, "ts="...), w.At.Unix(), 10)
	dst = strconv.AppendInt(append(dst, '.'), int64(w.At.Nanosecond()/1000), 10)
	dst = strconv.AppendUint(append(dst, " gid="...), w.GID, 10)
	dst = append(dst, " type="...)
	switch w.Kind {
	case WatchGet:
		dst = appendPair(w.appendKey(append(dst, "item_get"...)), "status", w.Status)
		dst = w.appendClass(dst)
		dst = w.appendSize(appendCount(dst, "cfd", w.Conn))
	case WatchStore:
		dst = appendPair(w.appendKey(append(dst, "item_store"...)), "status", w.Status)
		dst = appendCount(appendPair(dst, "cmd", w.Command), "ttl", w.TTL)
		dst = w.appendClass(dst)
		dst = w.appendSize(appendCount(dst, "cfd", w.Conn))
	case WatchEviction:
		dst = appendPair(w.appendKey(append(dst, "eviction"...)), "fetch", yesNo(w.Fetched))
		dst = appendCount(appendCount(dst, "ttl", w.TTL), "la", w.Idle)
		dst = w.appendSize(w.appendClass(dst))
	case WatchDeletion:
		dst = appendPair(w.appendKey(append(dst, "deleted"...)), "cmd", w.Command)
		dst = w.appendSize(w.appendClass(dst))
	case WatchConnNew:
		dst = appendCount(w.appendPeer(append(dst, "conn_new"...)), "cfd", w.Conn)
	case WatchConnClose:
		dst = appendPair(w.appendPeer(append(dst, "conn_close"...)), "reason", w.Reason)
		dst = appendCount(dst, "cfd", w.Conn)
	}
	return append(dst, '\n')
}

// AppendWatchSkipped tells how many lines a watcher missed that reads too
// slowly.
func AppendWatchSkipped(dst []byte, n uint64) []byte {
	return append(strconv.AppendUint(append(dst, "skipped="...), n, 10), '\n')
}

func (w *WatchEvent) appendKey(dst []byte) []byte   { return appendURI(append(dst, " key="...), w.Key) }
func (w *WatchEvent) appendClass(dst []byte) []byte { return appendCount(dst, "clsid", int64(w.Class)) }
func (w *WatchEvent) appendSize(dst []byte) []byte  { return appendCount(dst, "size", int64(w.Size)) }

func (w *WatchEvent) appendPeer(dst []byte) []byte {
	dst = appendCount(appendPair(dst, "rip", w.Addr), "rport", int64(w.Port))
	return appendPair(dst, "transport", w.Transport)
}

func appendPair(dst []byte, name, value string) []byte {
	return append(append(append(append(dst, ' '), name...), '='), value...)
}

func appendCount(dst []byte, name string, n int64) []byte {
	return strconv.AppendInt(append(append(append(dst, ' '), name...), '='), n, 10)
}
