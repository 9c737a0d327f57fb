package difftest

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the tables into docs/compatibility.md")

const compatibility = "../../docs/compatibility.md"

// TestCompatibilityPage keeps the tables of docs/compatibility.md those that the
// comparison goes by.
func TestCompatibilityPage(t *testing.T) {
	was, err := os.ReadFile(compatibility)
	require.NoError(t, err)
	page := between(t, string(was), "deliberate", Table(Deliberate, "memcached 1.6.45", "leasecached"))
	page = between(t, page, "versions", Table(Versions, "memcached 1.6.18", "memcached 1.6.45"))
	if *update {
		require.NoError(t, os.WriteFile(compatibility, []byte(page), 0o644))
		return
	}
	require.Equal(t, page, string(was), "run: go test ./internal/difftest -run TestCompatibilityPage -update")
}

// between replaces what stands between the marks of a name.
func between(t *testing.T, page, name, text string) string {
	t.Helper()
	begin, end := "<!-- "+name+": written by internal/difftest -->\n", "<!-- /"+name+" -->"
	before, rest, ok := strings.Cut(page, begin)
	require.True(t, ok, begin)
	_, after, ok := strings.Cut(rest, end)
	require.True(t, ok, end)
	return before + begin + "\n" + text + "\n" + end + after
}

// TestExamples keeps the tables true: every example is answered as its row says, by
// whichever of the servers are here.
func TestExamples(t *testing.T) {
	t.Parallel()
	path := findMemcached(t)
	ours := startLeasecached(t)
	ref := &memcached{addr: ours, patch: -1}
	if path != "" {
		ref = startMemcached(t, path)
	}
	right := func(t *testing.T, addr string, d *Difference, want string) {
		p := NewPair(addr, addr, nil)
		defer p.Close()
		steps := d.example()
		r := p.begin()
		defer r.forget()
		for i := range steps {
			_, err := r.alone(&steps[i])
			require.NoError(t, err)
		}
		said := r.shown(&r.log[len(r.log)-1].refSaid)
		require.True(t, fits(want, said), "want %q\n got %q", want, said)
	}
	for i := range Deliberate {
		d := &Deliberate[i]
		t.Run(d.Name, func(t *testing.T) {
			right(t, ours, d, d.Ours)
			if ref.patch >= contract {
				right(t, ref.addr, d, d.Ref)
			}
		})
	}
	for i := range Versions {
		d := &Versions[i]
		t.Run("1.6.18/"+d.Name, func(t *testing.T) {
			switch {
			case ref.patch == 18:
				right(t, ref.addr, d, d.Ref)
			case ref.patch >= contract:
				right(t, ref.addr, d, d.Ours)
			}
		})
	}
}
