package prefetch

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// Whatever the address is, nothing happens.
func TestLineDoesNoHarm(t *testing.T) {
	x := uint64(7)
	Line(unsafe.Pointer(&x))
	Line(nil)
	require.Equal(t, uint64(7), x)
	require.Zero(t, testing.AllocsPerRun(10, func() { Line(unsafe.Pointer(&x)) }))
}
