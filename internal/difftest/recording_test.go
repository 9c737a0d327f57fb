package difftest

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

var record = flag.Bool("difftest.record", false, "record the memcached that MEMCACHED names, which must be of the contract's version")

const recordings = "testdata/memcached-1.6.45.gob.gz"

// recordedRounds are as many as are answered within a second or two.
const recordedRounds = 250

// TestRecorded compares leasecached with what memcached 1.6.45 answered when it was
// recorded, so that the version that the contract names is compared with where an
// older one is installed, or none.
func TestRecorded(t *testing.T) {
	if *record {
		recordAnew(t)
	}
	t.Parallel()
	text, err := os.ReadFile(recordings)
	require.NoError(t, err)
	recs, err := ReadRecordings(bytes.NewReader(text))
	require.NoError(t, err)
	ours := startLeasecached(t)
	count := Count{Excused: map[string]int{}}
	reports := 0
	for i, rec := range recs {
		report, err := Replay(rec, ours, Deliberate, &count)
		require.NoError(t, err)
		if report != nil {
			t.Errorf("recorded round %d: %s\n%s", i, report.Found.How, report.Script)
			if reports++; reports >= *many {
				break
			}
		}
	}
	t.Logf("%d steps of %d recorded rounds, %d times keys were given up", count.Steps, len(recs), count.Parted)
}

func recordAnew(t *testing.T) {
	t.Helper()
	m := startMemcached(t, findMemcached(t))
	require.Equal(t, contract, m.patch, "record the version that the contract names")
	p := NewPair(m.addr, m.addr, nil)
	defer p.Close()
	var recs []*Recording
	for round := range recordedRounds {
		var steps []Step
		for _, s := range Thin(Generate(45, round), Deliberate, 45, round) {
			steps = append(steps, singly(&s)...)
		}
		rec, err := p.Record(steps)
		require.NoError(t, err)
		recs = append(recs, rec)
	}
	var b bytes.Buffer
	require.NoError(t, WriteRecordings(&b, recs))
	require.NoError(t, os.MkdirAll("testdata", 0o755))
	require.NoError(t, os.WriteFile(recordings, b.Bytes(), 0o644))
	t.Logf("%d bytes", b.Len())
}
