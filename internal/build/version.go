// Package build says what the program was built from.
package build

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// Version is the module's as the build recorded it: a tag, or a commit's time
// and id.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}

// Line is what a program says of its version.
func Line(program string) string {
	return fmt.Sprintf("%s %s %s %s/%s\n", program, Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
