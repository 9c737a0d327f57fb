//go:build !race

package control

// mutantEdit plants a bug: in file, old, which must stand there exactly once, becomes
// new. planted("…") is true while the mutant of that name is on. What a caller of the
// package has to keep to is planted in the simulation's files, which are the callers.
type mutantEdit struct{ file, old, new string }

var mutantEdits = []mutantEdit{
	// Two clocks, two questions.
	{
		"time.go", "return now.Mono < d.Mono && now.Wall < d.Wall",
		`return now.Mono < d.Mono && (now.Wall < d.Wall || planted("U8: who holds asks the monotonic clock alone"))`,
	},
	{
		"sim_proc_test.go", "for _, e := range p.grantor.Duties(p.read().Mono, p.st) {",
		`asked := p.read().Mono
	if planted("R2: the leader asks the wall clock") {
		asked = Mono(p.read().Wall)
	}
	for _, e := range p.grantor.Duties(asked, p.st) {`,
	},
	{
		"sim_proc_test.go", "	p.grantor.Applied(p.read().Mono, p.st)\n",
		`	if planted("R2: the leader asks the wall clock") {
		p.grantor.Applied(Mono(p.read().Wall), p.st)
	}
	p.grantor.Applied(p.read().Mono, p.st)
`,
	},
	{
		"sim_proc_test.go", "		p.grantor.Elected(p.read().Mono, p.st)\n",
		`		if planted("R2: the leader asks the wall clock") {
			p.grantor.Elected(Mono(p.read().Wall), p.st)
			return
		}
		p.grantor.Elected(p.read().Mono, p.st)
`,
	},

	// Sessions.
	{
		"holder.go", "			h.deadline = deadline(at, s.TTL)\n",
		`			if planted("a holder counts from the answer") {
				at = now
			}
			if planted("R3: a holder goes by the TTL that is set now") {
				s.TTL = st.Settings.TTL
			}
			h.deadline = deadline(at, s.TTL)
`,
	},
	{
		"holder.go", "		h.seq++\n",
		`		if !planted("R5: a renewal is sent again under its number") || h.seq == 0 || len(h.sent) == 0 {
			h.seq++
		} else {
			h.sent = h.sent[:len(h.sent)-1]
		}
`,
	},
	{
		"holder.go", "	h.deadline = deadline(at, s.TTL)\n}",
		`	if planted("a registration counts from when it is known") {
		at = now
	}
	h.deadline = deadline(at, s.TTL)
}`,
	},
	{
		"holder.go", "	s := st.Sessions[id]\n",
		`	s := st.Sessions[id]
	if m := st.Members[h.node]; planted("H8: a process takes the node's newest session for its own") && m.Session != 0 {
		s.Life, s.Count = m.Life, m.Count
	}
`,
	},
	{"holder.go", "		h.registered(st)\n", "		h.registered(now, st)\n"},
	{"holder.go", "func (h *Holder) registered(st *State) {", "func (h *Holder) registered(now Reading, st *State) {\n\t_ = now\n"},
	{
		"holder.go", "	if h.phase == live && !h.deadline.Held(now) {",
		`	if h.phase == live && !h.deadline.Held(now) && !planted("R5: a session that ran out is renewed") {`,
	},
	{
		"apply_session.go", "	case s.Seq != e.Seq:",
		`	case s.Seq != e.Seq && !planted("R5: over does not look at the renewals"):`,
	},
	{
		"apply_session.go", "	id := shard.Session(index)\n",
		`	id := shard.Session(index)
	if old := m.Session; planted("H8: a registration ends the former session of the node") && old != 0 {
		m.Session = 0
		st.Members[e.Node] = m
		for _, s := range st.owned(old) {
			st.unplanned(s, 0)
		}
		delete(st.Sessions, old)
	}
`,
	},
	{
		"tenure.go", "	case mine == 0 || s.Session != mine:",
		`	case mine == 0 || (s.Session != mine &&
		!(planted("H8: a shard belongs to a node, not to its session") && st.Sessions[s.Session].Node != "" && st.Sessions[s.Session].Node == st.Sessions[mine].Node)):`,
	},
	{
		"apply.go", "	m.Forgotten = true\n",
		`	m.Forgotten = true
	if old := m.Session; planted("R15: forget ends a session by force") && old != 0 {
		st.Members[e.Node] = m
		st.hand(old, nil)
		return Result{}
	}
`,
	},

	// The leader.
	{
		"settings.go", "return s.stretch(length) + s.Slack }",
		`if planted("the leader waits for the TTL alone") {
		return length
	}
	return s.stretch(length) + s.Slack
}`,
	},
	{
		"grantor.go", "		g.heard[id] = heard{s.Seq, now}\n	}\n}\n\n// Deposed",
		`		if planted("a new leader does not wait") {
			now = -1 << 62
		}
		g.heard[id] = heard{s.Seq, now}
	}
}

// Deposed`,
	},
	{
		"sim_log_test.go", "	p.grantor.Deposed()\n	s.log.terms",
		`	p.grantor.Deposed()
	if planted("H9: a leader decides before its term is agreed on") {
		p.grantor.Elected(p.read().Mono-Mono(simSecond)*3, p.st)
	}
	s.log.terms`,
	},
	{
		"grantor.go", "if h, ok := g.heard[id]; !ok || h.seq != s.Seq {",
		`if h, ok := g.heard[id]; !ok || (h.seq != s.Seq && !planted("a leader counts from the first renewal")) {`,
	},
	{
		"grantor.go", "over := Over{Session: id, Seq: g.heard[id].seq}",
		`over := Over{Session: id, Seq: g.heard[id].seq}
		if planted("over names a renewal that was not waited for") {
			over.Seq++ // the next one, as if it had come just now
		}`,
	},

	// Owners and epochs.
	{
		"apply_session.go", "		case st.Shards[o.Shard].Session != 0 || st.Shards[o.Shard].Epoch != o.Epoch || !st.live(o.To):",
		`		case (st.Shards[o.Shard].Session != 0 || st.Shards[o.Shard].Epoch != o.Epoch) && !planted("an assignment takes from an owner"), !st.live(o.To):`,
	},
	{
		"state.go", "	s.Epoch++\n	s.Since = s.Epoch\n",
		`	if !planted("an unplanned change keeps the epoch") {
		s.Epoch++
	}
	s.Since = s.Epoch
`,
	},
	{
		"apply_shard.go", "	case !st.planned(e.Shard, 0):\n		return Result{Code: Refused}\n	}\n	s := &st.Shards[e.Shard]\n",
		`	case !planted("a planned move keeps the epoch") && !st.planned(e.Shard, 0):
		return Result{Code: Refused}
	}
	s := &st.Shards[e.Shard]
	s.Transfer = Transfer{}
`,
	},
	{
		"apply_shard.go", "	case e.Transfer == 0 || st.Shards[e.Shard].Transfer != Transfer{ID: e.Transfer, To: e.To} || !st.live(e.To):",
		`	case planted("R15: a move is made under no transfer") && st.live(e.To):
		st.planned(e.Shard, 0)
	case e.Transfer == 0 || st.Shards[e.Shard].Transfer != Transfer{ID: e.Transfer, To: e.To} || !st.live(e.To):`,
	},
	{
		"apply_shard.go", "applyMoved(e Moved) Result {\n	code := st.at(e.Shard, e.Epoch, e.From)\n",
		`applyMoved(e Moved) Result {
	code := st.at(e.Shard, e.Epoch, e.From)
	if planted("R15: a move is made at any epoch, from any owner") && int(e.Shard) < len(st.Shards) && st.live(e.To) {
		code = OK
		st.Shards[e.Shard].Transfer = Transfer{ID: e.Transfer, To: e.To}
	}
`,
	},
	{
		"sim_shard_test.go", "				p.send(Cancel{",
		`				if planted("R15: an owner opens its gate before the cancel is agreed on") {
					sh.shut = false
				}
				p.send(Cancel{`,
	},
	{
		"sim_shard_test.go", "	sh.shut, sh.shutAt = true, now\n	im := ",
		`	sh.shut, sh.shutAt = !planted("H6: the gate is open while a shard is handed over"), now
	im := `,
	},
	{
		"tenure.go", "	return GiveUp\n}\n\n// Start is what",
		`	if planted("R6: a shard is served without its transfer") {
		return OpenCold
	}
	return GiveUp
}

// Start is what`,
	},
	{
		"tenure.go", "	case open != 0 && open >= s.Since:",
		`	case open != 0 && (open >= s.Since || planted("R6: what was in memory before a change of owner is gone on with")):`,
	},

	// Notes and doubt.
	{
		"state.go", "if s.Noted.Fenced || s.DoubtBelow > 0 {",
		`if planted("H4: doubt is forgotten by a second change") && !s.Noted.Fenced {
		s.DoubtBelow = 0
	}
	if (s.Noted.Fenced && !planted("an unplanned change ignores the note")) || s.DoubtBelow > 0 {`,
	},
	{
		"state.go", "	s.Noted.Fenced = false\n",
		`	s.Noted.Fenced = false
	if planted("H4: the note of bounded intents is forgotten by a change") {
		s.Noted.Bounded = 0
	}
`,
	},
	{
		"apply_shard.go", "	s.Session, s.Since, s.Via = e.To, s.Epoch, e.Transfer\n",
		`	s.Session, s.Since, s.Via = e.To, s.Epoch, e.Transfer
	if planted("R4: a planned move forgets the note") {
		s.Noted = shard.Note{}
	}
`,
	},
	{
		"apply_shard.go", "		return Result{Code: Refused}\n	}\n	return Result{Epoch: st.Shards[e.Shard].Epoch, Changed: []shard.ID{e.Shard}}\n}\n\nfunc (st *State) applyRaise",
		`		return Result{Code: Refused}
	}
	if planted("R4: a cancel forgets the note") {
		st.Shards[e.Shard].Noted = shard.Note{}
	}
	return Result{Epoch: st.Shards[e.Shard].Epoch, Changed: []shard.ID{e.Shard}}
}

func (st *State) applyRaise`,
	},
	{
		"apply_shard.go", "		if items[i] = st.at(n.Shard, n.Epoch, e.Session); items[i] != OK {",
		`		if items[i] = st.at(n.Shard, n.Epoch, e.Session); items[i] != OK && !planted("H6: a note is taken from who owns the shard no more") {`,
	},
	{
		"sim_shard_test.go", "	if (want.Fenced && !sh.noted.Fenced) || want.Bounded > sh.noted.Bounded {\n		p.send(",
		`	if (want.Fenced && !sh.noted.Fenced) || want.Bounded > sh.noted.Bounded {
		if planted("R17: an intent begins before its note is agreed on") {
			sh.noted.Fenced, sh.noted.Bounded = true, 5*time.Second
		}
		p.send(`,
	},
	{
		"apply_shard.go", "		if st.Shards[q.Shard].Notes != q.Notes {",
		`		if st.Shards[q.Shard].Notes != q.Notes && !planted("R4: quiet overtakes a note") {`,
	},
	{
		"apply_shard.go", "		case f.Token < st.Shards[f.Shard].DoubtBelow:",
		`		case f.Token < st.Shards[f.Shard].DoubtBelow && !planted("H2: a fence clears the doubt wherever it is"):`,
	},
	{
		"tenure.go", "DoubtBelow: s.DoubtBelow,",
		`DoubtBelow: map[bool]uint64{false: s.DoubtBelow}[planted("H4: an owner begins without the doubt")],`,
	},
	{
		"settings.go", "	return s.stretch(bounded) + s.Margin\n",
		`	if planted("a closure is as long as the intent, on a clock that may be faster") {
		return bounded
	}
	return s.stretch(bounded) + s.Margin
`,
	},
	{
		"apply_shard.go", "s.Noted.Bounded = max(s.Noted.Bounded, wholeMillis(n.Note.Bounded))",
		`s.Noted.Bounded = max(s.Noted.Bounded, wholeMillis(n.Note.Bounded))
		if planted("the newest bounded intent is noted, not the longest") && n.Note.Bounded > 0 {
			s.Noted.Bounded = wholeMillis(n.Note.Bounded)
		}`,
	},

	// Recovery.
	{
		"recover.go", "		s.Epoch += recoveredEpochs\n",
		`		if !planted("R10: a recovery goes on with the epochs that it knows") {
			s.Epoch += recoveredEpochs
		}
`,
	},
	{
		"recover.go", "		s.DoubtBelow = s.Epoch.Base()\n",
		`		if !planted("R10: a recovery doubts only what it knows of") {
			s.DoubtBelow = s.Epoch.Base()
		}
`,
	},
	{
		"recover.go", "Noted = shard.Note{Bounded: MaxIntent}",
		`Noted.Bounded = map[bool]time.Duration{false: MaxIntent, true: s.Noted.Bounded}[planted("R10: a recovery closes only what it knows of")]`,
	},
	{
		"recover.go", "Session{TTL: MaxTTL, Wait: st.Settings.Wait(MaxTTL)}",
		`map[bool]Session{
		false: {TTL: MaxTTL, Wait: st.Settings.Wait(MaxTTL)},
		true:  {TTL: st.Settings.TTL, Wait: st.Settings.Wait(st.Settings.TTL)},
	}[planted("R10: a recovery waits for the TTL that it knows")]`,
	},
	{"recover.go", `import "github.com/leasecache/leasecache/shard"`, "import (\n\t\"time\"\n\n\t\"github.com/leasecache/leasecache/shard\"\n)"},
	{
		"recover.go", "		s.Session, s.Via, s.Transfer = nobody, 0, Transfer{}\n",
		`		s.Session, s.Via, s.Transfer = nobody, 0, Transfer{}
		if planted("R10: a recovery does not wait for those it cannot know") {
			s.Session = 0
		}
`,
	},
}
