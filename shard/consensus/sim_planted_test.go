//go:build !race

package consensus_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// plantedEdit is a bug in the program: in file, old, which must stand there exactly once,
// becomes new.
type plantedEdit struct{ what, faults, file, old, new string }

// The rules of shard/control have mutants of their own, there. These are of what only whole
// nodes show.
var plantedEdits = []plantedEdit{
	{
		"a new leader does not wait for sessions that others granted", "cut off,healed",
		"../control/grantor.go", "		g.heard[id] = heard{s.Seq, now}\n	}\n}\n\n// Deposed",
		"		g.heard[id] = heard{s.Seq, now}\n		if PLANTED {\n			g.heard[id] = heard{s.Seq, now - Mono(s.Wait)}\n		}\n	}\n}\n\n// Deposed",
	},
}

// TestSimulationFindsBugsOfNodes builds the tests once more for each bug, planted in the
// program, and asks the simulation for it.
func TestSimulationFindsBugsOfNodes(t *testing.T) {
	binary := buildPlanted(t)
	for i, e := range plantedEdits {
		t.Run(e.what, func(t *testing.T) {
			cmd := exec.Command(binary, "-test.run", "^TestSimulation$", "-runs", "12", "-faults", e.faults)
			cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", plantedEnv, i))
			out, err := cmd.CombinedOutput()
			found := regexp.MustCompile(`seed \d+: .*`).FindString(string(out))
			require.Error(t, err, "no seed finds it")
			require.NotEmpty(t, found, string(out))
			t.Log(found)
		})
	}
}

const plantedEnv = "LEASECACHE_PLANTED"

func buildPlanted(t *testing.T) string {
	dir := t.TempDir()
	sources := make(map[string]string)
	for i, e := range plantedEdits {
		if sources[e.file] == "" {
			text, err := os.ReadFile(e.file)
			require.NoError(t, err)
			sources[e.file] = string(text)
		}
		require.Equal(t, 1, strings.Count(sources[e.file], e.old), "%q must stand in %s exactly once", e.old, e.file)
		sources[e.file] = strings.Replace(sources[e.file], e.old, strings.ReplaceAll(e.new, "PLANTED", fmt.Sprintf("planted(%d)", i)), 1)
	}
	for _, at := range []struct{ dir, pkg string }{{".", "consensus"}, {"../control", "control"}} {
		sources[filepath.Join(at.dir, "planted_in_tests_only.go")] = "package " + at.pkg + "\n\nimport (\n\t\"os\"\n\t\"strconv\"\n)\n\n" +
			"var plantedOne = os.Getenv(\"" + plantedEnv + "\")\n\nfunc planted(i int) bool { return strconv.Itoa(i) == plantedOne }\n"
	}
	replace := make(map[string]string)
	for file, text := range sources {
		original, err := filepath.Abs(file)
		require.NoError(t, err)
		replace[original] = filepath.Join(dir, strings.ReplaceAll(file, "/", "_"))
		require.NoError(t, os.WriteFile(replace[original], []byte(text), 0o600))
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	require.NoError(t, err)
	overlay, binary := filepath.Join(dir, "overlay.json"), filepath.Join(dir, "planted.test")
	require.NoError(t, os.WriteFile(overlay, text, 0o600))
	out, err := exec.Command("go", "test", "-c", "-overlay", overlay, "-vet=off", "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return binary
}
