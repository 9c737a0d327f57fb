package difftest

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Versions are the differences between memcached 1.6.18, which Debian 12 installs,
// and 1.6.45, which is right. They are told by the step alone where 1.6.18 took lines
// apart in another way.
var Versions = []Difference{
	{
		Name: "flags that came later", Example: []Step{lines("mg k E1")}, Ref: "CLIENT_ERROR invalid flag", Ours: "EN",
		Why:   "E, md x (1.6.27)",
		Shows: func(s *Step) bool { return meta(s) && (s.has("E") || s.has("x")) },
	},
	{
		Name: "ms s", Example: []Step{data("ms k 1 s", "1")}, Ref: "HD", Ours: "HD s1",
		Why:   "gives the size since 1.6.20",
		Shows: func(s *Step) bool { return s.is("ms") && s.has("s") },
	},
	{
		Name: "ms N", Example: []Step{data("ms k 1 MA N0", "1")}, Ref: "NS", Ours: "HD",
		Why:   "appending makes the item since 1.6.20",
		Shows: func(s *Step) bool { return s.is("ms") && s.has("N") && s.has("M") },
	},
	{
		Name: "mg C", Example: []Step{data("set k 0 0 1", "1"), lines("mg k c"), lines("mg k C${c0} v")}, Ref: "VA 1\n1", Ours: "HD",
		Why:   "leaves the value out if the version is that one, since 1.6.40",
		Shows: func(s *Step) bool { return s.is("mg") && s.has("C") },
	},
	{
		Name: "numbers", Example: []Step{data("set k 0 0 1", "1"), lines("incr k +1")}, Ref: "2", Ours: "CLIENT_ERROR invalid numeric delta argument",
		Why:   "1.6.45 reads them strictly: digits, a minus where less than nothing makes sense, in range; 1.6.18 also took blanks before them, +, and what overflows",
		Shows: func(s *Step) bool { return loose(s) },
	},
	{
		Name: "words too few or too many", Example: []Step{lines("touch k 0 0 0")}, Ref: "ERROR", Ours: "NOT_FOUND",
		Why:   "1.6.18 counts the words and says ERROR, and takes a data block for commands then; 1.6.45 overlooks words that it does not need, and says CLIENT_ERROR where one is missing",
		Shows: func(s *Step) bool { return miscounted(s) },
	},
	{
		Name: "a line without what it needs", Example: []Step{lines("get")}, Ref: "ERROR", Ours: "CLIENT_ERROR bad command line format",
		Why: "1.6.18 says ERROR, and END to gat without a key",
		Match: func(f *Finding) bool {
			return (f.ref() == "ERROR" || f.ref() == "END") && f.ours() == "CLIENT_ERROR bad command line format"
		}, Harmless: true,
	},
	{
		Name: "noreply behind an unknown command", Example: []Step{lines("xyzzy noreply")}, Ref: "ERROR", Ours: "",
		Why:   "is heeded by 1.6.45",
		Match: func(f *Finding) bool { return f.ref() == "ERROR" && strings.Contains(f.Step.text(), "noreply") }, Harmless: true,
	},
	{
		Name: "keys in bad base64", Example: []Step{lines("md YQ= b")}, Ref: "CLIENT_ERROR invalid or duplicate flag", Ours: "CLIENT_ERROR error decoding key",
		Why: "md says what is wrong, since 1.6.22 or so; and of 1.6.18 a long key in base64 is measured when decoded",
		Match: func(f *Finding) bool {
			return meta(f.Step) && strings.HasPrefix(f.ours(), "CLIENT_ERROR ") && strings.HasPrefix(f.ref(), "CLIENT_ERROR ")
		},
	},
	{
		Name: "shutdown", Example: []Step{lines("shutdown")}, Ref: "ERROR: shutdown not enabled", Ours: "SERVER_ERROR: shutdown not enabled",
		Why:   "the words of the refusal",
		Match: func(f *Finding) bool { return f.Step.is("shutdown") }, Harmless: true,
	},
	{
		Name: "slabs automove window", Example: []Step{lines("slabs automove window 10")}, Ref: "CLIENT_ERROR bad command line format", Ours: "OK",
		Why:   "came later",
		Match: func(f *Finding) bool { return f.Step.is("slabs") }, Harmless: true,
	},
	{
		Name: "bget, refresh_certs", Example: []Step{lines("bget k")}, Ref: "END", Ours: "ERROR",
		Why:   "bget is gone; refresh_certs is there only where TLS is",
		Match: func(f *Finding) bool { return f.Step.is("bget refresh_certs") && f.ours() == "ERROR" }, Harmless: true,
	},
	{
		Name: "bytes of value 0", Example: []Step{data("set k 0 0 1", "1"), lines("get k\x00")}, Ref: "VALUE k 0 1\n1\nEND", Ours: "END",
		Why:   "end a line of 1.6.18",
		Shows: func(s *Step) bool { return strings.Contains(s.text(), "\x00") },
	},
	{
		Name: "HTTP", Example: []Step{lines("x HTTP/")}, Ref: "ERROR", Ours: "closes",
		Why:   "1.6.18 overlooks it behind a few commands",
		Shows: func(s *Step) bool { return strings.Contains(s.text(), "HTTP/") }, Harmless: true,
	},
	{
		Name: "blanks before the command", Example: []Step{lines(" mn")}, Ref: "MN", Ours: "ERROR",
		Why:   "are overlooked by 1.6.18, for most commands",
		Shows: func(s *Step) bool { return s.Lines[0].Lead != "" || strings.HasPrefix(s.Lines[0].text(), " ") },
	},
	{
		Name: "mn and a bare line feed", Example: []Step{{Lines: []Line{{Words: []string{"mn"}, End: "\n"}}}}, Ref: "MN", Ours: "CLIENT_ERROR bad command line format",
		Why:   "are three bytes, and no line of 1.6.45 is shorter than four",
		Match: func(f *Finding) bool { return f.Step.is("mn") && f.ours() == "CLIENT_ERROR bad command line format" }, Harmless: true,
	},
	{
		Name: "cache_memlimit beyond 32 bits", Example: []Step{lines("cache_memlimit 4294967296")}, Ref: "MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m", Ours: "ERROR",
		Why:   "is cut by 1.6.18",
		Match: func(f *Finding) bool { return f.Step.is("cache_memlimit") && f.ours() == "ERROR" }, Harmless: true,
	},
	{
		Name: "data behind a refused line", Example: []Step{data("set k x 0 1", "1")}, Ref: "CLIENT_ERROR bad command line format\nERROR", Ours: "CLIENT_ERROR bad command line format",
		Why: "is swallowed by 1.6.45; 1.6.18 takes it for commands",
		Match: func(f *Finding) bool {
			return f.Step.is(stores+" ms") && (strings.HasPrefix(lineAt(f.RefUnits, 0), "CLIENT_ERROR ") || f.Ref.closed)
		},
	},
	{
		Name: "the sign of exp in me", Example: []Step{data("set k 0 100 1", "1"), lines("me k")}, Ref: "ME k exp=-… …", Ours: "ME k exp=… …",
		Why:   "1.6.18 has it the wrong way round",
		Match: func(f *Finding) bool { return f.Step.is("me") && strings.Contains(f.How, "too far apart") }, Harmless: true,
	},
	{
		Name: "me with b", Example: []Step{data("set k 0 0 1", "1"), lines("me aw== b")}, Ref: "ME k …", Ours: "EN",
		Why:   "1.6.45 overlooks a b that nothing follows; here 1.6.18 is right",
		Match: func(f *Finding) bool { return f.Step.is("me") }, Harmless: true,
	},
	{
		Name: "empty line behind an error of get", Example: []Step{lines("get ${x*251}")}, Ref: "CLIENT_ERROR bad command line format", Ours: "CLIENT_ERROR bad command line format\n",
		Why: "1.6.45 ends that error twice; here 1.6.18 is right",
		Match: func(f *Finding) bool {
			return f.Step.is("get gets gat gats") && strings.HasPrefix(lineAt(f.OursUnits, f.At-1), "CLIENT_ERROR ")
		}, Harmless: true,
	},
	{
		Name: "ma N q", Example: []Step{lines("ma k N0 q")}, Ref: "HD", Ours: "",
		Why:   "hides the reply where the number was made, too, since 1.6.22 or so",
		Match: func(f *Finding) bool { return f.Step.is("ma") && f.has("N") && f.has("q") }, Harmless: true,
	},
	{
		Name: "delete with a time", Example: []Step{lines("delete k 1")}, Ref: "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]", Ours: "NOT_FOUND",
		Why:   "the time was never heeded; 1.6.18 took 0 alone",
		Shows: func(s *Step) bool { return s.is("delete") && s.word(2) != "" && s.word(2) != "noreply" },
	},
	{
		Name: "tabs, carriage returns", Example: []Step{lines("decr k 1\r")}, Ref: "NOT_FOUND", Ours: "CLIENT_ERROR invalid numeric delta argument",
		Why:   "end a number for 1.6.18",
		Shows: hasControl,
	},
	{
		Name: "gat without a key", Example: []Step{lines("gat a1")}, Ref: "CLIENT_ERROR invalid exptime argument", Ours: "CLIENT_ERROR bad command line format",
		Why:   "1.6.18 looks at the time first",
		Match: func(f *Finding) bool { return f.Step.is("gat gats") && f.Step.word(2) == "" }, Harmless: true,
	},
}

