package main

import (
	"go/ast"
	"os"
	"path/filepath"
	"reflect"
	"sort"
	"strconv"
	"strings"
)

// Types that decode themselves, by package and name: how their text is read.
var leaves = map[string]string{
	"time.Duration": "DURATION", "net/netip.Addr": "ADDR", "net/netip.Prefix": "PREFIX", "net/netip.AddrPort": "ADDR_PORT",
	"os.FileMode": "UINT32", "io/fs.FileMode": "UINT32",
	"network.Prefix": "PREFIX", "network.Addr": "ADDR", "network.AddrPort": "ADDR_PORT", "meta.Addr": "ADDR", "meta.Prefix": "PREFIX", "meta.AddrPort": "ADDR_PORT", "meta.URL": "URL", "v1alpha1.Endpoint": "URL",
	"network.PortRange": "PORT_RANGE", "block.ByteSize": "BYTE_SIZE", "block.Size": "SIZE",
	"block.PercentageSize": "SIZE", "v1alpha1.DiskSize": "DISK_SIZE", "v1alpha1.InstallDiskSizeMatcher": "SIZE_MATCH",
	"v1alpha1.Base64Bytes": "BASE64", "cel.Expression": "EXPRESSION", "nethelpers.HardwareAddr": "HEX",
	"meta.ArgValue": "ARG", "v1alpha1.ArgValue": "ARG", "meta.Unstructured": "MAP_ANY", "v1alpha1.Unstructured": "MAP_ANY",
	"yamlutils.StringBytes": "STRING",
}

// Types of other modules that are mappings of base64 texts.
var external = map[string][]string{
	"github.com/siderolabs/crypto/x509.PEMEncodedCertificateAndKey": {"crt", "key"},
	"github.com/siderolabs/crypto/x509.PEMEncodedCertificate":       {"crt"},
	"github.com/siderolabs/crypto/x509.PEMEncodedKey":               {"key"},
}

// Types whose decoder also takes numbers of a range: FailOverMAC.
var numbersToo = map[string][]string{"nethelpers.FailOverMAC": {"none", "active", "follow", "0", "1", "2"}}

var builtins = map[string]string{
	"string": "STRING", "bool": "BOOL", "int": "INT64", "int64": "INT64", "int32": "INT32", "int16": "INT16", "int8": "INT8",
	"uint": "UINT64", "uint64": "UINT64", "uint32": "UINT32", "uint16": "UINT16", "uint8": "UINT8", "byte": "UINT8",
	"float64": "FLOAT", "float32": "FLOAT", "any": "ANY",
}

type builder struct {
	table *table
	src   *source
	bit   int
}

func (b *builder) run() {
	root := filepath.Join(b.src.root, "config/types")

	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err == nil && entry.IsDir() && entry.Name() != "testdata" {
			rel, _ := filepath.Rel(b.src.root, path) //nolint:errcheck
			b.registered(b.src.load(rel))
		}

		return err
	})
	if err != nil {
		die("%v", err)
	}
}

// registered finds registry.Register(KIND, func(version string) … return &TYPE{}) calls.
func (b *builder) registered(p *pkg) {
	for _, file := range p.files {
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 2 {
				return true
			}

			fun, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || fun.Sel.Name != "Register" {
				return true
			}

			kind := p.text(call.Args[0])

			ast.Inspect(call.Args[1], func(n ast.Node) bool {
				if lit, ok := n.(*ast.CompositeLit); ok {
					name := lit.Type.(*ast.Ident).Name
					k := b.table.kind(kind)
					k.mask |= b.bit
					k.structure = b.structure(p, name)
					k.conflict(b.bit, b.conflicts(p, name))
				}

				return true
			})

			return false
		})
	}
}

func (p *pkg) text(expr ast.Expr) string {
	switch e := expr.(type) {
	case *ast.BasicLit:
		text, _ := strconv.Unquote(e.Value) //nolint:errcheck

		return text
	case *ast.Ident:
		return p.consts[e.Name]
	}

	return ""
}

// conflicts are the kinds that a document of this type does not go together with under one name.
func (b *builder) conflicts(p *pkg, typeName string) []string {
	m := p.methods[typeName]["ConflictsWithKinds"]
	if m == nil {
		return nil
	}

	var kinds []string

	collect := func(node ast.Node) {
		ast.Inspect(node, func(n ast.Node) bool {
			if lit, ok := n.(*ast.CompositeLit); ok {
				for _, elt := range lit.Elts {
					kinds = append(kinds, p.text(elt))
				}
			}

			return true
		})
	}

	collect(m.decl.Body)

	if len(kinds) == 0 {
		collect(p.funcs["conflictingLinkKinds"].Body)
	}

	return kinds
}

