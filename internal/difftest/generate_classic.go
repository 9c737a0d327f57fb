package difftest

import (
	"strconv"
)

func (s *source) classicStore() Line {
	data, n := s.value()
	verb := s.of("set", "set", "set", "add", "replace", "append", "prepend", "cas")
	l := Line{Words: []string{verb, s.key(), s.clientFlags(), s.exptime(), strconv.Itoa(n)}, HasData: true, Data: data, DataEnd: "\r\n"}
	if verb == "cas" {
		l.Words = append(l.Words, s.casArgument(l.Words[1]))
	}
	l.Words = append(l.Words, s.sometimes(8, s.of("noreply", "noreply", "noreply", "noreply", "NOREPLY", "norepl", "noreply noreply", "0", "extra noreply"))...)
	for i, w := range l.Words {
		if verb == "cas" && w == "" {
			l.Words[i] = "x" // or the version would be taken for the length
		}
	}
	switch s.IntN(60) {
	case 0: // too few words
		l.Words = l.Words[:1+s.IntN(len(l.Words)-1)]
	case 1: // a length that does not fit
		l.Words[4] = strconv.Itoa(max(0, n+s.of2(-2, -1, 1, 2, 3, 10)))
	case 2:
		l.Words[4] = s.of(numbers...)
	case 3:
		l.DataEnd = s.of("\n", "", "\r", "xx", "\n\n", "xx\r\n", "\r\n\r\n", "x\r\n")
	case 4:
		l.HasData, l.Data, l.DataEnd = false, "", ""
	}
	return l
}

func (s *source) of2(from ...int) int { return from[s.IntN(len(from))] }

// casArgument gives a version to compare with: one that the key had, or none of
// it. Another key's would say nothing, as leasecached counts in each shard.
func (s *source) casArgument(key string) string {
	if k, ok := keyNumber(key); ok && s.IntN(10) < 7 {
		return "${c" + string(k) + "}"
	}
	// Others are below the versions of both servers or above them, see chosen.
	return s.of("0", "1", "77", "18446744073709551615", "9223372036854775808", "18446744073709551616", "-1", "+1", "0x10", "abc", "1a", "", "007", "99999999999999999999")
}

func (s *source) classicGet() Line {
	l := Line{Words: []string{s.of("get", "gets", "gets", "gat", "gats")}}
	if l.Words[0][:3] == "gat" {
		l.Words = append(l.Words, s.exptime())
	}
	n := 1
	switch s.IntN(12) {
	case 0:
		n = 0
	case 1, 2, 3:
		n = 2 + s.IntN(4)
	case 4:
		if s.oneIn(10) {
			// Only get and gets may be so long.
			if n = 20; l.Words[0][:3] == "get" {
				n += s.IntN(3000)
			}
		}
	}
	for range n {
		l.Words = append(l.Words, s.key())
	}
	return l
}

func (s *source) classicOther() Line {
	var l Line
	switch s.IntN(8) {
	case 0, 1:
		l.Words = []string{"delete", s.key()}
		l.Words = append(l.Words, s.sometimes(6, s.of("0", "0 noreply", "1", "noreply", "-1", "abc", "0 0"))...)
	case 2, 3, 4:
		l.Words = []string{s.of("incr", "incr", "decr"), s.key(), s.number("1", "1", "9", "10", "100", "0", "18446744073709551615")}
	case 5, 6:
		l.Words = []string{"touch", s.key(), s.exptime()}
	case 7:
		// Sent as it must be, to keep the keys moving.
		return Line{Words: []string{"set", s.key(), "0", "0", "2"}, HasData: true, Data: s.of("10", "99", "ab"), DataEnd: "\r\n"}
	}
	l.Words = append(l.Words, s.sometimes(8, "noreply")...)
	l.Words = append(l.Words, s.sometimes(40, s.of("noreply", "extra", "0"))...)
	if s.oneIn(30) {
		l.Words = l.Words[:1+s.IntN(len(l.Words)-1)]
	}
	return l
}

// admin makes the commands that are about the server. None of them changes what the
// other rounds see, but for flush_all, which all of them see.
func (s *source) admin() Line {
	if !s.timed && s.oneIn(3) {
		l := Line{Words: []string{"flush_all"}}
		if s.delayed {
			l.Words = append(l.Words, s.of("100000", "${now+100000}"))
		} else {
			l.Words = append(l.Words, s.sometimes(2, s.of("0", "0", "-1", "-100", "${now-100}", "-2147483648", "2147483648", "abc", "1a", "0x1", "", "99999999999"))...)
		}
		l.Words = append(l.Words, s.sometimes(4, "noreply")...)
		l.Words = append(l.Words, s.sometimes(10, s.of("noreply", "0", "extra"))...)
		return l
	}
	return Line{Words: []string{s.of(
		"version", "version", "version 1", "version noreply", "mn", "mn a b c", "mn noreply", "verbosity", "verbosity 0", "verbosity 1", "verbosity 1 noreply",
		"verbosity abc", "verbosity -1", "verbosity 0 0 0", "verbosity 0 noreply noreply", "verbosity noreply",
		"stats", "stats ", "stats settings", "stats items", "stats slabs", "stats sizes", "stats reset", "stats reset noreply", "stats conns", "stats nonsense", "stats noreply",
		"stats detail", "stats detail off", "stats detail nonsense", "stats cachedump", "stats cachedump 1", "stats cachedump a b", "stats cachedump 200 0",
		"cache_memlimit", "cache_memlimit abc", "cache_memlimit 0", "cache_memlimit 7", "cache_memlimit 1024", "cache_memlimit 1024 noreply", "cache_memlimit -1",
		"cache_memlimit 1000000001", "cache_memlimit 4294967296",
		"shutdown", "shutdown graceful", "shutdown x", "lru_crawler", "lru_crawler nonsense", "lru_crawler crawl", "lru_crawler metadump", "lru_crawler mgdump",
		"lru_crawler sleep abc", "lru_crawler sleep 1000001", "lru_crawler sleep 100", "lru_crawler tocrawl abc", "lru_crawler tocrawl 0", "lru_crawler enable",
		"lru_crawler metadump 999", "lru_crawler a b c d", "lru_crawler metadump all noreply",
		"slabs", "slabs nonsense", "slabs reassign", "slabs reassign 1", "slabs reassign a b", "slabs automove", "slabs automove a", "slabs automove 3",
		"slabs automove 1", "slabs automove 0", "slabs automove window 1", "slabs automove window 10", "slabs automove ratio", "slabs automove ratio x", "slabs automove ratio 0.8",
		"lru", "lru nonsense", "lru mode", "lru mode nonsense", "lru tune 10 20", "lru tune 10 20 0.1 2.0", "lru tune 50 50 0.1 2.0", "lru tune 10 20 0 2.0",
		"lru temp_ttl", "lru temp_ttl abc", "watch nonsense", "watch fetchers nonsense",
		"debugtime p", "misbehave", "extstore", "refresh_certs", "proxy", "bget ${k0}",
	)}}
}
