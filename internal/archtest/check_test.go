package archtest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// small is a module made up to show what the checker finds.
var small = graph{
	"m/pure":     {imports: []string{"fmt", "m/helper"}},
	"m/helper":   {imports: []string{"vendor.org/lib"}},
	"m/client":   {imports: []string{"m/pure"}},
	"m/client/x": {imports: []string{"vendor.org/driver/v5/sub"}},

	"vendor.org/lib":           {imports: []string{"net/http"}},
	"vendor.org/driver/v5/sub": {},

	"fmt":      {imports: []string{"os"}, standard: true},
	"net/http": {imports: []string{"net"}, standard: true},
	"net":      {standard: true},
	"os":       {standard: true},
}

func TestCheckerReportsForbiddenArrows(t *testing.T) {
	for name, c := range map[string]struct {
		rule rule
		want []string
	}{
		"through others":     {rule{from: "m/pure", never: []string{"net"}, why: "w"}, []string{"m/pure → m/helper → vendor.org/lib → net/http: w"}},
		"direct only":        {rule{from: "m/pure", never: []string{"net"}, direct: true, why: "w"}, nil},
		"direct":             {rule{from: "m/pure", never: []string{"m/helper"}, direct: true, why: "w"}, []string{"m/pure → m/helper: w"}},
		"not through stdlib": {rule{from: "m/pure", never: []string{"os"}, why: "w"}, nil},
		"tree":               {rule{from: "m/client/...", never: []string{"vendor.org"}, why: "w"}, []string{"m/client → m/pure → m/helper → vendor.org/lib: w", "m/client/x → vendor.org/driver/v5/sub: w"}},
		"tree with excuse":   {rule{from: "m/client/...", except: []string{"m/client/x"}, never: []string{"vendor.org/driver"}, why: "w"}, nil},
		"package alone":      {rule{from: "m/client", never: []string{"vendor.org/driver"}, why: "w"}, nil},
		"version below":      {rule{from: "m/client/...", never: []string{"vendor.org/driver"}, why: "w"}, []string{"m/client/x → vendor.org/driver/v5/sub: w"}},
		"whole words":        {rule{from: "m/client/...", never: []string{"vendor.org/drive"}, why: "w"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, small.broken([]rule{c.rule}))
		})
	}
}

// TestCheckerSeesTheRealModule shows that arrows which are there are found in what
// the go command says, so that a silent checker means a clean module.
func TestCheckerSeesTheRealModule(t *testing.T) {
	g, err := load(module + "/internal/archtest")
	require.NoError(t, err)
	require.NotEmpty(t, g.broken([]rule{{from: module + "/internal/archtest", never: []string{"os/exec"}, why: "w"}}))
	require.NotEmpty(t, g.broken([]rule{{from: module + "/...", never: []string{"go/ast"}, why: "w"}}))
	require.Empty(t, g.broken([]rule{{from: module + "/...", never: []string{"net/http"}, why: "w"}}))
}

func TestClocks(t *testing.T) {
	for src, want := range map[string]int{
		`package p; import "time"; var x = time.Now()`:                             1,
		`package p; import tt "time"; var x = tt.Now`:                              1,
		`package p; import "time"; func f() { time.Sleep(1); <-time.After(1) }`:    2,
		`package p; import "time"; func f() { time.AfterFunc(1, nil) }`:            1,
		`package p; import "time"; func f(t time.Time) { _ = time.Since(t) }`:      1,
		`package p; import . "time"; var x = Now()`:                                1,
		`package p; import "time"; var x = 3 * time.Second; var y time.Duration`:   0,
		`package p; import "time"; func f(t time.Time) bool { return t.IsZero() }`: 0,
		`package p; import "m/time2"; var x = time2.Now()`:                         0,
	} {
		got, err := clocks("p.go", []byte(src))
		require.NoError(t, err)
		require.Len(t, got, want, src)
	}
}
