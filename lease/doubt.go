package lease

// inDoubt reports whether a writer of the key may still commit outside its
// intent.
func (t *Table) inDoubt(e *entry) bool {
	return t.doubtBelow != 0 || (e != nil && len(e.doubts) > 0)
}

// Fence is told that the source is fenced at token for this shard: no writer
// with a smaller token can commit any more. It ends exactly the doubts below
// it, and reports whether the shard's own doubt was among them.
//
// The comparison is the rule. Schedule (H2), without it:
//
//	1 W1's intent T1 runs out: doubt. 2 R gets T2, fences at T2 and pauses.
//	3 W2's intent T3, allowed in doubt, runs out too. 4 R's report arrives and clears the key.
//	5 R2 gets T4, reads the old row and fills. 6 W2 passes the fence (T2 < T3) and commits.
//
// What ran out is in doubt from then on, even if nobody looked since: a fence
// below which a late timer would find it later has ended it too.
func (t *Table) Fence(now int64, token Token) (shardCleared bool) {
	t.Advance(now)
	for i := len(t.doubted) - 1; i >= 0; i-- {
		e := t.doubted[i]
		left := e.doubts[:0]
		for _, d := range e.doubts {
			if d.token >= token {
				left = append(left, d)
			}
		}
		t.doubts -= len(e.doubts) - len(left)
		t.stats.DoubtsCleared += uint64(len(e.doubts) - len(left))
		clear(e.doubts[len(left):])
		e.doubts = left
		if len(left) == 0 {
			t.undoubted(i)
			t.rest(now, e)
		}
	}
	if t.doubtBelow != 0 && token >= t.doubtBelow {
		t.doubtBelow = 0
		return true
	}
	return false
}

// addDoubt remembers that the writer of an intent may still commit. When there
// is no memory for another doubt of a key, all of them become the shard's.
func (t *Table) addDoubt(now int64, e *entry, in intent) {
	if t.doubts >= t.limits.Doubts {
		t.fold(now, e)
		t.doubtBelow = max(t.doubtBelow, in.token+1)
		return
	}
	if len(e.doubts) == 0 {
		t.doubted = append(t.doubted, e)
	}
	e.doubts = append(e.doubts, in)
	t.doubts++
}

// fold makes the doubts of keys the shard's. busy is at work and not put down.
//
// A plain lease of another key may stay: no writer of that key is in doubt. Its
// fill is refused while the shard is, and in order once the shard is fenced.
func (t *Table) fold(now int64, busy *entry) {
	for i := len(t.doubted) - 1; i >= 0; i-- {
		e := t.doubted[i]
		t.doubtBelow = max(t.doubtBelow, e.newestDoubt()+1)
		t.doubts -= len(e.doubts)
		clear(e.doubts)
		e.doubts = e.doubts[:0]
		t.undoubted(i)
		if e != busy {
			t.rest(now, e)
		}
	}
	t.stats.Folds++
}

// dropDoubt forgets one doubt of a key because its own writer came back.
func (t *Table) dropDoubt(e *entry, same func(*intent) bool) bool {
	for i := range e.doubts {
		if !same(&e.doubts[i]) {
			continue
		}
		e.doubts = append(e.doubts[:i], e.doubts[i+1:]...)
		t.doubts--
		t.stats.DoubtsCleared++
		if len(e.doubts) == 0 {
			for j := range t.doubted {
				if t.doubted[j] == e {
					t.undoubted(j)
					break
				}
			}
		}
		return true
	}
	return false
}

func (t *Table) undoubted(i int) {
	last := len(t.doubted) - 1
	t.doubted[i] = t.doubted[last]
	t.doubted[last] = nil
	t.doubted = t.doubted[:last]
}
