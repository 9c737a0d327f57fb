package difftest

import (
	"compress/gzip"
	"encoding/gob"
	"fmt"
	"io"
)

// A Recording is a round as a memcached answered it, so that a version that is not
// installed can be compared with.
type Recording struct {
	Prefix  string // of its keys
	Steps   []Step
	Replies []Recorded
}

// Recorded is what was said to a step.
type Recorded struct {
	Bytes          []byte
	Closed, Silent bool
}

// Record plays steps before the reference alone.
func (p *Pair) Record(steps []Step) (*Recording, error) {
	r := p.begin()
	defer r.forget()
	out := &Recording{Prefix: r.prefix, Steps: steps}
	for i := range steps {
		said, err := r.alone(&steps[i])
		if err != nil {
			return nil, err
		}
		out.Replies = append(out.Replies, Recorded{said.bytes, said.closed, said.silent})
	}
	return out, nil
}

// A tape answers as a recording says.
type tape struct {
	replies []Recorded
}

func (t *tape) exchange(string, *Step) (reply, error) {
	if len(t.replies) == 0 {
		return reply{}, fmt.Errorf("the recording ends here")
	}
	r := t.replies[0]
	t.replies = t.replies[1:]
	return reply{bytes: r.Bytes, closed: r.Closed, silent: r.Silent}, nil
}

func (t *tape) close() {}

// Replay plays a recorded round before the server at an address. The report is not
// shrunk: nobody can say how the reference would answer less.
func Replay(rec *Recording, ours string, expected []Difference, count *Count) (*Report, error) {
	p := NewPair("", ours, expected)
	p.ref, p.prefix, p.Count = &tape{rec.Replies}, rec.Prefix, *count
	defer p.Close()
	f, r, err := p.play(rec.Steps)
	*count = p.Count
	if err != nil || f == nil {
		return nil, err
	}
	return &Report{Found: f, Steps: rec.Steps, Script: r.scriptAbout(f)}, nil
}

// WriteRecordings and ReadRecordings keep recordings in a compressed stream.
func WriteRecordings(w io.Writer, recs []*Recording) error {
	z, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	if err := gob.NewEncoder(z).Encode(recs); err != nil {
		return err
	}
	return z.Close()
}

// ReadRecordings reads what WriteRecordings wrote.
func ReadRecordings(r io.Reader) (recs []*Recording, err error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	return recs, gob.NewDecoder(z).Decode(&recs)
}
