package target

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"

	"github.com/leasecache/leasecache/internal/bench/load"
)

// Family is what a server is.
type Family string

const (
	Leasecached Family = "leasecached"
	Memcached   Family = "memcached"
	Redis       Family = "redis"
)

// Kind is a server program that can be started.
type Kind struct {
	Name    string // of the family with the version, or as it was called
	Family  Family
	Version string
	Path    string
	Flags   []string // added to the command line
}

// Dialect is how the server is asked for a value by default.
func (k *Kind) Dialect() load.Dialect {
	if k.Family == Redis {
		return load.RESP
	}
	return load.Classic
}

var version = regexp.MustCompile(`\d+\.\d+\.\d+\S*`)

// Find looks a program up and asks for its version. An empty path stands for
// whatever the system has under the family's usual name.
func Find(f Family, path string) (*Kind, error) {
	if path == "" {
		path = map[Family]string{Memcached: "memcached", Redis: "redis-server", Leasecached: "leasecached"}[f]
	}
	full, err := exec.LookPath(path)
	if err != nil {
		return nil, err
	}
	out, err := exec.Command(full, "--version").Output()
	if err != nil {
		return nil, fmt.Errorf("%s --version: %w", full, err)
	}
	k := &Kind{Family: f, Path: full, Version: version.FindString(string(out))}
	k.Name = strings.TrimSpace(string(f) + " " + k.Version)
	if f == Leasecached {
		k.Name = string(f)
	}
	return k, nil
}

// args is the command line: one thread, nothing on disk, no limits in the way.
func (k *Kind) args(o Options, port, admin int) []string {
	p := strconv.Itoa(port)
	var a []string
	switch k.Family {
	case Memcached:
		a = []string{"-l", "127.0.0.1", "-p", p, "-U", "0", "-t", "1",
			"-m", strconv.FormatInt(o.Memory>>20, 10), "-c", strconv.Itoa(o.Conns)}
		if os.Geteuid() == 0 {
			a = append(a, "-u", "root")
		}
	case Redis:
		a = []string{"--bind", "127.0.0.1", "--port", p, "--save", "", "--appendonly", "no",
			"--daemonize", "no", "--maxclients", strconv.Itoa(o.Conns),
			"--maxmemory", strconv.FormatInt(o.Memory, 10), "--maxmemory-policy", "allkeys-lru"}
	default:
		a = []string{"--ephemeral", "--listen", "127.0.0.1:" + p, "--admin", "127.0.0.1:" + strconv.Itoa(admin),
			"--threads", "1", "--memory", strconv.FormatInt(o.Memory, 10), "--max-connections", strconv.Itoa(o.Conns),
			"--log-level", "warn"}
	}
	return append(a, k.Flags...)
}
