package difftest

import (
	"strconv"
)

// metaKey gives a key and the flag that says how it is written. Now and then the two
// do not fit.
func (s *source) metaKey() (string, []string) {
	switch n := s.IntN(100); {
	case n < 78:
		return s.key(), nil
	case n < 96:
		return s.key64(), []string{"b"}
	case n < 98:
		return s.key(), []string{"b"}
	}
	return s.key64(), nil
}

// everyFlag are all that any command knows, and some that none does.
const everyFlag = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_~!{\x7f\xe9"

// flag gives one flag with an argument that fits it, or does not.
func (s *source) flag(f byte, key string) string {
	switch f {
	case 'T', 'N', 'R':
		return string(f) + s.ttl(f)
	case 'F':
		return "F" + s.clientFlags()
	case 'C':
		return "C" + s.casArgument(key)
	case 'E':
		if s.oneIn(15) {
			return "E" + s.of("", "-1", "+1", "a", "1a", "0x1", "18446744073709551616", "007")
		}
		return "E" + s.chosen()
	case 'J', 'D':
		return string(f) + s.number("1", "5", "10", "100", "0", "18446744073709551615")
	case 'M':
		return "M" + s.of("E", "A", "P", "R", "S", "I", "D", "+", "-", "e", "a", "s", "i", "d", "X", "", "EE", "set", "append", "II", "0")
	case 'O':
		return "O" + s.of("", "1", "abc", "opaque-123", "${o*30}", "${o*31}", "${o*32}", "${o*33}", "${o*100}", "\xff", "c5", "W", s.of("t9", "b", "k", "a\tb"))
	case 'P', 'L':
		return string(f) + s.of("", "1", "hint", "${h*40}")
	}
	if s.oneIn(40) {
		return string(f) + s.of("1", "x", "-1", "abc") // an argument for one that takes none
	}
	return string(f)
}

// ttl keeps the times of T and N apart from the thresholds of R, so that a tick of
// the clock between the two servers changes nothing.
func (s *source) ttl(f byte) string {
	if f == 'R' {
		return s.of("30", "50", "50", "500", "0", "-1", "${now+50}", "2591000", "+1", "0x10", "abc", "", "2147483648", "-2147483649", "99999999999999999999")
	}
	return s.exptime()
}

// flags gives a number of flags, most of them from those the command knows.
func (s *source) flags(known, key string) []string {
	n := s.IntN(5)
	switch s.IntN(60) {
	case 0:
		n = 14 + s.IntN(10)
	case 1:
		n = 6 + s.IntN(6)
	}
	var out []string
	seen := map[byte]bool{}
	for range n {
		f := known[s.IntN(len(known))]
		if s.oneIn(60) {
			f = everyFlag[s.IntN(len(everyFlag))]
		}
		if seen[f] && !s.oneIn(25) {
			continue
		}
		seen[f] = true
		out = append(out, s.flag(f, key))
	}
	if n >= 14 {
		// Too many is too many even if each is right.
		for f := byte('a'); len(out) < n && f <= 'z'; f++ {
			if !seen[f] {
				seen[f] = true
				out = append(out, s.flag(s.of("k", "s", "t", "c", "f", "v", "h", "l", "u", "P", "L", "O", string(f))[0], key))
			}
		}
	}
	return out
}

func (s *source) meta(verb, known string, more ...string) Line {
	key, b := s.metaKey()
	l := Line{Words: append([]string{verb, key}, more...)}
	flags := append(s.flags(known, key), b...)
	s.Shuffle(len(flags), func(i, j int) { flags[i], flags[j] = flags[j], flags[i] })
	l.Words = append(l.Words, flags...)
	return l
}

func (s *source) metaGet() Line {
	if s.oneIn(7) {
		return s.meta("mg", "vNRcstfhlk", "v", s.of("N100", "N30", "R50", "N0", "N-1", "R500"))
	}
	return s.meta("mg", "vvffsstcchlkkOOquTRCEbPLN")
}

func (s *source) metaSet() Line {
	data, n := s.value()
	l := s.meta("ms", "FTTkOqcsMCIENbPL", strconv.Itoa(n))
	l.HasData, l.Data, l.DataEnd = true, data, "\r\n"
	switch s.IntN(60) {
	case 0:
		l.Words = l.Words[:1+s.IntN(len(l.Words)-1)]
	case 1:
		l.Words[2] = strconv.Itoa(max(0, n+s.of2(-2, -1, 1, 2, 3, 10)))
	case 2:
		l.Words[2] = s.of(numbers...)
	case 3:
		l.DataEnd = s.of("\n", "", "\r", "xx", "\n\n", "xx\r\n", "\r\n\r\n", "x\r\n")
	case 4:
		l.HasData, l.Data, l.DataEnd = false, "", ""
	case 5:
		l.Words[2] = "S" + l.Words[2] // as it once was written
	}
	return l
}

func (s *source) metaDelete() Line {
	if s.oneIn(2) {
		return s.meta("md", "IqkOTTCEx", "I")
	}
	return s.meta("md", "IqkOTCExbPLFN")
}

func (s *source) metaArithmetic() Line { return s.meta("ma", "NJDTMtcvkOqCEbPL") }

func (s *source) metaDebug() Line {
	key, b := s.metaKey()
	l := Line{Words: append([]string{"me", key}, b...)}
	l.Words = append(l.Words, s.sometimes(6, s.of("x", "k", "v extra", "O1"))...)
	return l
}
