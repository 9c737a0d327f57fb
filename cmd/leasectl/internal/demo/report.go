package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// Report is the outcome of a run, and as JSON the output of leasectl demo -o json. Times are in the unit of the field's ending.
type Report struct {
	Database   string   `json:"database"`
	MeasuredUS int64    `json:"database_round_trip_us"` // as it really is, median
	Products   int      `json:"products"`
	Readers    int      `json:"readers"`
	Writers    int      `json:"writers"`
	DurationMS int64    `json:"duration_ms"` // of each mode
	Seed       uint64   `json:"seed"`
	Popularity string   `json:"popularity"`
	Delays     []Delay  `json:"delays"`
	Counts     []Define `json:"counts"`
	Modes      []Result `json:"modes"`
	Kept       bool     `json:"kept"`    // leases and intents kept their promises
	Verdict    string   `json:"verdict"` // one sentence
}

// Define says what a count counts.
type Define struct {
	Count string `json:"count"`
	Means string `json:"means"`
}

// definitions are the output's short form of what stands at [Judge].
var definitions = []Define{
	{"stale after ack", "the read began after the writer's whole call (with its delete, invalidation or end of the intent) had returned, and still saw an older version"},
	{"stale after commit", "the read began after the database had acknowledged the COMMIT of a newer version, and saw an older one (includes the line above)"},
	{"worst age", "for how long the database had had a newer version when such a read began"},
	{"left stale", "after the run, with all writers acknowledged and all readers gone: cached values whose version is not the database's"},
	{"hit rate", "reads that asked the database nothing on their own account"},
}

// Result is what one mode did.
type Result struct {
	Mode        Mode    `json:"mode"`
	Reads       int64   `json:"reads"`
	HitRate     float64 `json:"hit_rate"` // 0 to 1
	Hits        int64   `json:"hits"`
	Loads       int64   `json:"loads"` // SELECTs for a fill, or instead of the cache
	Writes      int64   `json:"writes"`
	ReadP50US   int64   `json:"read_p50_us"`
	ReadP99US   int64   `json:"read_p99_us"`
	WriteP50US  int64   `json:"write_p50_us"`
	WriteP99US  int64   `json:"write_p99_us"`
	AfterAck    Stale   `json:"stale_after_ack"`
	AfterCommit Stale   `json:"stale_after_commit"`
	Left        Left    `json:"left_in_cache"`
	Errors      int64   `json:"errors"`
	FirstError  string  `json:"first_error,omitempty"`
	Promise     Promise `json:"promise"`
}

// Stale counts stale reads.
type Stale struct {
	Reads      int64   `json:"reads"`
	WorstAgeMS float64 `json:"worst_age_ms"`
}

// Left is what was in the cache when all was over.
type Left struct {
	Cached int64 `json:"cached"`
	Stale  int64 `json:"stale"`
}

// Promise is what a mode promises of the three counts, and whether it was so.
type Promise struct {
	AfterAck    bool `json:"none_after_ack"`
	AfterCommit bool `json:"none_after_commit"`
	Left        bool `json:"none_left"`
	Kept        bool `json:"kept"` // true for a mode that promises nothing
}

// promises follow the table of levels in docs/guarantees.md.
var promises = map[Mode]Promise{
	Plain:   {},
	Leases:  {AfterAck: true, Left: true},
	Intents: {AfterAck: true, AfterCommit: true, Left: true},
}

// result judges the tally against the mode's promise. A mode that read or wrote nothing showed nothing, and so kept nothing.
func result(mode Mode, t *tally, left Left) Result {
	r := Result{
		Mode: mode, Reads: t.reads, Hits: t.hits, Loads: t.loads, Writes: t.writes,
		ReadP50US: t.readTime.quantile(.5).Microseconds(), ReadP99US: t.readTime.quantile(.99).Microseconds(),
		WriteP50US: t.writeTime.quantile(.5).Microseconds(), WriteP99US: t.writeTime.quantile(.99).Microseconds(),
		AfterAck:    Stale{t.afterAck, milliseconds(t.ageAck)},
		AfterCommit: Stale{t.afterCommit, milliseconds(t.ageCommit)},
		Left:        left,
		Errors:      t.errors,
		Promise:     promises[mode],
	}
	if t.reads > 0 {
		r.HitRate = float64(t.hits) / float64(t.reads)
	}
	if t.firstError != nil {
		r.FirstError = t.firstError.Error()
	}
	p := &r.Promise
	promised := p.AfterAck || p.AfterCommit || p.Left
	p.Kept = !promised || t.reads > 0 && t.writes > 0 &&
		!(p.AfterAck && t.afterAck > 0) && !(p.AfterCommit && t.afterCommit > 0) && !(p.Left && left.Stale > 0)
	return r
}

// conclude fills Kept and Verdict from the modes.
func (r *Report) conclude() {
	r.Kept = true
	for _, m := range r.Modes {
		r.Kept = r.Kept && m.Promise.Kept
	}
	plain := r.mode(Plain)
	switch {
	case !r.Kept:
		r.Verdict = "A promise was broken: see the lines marked so. This is a bug of Leasecache; please report it with this output."
	case !r.PlainStale():
		r.Verdict = "Leases and intents kept their promises. Plain cache-aside raced with nothing this time: run longer, or with more writers."
	default:
		left := ""
		if n := plain.Left.Stale; n > 0 {
			left = fmt.Sprintf(" and left %s of its cached values stale until their TTL or the next write", thousands(n))
		}
		r.Verdict = fmt.Sprintf("Plain cache-aside gave %s stale answers after the writer was done%s. Leases and intents kept their promises.",
			thousands(plain.AfterAck.Reads), left)
	}
}

// PlainStale tells whether plain cache-aside went stale, as it must for the comparison to mean anything.
func (r *Report) PlainStale() bool { return r.mode(Plain).AfterAck.Reads > 0 }

func (r *Report) mode(m Mode) Result {
	for _, got := range r.Modes {
		if got.Mode == m {
			return got
		}
	}
	return Result{}
}

// WriteJSON writes the report as one indented object.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

func milliseconds(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond).Microseconds()) / 1000
}
