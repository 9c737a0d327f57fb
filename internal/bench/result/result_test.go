package result

import (
	"math"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestARunComesBackFromItsFile(t *testing.T) {
	dir := t.TempDir()
	r := &Run{
		Experiment: "headline", Mode: "quick", Command: "make bench", Machine: "two cores",
		Began: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Seconds: 1.5,
		Servers: []Server{{Name: "a 1.2.3", Family: "a", Version: "1.2.3"}},
		Missing: []string{"b"},
	}
	p := Point{Case: "get", X: 50, Server: "a 1.2.3"}
	p.Add("µs", 1.23456)
	p.Add("µs", 3)
	r.Points = []Point{p, {Case: "get", Server: "other"}}
	require.NoError(t, r.Write(dir))
	got, err := Read(dir, "headline")
	require.NoError(t, err)
	require.Equal(t, r, got)

	require.Equal(t, []float64{1.235, 3}, got.Find("get", 50, "a 1.2.3").Values["µs"])
	require.InDelta(t, 2.1175, got.Find("get", 50, "a 1.2.3").Median("µs"), 1e-9)
	require.Nil(t, got.Find("get", 51, "a 1.2.3"))
	require.True(t, math.IsNaN(got.Find("get", 51, "a 1.2.3").Median("µs")))
	require.True(t, math.IsNaN(got.Find("get", 50, "a 1.2.3").Median("s")))
}

func TestNoRunAndABrokenOne(t *testing.T) {
	dir := t.TempDir()
	r, err := Read(dir, "headline")
	require.NoError(t, err)
	require.Nil(t, r)
	require.NoError(t, os.WriteFile(dir+"/headline.json", []byte("{"), 0o644))
	_, err = Read(dir, "headline")
	require.Error(t, err)
	none := &Run{Experiment: "empty"}
	require.NoError(t, none.Write(dir))
	_, err = Read(dir, "empty")
	require.NoError(t, err)
}
