package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sort"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/spf13/pflag"
)

// values is what one source says: the texts of each setting, unparsed, so that
// all sources are parsed and refused by the same rules.
type values map[string]given

type given struct {
	texts []string
	where string // begins the sentence that refuses it
}

// gather reads every source, the most important first.
func gather(args, environ []string) (Config, []string, error) {
	flags, err := readFlags(args)
	if err != nil {
		return Config{}, nil, err
	}
	variables, unknown := readEnviron(environ)
	sources := []values{flags, variables}
	if file, ok := first(sources, "config"); ok {
		keys, err := readFile(file.texts[len(file.texts)-1])
		if err != nil {
			return Config{}, nil, err
		}
		sources = append(sources, keys)
	}
	c, err := settle(sources)
	return c, unknown, err
}

func first(sources []values, name string) (given, bool) {
	for _, s := range sources {
		if g, ok := s[name]; ok {
			return g, true
		}
	}
	return given{}, false
}

// settle gives each setting the value of the first source that has one, or its
// default.
func settle(sources []values) (c Config, err error) {
	c.given = make(map[string]string)
	eachSetting(func(s *setting) {
		if err != nil {
			return
		}
		g, ok := first(sources, s.name)
		if !ok {
			if s.def != "" {
				err = s.set(&c, s.def)
			}
			return
		}
		c.given[s.name] = g.where
		for _, text := range g.texts {
			if refusal := s.set(&c, text); refusal != nil {
				err = usagef("%s: %w", g.where, refusal)
				return
			}
		}
	})
	return c, err
}

func readFlags(args []string) (values, error) {
	found := make(values)
	fs := pflag.NewFlagSet("leasecached", pflag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	eachSetting(func(s *setting) {
		f := fs.VarPF(&flagText{found, s}, s.name, "", s.help)
		if s.arg == "" {
			f.NoOptDefVal = "true"
		}
	})
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return nil, err
		}
		if memcachedFlags(args) {
			return nil, usagef("%w (--help lists what there is; memcached's flags are taken by: leasecached memcached ...)", err)
		}
		return nil, usagef("%w (--help lists what there is)", err)
	}
	if fs.NArg() > 0 {
		return nil, usagef("unexpected argument %.80q: every setting is a flag (--help lists them)", fs.Arg(0))
	}
	return found, nil
}

// flagText notes a flag's text. It accepts everything: what is right for a
// setting is its own to say, whatever the source.
type flagText struct {
	found values
	s     *setting
}

func (f *flagText) Set(text string) error {
	g := given{where: "--" + f.s.name, texts: []string{text}}
	if f.s.kind == many {
		g.texts = append(f.found[f.s.name].texts, text)
	}
	f.found[f.s.name] = g
	return nil
}

func (f *flagText) String() string { return "" }
func (f *flagText) Type() string   { return f.s.arg }

// readEnviron also returns the names of variables that look like ours and are
// none. They are no error: a container platform that runs a service of this
// name makes some of its own.
func readEnviron(environ []string) (found values, unknown []string) {
	ours := make(map[string]*setting)
	eachSetting(func(s *setting) {
		if s.inVariable() {
			ours[s.variable()] = s
		}
	})
	found = make(values)
	for _, line := range environ {
		name, text, _ := strings.Cut(line, "=")
		if !strings.HasPrefix(name, variablePrefix) {
			continue
		}
		s := ours[name]
		switch {
		case s == nil:
			unknown = append(unknown, name)
		case text == "": // by custom the same as unset
		case s.kind == many:
			found[s.name] = given{strings.Fields(text), name}
		default:
			found[s.name] = given{[]string{text}, name}
		}
	}
	sort.Strings(unknown)
	return found, unknown
}

func readFile(path string) (values, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		var reason *fs.PathError
		if errors.As(err, &reason) {
			err = reason.Err
		}
		return nil, usagef("configuration file %s: %w", path, err)
	}
	return parseFile(path, string(data))
}

func parseFile(path, data string) (values, error) {
	keys := make(map[string]any)
	if _, err := toml.Decode(data, &keys); err != nil {
		return nil, usagef("configuration file %s: %w", path, err)
	}
	found := make(values)
	var refusal error
	eachSetting(func(s *setting) {
		value, ok := keys[s.name]
		if !ok || !s.inFile() {
			return
		}
		delete(keys, s.name)
		where := fmt.Sprintf("%s in %s", s.name, path)
		texts, err := tomlTexts(s, value)
		if err != nil && refusal == nil {
			refusal = usagef("%s: %w", where, err)
		}
		found[s.name] = given{texts, where}
	})
	if len(keys) > 0 {
		return nil, usagef("configuration file %s: unknown key %q", path, leastKey(keys))
	}
	return found, refusal
}

// leastKey makes the message the same at every run.
func leastKey(keys map[string]any) string {
	names := make([]string, 0, len(keys))
	for name := range keys {
		names = append(names, name)
	}
	sort.Strings(names)
	return names[0]
}

func tomlTexts(s *setting, value any) ([]string, error) {
	list, isList := value.([]any)
	if isList != (s.kind == many) {
		if isList {
			return nil, errors.New("takes one value, not an array")
		}
		return nil, errors.New(`takes an array of strings, such as ["user:"]`)
	}
	if !isList {
		list = []any{value}
	}
	texts := []string{}
	for _, v := range list {
		switch v := v.(type) {
		case string:
			texts = append(texts, v)
		case int64:
			texts = append(texts, strconv.FormatInt(v, 10))
		case bool:
			texts = append(texts, strconv.FormatBool(v))
		default:
			return nil, fmt.Errorf("takes a string, a whole number or a boolean")
		}
	}
	return texts, nil
}
