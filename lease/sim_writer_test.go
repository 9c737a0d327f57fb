package lease

import "strconv"

// write starts a write as the key's level has it.
func (s *sim) write(k *simKey) {
	switch k.level {
	case intentLevel:
		w := &simWriter{s: s, keys: []*simKey{k}, bounded: s.rng.IntN(4) < s.bounds, length: s.length(8)}
		if other := s.key(); other != k && other.level == intentLevel && s.one(3) {
			w.keys = append(w.keys, other)
		}
		w.start()
	case leaseLevel:
		k.version++
		s.say("write %s: version %d", k.name, k.version)
		s.later("write of "+k.name+" done", func() { k.void(s, "") })
	case plainLevel:
		s.plain(k)
	}
}

// simWriter is a writer with an intent on every key that it writes, in one
// transaction.
type simWriter struct {
	s       *sim
	keys    []*simKey
	bounded bool
	length  int64
	bound   int64 // the source ends the transaction then
	tokens  []Token
	nonces  []string
	latest  int64 // when the first of its intents runs out
}

// margin is what lies between the end of a bounded writer's transaction and the
// end of its intent.
const margin = second / 2

func (w *simWriter) start() {
	w.tokens = make([]Token, len(w.keys))
	w.nonces = make([]string, len(w.keys))
	if w.bounded {
		w.length += margin
		// The source acknowledged the timeout before lw is sent.
		w.bound = w.s.now + w.length - margin
	}
	for i := range w.keys {
		if w.s.one(2) {
			w.nonces[i] = strconv.FormatUint(w.s.rng.Uint64(), 36)
		}
		w.ask(i)
	}
}

// ask sends an lw; its answer may be lost, and with a nonce it is asked again.
func (w *simWriter) ask(i int) {
	s, k := w.s, w.keys[i]
	kind := Fenced
	if w.bounded {
		kind = Bounded
	}
	s.send("lw "+k.name, func() {
		// The note is durable before the intent is added.
		if w.bounded {
			s.keeper.bound = max(s.keeper.bound, w.length)
		} else {
			s.keeper.noted = true
		}
		t, left, err := s.table.Begin(s.clock(), 0, []byte(k.name), kind, w.length, []byte(w.nonces[i]))
		if err != nil {
			s.saw("intent refused")
			return
		}
		if left <= 0 || left > w.length+second/5 {
			s.fail("an intent of %d has %d left", w.length, left)
		}
		if t > s.newest {
			s.fresh(t)
		} else {
			s.saw("nonce used again")
			if w.nonces[i] == "" {
				s.fail("intent %s was given twice", show(t))
			}
		}
		k.staleUntil = 0
		s.say("  %s: intent %s", k.name, show(t))
		until := s.now + left
		s.send("HD "+show(t)+" arrives", func() { w.answered(i, t, until) })
		if w.nonces[i] != "" && s.one(4) {
			w.ask(i)
		}
	})
}

// answered goes on when every key has its intent. Only the first answer of each
// lw counts: what a message that came twice made is nobody's, and runs out.
func (w *simWriter) answered(i int, t Token, until int64) {
	if w.tokens[i] != 0 {
		return
	}
	w.tokens[i] = t
	if w.latest == 0 || until < w.latest {
		w.latest = until
	}
	for _, t := range w.tokens {
		if t == 0 {
			return
		}
	}
	w.s.later("COMMIT of "+show(t), w.commit)
}

// admitted is the check that the writer's transaction makes: the fence against
// the smallest of its tokens, or its own timeout.
func (w *simWriter) admitted() bool {
	if w.bounded {
		return w.s.now < w.bound
	}
	least := w.tokens[0]
	for _, t := range w.tokens {
		least = min(least, t)
	}
	return w.s.fence <= least
}

func (w *simWriter) commit() {
	s := w.s
	switch {
	case s.one(10):
		s.say("a writer dies before its COMMIT")
		return
	case !w.admitted():
		s.say("  refused by the source")
		if w.bounded {
			s.saw("bounded too late")
		} else {
			s.saw("commit fenced off")
		}
		w.end("la")
		return
	case s.one(10):
		w.end("la") // it rolls back
		return
	case s.one(5):
		// The answer to COMMIT is lost: the intent is not ended.
		s.saw("unknown outcome")
		s.later("COMMIT of unknown outcome", func() {
			if w.admitted() {
				s.saw("unknown outcome commits")
				w.apply()
			}
		})
		return
	}
	w.apply()
	if s.one(10) {
		s.say("a writer dies after its COMMIT")
		return
	}
	w.end("lc")
}

