package main

import (
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/server"
)

func standInConfig(t *testing.T, line string) (*standIn, Config) {
	t.Helper()
	s, err := readStandIn(strings.Fields(line))
	require.NoError(t, err, line)
	cfg, err := s.config(nil)
	require.NoError(t, err, line)
	return s, cfg
}

// What memcached's flags leave open is as memcached has it.
func TestStandInDefaults(t *testing.T) {
	_, cfg := standInConfig(t, "")
	require.Equal(t, ":11211", cfg.Listen, "every address")
	require.Equal(t, server.NoPort, cfg.Admin)
	require.True(t, cfg.Ephemeral)
	require.EqualValues(t, 64<<20, cfg.Memory)
	require.Equal(t, 1<<20, cfg.MaxItemSize)
	require.Equal(t, 1024, cfg.MaxConnections)
	require.Equal(t, 20, cfg.RequestsPerEvent)
	require.Zero(t, cfg.IdleTimeout)
	require.EqualValues(t, 0o700, cfg.UnixMode)
	require.Equal(t, slog.LevelWarn, cfg.LogLevel)
	require.Zero(t, cfg.Denied)
}

func TestStandInFlags(t *testing.T) {
	for line, same := range map[string]func(*standIn, Config) bool{
		"-p 11":          func(_ *standIn, c Config) bool { return c.Listen == ":11" },
		"-p11":           func(_ *standIn, c Config) bool { return c.Listen == ":11" },
		"--port=11":      func(_ *standIn, c Config) bool { return c.Listen == ":11" },
		"--port 11":      func(_ *standIn, c Config) bool { return c.Listen == ":11" },
		"--po 11":        func(_ *standIn, c Config) bool { return c.Listen == ":11" },
		"-vvp 11":        func(_ *standIn, c Config) bool { return c.Listen == ":11" && c.LogLevel == slog.LevelDebug },
		"word -p 11":     func(_ *standIn, c Config) bool { return c.Listen == ":11" },
		"-p 11 -- -p 12": func(_ *standIn, c Config) bool { return c.Listen == ":11" },
		"-p -1":          func(_ *standIn, c Config) bool { return c.Listen == ":0" },
		"-U 12":          func(_ *standIn, c Config) bool { return c.Listen == ":12" },
		"-U 12 -p 11":    func(_ *standIn, c Config) bool { return c.Listen == ":11" },
		"-l 127.0.0.1":   func(_ *standIn, c Config) bool { return c.Listen == "127.0.0.1:11211" },
		"-l ::1":         func(_ *standIn, c Config) bool { return c.Listen == "[::1]:11211" },
		"-l [::1]:12":    func(_ *standIn, c Config) bool { return c.Listen == "[::1]:12" },
		"-l [::1] -p 13": func(_ *standIn, c Config) bool { return c.Listen == "[::1]:13" },
		"-l h:12,*;g -p 11": func(_ *standIn, c Config) bool {
			return c.Listen == "h:12" && slices.Equal(c.MoreListen, []string{":11", "g:11"})
		},
		"-l a -l b -l a": func(_ *standIn, c Config) bool {
			return c.Listen == "a:11211" && slices.Equal(c.MoreListen, []string{"b:11211"})
		},
		"-l proto[ascii]:a":        func(_ *standIn, c Config) bool { return c.Listen == "a:11211" },
		"-l tag[t]:a:1":            func(_ *standIn, c Config) bool { return c.Listen == "a:1" },
		"-l proto[ascii]:tag_t_:a": func(_ *standIn, c Config) bool { return c.Listen == "a:11211" },
		"-s /s -p 11":              func(_ *standIn, c Config) bool { return c.Listen == server.NoPort && c.UnixSocket == "/s" },
		"-s /s -a 770":             func(_ *standIn, c Config) bool { return c.UnixMode == 0o770 },
		"-s /s -p 0":               func(_ *standIn, c Config) bool { return c.Listen == server.NoPort },
		"-m 128":                   func(_ *standIn, c Config) bool { return c.Memory == 128<<20 },
		"-m 2":                     func(_ *standIn, c Config) bool { return c.Memory == 16<<20 },
		"-m 1024 -I 2m":            func(_ *standIn, c Config) bool { return c.MaxItemSize == 2<<20 && c.Memory == 1024<<20 },
		"-I 512K":                  func(_ *standIn, c Config) bool { return c.MaxItemSize == 512<<10 },
		"-I 4096":                  func(_ *standIn, c Config) bool { return c.MaxItemSize == 4096 },
		"-c 7 -t 3 -R 9": func(_ *standIn, c Config) bool {
			return c.MaxConnections == 7 && c.Threads == 3 && c.RequestsPerEvent == 9
		},
		"-o idle_timeout=5":        func(_ *standIn, c Config) bool { return c.IdleTimeout == 5*time.Second },
		"-o modern,idle_timeout=5": func(s *standIn, c Config) bool { return c.IdleTimeout == 5*time.Second && s.unused == nil },
		"-Y /f":                    func(_ *standIn, c Config) bool { return c.AuthFile == "/f" },
		"-Y /f -B ascii":           func(_ *standIn, c Config) bool { return c.AuthFile == "/f" },
		"-F":                       func(_ *standIn, c Config) bool { return c.Denied.Flush && !c.Denied.Dump && !c.Denied.Watch },
		"-X":                       func(_ *standIn, c Config) bool { return c.Denied.Dump && !c.Denied.Flush && !c.Denied.Watch },
		"-W":                       func(_ *standIn, c Config) bool { return c.Denied.Watch && !c.Denied.Flush && !c.Denied.Dump },
		"-A":                       func(_ *standIn, c Config) bool { return c.AllowShutdown },
		"-v":                       func(_ *standIn, c Config) bool { return c.LogLevel == slog.LevelInfo },
		"--verbose=2":              func(_ *standIn, c Config) bool { return c.LogLevel == slog.LevelInfo },
		"-du nobody -P /p":         func(s *standIn, _ Config) bool { return s.detach && s.user == "nobody" && s.pidFile == "/p" },
		"-o relaxed_privileges":    func(s *standIn, _ Config) bool { return s.unused == nil },
		"-k -n 48 -f 1.25 -b 9":    func(s *standIn, _ Config) bool { return strings.Join(s.unused, " ") == "-k -n 48 -f 1.25 -b 9" },
		"-o slab_automove=1,no_lru_crawler": func(s *standIn, _ Config) bool {
			return strings.Join(s.unused, " ") == "-o slab_automove=1 -o no_lru_crawler"
		},
	} {
		s, cfg := standInConfig(t, line)
		require.True(t, same(s, cfg), "%s: %+v %+v", line, s, cfg)
	}
	s, err := readStandIn([]string{"-m 128", "-p", " 11"}) // blanks before a value
	require.NoError(t, err)
	require.EqualValues(t, 128<<20, s.memory)
	require.Equal(t, 11, s.port)
}

