package peer

// Batch is calls that one thread makes one after the other, and which then go out
// together: it writes them itself, where that needs no waiting, instead of waking up
// the connection's goroutine for each. The zero Batch is empty. One thread uses it, and
// does not sleep before it has called Flush.
type Batch struct{ conns []*conn }

// add has the connection written by Flush.
func (b *Batch) add(c *conn) {
	for _, has := range b.conns {
		if has == c {
			return
		}
	}
	b.conns = append(b.conns, c)
}

// Flush sends what was asked for. It does not block.
func (b *Batch) Flush() {
	for i, c := range b.conns {
		c.push()
		b.conns[i] = nil
	}
	b.conns = b.conns[:0]
}
