package lease

// tagTable remembers when tags of one shard were bumped.
//
// There are no counters. A bump takes a token; an item or a fill is void if any
// of its tags was bumped above its lease's token. So a tag bumped while the
// value was being read refuses the fill, though the lease named no tags (A12):
//
//	1 R takes T3 and reads the row. 2 tag x is bumped: T4. 3 R fills with T3 and tag x: refused.
//
// The table is bounded: forgetting a bump raises the floor to it, and tagged
// items below the floor are void. A flush is a tag that every item has.
type tagTable struct {
	max     int
	bumps   map[string]*bump
	oldest  *bump
	latest  *bump
	floor   Token // newest bump that was forgotten
	flushed Token // newest flush
	flushAt int64 // when a delayed flush takes place; 0 is none
	rises   uint64
}

// bump is one tag's newest bump, in a list from the oldest to the latest.
type bump struct {
	tag        string
	token      Token
	prev, next *bump
}

func newTagTable(limit int) tagTable {
	return tagTable{max: max(limit, 1), bumps: make(map[string]*bump)}
}

// void reports whether something of this version with these tags was bumped or
// flushed since. Tags are looked up only if the shard saw a bump above it.
func (g *tagTable) void(version Token, tags []byte) bool {
	if version < g.flushed {
		return true
	}
	if len(tags) == 0 || g.latest == nil || version > g.latest.token {
		return false
	}
	if version < g.floor {
		return true
	}
	for len(tags) > 0 {
		var tag []byte
		tag, tags = nextTag(tags)
		if b := g.bumps[string(tag)]; b != nil && version < b.token {
			return true
		}
	}
	return false
}

func (g *tagTable) bump(tag []byte, token Token) {
	b := g.bumps[string(tag)]
	if b == nil {
		if len(g.bumps) >= g.max {
			g.floor = g.oldest.token
			g.rises++
			delete(g.bumps, g.oldest.tag)
			g.unlink(g.oldest)
		}
		b = &bump{tag: string(tag)}
		g.bumps[b.tag] = b
	} else {
		g.unlink(b)
	}
	b.token, b.prev, b.next = token, g.latest, nil
	if g.latest != nil {
		g.latest.next = b
	} else {
		g.oldest = b
	}
	g.latest = b
}

func (g *tagTable) unlink(b *bump) {
	if b.prev != nil {
		b.prev.next = b.next
	} else {
		g.oldest = b.next
	}
	if b.next != nil {
		b.next.prev = b.prev
	} else {
		g.latest = b.prev
	}
}

// AppendTag appends a tag of 1 to 255 bytes to a list as Item.Tags holds it.
func AppendTag(list, tag []byte) []byte {
	list = append(list, byte(len(tag)))
	return append(list, tag...)
}

// Tags returns the tags of a list.
func Tags(list []byte) [][]byte {
	var tags [][]byte
	for len(list) > 0 {
		var tag []byte
		tag, list = nextTag(list)
		tags = append(tags, tag)
	}
	return tags
}

func nextTag(list []byte) (tag, rest []byte) {
	n := 1 + int(list[0])
	return list[1:n], list[n:]
}

// BumpTag makes void every item of the shard that has the tag.
func (t *Table) BumpTag(now int64, tag []byte) Token {
	t.tick(now)
	token := t.tokens.Next()
	t.tags.bump(tag, token)
	return token
}

// TagFloor returns the newest bump that was forgotten for want of memory: tagged
// items below it are void.
func (t *Table) TagFloor() Token { return t.tags.floor }

// Flush makes void every item of the shard, now or at a later time; intents and
// doubts stay. A flush replaces one that is still to come.
func (t *Table) Flush(now, at int64) {
	t.tick(now)
	if at > now {
		t.tags.flushAt = at
		return
	}
	t.flush(now)
}

// flush voids values and, as their fills would be refused, leases. Who waited
// for one is put before the read table again.
func (t *Table) flush(now int64) {
	t.tags.flushAt = 0
	t.tags.flushed = t.tokens.Next()
	t.reconsiderAll(now)
}