// Words and codes are memcached's, where it has such an error.
func TestStandInRefusals(t *testing.T) {
	const getopt = "\nIllegal argument \"?\""
	for line, want := range map[string]refusal{
		"-q":                                   {1, "memcached: invalid option -- 'q'" + getopt},
		"-vq":                                  {1, "memcached: invalid option -- 'q'" + getopt},
		"-p":                                   {1, "memcached: option requires an argument -- 'p'" + getopt},
		"--port":                               {1, "memcached: option '--port' requires an argument" + getopt},
		"--daemon=1":                           {1, "memcached: option '--daemon' doesn't allow an argument" + getopt},
		"--nothing":                            {1, "memcached: unrecognized option '--nothing'" + getopt},
		"--disable-f":                          {0, ""},
		"--disable":                            {1, "memcached: option '--disable' is ambiguous; possibilities: '--disable-evictions' '--disable-cas' '--disable-flush-all' '--disable-dumping' '--disable-watch'" + getopt},
		"-c 0":                                 {1, "Maximum connections must be greater than 0"},
		"-t 0":                                 {1, "Number of threads must be greater than 0"},
		"-R 0":                                 {1, "Number of requests per event must be greater than 0"},
		"-f 1":                                 {1, "Factor must be greater than 1"},
		"-n 0":                                 {1, "Chunk size must be greater than 0"},
		"-N 0":                                 {1, "Maximum number of NAPI IDs must be greater than 0"},
		"-N 5":                                 {64, "Number of napi_ids(5) cannot be greater than number of threads(4)"},
		"-I 1000":                              {64, "Item max size cannot be less than 1024 bytes."},
		"-m 64 -I 33m":                         {64, "Cannot set item size limit higher than 1/2 of memory max."},
		"-m 4096 -I 1025m":                     {64, "Cannot set item size limit higher than a gigabyte."},
		"-m 1":                                 {64, "Cannot set item size limit higher than 1/2 of memory max."},
		"-p 65536":                             {64, "ERROR: Invalid port number 65536."},
		"-p 0":                                 {64, "-p 0 turns TCP off, and without -s nobody could connect: give a port or a socket"},
		"-B nonsense":                          {64, "Invalid value for binding protocol: nonsense\n -- should be one of auto, binary, or ascii"},
		"-B binary":                            {64, "The binary protocol is not spoken here: leave -B out, and switch the clients to the text (ASCII) protocol."},
		"-S":                                   {64, "This server is not built with SASL support. Its clients speak the text protocol: leave -S out, and see -Y for passwords there."},
		"-Z":                                   {64, "This server is not built with TLS support. Leave -Z out, and put a TLS proxy in front of it."},
		"-M":                                   {64, "-M is not supported: this cache makes room when it is full, it does not refuse to store; leave -M out"},
		"-Y /f -B auto":                        {64, "ERROR: You cannot allow the BINARY protocol while using ascii authentication tokens."},
		"-Y /f -U 1":                           {64, "Cannot use UDP with ascii authentication enabled (-U 0 to disable)"},
		"-s /s -a rwx":                         {64, "-a rwx is not an access mode in octal, such as 700"},
		"-o nonsense=1":                        {1, `Illegal suboption "nonsense=1"`},
		"-o ext_path=/f:1G":                    {1, `Illegal suboption "ext_path=/f:1G"`},
		"-o modern,,track_sizes":               {1, `Illegal suboption ""`},
		"-o modern,":                           {0, ""},
		"-o idle_timeout":                      {1, "Missing numeric argument for idle_timeout"},
		"-o hashpower=11":                      {1, "Initial hashtable multiplier of 11 is too low"},
		"-o hashpower=33":                      {1, "Initial hashtable multiplier of 33 is too high\nChoose a value based on \"STAT hash_power_level\" from a running instance"},
		"-o hashpower":                         {1, "Missing numeric argument for hashpower"},
		"-o hash_algorithm=x":                  {1, "Unknown hash_algorithm option (jenkins, murmur3, xxh3)"},
		"-o slab_automove=3":                   {1, "slab_automove must be between 0 and 2"},
		"-o slab_automove":                     {0, ""},
		"-o slab_automove_ratio=2":             {1, "slab_automove_ratio must be > 0 and < 1"},
		"-o slab_chunk_max=1025":               {1, "slab_chunk_max must be specified in kilobytes."},
		"-o tail_repair_time=9":                {1, "Cannot set tail_repair_time to less than 10 seconds"},
		"-o lru_crawler_tocrawl=x":             {1, "lru_crawler_tocrawl takes a numeric 32bit value"},
		"-o hot_lru_pct=0":                     {1, "hot_lru_pct must be > 1 and < 80"},
		"-o hot_lru_pct=70":                    {64, "hot_lru_pct + warm_lru_pct cannot be more than 80% combined"},
		"-o temporary_ttl=9,no_lru_maintainer": {64, "temporary_ttl requires lru_maintainer to be enabled"},
		"-l notls:a":                           {71, "'notls' option is valid only when SSL is enabled"},
		"-l a:b":                               {71, `Invalid port number: "b"`},
		"-l [::1":                              {71, `Invalid IPV6 address: "[::1"`},
		"-l proto[binary]:a":                   {64, "The binary protocol is not spoken here: leave -B out, and switch the clients to the text (ASCII) protocol."},
	} {
		s, err := readStandIn(strings.Fields(line))
		if err == nil {
			_, err = s.config(nil)
		}
		if want.code == 0 {
			require.NoError(t, err, line)
			continue
		}
		var got refusal
		require.True(t, errors.As(err, &got), "%s: %v", line, err)
		require.Equal(t, want, got, line)
	}
}

