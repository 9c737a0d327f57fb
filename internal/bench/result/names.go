package result

// The experiments, in the order of the page.
const (
	Headline = "headline"
	Curves   = "curves"
	Latency  = "latency"
	HotKey   = "hotkey"
	Crowds   = "crowds"
	Memory   = "memory"
	Shift    = "shift"
	Pauses   = "pauses"
	HitRatio = "hitratio"
	EqualRSS = "equalrss"
)

// Measures of a workload. Times are in microseconds, shares go from 0 to 1.
const (
	KeysPerSecond = "keys/s"
	CPU           = "cpu_us"       // of the server, a key
	Busy          = "busy"         // share of its core that the server used; well below 1, the load was the limit
	LoadBusy      = "load_busy"    // share of its time that the generator did not wait for the server
	LoadForeign   = "load_foreign" // share of the generator's core that others used
	Foreign       = "foreign"      // share of the server's core that others used
	P50           = "p50_us"
	P90           = "p90_us"
	P99           = "p99_us"
	P999          = "p999_us"
	Max           = "max_us"

	// Of open loops.
	Rate = "rate"    // requests a second that were due
	Kept = "kept"    // 1 if the server kept up
	Late = "late_us" // the generator's own delay, at its 99th percentile

	// Of memory, in bytes.
	RSS      = "rss"
	Base     = "rss_empty"
	Overhead = "overhead" // an item, beyond key and value
	Limit    = "limit"    // that the server was given
	Items    = "items"
	Held     = "held" // keys and values that the last phase left in the cache
	Refused  = "refused"
	Lost     = "lost"   // share of keys that were missed
	Closed   = "closed" // connections of a crowd that the server closed

	// Of pauses.
	Collections = "collections"
	PauseMax    = "pause_max_us"
	PauseP50    = "pause_p50_us"

	Hits = "hits" // share of requests
)

// The cases of the headline.
const (
	Get50     = "get, 50 connections"
	Get1000   = "get, 1000 connections"
	Pipelined = "get, 16 pipelined"
	Multiget  = "multiget of 32"
	Set50     = "set, 50 connections"
	SetPiped  = "set, 16 pipelined"
	MetaPiped = "mg, 16 pipelined"
	Lease50   = "lg beside get, 50 connections"
	LeasePipe = "lg beside get, 16 pipelined"
)

// Cases of other experiments.
const (
	ByConns = "connections"
	ByDepth = "pipeline depth"
	BySize  = "value size"
	ByMix   = "share of sets"

	Peak     = "peak"
	OwnLoad  = "share of its own peak"
	SameLoad = "share of the lowest peak"

	OneKey   = "one key"
	ManyKeys = "many keys"

	NoCrowd = "nobody else"
	Idling  = "idle"
)

// The contenders of the simulated hit ratio.
const (
	OurStore = "leasecached's store"
	LRU      = "LRU"
	S3FIFO   = "S3-FIFO"
	Belady   = "Belady"
	Bound    = "bound"
)
