package difftest

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Deliberate are the differences between memcached 1.6.45 and leasecached that are
// meant.
var Deliberate = []Difference{
	{
		Name: "what stats says", Example: []Step{lines("stats")}, Ref: "STAT …", Ours: "STAT …",
		Why:  "the names that exporters read are there; what is about slabs, threads and sockets of memcached is not",
		Hide: func(u []unit) []unit { return without(u, "STAT ") }, Harmless: true,
	},
	{
		Name: "the version", Example: []Step{lines("version")}, Ref: "VERSION …", Ours: "VERSION …",
		Why:  "it begins with digits, as clients want it, and is our own",
		Hide: func(u []unit) []unit { return rewritten(u, versionLine, "VERSION") }, Harmless: true,
	},
	{
		Name: "class and size in me", Example: []Step{data("set k 0 0 1", "1"), lines("me k")}, Ref: "ME k exp=-1 la=… cas=… fetch=no cls=1 size=…", Ours: "ME k exp=-1 la=… cas=… fetch=no cls=1 size=…",
		Why:  "they are about memcached's allocator",
		Hide: func(u []unit) []unit { return rewritten(u, classAndSize, "") }, Harmless: true,
	},
	{
		Name: "a stub is no value", Example: []Step{lines("mg k N30"), lines("get k")}, Ref: "VALUE k 0 0\n\nEND", Ours: "END",
		Why: "what mg made for its winner to fill (N) is for meta readers only: no other command takes it for an empty value, so that nobody reads nothing, and add, set and delete mean what they say",
		Match: func(f *Finding) bool {
			if !f.after("mg ma", "N") {
				return false
			}
			if f.after(changes, "") {
				return true // it became something else then
			}
			creates := f.has("N") || f.has("ME")
			return creates || strings.HasPrefix(f.ref(), "VALUE ") && strings.Contains(f.ref()+" ", " 0 ") || missed.MatchString(f.ours())
		},
	},
	{
		Name: "a stub that is over at once", Example: []Step{lines("mg k N-1")}, Ref: "HD W", Ours: "EN",
		Why: "is not made, and a lease without time not given; in memcached every reader wins then",
		Match: func(f *Finding) bool {
			return f.Step.is("mg") && f.has("N") && (missed.MatchString(f.ours()) || f.ours() == "")
		},
	},
	{
		Name: "a fill keeps the version", Example: []Step{lines("mg k N30 c"), data("ms k 1 C${c0} c", "1")}, Ref: "HD c…", Ours: "HD c…",
		Why: "the version of what was filled is the token of the winner's lease, which he knows, and a late I-fill keeps the newest one: in memcached its version grows, the winner is refused, and the value is stale until its time is over",
		Match: func(f *Finding) bool {
			return f.versions() && (f.after("mg ma", "N") || f.after("md", "I") || f.has("I")) || f.after("ms", "I", "C")
		},
	},
	{
		Name: "E0", Example: []Step{data("set k 0 0 1", "1"), lines("ma k c E0")}, Ref: "HD c0", Ours: "HD c…",
		Why:   "chooses no version: the item shows its own. In memcached it can be compared with nothing then",
		Match: func(f *Finding) bool { return f.has("E0") || f.after("mg ms ma md", "E0") },
		Shows: func(s *Step) bool { return meta(s) && s.has("E0") },
	},
	{
		Name: "mn and a bare line feed", Example: []Step{{Lines: []Line{{Words: []string{"mn"}, End: "\n"}}}}, Ref: "CLIENT_ERROR bad command line format", Ours: "MN",
		Why:   "a line may end in a bare line feed; memcached 1.6.45 takes none shorter than four bytes (1.6.18 does)",
		Match: func(f *Finding) bool { return f.ref() == "CLIENT_ERROR bad command line format" && f.Step.is("mn") }, Harmless: true,
	},
	{
		Name: "ma T, ma E", Example: []Step{data("set k 0 0 1", "9"), lines("ma k T-1"), lines("get k")}, Ref: "VALUE k 0 2\n10\nEND", Ours: "END",
		Why:   "memcached forgets both where the number grows longer by a digit",
		Match: func(f *Finding) bool { return f.after("ma", "T") || f.after("ma", "E") },
	},
	{
		Name: "control bytes", Example: []Step{lines("get a\tb")}, Ref: "END", Ours: "CLIENT_ERROR bad command line format",
		Why: "a key, an opaque and every other word is free of them, so that nothing that an application passes on as a key can end a line or a word for somebody",
		Match: func(f *Finding) bool {
			return strings.HasPrefix(f.ours(), "CLIENT_ERROR ") && hasControl(f.Step)
		},
		Shows: hasControl,
	},
	{
		Name: "an opaque that is too long", Example: []Step{data("set k 0 0 1", "a"), lines("ma k O${o*32}")}, Ref: "CLIENT_ERROR cannot increment or decrement non-numeric value", Ours: "CLIENT_ERROR opaque token too long",
		Why:   "is refused before anything is done; memcached counts, touches and makes stubs first",
		Match: func(f *Finding) bool { return longOpaque.MatchString(f.Step.text()) || f.afterMatch(longOpaque) },
	},
	{
		Name: "gat and a key that is too long", Example: []Step{data("set k 0 0 1", "1"), lines("gat -1 k ${x*251}"), lines("get k")}, Ref: "END", Ours: "VALUE k 0 1\n1\nEND",
		Why:   "is refused before anything is done; memcached gives the keys before it their new time first",
		Match: func(f *Finding) bool { return f.afterMatch(longGat) },
	},
	{
		Name: "the time left of what is gone", Example: []Step{data("set k 0 0 1", "1"), lines("mg k T-1 t")}, Ref: "HD t…", Ours: "HD t0",
		Why:   "is 0; memcached shows the number of seconds since then, less than nothing, as if it had no sign",
		Match: func(f *Finding) bool { return f.has("t") && strings.HasPrefix(f.How, "t42949") }, Harmless: true,
	},
	{
		Name: "delete with words that it never took", Example: []Step{lines("delete k 0 0 0")}, Ref: "NOT_FOUND", Ours: "CLIENT_ERROR bad command line format",
		Why:   "is an error, as in every memcached before; 1.6.45 takes no notice of them",
		Shows: func(s *Step) bool { return s.is("delete") && s.word(4) != "" },
	},
	{
		Name: "long lines", Example: []Step{lines("delete ${x*3000}")}, Ref: "CLIENT_ERROR bad command line format", Ours: "CLIENT_ERROR line too long",
		Why: "a line has at most 2048 bytes, one of get and gets at most 1 MiB. memcached takes a longer one or closes the connection, as its bytes happen to come in",
		Match: func(f *Finding) bool {
			return strings.Contains(string(f.Ours.bytes), "CLIENT_ERROR line too long") || len(f.Step.Lines[0].text())-len(f.Step.Lines[0].Data) > 2048
		},
	},
	{
		Name: "a mutation ends the lease", Example: []Step{data("set k 0 0 1", "1"), lines("md k I"), lines("mg k"), lines("incr k 1"), lines("mg k")}, Ref: "HD Z X", Ours: "HD X W",
		Why: "whatever changes a value voids the lease to refresh it, incr too, so the next reader is asked to; memcached keeps the old winner where it changes a value in place",
		Match: func(f *Finding) bool {
			return f.after("incr decr ma touch gat gats append prepend mg", "") && strings.HasSuffix(f.ref(), " Z X") && strings.HasSuffix(f.ours(), " X W")
		},
	},
	{
		Name: "how a key comes back", Example: []Step{data("ms aw== 1 b", "1"), lines("mg k k")}, Ref: "HD kaw== b", Ours: "HD kk",
		Why: "k gives the key as it was asked for; memcached as it was stored, and the stub of a key given in base64 in plain, line ends and all",
		Match: func(f *Finding) bool {
			return f.Step.is("me mg ms md ma") && (f.Step.is("me") || f.has("k")) && sameBut(f.ref(), f.ours())
		}, Harmless: true,
	},
	{
		Name: "the largest value", Example: []Step{data("set k 0 0 1048576", "${v*1048576}")}, Ref: "SERVER_ERROR object too large for cache", Ours: "STORED",
		Why: "1 MiB is a value's size; memcached counts its header and the key too, so that its largest value is a little smaller",
		Match: func(f *Finding) bool {
			quiet := func(s Step) bool { return announcedBelow(&s) && meet(s.keys(), f.Step.keys()) }
			return f.ref() == "SERVER_ERROR object too large for cache" && f.ours() != "" && announcedBelow(f.Step) || slices.ContainsFunc(f.recent, quiet)
		},
	},
	{
		Name: flushedBack, Example: []Step{data("set k 0 0 1", "1"), lines("flush_all ${now-100000}"), lines("get k")}, Ref: "VALUE k 0 1\n1\nEND", Ours: "END",
		Why:   "what is there now was stored after that time or before it, and goes; memcached forgets to if it was started later",
		Match: func(f *Finding) bool { return f.flushedBack() },
	},
	{
		Name: "HTTP", Example: []Step{lines("HEAD /")}, Ref: "ERROR", Ours: "closes",
		Why:   "a line that begins as HTTP does ends the connection, however it goes on, with a line in the log; memcached looks at its end",
		Match: func(f *Finding) bool { return f.Step.is("GET POST PUT HEAD DELETE OPTIONS PATCH") && f.Ours.closed },
	},
	{
		Name: "empty line behind an error of get", Example: []Step{lines("get ${x*251}")}, Ref: "CLIENT_ERROR bad command line format\n", Ours: "CLIENT_ERROR bad command line format",
		Why: "memcached 1.6.45 ends that error twice (1.6.18 does not)",
		Match: func(f *Finding) bool {
			return f.Step.is("get gets gat gats") && f.At > 0 && f.At < len(f.RefUnits) && f.ref() == "" && strings.HasPrefix(lineAt(f.RefUnits, f.At-1), "CLIENT_ERROR ")
		}, Harmless: true,
	},
	{
		Name: "me with b", Example: []Step{data("set k 0 0 1", "1"), lines("me aw== b")}, Ref: "EN", Ours: "ME …",
		Why:   "memcached 1.6.45 overlooks a b that nothing follows (1.6.18 does not)",
		Match: func(f *Finding) bool { return f.Step.is("me") && f.Step.word(2) == "b" && f.Step.word(3) == "" }, Harmless: true,
	},
}

