package difftest

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// source makes random choices from a seed.
type source struct {
	*rand.Rand
	timed bool // time passes within the round, so that times near each other say nothing
	large bool // values up to the limit may come
	// A delayed flush takes the place of the last one, and of memcached's last one
	// some is left to do: a round has either delayed flushes or others.
	delayed bool
}

func newSource(seed, round uint64) *source { return &source{Rand: rand.New(rand.NewPCG(seed, round))} }

// oneIn is true once in n times.
func (s *source) oneIn(n int) bool { return s.IntN(n) == 0 }

// of picks one.
func (s *source) of(from ...string) string { return from[s.IntN(len(from))] }

// numbers stand at the edges of every width there is, and around what a number is.
var numbers = []string{
	"0", "1", "2", "9", "10", "99", "100", "007", "00000000000000000000000001",
	"255", "65535", "65536", "2147483647", "2147483648", "4294967295", "4294967296", "4294967396",
	"9223372036854775807", "9223372036854775808", "18446744073709551614", "18446744073709551615",
	"18446744073709551616", "99999999999999999999", "340282366920938463463374607431768211456",
	"-1", "-0", "-2147483648", "-2147483649", "-9223372036854775809", "+1", "+0", "0x10", "1.5", "1e3",
	"a", "abc", "1a", "a1", "", "-", "+", "1\x00", "\t1", "1\t", "²",
}

// number is usually a usual one.
func (s *source) number(usual ...string) string {
	if s.IntN(100) < 85 {
		return s.of(usual...)
	}
	return s.of(numbers...)
}

func (s *source) exptime() string {
	switch n := s.IntN(100); {
	case n < 55:
		return "0"
	case n < 70:
		return s.of("100", "100", "1000", "2592000", "${now+100}", "${now+100000}", "3600")
	case n < 78:
		return s.of("-1", "-1", "-100", "-2147483648", "2592001", "${now-100}", "${now-2}", "1000000000", "2147483646")
	case n < 92 && s.timed:
		return "1"
	case n < 92:
		return "0"
	}
	return s.far(s.of(numbers...))
}

// far keeps away from times that are over before a round is.
func (s *source) far(n string) string {
	switch strings.TrimLeft(n, "+0") {
	case "1", "2", "9", "10":
		return "100"
	}
	return n
}

// key is a template for a key, few of them often.
func (s *source) key() string {
	switch n := s.IntN(100); {
	case n < 40:
		return "${k0}"
	case n < 65:
		return "${k1}"
	case n < 80:
		return "${k2}"
	case n < 95:
		return fmt.Sprintf("${k%d}", 3+s.IntN(3))
	case n < 97:
		return fmt.Sprintf("${k%d}", keyCount-1)
	}
	return s.oddKey()
}

// oddKey is one that some servers take and others do not.
func (s *source) oddKey() string {
	return s.of(
		fmt.Sprintf("${p}${x*%d}", 250-prefixLen), fmt.Sprintf("${p}${x*%d}", 251-prefixLen),
		fmt.Sprintf("${p}${x*%d}", 249-prefixLen), fmt.Sprintf("${p}${x*%d}", 400),
		"${p}é", "${p}\xff\xfe", "${p}\x80", "${p}/a?b=c&d", "${p}-", s.of("${p}\x7f", "${p}\x01", "${p}a\tb", "${p}a\rb"),
	)
}

// keyOf64 gives a key in base64, usually of one that is used in plain too or of the
// one that only base64 can carry.
func (s *source) key64() string {
	switch n := s.IntN(100); {
	case n < 50:
		return fmt.Sprintf("${b%d}", keyCount-2)
	case n < 88:
		return fmt.Sprintf("${b%d}", s.IntN(3))
	case n < 91:
		return fmt.Sprintf("${b%d}", keyCount-1)
	}
	return s.of("${bp}YQ", "${bp}YQ=", "${bp}YQ===", "${bp}=", "=", "====", "${bp}!!!!", "${bp}YWI", "${bp}Y Q==", "${bp}YWJj\x00", "${bp}A", "${bp}AA==AA==", "${bp}_-==",
		"${k0}", "${q186}", "${q187}", "${q188}", "${q250}", "${q251}", "${q300}")
}

func (s *source) clientFlags() string {
	return s.number("0", "0", "0", "1", "5", "65535", "4294967295")
}

// value gives a data block as a template, and its length. None is of blanks alone:
// memcached looks for a number behind the end of such a value.
func (s *source) value() (string, int) {
	switch n := s.IntN(1000); {
	case n < 400:
		v := s.of("0", "1", "5", "9", "10", "99", "100", "1000", "18446744073709551615", "18446744073709551614", "9223372036854775808")
		return v, len(v)
	case n < 550:
		v := s.of("18446744073709551616", " 5", "5 ", "5  ", "05", "-1", "-0", "+1", "0x10", "1.5", "abc", "1a", "5\t", "5\x00", "\x00", "99999999999999999999",
			"00000000000000000000000000000001")
		return v, len(v)
	case n < 650:
		return "", 0
	case n < 900:
		v := s.of("a", "value", "\xff\x00\x80", "a b c", "line\r\nline", "a\r\n", "\na", "END", "VALUE a 0 1", strings.Repeat("v", 40))
		return v, len(v)
	case n < 990 || !s.large:
		size := []int{100, 511, 512, 1023, 1024, 1025, 2047, 2048, 2049, 4096, 8192, 10000}[s.IntN(12)]
		return fmt.Sprintf("${v*%d}", size), size
	case n < 994:
		size := []int{16384, 65536, 100000, 500000, 524288}[s.IntN(5)]
		return fmt.Sprintf("${w*%d}", size), size
	}
	size := 1<<20 - []int{0, 1, 40, 60, 100, 200, 300, 1000, -1, -2, -1000}[s.IntN(11)]
	return fmt.Sprintf("${y*%d}", size), size
}
