package highball_test

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite api.txt")

// api.txt lists every exported name of the package, so that a change to the public API is seen in the change's diff.
func TestAPI(t *testing.T) {
	got := exported(t, os.DirFS("."))
	if *update {
		if err := os.WriteFile("api.txt", got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("api.txt")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("the exported names are not those of api.txt; if they are meant to be, run go test -run TestAPI -update .\n%s", diff)
	}
}

func TestExported(t *testing.T) {
	tree := fstest.MapFS{
		"a.go": {Data: []byte(`package p
import "io"
const (
	A Kind = iota
	b
	C
)
var E = func() int { return 1 }()
type Kind uint8
type Pair struct {
	X, Y   int
	hidden bool
	*Embedded
	inner
}
type Embedded struct{}
type inner struct{ Z int }
type Reader interface {
	io.Reader
	Read2(p []byte) (n int, err error)
	private()
}
func F(a, b int, more ...string) error { return nil }
func (p *Pair) Method() {}
func (p *Pair) method() {}
func (i inner) Hidden() {}
func Generic[T any](t T) T { return t }
type Alias = Pair
`)},
		"a_plan9.go": {Data: []byte("package p\nfunc Elsewhere()\n")},
		"a_test.go":  {Data: []byte("package p\nfunc Test()\n")},
	}
	const want = `const A
const C
func (*Pair) Method()
func Elsewhere()
func F(a, b int, more ...string) error
func Generic[T any](t T) T
type Alias = Pair
type Embedded struct
type Kind uint8
type Pair struct
type Pair struct: *Embedded
type Pair struct: X int
type Pair struct: Y int
type Reader interface
type Reader interface: Read2(p []byte) (n int, err error)
type Reader interface: io.Reader
type Reader interface: unexported methods
var E
`
	if diff := cmp.Diff(want, string(exported(t, tree))); diff != "" {
		t.Error(diff)
	}
}

// exported returns a line for every exported name of the package in dir, on whatever system, sorted.
func exported(t *testing.T, dir fs.FS) []byte {
	t.Helper()
	names, err := fs.Glob(dir, "*.go")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := fs.ReadFile(dir, name)
		if err != nil {
			t.Fatal(err)
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			lines = append(lines, exportedBy(d)...)
		}
	}
	slices.Sort(lines)
	lines = slices.Compact(lines) // what each system has a file for
	return []byte(strings.Join(lines, "\n") + "\n")
}

func exportedBy(d ast.Decl) (lines []string) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		receiver := ""
		if d.Recv != nil {
			typ := oneLine(d.Recv.List[0].Type)
			if !ast.IsExported(strings.TrimPrefix(typ, "*")) {
				return nil
			}
			receiver = "(" + typ + ") "
		}
		if d.Name.IsExported() {
			signature := oneLine(&ast.FuncDecl{Name: d.Name, Type: d.Type})
			lines = append(lines, "func "+receiver+strings.TrimPrefix(signature, "func "))
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.ValueSpec:
				for _, name := range spec.Names {
					if name.IsExported() {
						lines = append(lines, d.Tok.String()+" "+name.Name)
					}
				}
			case *ast.TypeSpec:
				if spec.Name.IsExported() {
					lines = append(lines, exportedType(spec)...)
				}
			}
		}
	}
	return lines
}

// exportedType returns a line for a type and one for each of its exported fields or methods.
func exportedType(spec *ast.TypeSpec) []string {
	head := "type " + spec.Name.Name
	kind, members := "", (*ast.FieldList)(nil)
	switch typ := spec.Type.(type) {
	case *ast.StructType:
		kind, members = " struct", typ.Fields
	case *ast.InterfaceType:
		kind, members = " interface", typ.Methods
	default:
		if spec.Assign.IsValid() {
			head += " ="
		}
		return []string{head + " " + oneLine(spec.Type)}
	}
	lines := []string{head + kind}
	for _, m := range members.List {
		if len(m.Names) == 0 { // embedded
			if typ := oneLine(m.Type); ast.IsExported(typ[strings.LastIndexAny(typ, "*.")+1:]) {
				lines = append(lines, head+kind+": "+typ)
			}
		}
		for _, name := range m.Names {
			typ := " " + oneLine(m.Type)
			if kind == " interface" {
				typ = strings.TrimPrefix(typ, " func")
			}
			switch {
			case name.IsExported():
				lines = append(lines, head+kind+": "+name.Name+typ)
			case kind == " interface":
				lines = append(lines, head+kind+": unexported methods")
			}
		}
	}
	return lines
}

// oneLine returns a node's source on one line.
func oneLine(node ast.Node) string {
	var b strings.Builder
	if err := printer.Fprint(&b, token.NewFileSet(), node); err != nil {
		return err.Error()
	}
	return strings.Join(strings.Fields(b.String()), " ")
}
