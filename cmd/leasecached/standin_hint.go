package main

import "strings"

// memcachedFlags reports whether args hold an option that memcached has and
// leasecached has not: whoever replaced one program by the other wants the mode in
// its place.
func memcachedFlags(args []string) bool {
	for _, arg := range args {
		switch {
		case arg == "--":
			return false
		case strings.HasPrefix(arg, "--"):
			name, _, _ := strings.Cut(arg[2:], "=")
			if o, err := longOption(memcachedOptions, name); err == nil && o.long == name && !ours(name) {
				return true
			}
		case len(arg) > 1 && arg[0] == '-' && letterOption(memcachedOptions, arg[1]) != nil:
			return true
		}
	}
	return false
}

func ours(name string) (found bool) {
	eachSetting(func(s *setting) { found = found || s.name == name })
	return found
}
