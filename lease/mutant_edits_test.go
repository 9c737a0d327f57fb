//go:build !race

package lease

// mutantEdit plants bugs: in file, old, which must stand there exactly once,
// becomes new. planted("…") is true while the mutant of that name is on.
type mutantEdit struct{ file, old, new string }

var mutantEdits = []mutantEdit{
	// Intents.
	{
		"intent.go",
		"	e.intents = append(e.intents, intent{",
		`	if planted("H1: an intent hands the lease on, then it is added") {
			t.voidLease(now, e, token)
			t.reconsider(now, e)
			token = t.tokens.Next()
		}
		e.intents = append(e.intents, intent{`,
	},
	{
		"intent.go",
		"	t.voidLease(now, e, token)\n	t.store.Delete(hash, key)\n	t.reconsider(now, e)",
		`	if !planted("H1: an intent hands the lease on, then it is added") && !planted("an intent voids no lease") {
			t.voidLease(now, e, token)
		}
		if !planted("an intent leaves the value") {
			t.store.Delete(hash, key)
		}
		t.reconsider(now, e)`,
	},
	{
		"intent.go", "len(nonce) > 0 {",
		`len(nonce) > 0 && !planted("U1: a nonce is not looked for") {`,
	},
	{
		"intent.go", "len(nonce) > 0 && in.nonce == string(nonce)",
		`(len(nonce) > 0 || planted("B7: an empty nonce names an intent")) && in.nonce == string(nonce)`,
	},
	{
		"intent.go", "if in.kind != kind || in.length != length {",
		`if (in.kind != kind || in.length != length) && !planted("R11: a nonce with other flags is taken") {`,
	},
	{
		"intent.go",
		"e.intents = append(e.intents[:i], e.intents[i+1:]...)",
		`if planted("B7: the end of one intent ends all of the key") {
			t.intents -= len(e.intents) - 1
			e.intents = e.intents[:0]
		} else {
			e.intents = append(e.intents[:i], e.intents[i+1:]...)
		}`,
	},
	{
		"intent.go",
		"	t.store.Delete(hash, key)\n	t.void(now, e)\n	return NotKnown",
		`	if !planted("an end that names no intent does nothing") {
			t.store.Delete(hash, key)
			t.void(now, e)
		}
		return NotKnown`,
	},
	{
		"intent.go", "			t.voidLease(now, e, t.tokens.Next())\n",
		`	if !planted("U4: a late end leaves the doubt lease") {
			t.voidLease(now, e, t.tokens.Next())
		}
		`,
	},
	{
		"intent.go", "if in.kind == Fenced {",
		`if (in.kind == Fenced && !planted("a fenced intent that runs out is simply over")) ||
			(in.kind == Bounded && planted("R14: a bounded intent that runs out is in doubt")) {`,
	},
	{
		"intent.go", "	until := t.closedUntil\n	if e != nil {",
		`	until := t.closedUntil
		if e != nil && !planted("an intent bars nobody") {`,
	},

	// Doubt.
	{"doubt.go", "if d.token >= token {", `if d.token >= token && !planted("H2: a fence clears every doubt of a key") {`},
	{
		"doubt.go", "t.doubtBelow != 0 && token >= t.doubtBelow",
		`t.doubtBelow != 0 && (token >= t.doubtBelow || planted("H2: a fence clears the shard's doubt wherever it is"))`,
	},
	{
		"doubt.go", "		t.doubtBelow = max(t.doubtBelow, in.token+1)\n		return",
		`		if !planted("C2: a doubt beyond the memory for doubts is dropped") {
				t.doubtBelow = max(t.doubtBelow, in.token+1)
			}
			return`,
	},
	{
		"doubt.go", "t.doubtBelow = max(t.doubtBelow, e.newestDoubt()+1)",
		`if !planted("C2: folded doubts of other keys are dropped") {
			t.doubtBelow = max(t.doubtBelow, e.newestDoubt()+1)
		}`,
	},
	{"fill.go", "if e.lease.doubt && !fenced {", `if e.lease.doubt && !fenced && !planted("H3: a doubt lease is filled without D") {`},
	{"table.go", "doubtBelow:  start.DoubtBelow,", `doubtBelow:  map[bool]Token{false: start.DoubtBelow}[planted("H4: a start ignores what is in doubt")],`},
	{"table.go", "closedUntil: start.ClosedUntil,", `closedUntil: map[bool]int64{false: start.ClosedUntil}[planted("H12: a start ignores that the shard is closed")],`},
	{"read.go", "	if t.inDoubt(e) {\n		switch {", `	if t.inDoubt(e) && !planted("doubt bars nobody") {
		switch {`},
	{"read.go", "grant(now, e, hash, key, q, true)", `grant(now, e, hash, key, q, !planted("in doubt a lease is plain"))`},
	{"read.go", "		case q.CanFence:", `		case q.CanFence || planted("in doubt also who cannot fence gets a lease"):`},
	{"fill.go", "	case t.inDoubt(e):", `	case t.inDoubt(e) && !planted("a fill is not refused in doubt"):`},

	// Fills and voids.
	{
		"fill.go", "	case token == e.lease.token:",
		`	case token == e.lease.token || (planted("a late fill is taken after a newer grant") && token > e.void) ||
			planted("no fill looks for its lease"):`,
	},
	{"fill.go", "case token.Epoch() != t.Epoch():", `case token.Epoch() != t.Epoch() && !planted("H13: an epoch is not looked at"):`},
	{"fill.go", "case t.quarantinedUntil(e, now) > now:", `case t.quarantinedUntil(e, now) > now && !planted("a fill is not refused under an intent"):`},
	{
		"fill.go", "	t.endLease(now, e, token)\n	return reason",
		`	if reason != Stored || !planted("U10: a lease that was filled stays") {
			t.endLease(now, e, token)
		}
		return reason`,
	},
	{
		"fill.go", "	t.dropLease(e)\n	t.reconsider(now, e)\n",
		`	t.dropLease(e)
		if !planted("who waits is not told of a fill") {
			t.reconsider(now, e)
		}
		`,
	},
	{
		"void.go", "	t.stats.Invalidated++\n	return t.void(now, e)",
		`	t.stats.Invalidated++
		if planted("A1: an invalidation does not void the lease") {
			return t.tokens.Next()
		}
		return t.void(now, e)`,
	},
	{
		"void.go", "		t.voidLease(now, e, item.Version)\n",
		`		if !planted("a plain store does not void the lease") {
				t.voidLease(now, e, item.Version)
			}
		`,
	},
	{"void.go", "	if t.barred(e, now) {", `	if t.barred(e, now) && !planted("H16: a plain store is stored in doubt") {`},
	{
		"void.go", "		t.store.Delete(hash, key)\n		t.void(now, e)\n		return 0, nil",
		`		if !planted("a plain store that is refused does nothing") {
				t.store.Delete(hash, key)
				t.void(now, e)
			}
			return 0, nil`,
	},
	{
		"void.go", "	t.store.Delete(hash, key)\n	t.void(now, e)\n	return found",
		`	t.store.Delete(hash, key)
		if !planted("a plain delete does not void the lease") {
			t.void(now, e)
		}
		return found`,
	},

	// Tags and flushes.
	{
		"fill.go", "case t.tags.void(token, tags):",
		`case t.tags.void(token, tags) && !planted("A12: a fill looks at no tags and no flush") &&
			!(planted("A12: tags are compared with the newest token, not the lease's") && !t.tags.void(t.tokens.Last(), tags)):`,
	},
	{
		"read.go", "t.tags.void(it.Version, it.Tags)",
		`(t.tags.void(it.Version, it.Tags) && !planted("a hit looks at no tags and no flush"))`,
	},
	{
		"tags.go", "g.floor = g.oldest.token",
		`if !planted("a forgotten tag does not raise the floor") {
			g.floor = g.oldest.token
		}`,
	},
	{
		"tags.go", "		g.unlink(b)\n	}",
		`		if planted("a tag bumped again keeps its first token") {
				return
			}
			g.unlink(b)
		}`,
	},
	{
		"tags.go", "	t.reconsiderAll(now)\n",
		`	if !planted("who waits is not told of a flush") {
			t.reconsiderAll(now)
		}
		`,
	},

	// Stale copies.
	{"void.go", "if keepStale > 0 && !t.barred(e, now) {", `if keepStale > 0 && (!t.barred(e, now) || planted("a stale copy is kept of what doubt hides")) {`},
	{"read.go", "(it.StaleUntil != 0 && now >= it.StaleUntil)", `(it.StaleUntil != 0 && now >= it.StaleUntil && !planted("a stale copy has no end"))`},
	{
		"void.go", "			if it.Expires != 0 {",
		`			if planted("a stale copy outlives the value's own time") {
				it.Expires = 0
			}
			if it.Expires != 0 {`,
	},
	{"read.go", "(!it.stale() || q.StaleOK)", `(it.StaleUntil == 0 || q.StaleOK || planted("R18: a stale copy for everybody"))`},
	{"read.go", "return it, ok && it.StaleUntil == 0", `return it, ok && (it.StaleUntil == 0 || planted("R18: a stale copy for plain commands"))`},

	// Time, memory, epochs.
	{
		"read.go", "			e.unpark(t, i)\n",
		`			if planted("a reader who hung up is given the lease") {
				t.stats.Parked--
			} else {
				e.unpark(t, i)
			}
			`,
	},
	{"table.go", "		t.dropLease(e)\n		e.void = 0\n		if len(e.waiters) == 0 {", `		if !planted("leases outlive a raise of the epoch") {
			t.dropLease(e)
			e.void = 0
		}
		if len(e.waiters) == 0 {`},
	{"doubt.go", "	t.Advance(now)\n", `	if !planted("a fence passes over what ran out unseen") {
		t.Advance(now)
	}
	`},
	{"table.go", "			t.leased.pushBack(e)\n", `			if planted("a few waiting readers keep every lease") {
				break
			}
			t.leased.pushBack(e)
	`},
	{"table.go", "t.leased.len > t.limits.Leases && seen < look", `t.leased.len > t.limits.Leases && seen < look && !planted("the memory of leases has no end")`},
	{"intent.go", "if t.intents >= t.limits.Intents {", `if t.intents >= t.limits.Intents && !planted("C2: the memory of intents has no end") {`},
}
