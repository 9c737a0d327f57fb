package protocol

// Verb is the command of a request.
type Verb uint8

// The verbs, named as on the wire. VerbUnknown is any other word.
const (
	VerbUnknown Verb = iota
	VerbGet
	VerbGets
	VerbSet
	VerbAdd
	VerbReplace
	VerbDelete
	VerbTouch
	VerbVersion
	VerbStats
	VerbFlushAll
	VerbQuit
	VerbVerbosity
	VerbMN
	VerbLG // lease get
	VerbLS // lease set
	VerbLD // invalidate a key
	VerbLW // begin a write intent
	VerbLC // the write was committed
	VerbLA // the write was aborted, or a lease is given back
	VerbLT // invalidate a tag
	VerbLF // report a fence
	VerbLM // the map
	VerbLN // near session
	verbCount
)

// VerbCount is the number of verbs, VerbUnknown included: the length of a
// table that has one entry for each.
const VerbCount = int(verbCount)

// verbs says how each verb is written and which function parses the rest of
// its line.
var verbs = [verbCount]struct {
	name  string
	parse func(*Parser)
}{
	VerbUnknown:   {"unknown", (*Parser).parseUnknown},
	VerbGet:       {"get", (*Parser).parseGet},
	VerbGets:      {"gets", (*Parser).parseGet},
	VerbSet:       {"set", (*Parser).parseStore},
	VerbAdd:       {"add", (*Parser).parseStore},
	VerbReplace:   {"replace", (*Parser).parseStore},
	VerbDelete:    {"delete", (*Parser).parseDelete},
	VerbTouch:     {"touch", (*Parser).parseTouch},
	VerbVersion:   {"version", (*Parser).parseBare},
	VerbStats:     {"stats", (*Parser).parseStats},
	VerbFlushAll:  {"flush_all", (*Parser).parseFlushAll},
	VerbQuit:      {"quit", (*Parser).parseBare},
	VerbVerbosity: {"verbosity", (*Parser).parseVerbosity},
	VerbMN:        {"mn", (*Parser).parseBare},
	VerbLG:        {"lg", (*Parser).parseLG},
	VerbLS:        {"ls", (*Parser).parseLS},
	VerbLD:        {"ld", (*Parser).parseLD},
	VerbLW:        {"lw", (*Parser).parseLW},
	VerbLC:        {"lc", (*Parser).parseLC},
	VerbLA:        {"la", (*Parser).parseLA},
	VerbLT:        {"lt", (*Parser).parseLT},
	VerbLF:        {"lf", (*Parser).parseLF},
	VerbLM:        {"lm", (*Parser).parseLM},
	VerbLN:        {"ln", (*Parser).parseLN},
}

var verbByName = func() map[string]Verb {
	m := make(map[string]Verb, verbCount)
	for v := VerbUnknown + 1; v < verbCount; v++ {
		m[verbs[v].name] = v
	}
	return m
}()

// String returns the verb as on the wire, "unknown" for anything else. It is
// fit for the label of a metric: the set of values is closed.
func (v Verb) String() string {
	if v >= verbCount {
		v = VerbUnknown
	}
	return verbs[v].name
}

// Lease reports whether the verb is one of the lease commands.
func (v Verb) Lease() bool { return v >= VerbLG && v < verbCount }

// hasBlock reports whether a data block follows the verb's line.
func (v Verb) hasBlock() bool {
	switch v {
	case VerbSet, VerbAdd, VerbReplace, VerbLS:
		return true
	}
	return false
}
