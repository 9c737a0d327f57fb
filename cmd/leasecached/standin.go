package main

import (
	"io/fs"

	"github.com/leasecache/leasecache/server"
)

// `leasecached memcached …` stands in for memcached in a start script or a test
// suite: it takes memcached's own flags, and what they leave open is as memcached
// has it, not as leasecached does: one cache in memory, open to every network, and
// no admin port. The environment and the configuration file of leasecached do not
// count. The files standin*.go are this mode, and nothing else knows
// of it but for a hint where its flags are given without it.

// standInName is the first argument that asks for it.
const standInName = "memcached"

// memcachedVersion is whose flags and messages these are.
const memcachedVersion = "1.6.45"

// standIn is what memcached's flags say.
type standIn struct {
	port     int // -1: any
	listen   string
	tcpGiven bool
	udp      int
	memory   int64
	maxItem  int64
	conns    int
	threads  int
	cores    int // -t if it was given, else all
	turn     int // -R
	idle     int // seconds
	user     string
	socket   string
	mode     fs.FileMode
	authFile string
	pidFile  string
	detach   bool
	verbose  int
	shutdown bool
	denied   server.Denied
	protocol string // of -B; "" is the text protocol, as all of them are here
	napi     int
	hotPct   int
	warmPct  int
	tempTTL  bool
	noMaint  bool
	answer   string   // print this and end
	unused   []string // options that mean nothing here
}

// readStandIn reads memcached's flags. The error is a refusal.
func readStandIn(args []string) (*standIn, error) {
	s := &standIn{
		port: 11211, memory: 64 << 20, maxItem: 1 << 20, conns: 1024, threads: 4, turn: 20,
		mode: 0o700, hotPct: 20, warmPct: 40,
	}
	rest, err := getopt(memcachedOptions, args, func(letter byte, value string) error {
		if s.answer != "" {
			return nil // memcached ends there, whatever follows
		}
		return s.set(letter, value)
	})
	if err != nil {
		return nil, err
	}
	s.unused = append(s.unused, rest...)
	if s.answer != "" {
		return s, nil
	}
	return s, s.check()
}

// check is what memcached looks at when it has seen all options, in its order.
func (s *standIn) check() error {
	switch {
	case s.napi > s.threads:
		return refuse(exitUsage, "Number of napi_ids(%d) cannot be greater than number of threads(%d)", s.napi, s.threads)
	case s.maxItem < leastItem:
		return refuse(exitUsage, "Item max size cannot be less than 1024 bytes.")
	case s.maxItem > s.memory/2:
		return refuse(exitUsage, "Cannot set item size limit higher than 1/2 of memory max.")
	case s.maxItem > mostItem:
		return refuse(exitUsage, "Cannot set item size limit higher than a gigabyte.")
	case s.hotPct+s.warmPct > 80:
		return refuse(exitUsage, "hot_lru_pct + warm_lru_pct cannot be more than 80%% combined")
	case s.tempTTL && s.noMaint:
		return refuse(exitUsage, "temporary_ttl requires lru_maintainer to be enabled")
	case s.authFile != "" && s.protocol == "auto":
		return refuse(exitUsage, "ERROR: You cannot allow the BINARY protocol while using ascii authentication tokens.")
	case s.authFile != "" && s.udp != 0:
		return refuse(exitUsage, "Cannot use UDP with ascii authentication enabled (-U 0 to disable)")
	}
	if s.udp != 0 && !s.tcpGiven {
		s.port = s.udp
	}
	if s.port > 65535 {
		return refuse(exitUsage, "ERROR: Invalid port number %d.", s.port)
	}
	if s.port == 0 && s.socket == "" {
		return refuse(exitUsage, "-p 0 turns TCP off, and without -s nobody could connect: give a port or a socket")
	}
	return nil
}
