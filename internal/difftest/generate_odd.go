package difftest

import "strings"

// odd makes lines that no client means to send.
func (s *source) odd() Line {
	switch s.IntN(12) {
	case 0:
		return Line{Words: []string{"quit"}, Trail: s.of("", "", " ", " noreply", " now")}
	case 1:
		// Longer than any command but a get may be: so long that no memcached takes it
		// for a line that is still coming.
		return Line{Words: []string{s.of("set", "mg", "delete", "nonsense", "getx"), strings.Repeat("y", 20000), "0"}}
	case 2:
		if s.oneIn(6) {
			return Line{Words: []string{s.of("get", "gets"), "${p}" + strings.Repeat("z", 30000), "${k0}"}}
		}
		return Line{Words: []string{s.of("GET / HTTP/1.1", "POST /a HTTP/1.0", "HEAD /", "PUT /x HTTP/1.1", "x HTTP/")}}
	}
	return Line{Words: []string{s.of(
		"", " ", "  ", "a", "ab", "m", "mx", "mz ${k0}", "mg", "ms", "md", "ma", "me", "mg ", "ms ${k0}", "ms ${k0} ", "ms ${k0} abc", "ms ${k0} -1", "md  ",
		"get", "gets", "get ", "gat", "gat 0", "gat 0 ", "gats 100", "gat abc ${k0}", "set", "set ${k0}", "add ${k0} 0", "cas ${k0} 0 0",
		"incr", "incr ${k0}", "decr ${k0}", "touch", "touch ${k0}", "delete", "delete ",
		"GET ${k0}", "Get ${k0}", "SET ${k0} 0 0 1", "getk ${k0}", "getq ${k0}", "gett", "ge", "g", "noreply", "noreply noreply", "xyzzy", "xyzzy noreply", "xyzzy ${k0} 0 0 1 noreply",
		"\x00", "\x00\x00\x00\x00", "get\x00 ${k0}", "get ${k0}\x00", "get\t${k0}", "\tget ${k0}", "\r", "\rget ${k0}", "get ${k0} \r", "mn\r", "mg ${k0}\tv",
		"quitx", "qui", "flush", "flush_all_", "incr ${k0} 1 2 3", "touch ${k0} 0 0 0 0", "delete ${k0} 0 0 0 0", "END", "STORED", "VALUE ${k0} 0 1", "HD", "EN", "MN", "ERROR",
		"é", "\xff\xfe", "{\"a\":1}", "SELECT 1", "PING", "*1\r\n$4\r\nPING", "a b c d e f g h i j k l m n o p q r s t u v w x y z a b c d",
	)}}
}
