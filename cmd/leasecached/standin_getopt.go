package main

import (
	"fmt"
	"strings"
)

// option is one of memcached's, as its getopt_long knows it.
type option struct {
	letter byte
	long   string // "" for none
	arg    argKind
}

type argKind int

const (
	noArg argKind = iota
	needsArg
	mayHaveArg // behind a = only; the letter takes none
)

// getopt reads args as GNU's getopt_long does: letters may be grouped, a value
// may be glued to its letter, a long name may be cut short where that is clear,
// and options may stand behind what is none. each gets one option at a time, in
// the order of args. The rest is what is no option.
func getopt(options []option, args []string, each func(letter byte, value string) error) (rest []string, err error) {
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		switch {
		case arg == "--":
			return append(rest, args...), nil
		case strings.HasPrefix(arg, "--"):
			name, value, given := strings.Cut(arg[2:], "=")
			o, err := longOption(options, name)
			switch {
			case err != nil:
				return rest, err
			case o.arg == noArg && given:
				return rest, misused("option '--%s' doesn't allow an argument", o.long)
			case o.arg == needsArg && !given && len(args) == 0:
				return rest, misused("option '--%s' requires an argument", o.long)
			case o.arg == needsArg && !given:
				value, args = args[0], args[1:]
			}
			if err := each(o.letter, trimArg(value)); err != nil {
				return rest, err
			}
		case len(arg) > 1 && arg[0] == '-':
			if args, err = letters(options, arg[1:], args, each); err != nil {
				return rest, err
			}
		default:
			rest = append(rest, arg)
		}
	}
	return rest, nil
}

// letters reads one group, and takes the value of its last from what follows.
func letters(options []option, group string, args []string, each func(byte, string) error) ([]string, error) {
	for i := 0; i < len(group); i++ {
		o := letterOption(options, group[i])
		if o == nil {
			return args, misused("invalid option -- '%c'", group[i])
		}
		if o.arg != needsArg {
			if err := each(o.letter, ""); err != nil {
				return args, err
			}
			continue
		}
		value := group[i+1:]
		if value == "" {
			if len(args) == 0 {
				return args, misused("option requires an argument -- '%c'", o.letter)
			}
			value, args = args[0], args[1:]
		}
		return args, each(o.letter, trimArg(value))
	}
	return args, nil
}

// trimArg drops the blanks before a value, as memcached does: some start scripts
// give "-m 64" as one word.
func trimArg(value string) string { return strings.TrimLeft(value, " \t\r\n\v\f") }

// misused is getopt's line and memcached's below it.
func misused(format string, args ...any) error {
	return refuse(1, standInName+": "+format+"\nIllegal argument \"?\"", args...)
}

func letterOption(options []option, letter byte) *option {
	for i := range options {
		if options[i].letter == letter {
			return &options[i]
		}
	}
	return nil
}

func longOption(options []option, name string) (*option, error) {
	var found []*option
	var names []string
	for i := range options {
		o := &options[i]
		switch {
		case o.long == "" || !strings.HasPrefix(o.long, name):
		case o.long == name:
			return o, nil
		default:
			found = append(found, o)
			names = append(names, fmt.Sprintf("'--%s'", o.long))
		}
	}
	switch len(found) {
	case 0:
		return nil, misused("unrecognized option '--%s'", name)
	case 1:
		return found[0], nil
	}
	return nil, misused("option '--%s' is ambiguous; possibilities: %s", name, strings.Join(names, " "))
}
