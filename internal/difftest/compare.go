package difftest

import "fmt"

// naming pairs the versions of the two servers: the first sight of a pair binds it,
// and from then on either must come with the other.
type naming struct {
	anyAge bool              // ages are not compared: memcached notes a read's time only now and then
	ours   map[uint64]uint64 // by the reference's
	ref    map[uint64]uint64 // by ours
}

func newNaming() *naming {
	// 0 says "no version" on both.
	return &naming{ours: map[uint64]uint64{0: 0}, ref: map[uint64]uint64{0: 0}}
}

func (n *naming) pair(ref, ours uint64) error {
	o, known := n.ours[ref]
	r, taken := n.ref[ours]
	switch {
	case known && o != ours:
		return fmt.Errorf("the reference shows the version it showed as %d, here it is %d", o, ours)
	case taken && r != ref:
		return fmt.Errorf("%d is shown again, the reference shows another version", ours)
	}
	n.ours[ref], n.ref[ours] = ours, ref
	return nil
}

// compare finds the first unit that differs, and says how; -1 if none does.
func compare(ref, ours []unit, n *naming) (at int, how error) {
	for i := range max(len(ref), len(ours)) {
		switch {
		case i >= len(ref):
			return i, fmt.Errorf("one more than the reference: %s", short(ours[i].String()))
		case i >= len(ours):
			return i, fmt.Errorf("missing: %s", short(ref[i].String()))
		}
		if err := compareUnit(ref[i], ours[i], n); err != nil {
			return i, err
		}
	}
	return -1, nil
}

func compareUnit(ref, ours unit, n *naming) error {
	if ref.torn != ours.torn || ref.hasData != ours.hasData {
		return fmt.Errorf("the replies end differently")
	}
	if ref.data != ours.data {
		return fmt.Errorf("the data differs")
	}
	r, o := words(ref.line), words(ours.line)
	if len(r) != len(o) {
		return fmt.Errorf("the lines differ")
	}
	for i := range r {
		if err := compareWord(r[i], o[i], n); err != nil {
			return err
		}
	}
	return nil
}

func compareWord(r, o word, n *naming) error {
	if r.kind != o.kind || r.head != o.head {
		return fmt.Errorf("the lines differ")
	}
	switch r.kind {
	case versionWord:
		return n.pair(r.v, o.v)
	case timeWord:
		if n.anyAge && (r.head == "l" || r.head == "la=") {
			return nil
		}
		// -1 is "never", no time.
		if r.n != o.n && (r.n == -1 || o.n == -1 || r.n-o.n > 1 || o.n-r.n > 1) {
			return fmt.Errorf("%s%d and %s%d are too far apart", r.head, r.n, o.head, o.n)
		}
	}
	return nil
}

// short cuts what is shown to people.
func short(s string) string {
	if len(s) > 200 {
		return fmt.Sprintf("%q… (%d bytes)", s[:150], len(s))
	}
	return fmt.Sprintf("%q", s)
}
