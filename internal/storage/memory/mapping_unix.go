//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package memory

import "golang.org/x/sys/unix"

// growable says that address space can be had without memory.
const growable = true

// mapMemory reserves n bytes of address space outside the Go heap. They must
// not be touched before they were committed: so the system need not answer for
// them, however much more is reserved than there is.
func mapMemory(n int) ([]byte, error) {
	return unix.Mmap(-1, 0, n, unix.PROT_NONE, unix.MAP_ANON|unix.MAP_PRIVATE)
}

// commitMemory makes a part usable. Pages cost nothing until they are written.
func commitMemory(part []byte) error {
	if len(part) == 0 {
		return nil
	}
	return unix.Mprotect(part, unix.PROT_READ|unix.PROT_WRITE)
}

// giveBackMemory tells the system that the bytes of a part are not needed any
// more. It stays usable, and holds anything.
func giveBackMemory(part []byte) error { return unix.Madvise(part, unix.MADV_DONTNEED) }

func unmapMemory(mem []byte) error { return unix.Munmap(mem) }
