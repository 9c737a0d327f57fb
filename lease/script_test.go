package lease

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"
)

// script runs the file of testdata/ that is named as the test is, without Test.
//
// A file is a schedule: commands of the protocol, time, and a tiny database,
// each with what everybody was told because of it. testdata/README.md lists the
// commands.
func script(t *testing.T) {
	w := newWorld()
	path := filepath.Join("testdata", strings.TrimPrefix(t.Name(), "Test"))
	datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
		w.told = nil
		a := readArgs(d)
		reply, err := w.do(a)
		require.NoError(t, err, d.Pos)
		if d.Cmd != "close" {
			require.NoError(t, check(w.table, w.now, w.holds), d.Pos)
		}
		lines := w.told
		if reply != "" {
			lines = append([]string{reply}, lines...)
		}
		return strings.Join(lines, "\n")
	})
}

// TestEveryScriptIsRun finds files that no test runs.
func TestEveryScriptIsRun(t *testing.T) {
	source := ""
	tests, err := filepath.Glob("*_test.go")
	require.NoError(t, err)
	for _, f := range tests {
		b, err := os.ReadFile(f)
		require.NoError(t, err)
		source += string(b)
	}
	files, err := os.ReadDir("testdata")
	require.NoError(t, err)
	for _, f := range files {
		if f.Name() == "README.md" {
			continue
		}
		require.True(t, strings.Contains(source, "func Test"+f.Name()+"(t *testing.T)"), "no test runs testdata/%s", f.Name())
	}
}

// world is one shard on its owner, its clients as far as a script needs them,
// and the database they share.
type world struct {
	now    int64
	table  *Table
	store  *mapStore
	limits Limits
	noted  bool  // fenced intents were begun in this epoch
	bound  int64 // the longest bounded intent of this epoch

	told    []string
	waiting map[string]*scriptReader

	rows  map[string]string // the database
	fence Token             // its fence row
	used  bool              // the script has a database
	hands map[string]string // what readers read there
}

func newWorld() *world {
	w := &world{
		now:     100 * second,
		limits:  DefaultLimits(),
		waiting: make(map[string]*scriptReader),
		rows:    make(map[string]string),
		hands:   make(map[string]string),
	}
	w.start(5, Start{})
	return w
}

func (w *world) start(epoch uint32, s Start) {
	w.store = newMapStore()
	w.table = New(NewSequence(epoch), w.store, w.limits, s)
	w.noted, w.bound = false, 0
}

func (w *world) holds(key string) bool { return w.store.items[key] != nil }

// scriptReader is a reader with a name.
type scriptReader struct {
	w         *world
	name, key string
	parked    bool
}

func (r *scriptReader) Park() Reader {
	r.parked = true
	r.w.waiting[r.name] = r
	r.w.tell("%s: waits", r.name)
	return r
}

func (r *scriptReader) Answer(a *Answer) {
	if r.parked && r.w.waiting[r.name] != r {
		r.w.tell("%s: ANSWERED TWICE", r.name)
	}
	delete(r.w.waiting, r.name)
	r.w.tell("%s: %s", r.name, r.w.showAnswer(r.key, a))
}

func (w *world) tell(format string, a ...any) { w.told = append(w.told, fmt.Sprintf(format, a...)) }

func (w *world) showAnswer(key string, a *Answer) string {
	s := ""
	switch a.Kind {
	case Hit:
		s = "VA " + w.showItem(key, &a.Item)
		if a.Won {
			s += fmt.Sprintf(" W %s e=%s", show(a.Token), dur(a.For))
		}
		if a.Stale {
			s += " X"
		}
		if a.Taken {
			s += " Z"
		}
	case Granted:
		s = fmt.Sprintf("LE %s e=%s", show(a.Token), dur(a.For))
		if a.Doubt {
			s += " D"
		}
	case Busy:
		s = "WT e=" + dur(a.For)
	case UseSource:
		s = "QU"
		if a.Quarantined {
			s += " e=" + dur(a.For)
		}
		if a.InDoubt {
			s += " X"
		}
	case Empty:
		s = "EN"
	case Unavailable:
		s = "SERVER_ERROR unavailable"
	}
	return s
}

func (w *world) showItem(key string, it *Item) string {
	s := string(it.Value) + " c=" + show(it.Version)
	if it.CAS != 0 {
		s = fmt.Sprintf("%s c=%d", it.Value, it.Shown())
	}
	if w.used && w.row(key) != string(it.Value) {
		s += " (older than the source)"
	}
	return s
}

func (w *world) row(key string) string {
	if v, ok := w.rows[key]; ok {
		return v
	}
	return "v0"
}

func dur(ns int64) string { return time.Duration(ns).String() }
