package clients

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/internal/apptest"
)

func TestMain(m *testing.M) { os.Exit(apptest.Main(m)) }

// program is one client with what is done with it. HOST and PORT stand for the
// server's in args.
type program struct {
	name    string
	probe   []string // ends with 0 where the client is installed
	install string   // what to install otherwise
	args    []string
	says    string // a pattern that the output must match
}

const (
	python        = "/usr/bin/python3" // Debian's own: another one on the PATH does not see Debian's packages
	spymemcached  = "/usr/share/java/spymemcached.jar"
	memcachedTool = "/usr/share/memcached/scripts/memcached-tool"
	allPassed     = `: \d+ passed, 0 failed\n$`
)

var programs = []program{
	{
		name: "memccapable", probe: []string{"memccapable", "-V"}, install: "libmemcached-tools",
		args: []string{"memccapable", "-a", "-h", "HOST", "-p", "PORT"}, says: `^(.*\[pass\]\n){27}All tests passed\n$`,
	},
	{
		name: "libmemcached-tools", probe: []string{"memccat", "--version"}, install: "libmemcached-tools",
		args: []string{"sh", "testdata/tools/app.sh", "HOST", "PORT"}, says: allPassed,
	},
	{
		name: "pymemcache", probe: []string{python, "-c", "import pymemcache"}, install: "python3-pymemcache",
		args: []string{python, "-B", "testdata/python/pymemcache_app.py", "HOST", "PORT"}, says: allPassed,
	},
	{
		name: "pylibmc", probe: []string{python, "-c", "import pylibmc"}, install: "python3-pylibmc",
		args: []string{python, "-B", "testdata/python/pylibmc_app.py", "HOST", "PORT"}, says: allPassed,
	},
	{
		name: "python-memcached", probe: []string{python, "-c", "import memcache"}, install: "python3-memcache",
		args: []string{python, "-B", "testdata/python/memcache_app.py", "HOST", "PORT"}, says: allPassed,
	},
	{
		name: "Cache::Memcached", probe: []string{"/usr/bin/perl", "-MCache::Memcached", "-e", "1"}, install: "libcache-memcached-perl",
		args: []string{"/usr/bin/perl", "testdata/perl/cache_memcached.pl", "HOST", "PORT"}, says: allPassed,
	},
	{
		name: "Cache::Memcached::Fast", probe: []string{"/usr/bin/perl", "-MCache::Memcached::Fast", "-e", "1"}, install: "libcache-memcached-fast-perl",
		args: []string{"/usr/bin/perl", "testdata/perl/cache_memcached_fast.pl", "HOST", "PORT"}, says: allPassed,
	},
	{
		name: "memcached-tool", probe: []string{"test", "-r", memcachedTool}, install: "memcached",
		args: []string{"/usr/bin/perl", "testdata/perl/memcached_tool.pl", "HOST", "PORT", memcachedTool}, says: allPassed,
	},
	{
		name: "php-memcached", probe: []string{"php", "-r", "exit(extension_loaded('memcached') ? 0 : 1);"}, install: "php-cli and php-memcached",
		args: []string{"php", "testdata/php/app.php", "HOST", "PORT"}, says: allPassed,
	},
	{
		name: "spymemcached", probe: []string{"java", "-cp", spymemcached, "testdata/java/Installed.java"}, install: "openjdk-17-jdk-headless and libspymemcached-java",
		args: []string{"java", "-cp", spymemcached, "testdata/java/App.java", "HOST", "PORT"}, says: allPassed,
	},
}

func TestPrograms(t *testing.T) {
	for _, p := range programs {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			if command(t, time.Minute, p.probe[0], p.probe[1:]...).Run() != nil {
				absent(t, p.name, p.install)
				return
			}
			against(t, func(t *testing.T, s server) { p.run(t, "", s) })
		})
	}
}

// TestNodePrograms installs the npm packages once, outside the repository.
func TestNodePrograms(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if said, err := command(t, 2*time.Minute, "sh", "testdata/node/install.sh", dir).CombinedOutput(); err != nil {
		absent(t, "the Node clients", "node and npm, with a way to npm's registry ("+strings.TrimSpace(string(said))+")")
		return
	}
	for name, file := range map[string]string{"memcached": "memcached_app.js", "memcache-client": "memcache_client_app.js", "memcache": "memcache_app.mjs"} {
		t.Run("npm "+name, func(t *testing.T) {
			p := program{args: []string{"node", file, "HOST", "PORT"}, says: allPassed}
			against(t, func(t *testing.T, s server) { p.run(t, dir, s) })
		})
	}
}

// run runs the program in a directory against a server.
func (p program) run(t *testing.T, dir string, s server) {
	t.Helper()
	args := make([]string, len(p.args))
	for i, a := range p.args {
		args[i] = strings.NewReplacer("HOST", s.host, "PORT", s.port).Replace(a)
	}
	cmd := command(t, 2*time.Minute, args[0], args[1:]...)
	cmd.Dir = dir
	begun := time.Now()
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Regexp(t, regexp.MustCompile(p.says), string(out))
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	t.Logf("%s (%v)", lines[len(lines)-1], time.Since(begun).Round(time.Millisecond))
}

// command is one that is killed when it takes too long, which fails the test.
func command(t *testing.T, limit time.Duration, name string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.WaitDelay = time.Second // what it started itself may still hold its output
	return cmd
}

// absent says what is not installed, or fails where nothing may be left out.
func absent(t *testing.T, what, install string) {
	t.Helper()
	if os.Getenv("LEASECACHE_REQUIRE_CLIENTS") == "1" {
		t.Fatalf("%s is not here: install %s", what, install)
	}
	t.Logf("%s is not here and left out: install %s", what, install)
}

// wrapper makes a directory with a program named memcached in it, a shell script of
// the given line, and returns the directory.
func wrapper(t *testing.T, line string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "memcached"), []byte("#!/bin/sh\n"+line+"\n"), 0o700))
	return dir
}
