package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
)

// readsClock are the functions of package time that read a clock or run on one.
// Types and arithmetic of time are free.
var readsClock = map[string]bool{
	"Now": true, "Since": true, "Until": true, "Sleep": true,
	"After": true, "AfterFunc": true, "Tick": true, "NewTicker": true, "NewTimer": true,
}

// clocks returns the places in a Go source that use a clock, whatever name package
// time was given there.
func clocks(name string, src []byte) ([]string, error) {
	files := token.NewFileSet()
	var source any
	if src != nil {
		source = src
	}
	f, err := parser.ParseFile(files, name, source, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	local := ""
	var out []string
	for _, imp := range f.Imports {
		if path, err := strconv.Unquote(imp.Path.Value); err != nil || path != "time" {
			continue
		}
		local = "time"
		if imp.Name != nil {
			local = imp.Name.Name
		}
		if local == "." {
			out = append(out, fmt.Sprintf("%s imports time as ., which hides what it uses", files.Position(imp.Pos())))
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := sel.X.(*ast.Ident); ok && local != "" && x.Name == local && readsClock[sel.Sel.Name] {
			out = append(out, fmt.Sprintf("%s uses time.%s", files.Position(sel.Pos()), sel.Sel.Name))
		}
		return true
	})
	return out, nil
}

// clocksOf returns the places where a package uses a clock.
func (g graph) clocksOf(pkg string) ([]string, error) {
	var out []string
	for _, file := range g[pkg].files {
		found, err := clocks(filepath.Join(g[pkg].dir, file), nil)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}
