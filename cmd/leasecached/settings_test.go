package main

import (
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the files that are generated from the settings")

// parse is ParseFlags and Validate.
func parse(t *testing.T, environ []string, args ...string) (Config, error) {
	t.Helper()
	h := newHarness(environ...)
	err := h.ParseFlags(args)
	if err == nil {
		err = h.Validate()
	}
	return h.Config, err
}

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	path := t.TempDir() + "/leasecached.toml"
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestDefaults(t *testing.T) {
	c, err := parse(t, nil)
	require.NoError(t, err)
	require.Equal(t, Config{
		NodeID: "n1", DataDir: "./leasecached.data", Shards: 1024, SessionTTL: 3 * time.Second,
		Listen: "127.0.0.1:11211", Admin: "127.0.0.1:11212", Cluster: "127.0.0.1:11213", MaxConnections: 10000,
		UnixMode: 0o700, RequestsPerEvent: 1000,
		StallTimeout: 30 * time.Second, DrainTimeout: 10 * time.Second,
		Memory: 1 << 30, MaxItemSize: 1 << 20, LogFormat: "text", IO: "auto",
		given: map[string]string{},
	}, c)
}

func TestFlagOverEnvironmentOverFile(t *testing.T) {
	path := writeConfig(t, "shards = 1\nmemory = \"11MiB\"\nnode-id = \"file\"\nlease-only = [\"f:\", \"g:\"]\ninsecure = true\n")
	env := []string{"LEASECACHED_MEMORY=32MiB", "LEASECACHED_NODE_ID=env", "LEASECACHED_LEASE_ONLY=e: h:",
		"LEASECACHED_CONFIG=" + path, "LEASECACHED_ADMIN=", "PATH=/bin"}

	c, err := parse(t, env, "--node-id=flag", "--insecure=false")
	require.NoError(t, err)
	require.Equal(t, uint32(1), c.Shards)
	require.Equal(t, int64(32<<20), c.Memory)
	require.Equal(t, "flag", c.NodeID)
	require.Equal(t, []string{"e:", "h:"}, c.LeaseOnly, "a list comes from one source")
	require.False(t, c.Insecure)
	require.Equal(t, "127.0.0.1:11212", c.Admin, "an empty variable is none")

	c, err = parse(t, env, "--lease-only", "x", "--lease-only", "y,z", "--memory", "1GiB", "--memory", "2GiB")
	require.NoError(t, err)
	require.Equal(t, []string{"x", "y,z"}, c.LeaseOnly)
	require.Equal(t, int64(2<<30), c.Memory, "the last one counts")
	require.True(t, c.Insecure)

	other := writeConfig(t, "shards = 2\n")
	c, err = parse(t, env, "--config", other)
	require.NoError(t, err)
	require.Equal(t, uint32(2), c.Shards)
}

// Every setting takes its value from each source that it has.
func TestEverySourceOfEverySetting(t *testing.T) {
	examples := map[string]string{
		"node-id": "n7", "data-dir": "/d", "cluster-id": "c", "shards": "7", "session-ttl": "7s",
		"listen": "[::1]:7", "admin": "localhost:7", "max-connections": "7", "stall-timeout": "7s",
		"cluster": "[::1]:7", "join": "[::1]:8", "advertise": "h",
		"unix-socket": "/s", "unix-mode": "0777", "auth-file": "/a", "idle-timeout": "7s", "requests-per-event": "7",
		"drain-timeout": "7s", "memory": "7MiB", "max-item-size": "7KiB", "lease-only": "p:",
		"threads": "7", "io": "goroutines", "log-level": "debug", "log-format": "json",
		"ephemeral": "true", "volatile-intents": "true", "insecure": "true", "allow-shutdown": "true",
	}
	eachSetting(func(s *setting) {
		example, ok := examples[s.name]
		require.Equal(t, s.inFile(), ok, "%s wants an example here", s.name)
		if !ok {
			return
		}
		fromFlag, err := settleOne(readFlags([]string{"--" + s.name + "=" + example}))
		require.NoError(t, err, s.name)
		variables, unknown := readEnviron([]string{s.variable() + "=" + example})
		require.Empty(t, unknown)
		fromEnv, err := settleOne(variables, nil)
		require.NoError(t, err, s.name)
		value := `"` + example + `"`
		switch s.kind {
		case bare:
			value = example
		case many:
			value = "[" + value + "]"
		}
		fromFile, err := settleOne(parseFile("F", s.name+" = "+value))
		require.NoError(t, err, s.name)

		standard, err := settle(nil)
		require.NoError(t, err)
		require.Equal(t, map[string]string{s.name: "--" + s.name}, fromFlag.given)
		require.Equal(t, map[string]string{s.name: s.variable()}, fromEnv.given)
		require.Equal(t, map[string]string{s.name: s.name + " in F"}, fromFile.given)
		for _, c := range []*Config{&fromFlag, &fromEnv, &fromFile, &standard} {
			c.given = nil
		}
		require.NotEqual(t, standard, fromFlag, s.name)
		require.Equal(t, fromFlag, fromEnv, s.name)
		require.Equal(t, fromFlag, fromFile, s.name)
	})
}

func settleOne(v values, err error) (Config, error) {
	if err != nil {
		return Config{}, err
	}
	return settle([]values{v})
}

func TestBadValuesAreOneSentenceAndCodeTwo(t *testing.T) {
	for _, c := range []struct {
		args, env []string
		file      string
		want      string
	}{
		{args: []string{"--memory", "12XB"}, want: `--memory: "12XB" is not a size such as 64MiB or 1GiB`},
		{args: []string{"--memory", "1KiB"}, want: `--memory: "1KiB" is not from 1MiB to 1TiB`},
		{args: []string{"--memory", "64"}, want: `--memory: "64" is not from 1MiB to 1TiB; a number alone is bytes`},
		{args: []string{"--memory", "-1"}, want: `--memory: "-1" is not a size such as 64MiB or 1GiB`},
		{args: []string{"--max-item-size", "2GiB"}, want: `--max-item-size: "2GiB" is not from 1KiB to 1GiB`},
		{args: []string{"--shards", "0"}, want: `--shards: "0" is not a number from 1 to 65536`},
		{args: []string{"--shards", "1e3"}, want: `--shards: "1e3" is not a number from 1 to 65536`},
		{args: []string{"--threads", "-1"}, want: `--threads: "-1" is not a number from 0 to 32767`},
		{args: []string{"--max-connections", "0"}, want: `--max-connections: "0" is not a number from 1 to 1048576`},
		{args: []string{"--session-ttl", "3"}, want: `--session-ttl: "3" is not a duration from 1s to 30s`},
		{args: []string{"--session-ttl", "2m"}, want: `--session-ttl: "2m" is not a duration from 1s to 30s`},
		{args: []string{"--drain-timeout", "-1s"}, want: `--drain-timeout: "-1s" is not a duration from 0s to 1h0m0s`},
		{args: []string{"--stall-timeout", "x"}, want: `--stall-timeout: "x" is not a duration from 100ms to 1h0m0s`},
		{args: []string{"--listen", "11211"}, want: `--listen: "11211" is not an address such as 127.0.0.1:11211`},
		{args: []string{"--admin", "127.0.0.1:http"}, want: `--admin: "127.0.0.1:http" is not an address such as 127.0.0.1:11211`},
		{args: []string{"--unix-mode", "0888"}, want: `--unix-mode: "0888" is not a mode in octal such as 0700`},
		{args: []string{"--unix-mode", "4755"}, want: `--unix-mode: "4755" is not a mode in octal such as 0700`},
		{args: []string{"--idle-timeout", "5"}, want: `--idle-timeout: "5" is not a duration from 100ms to 10000h0m0s`},
		{args: []string{"--idle-timeout", "5ms"}, want: `--idle-timeout: "5ms" is not a duration from 100ms to 10000h0m0s`},
		{args: []string{"--requests-per-event", "0"}, want: `--requests-per-event: "0" is not a number from 1 to 2147483647`},
		{args: []string{"--listen", "none"}, want: `--listen none leaves no way in for clients: give --unix-socket too`},
		{args: []string{"--node-id", "a b"}, want: `--node-id: "a b" is not an id: 1 to 64 letters, digits, dots, dashes and underscores make one`},
		{args: []string{"--cluster-id", "a\n"}, want: `--cluster-id: "a\n" is not an id: 1 to 64 letters, digits, dots, dashes and underscores make one`},
		{args: []string{"--data-dir", ""}, want: `--data-dir: is empty`},
		{args: []string{"--lease-only", "a b"}, want: `--lease-only: "a b" is not the beginning of a key: 1 to 250 bytes without spaces`},
		{args: []string{"--log-level", "loud"}, want: `--log-level: "loud" is not one of debug, info, warn, error`},
		{args: []string{"--log-format", "xml"}, want: `--log-format: "xml" is not one of text, json`},
		{args: []string{"--insecure=perhaps"}, want: `--insecure: "perhaps" is neither true nor false`},

		{args: []string{"--memroy", "1GiB"}, want: `unknown flag: --memroy (--help lists what there is)`},
		{args: []string{"-m", "64"}, want: `unknown shorthand flag: 'm' in -m (--help lists what there is; memcached's flags are taken by: leasecached memcached ...)`},
		{args: []string{"--port=9"}, want: `unknown flag: --port (--help lists what there is; memcached's flags are taken by: leasecached memcached ...)`},
		{args: []string{"-z"}, want: `unknown shorthand flag: 'z' in -z (--help lists what there is)`},
		{args: []string{"--memory"}, want: `flag needs an argument: --memory (--help lists what there is)`},
		{args: []string{"start"}, want: `unexpected argument "start": every setting is a flag (--help lists them)`},

		{env: []string{"LEASECACHED_MEMORY=1MB"}, want: `LEASECACHED_MEMORY: "1MB" is not a size such as 64MiB or 1GiB`},
		{env: []string{"LEASECACHED_EPHEMERAL=2"}, want: `LEASECACHED_EPHEMERAL: "2" is neither true nor false`},

		{file: `memory = "1MB"`, want: `memory in FILE: "1MB" is not a size such as 64MiB or 1GiB`},
		{file: `memroy = "1GiB"`, want: `configuration file FILE: unknown key "memroy"`},
		{file: "[node]\nid = 1", want: `configuration file FILE: unknown key "node"`},
		{file: `config = "other"`, want: `configuration file FILE: unknown key "config"`},
		{file: `shards = [1]`, want: `shards in FILE: takes one value, not an array`},
		{file: `shards = 1.5`, want: `shards in FILE: takes a string, a whole number or a boolean`},
		{file: `lease-only = "a"`, want: `lease-only in FILE: takes an array of strings, such as ["user:"]`},
		{file: "shards = 1\nshards = 2", want: `configuration file FILE: toml: line 2 (last key "shards"): Key 'shards' has already been defined.`},
		{args: []string{"--config", "/nowhere/at/all"}, want: `configuration file /nowhere/at/all: no such file or directory`},

		{args: []string{"--ephemeral", "--data-dir", "d"}, want: `--ephemeral and --data-dir exclude each other: one keeps nothing on disk, the other says where`},
		{args: []string{"--volatile-intents"}, want: `--volatile-intents means something only with --ephemeral: with a data directory intents are durable`},
		{args: []string{"--ephemeral", "--volatile-intents"}, want: `--volatile-intents needs --cluster-id: without a fixed id the fence rows of the source match no writer`},
		{args: []string{"--memory", "8M"}, want: `--memory 8MiB is too small for values of up to 1MiB: give 16 times as much, or a smaller --max-item-size`},
		{args: []string{"--listen", "0.0.0.0:11211"}, want: `--listen 0.0.0.0:11211 can be reached from other machines, and nothing is encrypted: use a loopback address, or --insecure if you trust the network`},
	} {
		args := c.args
		path := ""
		if c.file != "" {
			path = writeConfig(t, c.file)
			args = append(args, "--config", path)
		}
		_, err := parse(t, c.env, args...)
		require.Error(t, err, c.want)
		require.Equal(t, c.want, withoutPath(sentence(err), path))
		require.Equal(t, 2, exitCode(err), c.want)
	}
}

func TestLoopbackRule(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:1": true, "127.8.8.8:1": true, "localhost:1": true, "[::1]:1": true,
		"0.0.0.0:1": false, ":1": false, "[::]:1": false, "192.168.1.7:1": false, "cache.local:1": false,
	} {
		for _, flag := range []string{"--listen", "--admin"} {
			_, err := parse(t, nil, flag, address)
			require.Equal(t, want, err == nil, "%s %s", flag, address)
			_, err = parse(t, nil, flag, address, "--insecure")
			require.NoError(t, err)
		}
	}
}