// sameBut reports whether two lines differ in the key alone.
func sameBut(ref, ours string) bool {
	keyless := func(line string) string {
		return key64.ReplaceAllString(binaryMark.ReplaceAllString(line, ""), "$1")
	}
	return keyless(ref) == keyless(ours) || strings.Contains(ref, " k") && strings.Contains(ours, " k")
}

// announcedBelow reports whether the step announces a value that just fits 1 MiB.
func announcedBelow(s *Step) bool {
	at := 4
	if s.is("ms") {
		at = 2
	}
	n, err := strconv.Atoi(s.word(at))
	return err == nil && n <= 1<<20 && n > 1<<20-400
}

// flushedBack reports whether everything was flushed as of a time long ago.
func (f *Finding) flushedBack() bool {
	return slices.ContainsFunc(f.recent, func(s Step) bool { return strings.Contains(s.text(), "flush_all ${now-") })
}

// changes are the commands that change a key's value or its header.
const changes = "set add replace append prepend cas incr decr delete touch gat gats ms md ma"

// hasControl reports whether there is a byte in the step's line that ends words or
// lines somewhere.
func hasControl(s *Step) bool {
	l := s.Lines[0]
	l.HasData, l.Data, l.DataEnd = false, "", ""
	line := strings.TrimSuffix(strings.TrimSuffix(l.text(), "\n"), "\r")
	return strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r == 0x7f })
}

