//go:build !race

package apptest

// raceEnabled says that the test itself was built with the race detector; the
// processes are then built with it too.
const raceEnabled = false
