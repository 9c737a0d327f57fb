package archtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
)

// graph says what each package imports directly, tests left out.
type graph map[string]node

type node struct {
	imports  []string
	standard bool
	dir      string
	files    []string
}

// rule is an arrow that must not be, with its reason.
type rule struct {
	from   string   // a package, or with /... a package and all below it
	except []string // of those, these may
	never  []string // packages; each stands for itself and all below it
	direct bool     // only imports of the package itself count
	why    string
}

// load asks the go command for the packages and everything they are built from.
func load(patterns ...string) (graph, error) {
	args := append([]string{"list", "-deps", "-json=ImportPath,Imports,Standard,Dir,GoFiles"}, patterns...)
	cmd := exec.Command("go", args...)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w\n%s", err, said.String())
	}
	g := graph{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath, Dir  string
			Imports, GoFiles []string
			Standard         bool
		}
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return g, nil
		}
		if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		g[p.ImportPath] = node{imports: p.Imports, standard: p.Standard, dir: p.Dir, files: p.GoFiles}
	}
}

// broken returns every forbidden arrow, one message each, with the way it goes and
// the reason why it must not.
func (g graph) broken(rules []rule) []string {
	var out []string
	for _, r := range rules {
		for _, from := range g.matching(r) {
			for _, never := range r.never {
				if way := g.way(from, never, r.direct); way != nil {
					out = append(out, fmt.Sprintf("%s: %s", strings.Join(way, " → "), r.why))
				}
			}
		}
	}
	return out
}

func (g graph) matching(r rule) []string {
	var out []string
	for path := range g {
		if covers(r.from, path) && !slices.ContainsFunc(r.except, func(e string) bool { return covers(e, path) }) {
			out = append(out, path)
		}
	}
	slices.Sort(out)
	return out
}

// covers says whether a pattern, with or without /..., names the package.
func covers(pattern, path string) bool {
	if root, ok := strings.CutSuffix(pattern, "/..."); ok {
		return under(root, path)
	}
	return pattern == path
}

func under(root, path string) bool {
	return path == root || strings.HasPrefix(path, root+"/")
}

// way finds the shortest chain of imports from a package to a forbidden one.
func (g graph) way(from, never string, direct bool) []string {
	before := map[string]string{from: ""}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		for _, next := range g[at].imports {
			if _, seen := before[next]; seen {
				continue
			}
			before[next] = at
			if under(never, next) {
				var way []string
				for p := next; p != ""; p = before[p] {
					way = append([]string{p}, way...)
				}
				return way
			}
			if !direct && !g[next].standard {
				queue = append(queue, next)
			}
		}
	}
	return nil
}
