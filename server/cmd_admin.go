package server

import (
	"bytes"
	"strconv"

	"github.com/leasecache/leasecache/protocol"
)

// memcached's commands that tune what does not exist here: segments of its LRU,
// slab classes, its crawler, its store on disk. They are answered as there, so
// that scripts which send them go on, and have no effect.

// reply answers a command that has done nothing.
func (s *session) reply(req *protocol.Request, text string) {
	o := outcomeError
	if text == "OK" {
		o = outcomeOK
	}
	s.answer(req, text+"\r\n", o)
}

// replyOK is OK or, if the arguments are wrong, an error.
func (s *session) replyOK(req *protocol.Request, ok bool, wrong string) {
	if ok {
		wrong = "OK"
	}
	s.reply(req, wrong)
}

const (
	wrongCommand = "ERROR"
	wrongFormat  = "CLIENT_ERROR bad command line format"
)

// isNumber and isFactor tell whether an argument reads as memcached wants it.
func isNumber(arg []byte) bool {
	_, ok := protocol.Uint32(arg)
	return ok
}

func factor(arg []byte) (float64, bool) {
	const longest = 31
	if len(arg) > longest || bytes.IndexByte(arg, '_') >= 0 {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(arg), 64)
	return f, err == nil
}

// lru is lru tune|mode|temp_ttl.
func (s *session) lru(req *protocol.Request) {
	args := req.Args
	switch {
	case len(args) >= 5 && protocol.IsWord(args[0], "tune"):
		s.reply(req, tuned(args[1:5]))
	case len(args) >= 2 && protocol.IsWord(args[0], "mode"):
		s.replyOK(req, protocol.IsWord(args[1], "flat") || protocol.IsWord(args[1], "segmented"), wrongCommand)
	case len(args) >= 2 && protocol.IsWord(args[0], "temp_ttl"):
		_, ok := protocol.Int32(args[1])
		s.replyOK(req, ok, wrongCommand)
	default:
		s.reply(req, wrongCommand)
	}
}

// tuned answers lru tune: two percentages and two factors.
func tuned(args [][]byte) string {
	hot, okHot := protocol.Uint32(args[0])
	warm, okWarm := protocol.Uint32(args[1])
	hotAge, okHotAge := factor(args[2])
	warmAge, okWarmAge := factor(args[3])
	switch {
	case !okHot || !okWarm || !okHotAge || !okWarmAge:
		return wrongCommand
	case hot+warm > 80: // it may wrap, as there
		return "ERROR hot and warm pcts must not exceed 80"
	case hotAge <= 0 || warmAge <= 0:
		return "ERROR hot/warm age factors must be greater than 0"
	}
	return "OK"
}

// lastClass is the largest slab class that memcached has by its defaults.
const lastClass = 39

// slabs is slabs reassign|automove.
func (s *session) slabs(req *protocol.Request) {
	args := req.Args
	switch {
	case len(args) == 3 && protocol.IsWord(args[0], "reassign"):
		from, ok := protocol.Int32(args[1])
		to, okTo := protocol.Int32(args[2])
		switch {
		case !ok || !okTo:
			s.reply(req, wrongFormat)
		case from == to:
			s.reply(req, "SAME src and dst class are identical")
		case from < 0 || from > lastClass || to < 0 || to > lastClass:
			s.reply(req, "BADCLASS invalid src or dst class id")
		default:
			s.reply(req, "NOSPARE source class has no spare pages")
		}
	case len(args) >= 2 && protocol.IsWord(args[0], "automove"):
		s.reply(req, automoved(args[1:]))
	default:
		s.reply(req, wrongCommand)
	}
}

// automoved answers slabs automove <level>|ratio|freeratio|window.
func automoved(args [][]byte) string {
	var value []byte
	if len(args) > 1 {
		value = args[1]
	}
	switch what := args[0]; {
	case protocol.IsWord(what, "ratio"), protocol.IsWord(what, "freeratio"):
		if _, ok := factor(value); !ok {
			return wrongCommand
		}
	case protocol.IsWord(what, "window"):
		switch n, ok := protocol.Uint32(value); {
		case !ok:
			return wrongFormat
		case n < 3 || n > 1800:
			return "CLIENT_ERROR automove window too low or too high"
		}
	default:
		switch level, ok := protocol.Uint32(what); {
		case !ok:
			return wrongFormat
		case level > 2:
			return wrongCommand
		}
	}
	return "OK"
}

// crawler is what lru_crawler does besides dumps.
func (s *session) crawler(req *protocol.Request) {
	args := req.Args
	is := func(n int, word string) bool { return len(args) == n && protocol.IsWord(args[0], word) }
	switch off := &s.srv.noCrawler; {
	case is(2, "crawl"), is(2, "metadump"), is(2, "mgdump"):
		if off.Load() {
			s.reply(req, "CLIENT_ERROR lru crawler disabled")
			return
		}
		s.reply(req, crawled(args[1]))
	case is(2, "tocrawl"):
		s.replyOK(req, isNumber(args[1]), wrongFormat)
	case is(2, "sleep"):
		n, ok := protocol.Uint32(args[1])
		if ok && n > 1_000_000 {
			s.reply(req, "CLIENT_ERROR sleep must be one second or less")
			return
		}
		s.replyOK(req, ok, wrongFormat)
	case is(1, "enable"):
		// As there, it cannot be started when it runs.
		s.replyOK(req, off.CompareAndSwap(true, false), "ERROR failed to start lru crawler thread")
	case is(1, "disable"):
		off.Store(true)
		s.reply(req, "OK")
	default:
		s.reply(req, wrongCommand)
	}
}

// crawled answers lru_crawler crawl: what has expired goes by itself here.
func crawled(classes []byte) string {
	if string(classes) == "hash" {
		return "ERROR an unknown error happened"
	}
	switch _, some, ok := slabClasses(classes); {
	case !ok:
		return "BADCLASS invalid class id"
	case !some:
		return "NOTSTARTED no items to crawl"
	}
	return "OK"
}

// extstore answers the settings of memcached's store on disk.
func (s *session) extstore(req *protocol.Request) {
	args := req.Args
	if len(args) < 2 {
		s.reply(req, wrongCommand)
		return
	}
	ok := false
	switch what := args[0]; {
	case protocol.IsWord(what, "free_memchunks") && len(args) > 2:
		class, good := protocol.Uint32(args[1])
		ok = good && class < maxClasses && isNumber(args[2])
	case protocol.IsWord(what, "max_frag") && !protocol.IsWord(what, "max_sleep"):
		_, ok = factor(args[1])
	default:
		for _, word := range extstoreNumbers {
			if protocol.IsWord(what, word) {
				ok = isNumber(args[1])
				break
			}
		}
	}
	s.replyOK(req, ok, wrongCommand)
}

var extstoreNumbers = []string{"item_size", "item_age", "low_ttl", "recache_rate", "compact_under", "drop_under", "max_sleep", "drop_unread"}

// shutdown ends the server where that is allowed, without an answer; graceful
// makes no difference: it always ends in order.
func (s *session) shutdown(req *protocol.Request) {
	switch {
	case !s.srv.cfg.AllowShutdown:
		s.reply(req, "SERVER_ERROR: shutdown not enabled")
	case len(req.Args) == 0, len(req.Args) == 1 && protocol.IsWord(req.Args[0], "graceful"):
		s.count(req.Verb, outcomeOK)
		s.over = true
		s.srv.asked.Do(func() { close(s.srv.shutdown) })
	default:
		s.reply(req, "CLIENT_ERROR invalid shutdown mode")
	}
}
