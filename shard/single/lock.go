package single

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

const lockName = "LOCK"

// lockDir takes the directory for this process until the file is closed, by
// Close or by the process's end. The file itself stays for ever: were it
// removed, a process that opened it just before and one that made it anew just
// after would both hold "the" lock.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("data directory %s is %w%s", dir, ErrLocked, holder(f))
		}
		return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	// The number is for people and for holder; the lock does not depend on it.
	if err := f.Truncate(0); err == nil {
		_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return f, nil
}

// holder names the process in the lock file, or nobody if the file does not say.
func holder(f *os.File) string {
	var text [20]byte
	n, _ := f.ReadAt(text[:], 0)
	pid, err := strconv.Atoi(string(bytes.TrimSpace(text[:n])))
	if err != nil {
		return ""
	}
	return fmt.Sprintf(" (%d)", pid)
}

// stillLocked returns nil if the directory of that name is the one we locked.
// One that was moved away, or removed, and made anew is another process's to
// write, whose epochs ours would replace.
func stillLocked(dir string, lock *os.File) error {
	ours, err := lock.Stat()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotWritten, err)
	}
	there, err := os.Stat(filepath.Join(dir, lockName))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotWritten, err)
	}
	if !os.SameFile(ours, there) {
		return fmt.Errorf("%w: data directory %s was replaced", ErrNotWritten, dir)
	}
	return nil
}