func (b *builder) structure(p *pkg, name string) *structure {
	key := filepath.Base(p.dir) + "." + name
	s := b.table.structure(key)

	if s.done&b.bit != 0 {
		return s
	}

	s.done |= b.bit
	decl := p.types[name]
	b.fields(s, p, decl.file, decl.expr.(*ast.StructType))

	return s
}

// fields adds the fields of a struct as the YAML decoder sees them.
func (b *builder) fields(s *structure, p *pkg, file *ast.File, st *ast.StructType) {
	for _, field := range st.Fields.List {
		tag := ""

		if field.Tag != nil {
			text, _ := strconv.Unquote(field.Tag.Value) //nolint:errcheck
			tag = reflect.StructTag(text).Get("yaml")
		}

		name, options, _ := strings.Cut(tag, ",")

		if name == "-" {
			continue
		}

		if strings.Contains(options, "inline") || len(field.Names) == 0 {
			ip, decl := b.named(p, file, field.Type)
			b.fields(s, ip, decl.file, decl.expr.(*ast.StructType))

			continue
		}

		for _, ident := range field.Names {
			if !ast.IsExported(ident.Name) {
				continue
			}

			key := name
			if key == "" {
				key = strings.ToLower(ident.Name)
			}

			s.field(key, b.bit, b.resolve(p, file, field.Type))
		}
	}
}

// named finds the declaration of a type named in a file.
func (b *builder) named(p *pkg, file *ast.File, expr ast.Expr) (*pkg, *typeDecl) {
	if star, ok := expr.(*ast.StarExpr); ok {
		expr = star.X
	}

	switch e := expr.(type) {
	case *ast.Ident:
		return p, p.types[e.Name]
	case *ast.SelectorExpr:
		dir, _ := imported(file, e.X.(*ast.Ident).Name)
		ip := b.src.load(dir)

		return ip, ip.types[e.Sel.Name]
	}

	die("embedded type of an unknown form in %s", p.dir)

	return nil, nil
}

func (b *builder) resolve(p *pkg, file *ast.File, expr ast.Expr) typeRef {
	t := b.table

	switch e := expr.(type) {
	case *ast.StarExpr:
		return b.resolve(p, file, e.X)
	case *ast.InterfaceType:
		return t.leaf("ANY")
	case *ast.ArrayType:
		return t.list(b.resolve(p, file, e.Elt), isPointer(e.Elt))
	case *ast.MapType:
		return t.mapping(b.resolve(p, file, e.Value), isPointer(e.Value))
	case *ast.SelectorExpr:
		name := e.X.(*ast.Ident).Name

		dir, inModule := imported(file, name)
		if inModule {
			return b.typeNamed(b.src.load(dir), e.Sel.Name)
		}

		return b.foreign(dir + "." + e.Sel.Name)
	case *ast.Ident:
		if leaf, ok := builtins[e.Name]; ok {
			return t.leaf(leaf)
		}

		return b.typeNamed(p, e.Name)
	}

	die("type of an unknown form in %s", p.dir)

	return 0
}

func isPointer(expr ast.Expr) bool {
	_, ok := expr.(*ast.StarExpr)

	return ok
}

func (b *builder) foreign(name string) typeRef {
	if leaf, ok := leaves[name]; ok {
		return b.table.leaf(leaf)
	}

	keys, ok := external[name]
	if !ok {
		die("unknown type %s", name)
	}

	s := b.table.structure(name[strings.LastIndexByte(name, '/')+1:])

	for _, key := range keys {
		leaf := "BASE64"
		if key == "key" {
			leaf = "BASE64_KEY"
		}

		s.field(key, b.bit, b.table.leaf(leaf))
	}

	return b.table.structureType(s)
}

func (b *builder) typeNamed(p *pkg, name string) typeRef {
	key := filepath.Base(p.dir) + "." + name

	if leaf, ok := leaves[key]; ok {
		return b.table.leaf(leaf)
	}

	if names, ok := numbersToo[key]; ok {
		return b.table.enum(names)
	}

	decl := p.types[name]
	if decl == nil {
		die("no type %s", key)
	}

	if m := p.methods[name]["UnmarshalText"]; m != nil {
		names := p.enumNames(name)
		if names == nil {
			die("%s decodes itself: say how", key)
		}

		sort.Strings(names)

		return b.table.enum(names)
	}

	if m := p.methods[name]["UnmarshalYAML"]; m != nil && key != "v1alpha1.ClusterInlineManifests" {
		die("%s decodes itself: say how", key)
	}

	if _, ok := decl.expr.(*ast.StructType); ok {
		return b.table.structureType(b.structure(p, name))
	}

	return b.resolve(p, decl.file, decl.expr)
}
