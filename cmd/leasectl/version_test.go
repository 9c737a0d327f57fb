package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVersion(t *testing.T) {
	for _, args := range [][]string{{"version"}, {"--version"}} {
		code, out, errs := leasectl(t, args...)
		require.Zero(t, code, errs)
		require.Regexp(t, `^leasectl \S+ go\S+ \w+/\w+\n$`, out)
	}
}

// What a column means is said where it is looked for.
func TestHelpExplainsTheColumns(t *testing.T) {
	for verb, words := range map[string][]string{
		"doubts":  {"SHARD IN DOUBT ", "EPOCH ", "CLEARED BY A FENCE AT ", "KEY IN DOUBT ", "INTENTS THAT RAN OUT "},
		"inspect": {"shard ", "reader ", "value ", "lease ", "intents ", "doubts ", "last void "},
	} {
		code, out, errs := leasectl(t, verb, "--help")
		require.Zero(t, code, errs)
		for _, word := range words {
			require.Contains(t, out, "\n"+word, verb)
		}
	}
}
