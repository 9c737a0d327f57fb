package resident

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// DropProgram has the pages of the program itself count from now on only where they
// are used again, and returns how many bytes it gave back. Most of them are there
// since the start, which reads tables and runs code that is not needed later.
//
// They stay in the system's cache of files: to use one again takes about a
// microsecond, and no disk. Only what cannot have been changed is given back: pages
// that are the file's own, in mappings that cannot be written to.
func DropProgram() (bytes int64, err error) {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return 0, err
	}
	file, err := os.Open("/proc/self/smaps")
	if err != nil {
		return 0, err
	}
	defer file.Close()
	mappings, err := programs(file, program)
	if err != nil {
		return 0, err
	}
	for _, m := range mappings {
		if _, _, errno := unix.Syscall(unix.SYS_MADVISE, m.start, m.end-m.start, unix.MADV_DONTNEED); errno != 0 {
			return bytes, fmt.Errorf("madvise: %w", errno)
		}
		bytes += m.resident
	}
	return bytes, nil
}

// mapping is a part of the address space, as smaps has it.
type mapping struct {
	start, end uintptr
	resident   int64 // bytes
}

// programs lists those mappings of a file that may be given back. A position
// independent program has relocated data in a mapping that is read-only by now: those
// pages are private, and would come back as they are in the file.
func programs(smaps io.Reader, name string) ([]mapping, error) {
	var (
		all     []mapping
		current *mapping
		private bool
	)
	end := func() {
		if current != nil && !private {
			all = append(all, *current)
		}
		current = nil
	}
	lines := bufio.NewScanner(smaps)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) > 0 && !strings.HasSuffix(fields[0], ":") { // the head of the next
			end()
			var m mapping
			var mode string
			if _, err := fmt.Sscanf(lines.Text(), "%x-%x %s", &m.start, &m.end, &mode); err != nil {
				return nil, fmt.Errorf("smaps: %w", err)
			}
			if len(fields) == 6 && fields[5] == name && strings.HasPrefix(mode, "r-") {
				current, private = &m, false
			}
			continue
		}
		if current == nil || len(fields) < 2 {
			continue
		}
		var kib int64
		switch fields[0] {
		case "Rss:", "Anonymous:":
			if _, err := fmt.Sscan(fields[1], &kib); err != nil {
				return nil, fmt.Errorf("smaps: %w", err)
			}
			if fields[0] == "Rss:" {
				current.resident = kib << 10
			} else {
				private = private || kib > 0
			}
		}
	}
	end()
	return all, lines.Err()
}