var (
	key64        = regexp.MustCompile(`( |^ME )k?\S+`)
	binaryMark   = regexp.MustCompile(` b( |$)`)
	missed       = regexp.MustCompile(`^(END|NOT_FOUND|NOT_STORED|STORED|NF|NS|EN|EX)\b`)
	longGat      = regexp.MustCompile(`^gats? .*\$\{x\*\d{3}\}`)
	longOpaque   = regexp.MustCompile(`O\$\{o\*(32|33|100)\}`)
	versionLine  = regexp.MustCompile(`^VERSION \d+\.\d+\.\d+.*$`)
	classAndSize = regexp.MustCompile(` cls=\d+ size=\d+$`)
)

func without(u []unit, head string) []unit {
	return slices.DeleteFunc(slices.Clone(u), func(u unit) bool { return strings.HasPrefix(u.line, head) })
}

func rewritten(u []unit, from *regexp.Regexp, to string) []unit {
	u = slices.Clone(u)
	for i := range u {
		u[i].line = from.ReplaceAllString(u[i].line, to)
	}
	return u
}

// hidden are the entries that also hold between two memcacheds: what is not
// compared, and what hangs on the second in which each was started.
func hidden() []Difference {
	return slices.DeleteFunc(slices.Clone(Deliberate), func(d Difference) bool { return d.Hide == nil && d.Name != flushedBack })
}

const flushedBack = "flush_all as of a time before the start"

// expectedFrom gives what to expect if the reference is memcached 1.6.patch.
func expectedFrom(patch int) []Difference {
	if patch >= contract {
		return Deliberate
	}
	return append(slices.Clone(Deliberate), Versions...)
}

// contract is the 1.6 version whose replies are the contract.
const contract = 45