// has reports whether the step has a flag of this letter.
func (s *Step) has(letter string) bool {
	_, ok := s.flag(letter)
	return ok
}

func meta(s *Step) bool { return s.is("mg ms md ma me") }

// stores are the classic commands with a data block.
const stores = "set add replace append prepend cas"

// loose reports whether a word of the step that is a number to somebody is written
// in a way on which the two versions do not agree.
func loose(s *Step) bool {
	wide := s.is("incr decr cas") // their numbers have 64 bits
	for i := range s.Lines {
		for j, w := range s.Lines[i].Words {
			if j == 0 || w == "" && j == 1 {
				continue
			}
			if letters := "TNRFMJDCE"; meta(s) && j > 1 && w != "" && !(j == 2 && s.is("ms")) {
				if !strings.ContainsRune(letters, rune(w[0])) {
					continue
				}
				wide = strings.ContainsRune("JDCE", rune(w[0]))
				w = w[1:]
			}
			if w == "4294967295" && (meta(s) && s.Lines[i].Words[j][0] == 'F' || j == 2 && s.is(stores)) {
				continue // the largest flags
			}
			if n, err := strconv.ParseUint(w, 10, 64); err == nil && !(len(w) > 1 && w[0] == '0') && (wide || n < 1<<31) {
				continue
			}
			if n, err := strconv.ParseInt(w, 10, 64); err == nil && n < 0 && n >= -1<<31 {
				continue
			}
			if !wordly.MatchString(w) {
				return true
			}
		}
	}
	return false
}

// wordly are words that are no number, and placeholders.
var wordly = regexp.MustCompile(`^(noreply|[A-Z][0-9]*|\$\{.*)$`)

// miscounted reports whether a classic command has too few words or too many.
func miscounted(s *Step) bool {
	count := map[string][]int{
		"set": {5, 6}, "add": {5, 6}, "replace": {5, 6}, "append": {5, 6}, "prepend": {5, 6}, "cas": {6, 7},
		"incr": {3, 4}, "decr": {3, 4}, "touch": {3, 4}, "delete": {2, 3}, "verbosity": {2, 3}, "flush_all": {1, 3},
	}[s.word(0)]
	n := 0
	for s.word(n) != "" {
		n++
	}
	return count != nil && !slices.Contains(count, n)
}
