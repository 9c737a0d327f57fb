package difftest

import (
	"regexp"
	"slices"
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
		Name: "class and size in me", Example: []Step{lines("set k 0 0 1", "1"), lines("me k")}, Ref: "ME k exp=-1 la=0 cas=… fetch=no cls=1 size=…", Ours: "ME k …",
		Why:  "they are about memcached's allocator",
		Hide: func(u []unit) []unit { return rewritten(u, classAndSize, "") }, Harmless: true,
	},
}

var (
	versionLine  = regexp.MustCompile(`^VERSION \d+\.\d+\.\d+\S*$`)
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

// hidden are the entries that also hold between two memcacheds.
func hidden() []Difference {
	return slices.DeleteFunc(slices.Clone(Deliberate), func(d Difference) bool { return d.Hide == nil })
}

// expectedFrom gives what to expect if the reference is memcached 1.6.patch.
func expectedFrom(patch int) []Difference {
	if patch >= contract {
		return Deliberate
	}
	return append(slices.Clone(Deliberate), Versions...)
}

// contract is the 1.6 version whose replies are the contract.
const contract = 45
