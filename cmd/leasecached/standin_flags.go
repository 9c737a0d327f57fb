package main

import (
	"io/fs"
	"strconv"
	"strings"

	"github.com/leasecache/leasecache/internal/build"
)

// memcachedOptions are the options of memcached 1.6.45, and -D, which has no long
// name there.
var memcachedOptions = []option{
	{'a', "unix-mask", needsArg}, {'A', "enable-shutdown", noArg}, {'Z', "enable-ssl", noArg},
	{'p', "port", needsArg}, {'s', "unix-socket", needsArg}, {'U', "udp-port", needsArg},
	{'m', "memory-limit", needsArg}, {'M', "disable-evictions", noArg}, {'c', "conn-limit", needsArg},
	{'k', "lock-memory", noArg}, {'h', "help", noArg}, {'i', "license", noArg}, {'V', "version", noArg},
	{'r', "enable-coredumps", noArg}, {'v', "verbose", mayHaveArg}, {'d', "daemon", noArg},
	{'l', "listen", needsArg}, {'u', "user", needsArg}, {'P', "pidfile", needsArg},
	{'f', "slab-growth-factor", needsArg}, {'n', "slab-min-size", needsArg}, {'t', "threads", needsArg},
	{'D', "", needsArg}, {'L', "enable-largepages", noArg}, {'R', "max-reqs-per-event", needsArg},
	{'C', "disable-cas", noArg}, {'b', "listen-backlog", needsArg}, {'B', "protocol", needsArg},
	{'I', "max-item-size", needsArg}, {'S', "enable-sasl", noArg}, {'F', "disable-flush-all", noArg},
	{'X', "disable-dumping", noArg}, {'W', "disable-watch", noArg}, {'Y', "auth-file", needsArg},
	{'e', "memory-file", needsArg}, {'o', "extended", needsArg}, {'N', "napi-ids", needsArg},
}

// set takes one option. What memcached refuses at once is refused with its words.
func (s *standIn) set(letter byte, value string) error {
	switch letter {
	case 'h':
		s.answer = standInHelp()
	case 'i':
		s.answer = "memcached " + memcachedVersion + "\n\n" + standInLicense
	case 'V':
		s.answer = "memcached " + memcachedVersion + " leasecache " + build.Version() + "\n"
	case 'p':
		s.port, s.tcpGiven = atoi(value), true
	case 'U':
		s.udp = atoi(value)
	case 'l':
		switch {
		case s.listen == "":
			s.listen = value
		case !strings.Contains(s.listen, value): // twice is once, as there
			s.listen += "," + value
		}
	case 's':
		s.socket = value
	case 'a':
		mode, err := strconv.ParseUint(value, 8, 32)
		if err != nil || mode > 0o777 {
			return refuse(exitUsage, "-a %.20s is not an access mode in octal, such as 700", value)
		}
		s.mode = fs.FileMode(mode)
	case 'A':
		s.shutdown = true
	case 'F':
		s.denied.Flush = true
	case 'X':
		s.denied.Dump = true
	case 'W':
		s.denied.Watch = true
	case 'Y':
		s.authFile = value
	case 'u':
		s.user = value
	case 'd':
		s.detach = true
	case 'P':
		s.pidFile = value
	case 'v':
		s.verbose++
	case 'm':
		s.memory = int64(atoi(value)) << 20
	case 'I':
		s.maxItem = itemSize(value)
	case 'o':
		return s.extended(value)
	case 'B', 'M', 'S', 'Z':
		return s.refused(letter, value)
	case 'c':
		s.conns = atoi(value)
		return above(s.conns, 0, "Maximum connections must be greater than 0")
	case 't':
		s.threads = atoi(value)
		s.cores = s.threads
		return above(s.threads, 0, "Number of threads must be greater than 0")
	case 'R':
		s.turn = atoi(value)
		return above(s.turn, 0, "Number of requests per event must be greater than 0")
	default:
		return s.meaningless(letter, value)
	}
	return nil
}

// refused are options without which somebody would get something else than asked
// for.
func (s *standIn) refused(letter byte, value string) error {
	switch {
	case letter == 'M':
		return refuse(exitUsage, "-M is not supported: this cache makes room when it is full, it does not refuse to store; leave -M out")
	case letter == 'S':
		return refuse(exitUsage, "This server is not built with SASL support. Its clients speak the text protocol: leave -S out, and see -Y for passwords there.")
	case letter == 'Z':
		return refuse(exitUsage, "This server is not built with TLS support. Leave -Z out, and put a TLS proxy in front of it.")
	case value == "binary":
		return refuse(exitUsage, "The binary protocol is not spoken here: leave -B out, and switch the clients to the text (ASCII) protocol.")
	case value != "auto" && value != "ascii":
		return refuse(exitUsage, "Invalid value for binding protocol: %s\n -- should be one of auto, binary, or ascii", value)
	}
	s.protocol = value
	return nil
}

// meaningless are options about what does not exist here. Their values are looked
// at as memcached does, and the options are named in the log.
func (s *standIn) meaningless(letter byte, value string) error {
	word := "-" + string(letter)
	if value != "" {
		word += " " + value
	}
	s.unused = append(s.unused, word)
	switch letter {
	case 'f':
		if atof(value) <= 1 {
			return refuse(1, "Factor must be greater than 1")
		}
	case 'n':
		return above(atoi(value), 0, "Chunk size must be greater than 0")
	case 'N':
		s.napi = atoi(value)
		return above(s.napi, 0, "Maximum number of NAPI IDs must be greater than 0")
	case 'D':
		if value == "" {
			return refuse(1, "No delimiter specified")
		}
	}
	return nil
}

func above(n, least int, text string) error {
	if n <= least {
		return refuse(1, "%s", text)
	}
	return nil
}

// itemSize is the value of -I: bytes, or with k or m behind them.
func itemSize(value string) int64 {
	n := int64(atoi(value))
	switch {
	case strings.HasSuffix(value, "k"), strings.HasSuffix(value, "K"):
		n <<= 10
	case strings.HasSuffix(value, "m"), strings.HasSuffix(value, "M"):
		n <<= 20
	}
	return n
}