// A Unix socket is for this machine: it needs no --insecure.
func TestUnixSocketAlone(t *testing.T) {
	for _, listen := range []string{"none", ""} {
		c, err := parse(t, nil, "--unix-socket", "/run/s", "--listen", listen)
		require.NoError(t, err)
		require.Equal(t, "none", c.Listen)
	}
}

func TestUnknownVariablesAreNamed(t *testing.T) {
	h := newHarness("LEASECACHED_PORT=tcp://10.0.0.1:11211", "LEASECACHED_VERSION=1", "LEASECACHED_SHARDS=8")
	require.NoError(t, h.ParseFlags(nil))
	require.Equal(t, []string{"LEASECACHED_PORT", "LEASECACHED_VERSION"}, h.unknown)
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "123": 123, "1k": 1 << 10, "1KiB": 1 << 10, "64mib": 64 << 20, "64M": 64 << 20,
		"1GiB": 1 << 30, "2g": 2 << 30, "3TiB": 3 << 40, "8388607T": 8388607 << 40,
	} {
		got, err := parseSize(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "K", "MiB", "1.5G", "1 GiB", "1GB", "1iB", "8388608T", "9999999999999999999", "0x10", "-1", "+1"} {
		_, err := parseSize(text)
		require.Error(t, err, text)
	}
	require.Equal(t, "1GiB", formatSize(1<<30))
	require.Equal(t, "1025 bytes", formatSize(1025))
}

