package single

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

const (
	stateName = "state"
	tempName  = "state.tmp"
)

// disk is what a write of the state asks of the operating system.
type disk struct {
	create  func(name string) (writer, error)
	rename  func(from, to string) error
	syncDir func(dir string) error
}

type writer interface {
	io.WriteCloser
	Sync() error
}

var realDisk = disk{
	create: func(name string) (writer, error) {
		// Whatever is left of that name is not opened: it may be a pipe, where that
		// would wait, or a link to a file of somebody else.
		_ = os.Remove(name)
		return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	},
	rename:  os.Rename,
	syncDir: syncDir,
}

// write replaces the state file: a reader finds the old content or the new one,
// whole, whenever the machine stops.
//
// Until the rename nothing that counts has been touched, so a failure means
// "not written" and may be tried again, with a new temporary file, as a file
// whose sync failed once says nothing about its content any more. From the
// rename on a failure leaves it open which of the two a crash would bring
// back; the error then wraps ErrUnknown.
func (d disk) write(dir string, data []byte) error {
	temp := filepath.Join(dir, tempName)
	if err := d.writeTemp(temp, data); err != nil {
		_ = os.Remove(temp) // gives back what a full disk has of it
		return fmt.Errorf("%w: %w", ErrNotWritten, err)
	}
	if err := d.rename(temp, filepath.Join(dir, stateName)); err != nil {
		return fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	if err := d.syncDir(dir); err != nil {
		return fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	return nil
}

func (d disk) writeTemp(name string, data []byte) error {
	f, err := d.create(name)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// makeDir makes the directory and its parents, for this user alone, and syncs
// each parent that got a new entry: a state file is not durable in a directory
// that a power cut takes away.
func makeDir(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case err == nil && info.IsDir():
		return nil
	case err == nil:
		return fmt.Errorf("data directory %s is a file", dir)
	case !errors.Is(err, os.ErrNotExist):
		return err
	}
	parent := filepath.Dir(dir)
	if err := makeDir(parent); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return syncDir(parent)
}
