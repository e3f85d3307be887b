package highball_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// policy is what a tree of Go files is held to. Packages are named by their folders; lists are separated by spaces.
type policy struct {
	module   string
	packages []row
	reserved []reservation
	banned   []ban
	lines    int
	tables   string // files that may be longer
}

// row grants a package imports of packages of the module.
type row struct {
	pkg, ours, inTests string
}

// reservation keeps an import to some packages.
type reservation struct {
	path, packages, reason string
}

// ban keeps imports from a package.
type ban struct {
	pkg, paths, reason string
}

// source is one Go file.
type source struct {
	name, pkg string
	text      []byte
	file      *ast.File
}

func (s *source) isTest() bool { return strings.HasSuffix(s.name, "_test.go") }

// check returns what is wrong with the Go files of a tree. It reads all of them itself, whatever system or build tag they
// are for; so go test knows that they are its input, and does not answer from its cache after one has changed.
func (p *policy) check(t *testing.T, tree fs.FS) (faults []string) {
	t.Helper()
	fset := token.NewFileSet()
	sources, faults := parseTree(t, fset, tree)
	documented := make(map[string]bool)
	for _, s := range sources {
		documented[s.pkg] = documented[s.pkg] || s.file.Doc != nil && !s.isTest()
		faults = append(faults, p.checkImports(fset, s)...)
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				faults = append(faults, fmt.Sprintf("%s: init function: construct what you need where you need it", fset.Position(f.Pos())))
			}
		}
		if n := bytes.Count(s.text, []byte("\n")); n > p.lines && !s.isTest() && !has(p.tables, s.name) {
			faults = append(faults, fmt.Sprintf("%s: %d lines are more than %d: it has more than one idea", s.name, n, p.lines))
		}
	}
	for pkg, ok := range documented {
		if !ok {
			faults = append(faults, pkg+": no package comment")
		}
		if p.row(pkg) == nil {
			faults = append(faults, pkg+" has no row in the policy")
		}
	}
	for _, r := range p.packages {
		if _, ok := documented[r.pkg]; !ok {
			faults = append(faults, "the policy has a row for "+r.pkg+", which does not exist")
		}
	}
	slices.Sort(faults)
	return faults
}

// parseTree parses the Go files of the module at the root of tree: all but those in testdata and in modules of their own.
func parseTree(t *testing.T, fset *token.FileSet, tree fs.FS) (sources []*source, faults []string) {
	t.Helper()
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			_, err := fs.Stat(tree, path.Join(name, "go.mod"))
			hidden := strings.HasPrefix(d.Name(), ".") || strings.HasPrefix(d.Name(), "_") || d.Name() == "testdata"
			if name != "." && (hidden || err == nil) {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			faults = append(faults, err.Error())
			return nil
		}
		sources = append(sources, &source{name, path.Dir(name), text, file})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return sources, faults
}

func (p *policy) checkImports(fset *token.FileSet, s *source) (faults []string) {
	for _, spec := range s.file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			faults = append(faults, err.Error())
			continue
		}
		if complaint := p.judge(s, imported); complaint != "" {
			faults = append(faults, fmt.Sprintf("%s: %s", fset.Position(spec.Path.Pos()), complaint))
		}
	}
	return faults
}

// judge returns why s must not import a path, or "".
func (p *policy) judge(s *source, imported string) string {
	if covers(p.module, imported) {
		ours := strings.TrimPrefix(strings.TrimPrefix(imported, p.module), "/")
		if ours == "" {
			ours = "."
		}
		r := p.row(s.pkg)
		if r == nil || has(r.ours, ours) || s.isTest() && (ours == s.pkg || has(r.inTests, ours)) {
			return "" // a package without a row is reported as such
		}
		return s.pkg + " must not import " + ours
	}
	if s.isTest() {
		return ""
	}
	for _, b := range p.banned {
		if b.pkg == s.pkg && slices.ContainsFunc(strings.Fields(b.paths), func(root string) bool { return covers(root, imported) }) {
			return fmt.Sprintf("%s must not import %q: %s", s.pkg, imported, b.reason)
		}
	}
	granted := !strings.Contains(strings.Split(imported, "/")[0], ".") // the standard library is for everybody
	for _, r := range p.reserved {
		if covers(r.path, imported) {
			if !has(r.packages, s.pkg) {
				return fmt.Sprintf("%s must not import %q: %s", s.pkg, imported, r.reason)
			}
			granted = true
		}
	}
	if !granted {
		return fmt.Sprintf("no rule says who may import %q", imported)
	}
	return ""
}

func (p *policy) row(pkg string) *row {
	for i := range p.packages {
		if p.packages[i].pkg == pkg {
			return &p.packages[i]
		}
	}
	return nil
}

// covers reports whether a path is root or lies below it.
func covers(root, imported string) bool {
	return imported == root || strings.HasPrefix(imported, root+"/")
}

// has reports whether a list that is separated by spaces holds a word.
func has(list, word string) bool { return slices.Contains(strings.Fields(list), word) }
