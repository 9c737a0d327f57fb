package lease

// Sight is what plain commands make of an item that the Store has.
type Sight uint8

const (
	Seen   Sight = iota
	Hidden       // the key is quarantined or in doubt, or the value is kept for who accepts stale; also one from before the shard was opened
	Gone         // a tag or a flush voided it, or its time as a stale copy is over
)

// Sight judges an item for somebody who goes through the Store and is no reader:
// it changes nothing there. Advance(now) was called before; otherwise what runs
// out just now would be answered, which reads the Store.
func (t *Table) Sight(now int64, key []byte, it *Item) Sight {
	t.tick(now)
	switch {
	case t.barred(t.settled(now, key), now):
		return Hidden
	case it.Version < t.since:
		return Hidden
	case t.over(now, it):
		return Gone
	case it.StaleUntil != 0:
		return Hidden
	}
	return Seen
}
