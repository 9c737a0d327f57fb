//go:build !linux

package resident

// DropProgram does nothing here.
func DropProgram() (bytes int64, err error) { return 0, nil }
