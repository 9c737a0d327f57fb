package experiment

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPausesAreTheFirstAndThirdPart(t *testing.T) {
	const log = `time=2026 level=WARN msg="gc 1 @"
gc 1 @0.004s 3%: 0.018+1.2+0.003 ms clock, 0.018+0.30/0.5/0+0.003 ms cpu, 4->4->1 MB, 4 MB goal, 0 MB stacks, 0 MB globals, 1 P
scvg: something
gc 12 @13.456s 0%: 0.5+20+1 ms clock, 0.5+0/0/0+1 ms cpu, 4->4->1 MB, 4 MB goal, 0 MB stacks, 0 MB globals, 1 P (forced)
`
	require.Equal(t, []time.Duration{21 * time.Microsecond, 1500 * time.Microsecond}, pausesIn(log))
	require.Empty(t, pausesIn(""))
}
