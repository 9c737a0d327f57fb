package main

import (
	"bytes"
	"flag"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leasecache/leasecache/internal/bench/experiment"
	"github.com/leasecache/leasecache/internal/bench/page"
)

func TestOptions(t *testing.T) {
	t.Setenv("MEMCACHED", "/a,/b")
	var said bytes.Buffer
	o, err := parse([]string{"-mode", "quick", "-run", "headline,memory", "-items", "5000000"}, &said)
	require.NoError(t, err)
	require.Equal(t, "bin/bench", o.out, "a quick run does not touch the page in docs")
	require.Equal(t, "/a,/b", o.memcached)
	require.Equal(t, []string{"headline", "memory"}, o.only)
	require.EqualValues(t, 5_000_000, o.scale.MemoryItems)
	require.Equal(t, `go run ./internal/bench -mode quick -run memory -items "5000000"`, o.command("memory"))

	o, err = parse(nil, &said)
	require.NoError(t, err)
	require.Equal(t, "docs", o.out)
	require.EqualValues(t, experiment.Full(), o.scale)

	for _, args := range [][]string{{"-mode", "slow"}, {"-run", "headlines"}, {"-nothing"}} {
		_, err := parse(args, &said)
		require.Error(t, err, args)
	}
	said.Reset()
	_, err = parse([]string{"-help"}, &said)
	require.ErrorIs(t, err, flag.ErrHelp)
	require.Contains(t, said.String(), "make bench BENCH=quick")
}

// An experiment is measured and has its section, or neither.
func TestExperimentsAndSectionsAreTheSame(t *testing.T) {
	var names []string
	for _, e := range experiment.All {
		names = append(names, e.Name)
	}
	require.Equal(t, page.Order(), names)
}
