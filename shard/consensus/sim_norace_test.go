//go:build !race

package consensus_test

const defaultSimRuns = 1000