func (w *simWriter) apply() {
	w.s.saw("commit")
	if w.s.now > w.latest {
		w.s.saw("commit after the deadline")
	}
	for _, k := range w.keys {
		k.version++
		k.floor = k.version // from now on nobody may see less
		w.s.say("  %s is version %d", k.name, k.version)
	}
}

func (w *simWriter) end(verb string) {
	s := w.s
	for i, k := range w.keys {
		t := w.tokens[i]
		if nonce := w.nonces[i]; nonce != "" && verb == "la" && s.one(2) {
			s.send("la "+k.name+" by nonce", func() {
				w.ended(k, s.table.EndNonce(s.clock(), 0, []byte(k.name), []byte(nonce)))
			})
			continue
		}
		s.send(verb+" "+k.name+" "+show(t), func() {
			w.ended(k, s.table.End(s.clock(), 0, []byte(k.name), t))
		})
	}
}

func (w *simWriter) ended(k *simKey, o Outcome) {
	switch o {
	case EndedLate:
		w.s.saw("ended late")
	case NotKnown:
		w.s.saw("ended unknown")
		k.voided()
	}
}

// endUnknown is an la with the token of a lease that is gone.
func (s *sim) endUnknown(k *simKey, t Token) {
	if o := s.table.End(s.clock(), 0, []byte(k.name), t); o != NotKnown {
		s.fail("lease %s ended an intent", show(t))
	}
	k.voided()
}

// voided is told when an invalidation takes effect: nobody may see what the row
// was before.
func (k *simKey) voided() {
	k.floor = k.version
	k.staleUntil = 0
}

// void sends an invalidation, until it is acknowledged. how is the verb, or ""
// for any that reaches the key.
func (k *simKey) void(s *sim, how string) {
	if how == "" {
		how = []string{"ld", "delete", "lt", "flush"}[s.rng.IntN(4)]
		if how == "lt" && k.tag == "" {
			how = "ld"
		}
	}
	name := []byte(k.name)
	switch how {
	case "ld":
		keep := int64(0)
		if s.one(2) {
			keep = s.length(10)
		}
		s.send("ld "+k.name, func() {
			now := s.clock()
			until, before := k.stale(s, now, keep), s.newest
			s.above(before, s.table.Invalidate(now, 0, name, keep))
			k.voided()
			k.staleUntil = until
		})
	case "delete":
		s.send("delete "+k.name, func() {
			s.table.Delete(s.clock(), 0, name)
			k.voided()
		})
	case "lt":
		s.bump(k.tag)
	case "flush":
		s.send("flush", func() {
			s.table.Flush(s.clock(), 0)
			for _, other := range s.keys {
				other.voided()
			}
		})
	}
}

// bump sends an lt.
func (s *sim) bump(tag string) {
	s.send("lt "+tag, func() {
		s.fresh(s.table.BumpTag(s.clock(), []byte(tag)))
		for _, k := range s.keys {
			if k.tag == tag {
				k.voided()
			}
		}
	})
}

// stale returns until when a stale copy may be shown after an ld that keeps one.
func (k *simKey) stale(s *sim, now, keep int64) int64 {
	e := s.table.settled(now, []byte(k.name))
	it, ok := s.store.Peek(0, []byte(k.name), now)
	if keep == 0 || !ok || s.table.barred(e, now) || s.table.tags.void(it.Version, it.Tags) {
		return 0
	}
	if it.StaleUntil != 0 && k.staleUntil <= now {
		return 0
	}
	if it.Expires != 0 {
		return min(now+keep, it.Expires)
	}
	return now + keep
}

// plain writes the row and stores it at one moment, so that no other plain
// store comes between and only leases can be wrong about the key.
func (s *sim) plain(k *simKey) {
	k.version++
	mode := Mode(s.rng.IntN(3))
	s.say("write and store %s: version %d, mode %d", k.name, k.version, mode)
	s.store.refuse = s.one(10)
	item := Item{Value: []byte(strconv.Itoa(k.version)), Expires: s.expiry(), CAS: uint64(s.rng.IntN(3))}
	if k.tag != "" {
		item.Tags = AppendTag(nil, []byte(k.tag))
	}
	now, before := s.clock(), s.newest
	barred := s.table.barred(s.table.settled(now, []byte(k.name)), now)
	version, err := s.table.Put(now, 0, []byte(k.name), mode, item)
	s.store.refuse = false
	if version != 0 {
		s.above(before, version)
	}
	// What is not stored because of doubt has still been written.
	if barred || version != 0 || err != nil || mode == Set {
		k.voided()
	}
}
