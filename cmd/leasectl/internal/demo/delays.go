package demo

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Delays are what readers and writers wait for besides the work itself. They exist because the demo's database sits in the same
// process or machine, where everything takes microseconds and every race window shrinks with it; in service it is on
// another machine. No delay is longer than what services see every day, and all three modes get the same.
type Delays struct {
	// RoundTrip is a statement's way to the database and back. What the database really takes (measured once, at the start) is
	// taken off, so a remote PostgreSQL is not slowed down further.
	RoundTrip time.Duration
	// Fill is the reader's own time between the row and the fill, usually; Gap the writer's between COMMIT and delete.
	Fill, Gap Span
	// Pause is how long one in PauseOneIn of those takes instead.
	Pause      Span
	PauseOneIn int
	// Think is what a reader, WriterThink what a writer does between two calls.
	Think, WriterThink Span
	// Again is how long after a write the same writer writes the same product once more, in one case of AgainOneIn. Rows that are
	// written twice in a row and then left alone are those whose old value stays in a plain cache.
	Again      Span
	AgainOneIn int
}

// Span is a time drawn evenly between its ends.
type Span struct{ From, To time.Duration }

func (s Span) draw(r *rand.Rand) time.Duration {
	if s.To <= s.From {
		return s.From
	}
	return s.From + time.Duration(r.Int64N(int64(s.To-s.From)))
}

// UsualDelays are those of the demo.
func UsualDelays() Delays {
	return Delays{
		RoundTrip:   time.Millisecond,
		Fill:        Span{100 * time.Microsecond, 2 * time.Millisecond},
		Gap:         Span{100 * time.Microsecond, 500 * time.Microsecond},
		Pause:       Span{2 * time.Millisecond, 20 * time.Millisecond},
		PauseOneIn:  50,
		Think:       Span{500 * time.Microsecond, 1500 * time.Microsecond},
		WriterThink: Span{5 * time.Millisecond, 15 * time.Millisecond},
		Again:       Span{500 * time.Microsecond, 5 * time.Millisecond},
		AgainOneIn:  4,
	}
}

// Delay is one delay with its reason, for the output.
type Delay struct {
	What   string `json:"what"`
	FromUS int64  `json:"from_us"`
	ToUS   int64  `json:"to_us"`
	Why    string `json:"why"`
}

// Explain lists the delays with their reasons.
func (d Delays) Explain() []Delay {
	one := func(what string, s Span, why string) Delay {
		return Delay{What: what, FromUS: s.From.Microseconds(), ToUS: s.To.Microseconds(), Why: why}
	}
	return []Delay{
		one("database statement", Span{d.RoundTrip, d.RoundTrip}, "to another machine of the same data centre and back; what the database really takes is taken off"),
		one("reader: row to fill", d.Fill, "scan the row, build and encode what is cached: a page's part, an object with its prices"),
		one("writer: COMMIT to delete", d.Gap, "leave the transaction, run hooks, take a connection from the pool"),
		one(fmt.Sprintf("1 in %d of these two", d.PauseOneIn), d.Pause, "garbage collection, a descheduled process, a lost packet, one more query"),
		one("reader: between reads", d.Think, "the rest of the request"),
		one("writer: between writes", d.WriterThink, "the rest of the request"),
		one(fmt.Sprintf("1 in %d: the same again", d.AgainOneIn), d.Again, "an order and its stock booking, a hook that saves the row once more"),
	}
}

// between is the time that a reader or writer spends between the database and the cache.
func (d Delays) between(usual Span, r *rand.Rand) time.Duration {
	if oneIn(d.PauseOneIn, r) {
		return d.Pause.draw(r)
	}
	return usual.draw(r)
}

// oneIn is true once in n times; never for n = 0.
func oneIn(n int, r *rand.Rand) bool { return n > 0 && r.IntN(n) == 0 }