// Test suites read the version there; and memcached ends at the first of these.
func TestStandInAnswers(t *testing.T) {
	for line, want := range map[string]string{
		"-V":         "memcached 1.6.45 leasecache ",
		"--version":  "memcached 1.6.45 leasecache ",
		"-h":         "memcached 1.6.45\n",
		"-i":         "memcached 1.6.45\n",
		"-V -M -h":   "memcached 1.6.45 leasecache ",
		"-p 9 -vh 1": "memcached 1.6.45\n",
	} {
		var out, log strings.Builder
		require.Zero(t, runStandIn(strings.Fields(line), &out, &log), line)
		require.True(t, strings.HasPrefix(out.String(), want), "%s: %s", line, out.String())
		require.Empty(t, log.String())
	}
}

// The help names every option but those that are refused.
func TestStandInHelpIsWhole(t *testing.T) {
	for _, o := range memcachedOptions {
		if o.long == "" || o.letter == 'Z' {
			continue // memcached's tests take the long name of -Z for TLS
		}
		require.Regexp(t, `(^|[\s])-`+string(o.letter)+`[\s,.]`, standInHelp())
	}
	for _, taken := range []string{"sasl", "ext_path", "proxy_config", "enable-ssl"} {
		require.NotContains(t, strings.ToLower(standInHelp()), taken, "memcached's tests would think it is there")
	}
}

func TestPortFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ports")
	require.NoError(t, writePorts(path, []string{":0", "h:0", "[::]:0"}, []net.Addr{
		&net.TCPAddr{IP: net.IPv6unspecified, Port: 1}, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 2},
		&net.TCPAddr{IP: net.IPv6unspecified, Port: 3}, &net.UnixAddr{Name: "/s", Net: "unix"},
	}))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "TCP INET: 1\nTCP INET6: 1\nTCP INET: 2\nTCP INET6: 3\n", string(text))
	_, err = os.Stat(path + ".lck")
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestPIDFileWarnsOfOneThatRuns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pid")
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, nil))
	require.NoError(t, writePID(path, logger))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, strconv.Itoa(os.Getpid())+"\n", string(text))
	require.Empty(t, log.String())
	require.NoError(t, writePID(path, logger))
	require.Contains(t, log.String(), "names a process that runs")
}

func TestAtoiReadsAsC(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, "x": 0, "12": 12, " 12": 12, "12x": 12, "-3": -3, "+4": 4, "99999999999999": 1<<31 - 1, "-": 0,
	} {
		require.Equal(t, want, atoi(text), "%q", text)
	}
}
