//go:build !race

package lease

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMutantsAreCaught builds the package once more, with every bug of
// mutantEdits planted in it, and runs the schedules and the simulation with one
// of them switched on at a time. Somebody must catch it; it prints who. A mutant
// that survives is a rule that no test guards.
//
// The simulation judges only what clients see here, and not the table's books,
// to show that its judgement alone bites.
func TestMutantsAreCaught(t *testing.T) {
	binary := buildMutants(t)
	names := make(map[string]bool)
	for _, e := range mutantEdits {
		for _, m := range regexp.MustCompile(`planted\("([^"]+)"\)`).FindAllStringSubmatch(e.new, -1) {
			names[m[1]] = true
		}
	}
	require.Greater(t, len(names), 40)
	healthy := runMutant(binary, "none")
	require.Empty(t, whoFailed(healthy), healthy)
	bySimulation := 0
	for _, name := range slices.Sorted(maps.Keys(names)) {
		by := whoFailed(runMutant(binary, name))
		if len(by) == 0 {
			t.Errorf("no test notices that: %s", name)
		}
		if slices.Contains(by, "Simulation") {
			bySimulation++
		}
		more := ""
		if n := len(by) - 4; n > 0 {
			by, more = by[:4], fmt.Sprintf(" and %d more", n)
		}
		t.Logf("%s\n\t%s%s", name, strings.Join(by, " "), more)
	}
	t.Logf("%d mutants; the simulation caught %d of them", len(names), bySimulation)
}

// buildMutants returns the test binary of the mutated package.
func buildMutants(t *testing.T) string {
	dir := t.TempDir()
	sources := map[string]string{
		"planted_test_only.go": "package lease\n\nimport \"os\"\n\nvar plantedName = os.Getenv(\"LEASE_MUTANT\")\n\n" +
			"func planted(name string) bool { return name == plantedName }\n",
	}
	for _, e := range mutantEdits {
		if sources[e.file] == "" {
			text, err := os.ReadFile(e.file)
			require.NoError(t, err)
			sources[e.file] = string(text)
		}
		require.Equal(t, 1, strings.Count(sources[e.file], e.old), "%q must stand in %s exactly once", e.old, e.file)
		sources[e.file] = strings.Replace(sources[e.file], e.old, e.new, 1)
	}
	replace := make(map[string]string)
	for file, text := range sources {
		original, err := filepath.Abs(file)
		require.NoError(t, err)
		replace[original] = filepath.Join(dir, file)
		require.NoError(t, os.WriteFile(replace[original], []byte(text), 0o600))
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	require.NoError(t, err)
	overlay, binary := filepath.Join(dir, "overlay.json"), filepath.Join(dir, "lease.test")
	require.NoError(t, os.WriteFile(overlay, text, 0o600))
	out, err := exec.Command("go", "test", "-c", "-overlay", overlay, "-vet=off", "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return binary
}

// runMutant returns what the tests say. That they fail is what is wanted, so the
// command's own result is not looked at.
func runMutant(binary, name string) string {
	cmd := exec.Command(binary, "-test.run", "^(TestSchedule_|TestHole_|TestRule_|TestSimulation|Test.*Memory)", "-test.timeout", "20s", "-promises")
	cmd.Env = append(os.Environ(), "LEASE_MUTANT="+name)
	out, _ := cmd.CombinedOutput()
	return string(out)
}

var failed = regexp.MustCompile(`(?m)^(?:--- FAIL: Test(\w+)|(panic): )`)

// whoFailed returns the tests that failed, the simulation first. A panic ends
// them all: a mutant that panics is caught, but by whom is not known.
func whoFailed(output string) []string {
	var by []string
	for _, m := range failed.FindAllStringSubmatch(output, -1) {
		by = append(by, m[1]+m[2])
	}
	slices.SortFunc(by, func(a, b string) int {
		if a == "Simulation" || b == "Simulation" {
			return strings.Compare(b, a)
		}
		return strings.Compare(a, b)
	})
	return slices.Compact(by)
}
