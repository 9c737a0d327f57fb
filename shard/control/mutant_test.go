//go:build !race

package control

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

// TestMutantsAreCaught builds the package once more, with every bug of mutantEdits
// planted in it, and runs the schedules and the simulation with one of them switched
// on at a time. Somebody must catch it; it prints who, and which promise the simulation
// saw broken. A mutant that survives is a rule that no test guards.
func TestMutantsAreCaught(t *testing.T) {
	binary := buildMutants(t)
	names := make(map[string]bool)
	for _, e := range mutantEdits {
		for _, m := range regexp.MustCompile(`planted\("([^"]+)"\)`).FindAllStringSubmatch(e.new, -1) {
			names[m[1]] = true
		}
	}
	require.Greater(t, len(names), 35)
	healthy := runMutant(binary, "none", 200)
	require.Empty(t, whoFailed(healthy), healthy)
	bySimulation := 0
	for _, name := range slices.Sorted(maps.Keys(names)) {
		by := whoFailed(runMutant(binary, name, *simRuns))
		if len(by) == 0 {
			t.Errorf("no test notices that: %s", name)
		}
		if slices.ContainsFunc(by, func(s string) bool { return strings.HasPrefix(s, "Simulation") }) {
			bySimulation++
		}
		t.Logf("%s\n\t%s", name, strings.Join(by, " "))
	}
	t.Logf("%d mutants; the simulation caught %d of them", len(names), bySimulation)
}

// buildMutants returns the test binary of the mutated package.
func buildMutants(t *testing.T) string {
	dir := t.TempDir()
	sources := map[string]string{
		"planted_test_only.go": "package control\n\nimport \"os\"\n\nvar plantedName = os.Getenv(\"CONTROL_MUTANT\")\n\n" +
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
	overlay, binary := filepath.Join(dir, "overlay.json"), filepath.Join(dir, "control.test")
	require.NoError(t, os.WriteFile(overlay, text, 0o600))
	out, err := exec.Command("go", "test", "-c", "-overlay", overlay, "-vet=off", "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return binary
}

// runMutant returns what the tests say. That they fail is what is wanted, so the
// command's own result is not looked at.
func runMutant(binary, name string, runs uint64) string {
	cmd := exec.Command(binary, "-test.run", "^(TestSchedule_|TestSimulation)", "-test.timeout", "600s", "-mutant", "-runs", fmt.Sprint(runs))
	cmd.Env = append(os.Environ(), "CONTROL_MUTANT="+name)
	out, _ := cmd.CombinedOutput()
	return string(out)
}

var (
	failed = regexp.MustCompile(`(?m)^(?:--- FAIL: Test(\w+)|(panic): )`)
	broken = regexp.MustCompile(`seed (\d+: (?:P\d|\w+ \d+|\w+))`)
)

// whoFailed returns the tests that failed, the simulation with its seed and what it
// saw. A panic ends them all: a mutant that panics is caught, but by whom is not known.
func whoFailed(output string) []string {
	var by []string
	for _, m := range failed.FindAllStringSubmatch(output, -1) {
		who := m[1] + m[2]
		if seed := broken.FindStringSubmatch(output); who == "Simulation" && seed != nil {
			who += " (seed " + seed[1] + ")"
		}
		by = append(by, who)
	}
	slices.Sort(by)
	return slices.Compact(by)
}
