//go:build race

package memory

// underRace says that the race detector watches, which makes the tests of the index
// alone thirty times as slow. They run one goroutine: there it may see a part.
const underRace = true
