// Package prefetch asks the processor to bring memory into its caches while the
// program does something else. It reads and changes nothing: an address that is
// not mapped does no harm, and where there is no such instruction nothing happens.
//
// It pays where many places are looked up whose addresses are known early: memory
// takes some hundred nanoseconds to answer, and can answer many at a time.
package prefetch

import "unsafe"

// Line asks for the cache line that an address is in.
func Line(addr unsafe.Pointer) { line(addr) }
