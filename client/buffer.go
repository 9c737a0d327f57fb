package client

import "sync"

// Requests are written into buffers of their own, by the caller's goroutine, and
// copied from there to the connection.

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 512); return &b }}

func getBuffer() []byte { return (*buffers.Get().(*[]byte))[:0] }

func putBuffer(b []byte) {
	if cap(b) == 0 || cap(b) > 64<<10 {
		return
	}
	buffers.Put(&b)
}