func TestHelpIsTheOneWeRead(t *testing.T) {
	golden(t, "testdata/help.txt", help())
	for _, line := range strings.Split(help(), "\n") {
		require.LessOrEqual(t, len(line), helpWidth)
	}
}

const samplePath = "../../docs/leasecached.toml"

func TestSampleFileIsTrue(t *testing.T) {
	golden(t, samplePath, sample())

	// With the comment signs taken away from the keys it says the defaults.
	var live strings.Builder
	for _, line := range strings.Split(sample(), "\n") {
		if strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "# ") {
			line = line[1:]
		}
		live.WriteString(line + "\n")
	}
	got, err := settleOne(parseFile("sample", live.String()))
	require.NoError(t, err)
	want, err := settle(nil)
	require.NoError(t, err)
	eachSetting(func(s *setting) {
		require.Equal(t, s.inFile(), got.isGiven(s.name), s.name)
	})
	got.given, want.given = nil, nil
	require.Equal(t, want, got)
}

func golden(t *testing.T, path, want string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(want), 0o644))
	}
	have, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, want, string(have), "go test ./cmd/leasecached -update writes it anew")
}

func withoutPath(sentence, path string) string {
	if path == "" {
		return sentence
	}
	return strings.ReplaceAll(sentence, path, "FILE")
}
