// Package result is what experiments hand in and pages are made of, and its form
// on disk: a page can be written again without measuring again.
package result

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/leasecache/leasecache/internal/bench/stats"
)

// Run is what one run of one experiment found.
type Run struct {
	Experiment string    `json:"experiment"`
	Mode       string    `json:"mode"` // quick or full
	Command    string    `json:"command"`
	Began      time.Time `json:"began"`
	Seconds    float64   `json:"seconds"`
	Machine    string    `json:"machine"`
	Servers    []Server  `json:"servers"`
	Missing    []string  `json:"missing,omitempty"` // rivals that are not installed
	Points     []Point   `json:"-"`
}

// Server is one that took part.
type Server struct {
	Name    string `json:"name"`
	Family  string `json:"family"`
	Version string `json:"version"`
}

// Point is one thing that was measured, in one or more rounds.
type Point struct {
	Case   string               `json:"case"`
	X      float64              `json:"x,omitempty"` // along the axis of a curve
	Server string               `json:"server"`
	Values map[string][]float64 `json:"values"` // by measure, one a round
}

// Add appends a round to a measure.
func (p *Point) Add(measure string, v float64) {
	if p.Values == nil {
		p.Values = map[string][]float64{}
	}
	p.Values[measure] = append(p.Values[measure], stats.Round(v, 4))
}

// Median of a measure; NaN if it was not taken.
func (p *Point) Median(measure string) float64 {
	if p == nil {
		return math.NaN()
	}
	return stats.Median(p.Values[measure])
}

// Find returns the point of a case, x and server, or nil.
func (r *Run) Find(c string, x float64, server string) *Point {
	for i := range r.Points {
		if p := &r.Points[i]; p.Case == c && p.X == x && p.Server == server {
			return p
		}
	}
	return nil
}

const suffix = ".json"

// Write puts the run into its file in dir: a header, and a line for each point.
func (r *Run) Write(dir string) error {
	header, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return fmt.Errorf("%s: %w", r.Experiment, err)
	}
	var b bytes.Buffer
	b.Write(bytes.TrimSuffix(header, []byte("\n}")))
	b.WriteString(",\n \"points\": [")
	for i := range r.Points {
		line, err := json.Marshal(&r.Points[i])
		if err != nil {
			return fmt.Errorf("%s, %s: %w", r.Experiment, r.Points[i].Case, err)
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n  ")
		b.Write(line)
	}
	b.WriteString("\n ]\n}\n")
	return os.WriteFile(filepath.Join(dir, r.Experiment+suffix), b.Bytes(), 0o644)
}

// Read reads the latest run of an experiment from dir; nil if there is none.
func Read(dir, experiment string) (*Run, error) {
	text, err := os.ReadFile(filepath.Join(dir, experiment+suffix))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var r struct {
		Run
		Points []Point `json:"points"`
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("%s: %w", experiment, err)
	}
	r.Run.Points = r.Points
	return &r.Run, nil
}
