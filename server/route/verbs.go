package route

import "github.com/leasecache/leasecache/protocol"

// Target says who does a verb.
type Target uint8

const (
	undecided Target = iota
	Here             // whichever node is asked
	OfKey            // the owner of the key's shard
	OfKeys           // the owner of each key's shard
	All              // every owner, for every shard
)

// repeat says whether a request may be done again when it is unknown whether it
// was done: its sender must not be able to tell, or is told by the protocol what
// it means.
type repeat uint8

const (
	never repeat = iota
	// always: reads, of which lg may grant a lease twice, and the older is void;
	// and the invalidations: doing them twice is doing them later, and what was
	// stored in between goes, which costs a miss.
	always
	// ifReading: mg may store a stub, touch, or set a version.
	ifReading
	// ifNamed: an intent is the same one if it has a nonce; without one there
	// would be two, and nobody to end the first.
	ifNamed
)

// verbs has every verb of the protocol. gat and touch do no harm when they are
// done late but for this: what they touch then may be another's value.
var verbs = [protocol.VerbCount]struct {
	to    Target
	again repeat
}{
	protocol.VerbUnknown:       {Here, never},
	protocol.VerbGet:           {OfKeys, always},
	protocol.VerbGets:          {OfKeys, always},
	protocol.VerbGat:           {OfKeys, never},
	protocol.VerbGats:          {OfKeys, never},
	protocol.VerbSet:           {OfKey, never},
	protocol.VerbAdd:           {OfKey, never},
	protocol.VerbReplace:       {OfKey, never},
	protocol.VerbAppend:        {OfKey, never},
	protocol.VerbPrepend:       {OfKey, never},
	protocol.VerbCAS:           {OfKey, never},
	protocol.VerbIncr:          {OfKey, never},
	protocol.VerbDecr:          {OfKey, never},
	protocol.VerbDelete:        {OfKey, never},
	protocol.VerbTouch:         {OfKey, never},
	protocol.VerbVersion:       {Here, never},
	protocol.VerbStats:         {Here, never},
	protocol.VerbFlushAll:      {All, always},
	protocol.VerbQuit:          {Here, never},
	protocol.VerbVerbosity:     {Here, never},
	protocol.VerbCacheMemlimit: {Here, never},
	protocol.VerbLRU:           {Here, never},
	protocol.VerbLRUCrawler:    {Here, never},
	protocol.VerbSlabs:         {Here, never},
	protocol.VerbExtstore:      {Here, never},
	protocol.VerbWatch:         {Here, never},
	protocol.VerbShutdown:      {Here, never},
	protocol.VerbMG:            {OfKey, ifReading},
	protocol.VerbMS:            {OfKey, never},
	protocol.VerbMD:            {OfKey, never},
	protocol.VerbMA:            {OfKey, never},
	protocol.VerbMN:            {Here, never},
	protocol.VerbME:            {OfKey, always},
	protocol.VerbLeaseGet:      {OfKeys, always},
	protocol.VerbLeaseSet:      {OfKey, never},
	protocol.VerbLG:            {OfKey, always},
	protocol.VerbLS:            {OfKey, never},
	protocol.VerbLD:            {OfKey, always},
	protocol.VerbLW:            {OfKey, ifNamed},
	protocol.VerbLC:            {OfKey, always},
	protocol.VerbLA:            {OfKey, always},
	protocol.VerbLT:            {All, always},
	protocol.VerbLF:            {OfKey, always},
	protocol.VerbLM:            {Here, never},
	protocol.VerbLN:            {Here, never},
}

// To says who does the verb.
func To(v protocol.Verb) Target { return verbs[v].to }

// Repeatable reports whether the request may be done again when it is unknown
// whether it was done.
func Repeatable(req *protocol.Request) bool {
	switch verbs[req.Verb].again {
	case always:
		return true
	case ifReading:
		return !req.HasVivify && !req.HasNewCAS && !req.HasTTL
	case ifNamed:
		return len(req.Nonce) > 0
	}
	return false
}

// Joins reports whether the request may go together with others as one: it reads one
// key, is answered at once, and always.
func Joins(req *protocol.Request) bool {
	switch req.Verb {
	case protocol.VerbGet, protocol.VerbGets:
		return len(req.Keys) <= 1
	case protocol.VerbMG:
		return Repeatable(req)
	}
	return false
}

// Replaces reports whether the request, done later than another of the same key
// that was asked for behind it, may leave there what the other replaced. Reads
// leave nothing, and what invalidates leaves less.
func Replaces(req *protocol.Request) bool {
	return !Repeatable(req) && req.Verb != protocol.VerbLS && req.Verb != protocol.VerbLeaseSet
}
