package main

import "runtime/debug"

// version is the module's as the build recorded it: a tag, or a commit's time
// and id.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
