package apptest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

const modulePath = "github.com/leasecache/leasecache"

// built holds the binaries of this test run, by command name.
var built struct {
	sync.Mutex
	dir   string
	paths map[string]string
}

// Main runs the tests of a package that starts processes and removes the binaries
// built for them. Use it in TestMain: os.Exit(apptest.Main(m)).
func Main(m *testing.M) int {
	defer func() {
		built.Lock()
		defer built.Unlock()
		if built.dir != "" {
			_ = os.RemoveAll(built.dir) // a leftover in the temporary directory harms nobody
		}
	}()
	return m.Run()
}

// Binary builds the command of this module (such as "leasecached") once per test
// run, with the race detector if the test has it, and returns the binary's path.
func Binary(t testing.TB, command string) string {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	if path, ok := built.paths[command]; ok {
		return path
	}
	path, err := build(command)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func build(command string) (string, error) {
	if built.dir == "" {
		dir, err := os.MkdirTemp("", "leasecache-apptest-")
		if err != nil {
			return "", err
		}
		built.dir, built.paths = dir, map[string]string{}
	}
	path := filepath.Join(built.dir, command)
	args := []string{"build", "-o", path}
	if raceEnabled {
		args = append(args, "-race")
	}
	args = append(args, modulePath+"/cmd/"+command)
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %s: %w\n%s", command, err, out)
	}
	built.paths[command] = path
	return path, nil
}
