package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// pkg is one Go package of the module: its types, string constants and the names of the methods of every type.
type pkg struct {
	dir     string
	types   map[string]*typeDecl
	consts  map[string]string
	slices  map[string]*ast.CompositeLit
	methods map[string]map[string]*method
	funcs   map[string]*ast.FuncDecl
	files   []*ast.File
	names   map[*ast.File]string
}

type typeDecl struct {
	expr  ast.Expr
	file  *ast.File
	alias bool
}

type method struct {
	decl *ast.FuncDecl
	file string
}

type source struct {
	root string
	fset *token.FileSet
	pkgs map[string]*pkg
}

func newSource(root string) *source {
	return &source{root: root, fset: token.NewFileSet(), pkgs: map[string]*pkg{}}
}

// load parses the package in a directory of the module (relative path).
func (s *source) load(dir string) *pkg {
	if p, ok := s.pkgs[dir]; ok {
		return p
	}

	p := &pkg{
		dir: dir, types: map[string]*typeDecl{}, consts: map[string]string{}, slices: map[string]*ast.CompositeLit{},
		methods: map[string]map[string]*method{}, funcs: map[string]*ast.FuncDecl{}, names: map[*ast.File]string{},
	}
	s.pkgs[dir] = p

	entries, err := os.ReadDir(filepath.Join(s.root, dir))
	if err != nil {
		return p
	}

	for _, entry := range entries {
		name := entry.Name()
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || strings.HasSuffix(name, "_doc.go") {
			continue
		}

		file, err := parser.ParseFile(s.fset, filepath.Join(s.root, dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			die("%v", err)
		}

		p.names[file] = name
		p.add(file)
	}

	return p
}

func (p *pkg) add(file *ast.File) {
	p.files = append(p.files, file)

	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				p.addSpec(file, spec)
			}
		case *ast.FuncDecl:
			if d.Recv == nil {
				p.funcs[d.Name.Name] = d

				continue
			}

			recv := d.Recv.List[0].Type
			if star, ok := recv.(*ast.StarExpr); ok {
				recv = star.X
			}

			if ident, ok := recv.(*ast.Ident); ok {
				if p.methods[ident.Name] == nil {
					p.methods[ident.Name] = map[string]*method{}
				}

				p.methods[ident.Name][d.Name.Name] = &method{decl: d, file: p.names[file]}
			}
		}
	}
}

func (p *pkg) addSpec(file *ast.File, spec ast.Spec) {
	switch s := spec.(type) {
	case *ast.TypeSpec:
		p.types[s.Name.Name] = &typeDecl{expr: s.Type, file: file, alias: s.Assign.IsValid()}
	case *ast.ValueSpec:
		for i, name := range s.Names {
			if i >= len(s.Values) {
				continue
			}

			switch v := s.Values[i].(type) {
			case *ast.BasicLit:
				if v.Kind == token.STRING {
					text, _ := strconv.Unquote(v.Value) //nolint:errcheck
					p.consts[name.Name] = text
				}
			case *ast.CompositeLit:
				p.slices[name.Name] = v
			}
		}
	}
}

// imported resolves a package name used in a file to the directory in the module, or the import path of another module.
func imported(file *ast.File, name string) (dir string, inModule bool) {
	for _, spec := range file.Imports {
		path, _ := strconv.Unquote(spec.Path.Value) //nolint:errcheck
		base := filepath.Base(path)

		if len(base) > 1 && base[0] == 'v' && base[1] >= '0' && base[1] <= '9' {
			base = filepath.Base(filepath.Dir(path))
		}

		if spec.Name != nil {
			base = spec.Name.Name
		}

		if base == name {
			if rest, ok := strings.CutPrefix(path, module+"/"); ok {
				return rest, true
			}

			return path, false
		}
	}

	die("no import for %s", name)

	return "", false
}

// enumNames are the values of a type made by the enumer tool: var _XNames = []string{_XName[0:3], …}.
func (p *pkg) enumNames(typeName string) []string {
	lit := p.slices["_"+typeName+"Names"]
	if lit == nil {
		return nil
	}

	var names []string

	for _, elt := range lit.Elts {
		slice, ok := elt.(*ast.SliceExpr)
		if !ok {
			return nil
		}

		text := p.consts[slice.X.(*ast.Ident).Name]
		low, _ := strconv.Atoi(slice.Low.(*ast.BasicLit).Value)   //nolint:errcheck
		high, _ := strconv.Atoi(slice.High.(*ast.BasicLit).Value) //nolint:errcheck
		names = append(names, text[low:high])
	}

	return names
}
