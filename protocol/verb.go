package protocol

// Verb is the command of a request.
type Verb uint8

// The verbs, named as on the wire. VerbUnknown is any other word.
const (
	VerbUnknown Verb = iota
	VerbGet
	VerbGets
	VerbGat
	VerbGats
	VerbSet
	VerbAdd
	VerbReplace
	VerbAppend
	VerbPrepend
	VerbCAS
	VerbIncr
	VerbDecr
	VerbDelete
	VerbTouch
	VerbVersion
	VerbStats
	VerbFlushAll
	VerbQuit
	VerbVerbosity
	VerbCacheMemlimit
	VerbLRU
	VerbLRUCrawler
	VerbSlabs
	VerbExtstore
	VerbWatch
	VerbShutdown
	VerbMG       // meta get
	VerbMS       // meta set
	VerbMD       // meta delete
	VerbMA       // meta arithmetic
	VerbMN       // meta no-op
	VerbME       // meta debug
	VerbLeaseGet // mcrouter's lease-get
	VerbLeaseSet // mcrouter's lease-set
	VerbLG       // lease get
	VerbLS       // lease set
	VerbLD       // invalidate a key
	VerbLW       // begin a write intent
	VerbLC       // the write was committed
	VerbLA       // the write was aborted, or a lease is given back
	VerbLT       // invalidate a tag
	VerbLF       // report a fence
	VerbLM       // the map
	VerbLN       // near session
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
	VerbUnknown:       {"unknown", (*Parser).parseUnknown},
	VerbGet:           {"get", (*Parser).parseGet},
	VerbGets:          {"gets", (*Parser).parseGet},
	VerbGat:           {"gat", (*Parser).parseGat},
	VerbGats:          {"gats", (*Parser).parseGat},
	VerbSet:           {"set", (*Parser).parseStore},
	VerbAdd:           {"add", (*Parser).parseStore},
	VerbReplace:       {"replace", (*Parser).parseStore},
	VerbAppend:        {"append", (*Parser).parseStore},
	VerbPrepend:       {"prepend", (*Parser).parseStore},
	VerbCAS:           {"cas", (*Parser).parseStore},
	VerbIncr:          {"incr", (*Parser).parseDelta},
	VerbDecr:          {"decr", (*Parser).parseDelta},
	VerbDelete:        {"delete", (*Parser).parseDelete},
	VerbTouch:         {"touch", (*Parser).parseTouch},
	VerbVersion:       {"version", (*Parser).parseBare},
	VerbStats:         {"stats", (*Parser).parseWords},
	VerbFlushAll:      {"flush_all", (*Parser).parseFlushAll},
	VerbQuit:          {"quit", (*Parser).parseBare},
	VerbVerbosity:     {"verbosity", (*Parser).parseVerbosity},
	VerbCacheMemlimit: {"cache_memlimit", (*Parser).parseAdmin},
	VerbLRU:           {"lru", (*Parser).parseAdmin},
	VerbLRUCrawler:    {"lru_crawler", (*Parser).parseAdmin},
	VerbSlabs:         {"slabs", (*Parser).parseAdmin},
	VerbExtstore:      {"extstore", (*Parser).parseAdmin},
	VerbWatch:         {"watch", (*Parser).parseWords},
	VerbShutdown:      {"shutdown", (*Parser).parseAdmin},
	VerbMG:            {"mg", (*Parser).parseMG},
	VerbMS:            {"ms", (*Parser).parseMS},
	VerbMD:            {"md", (*Parser).parseMD},
	VerbMA:            {"ma", (*Parser).parseMA},
	VerbMN:            {"mn", (*Parser).parseBare},
	VerbME:            {"me", (*Parser).parseME},
	VerbLeaseGet:      {"lease-get", (*Parser).parseGet},
	VerbLeaseSet:      {"lease-set", (*Parser).parseLeaseSet},
	VerbLG:            {"lg", (*Parser).parseLG},
	VerbLS:            {"ls", (*Parser).parseLS},
	VerbLD:            {"ld", (*Parser).parseLD},
	VerbLW:            {"lw", (*Parser).parseLW},
	VerbLC:            {"lc", (*Parser).parseLC},
	VerbLA:            {"la", (*Parser).parseLA},
	VerbLT:            {"lt", (*Parser).parseLT},
	VerbLF:            {"lf", (*Parser).parseLF},
	VerbLM:            {"lm", (*Parser).parseLM},
	VerbLN:            {"ln", (*Parser).parseLN},
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

// Meta reports whether the verb is a meta command that has flags.
func (v Verb) Meta() bool { return v >= VerbMG && v <= VerbMA }

// Stores reports whether the verb is one of memcached's classic stores.
func (v Verb) Stores() bool { return v >= VerbSet && v <= VerbCAS }

// hasBlock reports whether a data block follows the verb's line.
func (v Verb) hasBlock() bool {
	switch v {
	case VerbSet, VerbAdd, VerbReplace, VerbAppend, VerbPrepend, VerbCAS, VerbMS, VerbLeaseSet, VerbLS:
		return true
	}
	return false
}

// afterBlanks reports whether the verb is known behind leading blanks, too:
// memcached looks these up after it has cut the line into words, the others
// before.
func (v Verb) afterBlanks() bool {
	switch v {
	case VerbFlushAll, VerbVerbosity, VerbCacheMemlimit, VerbLRU, VerbLRUCrawler, VerbSlabs, VerbExtstore, VerbShutdown:
		return true
	}
	return false
}
