package difftest

import "fmt"

// naming pairs the versions of a key on the two servers: the first sight of a pair
// binds it, and from then on either must come with the other. It goes key by key:
// that is all that versions are compared for, and leasecached counts in each shard.
type naming struct {
	anyAge bool // ages are not compared: memcached notes a read's time only now and then
	ours   map[version]uint64
	ref    map[version]uint64
}

// version is one that a server shows of a key.
type version struct {
	key int
	n   uint64
}

// noKey is what a version belongs to if it is not known whose it is.
const noKey = -1

func newNaming() *naming { return &naming{ours: map[version]uint64{}, ref: map[version]uint64{}} }

func (n *naming) pair(key int, ref, ours uint64) error {
	if ref == 0 || ours == 0 {
		if ref != ours {
			return fmt.Errorf("one shows no version: %d and %d", ref, ours)
		}
		return nil
	}
	if key == noKey {
		return nil
	}
	o, known := n.ours[version{key, ref}]
	r, taken := n.ref[version{key, ours}]
	switch {
	case known && o != ours:
		return fmt.Errorf("the reference shows the version that it showed beside %d, here it is %d", o, ours)
	case taken && r != ref:
		return fmt.Errorf("the version %d is shown again, the reference shows another one", ours)
	}
	n.ours[version{key, ref}], n.ref[version{key, ours}] = ours, ref
	return nil
}

// compare finds the first unit that differs, and says how; -1 if none does.
// keyOf tells whose version a line shows.
func compare(ref, ours []unit, n *naming, keyOf func(line string) int) (at int, how error) {
	for i := range max(len(ref), len(ours)) {
		switch {
		case i >= len(ref):
			return i, fmt.Errorf("one more than the reference: %s", short(ours[i].String()))
		case i >= len(ours):
			return i, fmt.Errorf("missing: %s", short(ref[i].String()))
		}
		if err := compareUnit(ref[i], ours[i], n, keyOf(ref[i].line)); err != nil {
			return i, err
		}
	}
	return -1, nil
}

func compareUnit(ref, ours unit, n *naming, key int) error {
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
		if err := compareWord(r[i], o[i], n, key); err != nil {
			return err
		}
	}
	return nil
}

func compareWord(r, o word, n *naming, key int) error {
	if r.kind != o.kind || r.head != o.head {
		return fmt.Errorf("the lines differ")
	}
	switch r.kind {
	case versionWord:
		return n.pair(key, r.v, o.v)
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
