package main

import (
	"bufio"
	"fmt"
	"io"
	"sort"
	"strings"
)

// typeRef is an index into table.types.
type typeRef int

type typeEntry struct {
	kind  string // STRING, LIST, …
	flags int    // 1: an item may not be null (the decoder would make a nil pointer of it)
	ref   typeRef
	s     *structure
	enum  int
}

type fieldEntry struct {
	name string
	typ  typeRef
	mask int
}

type structure struct {
	key    string
	fields []*fieldEntry
	done   int
	index  int
}

type kindEntry struct {
	name      string
	mask      int
	structure *structure
	conflicts map[string]bool
}

type table struct {
	types      []typeEntry
	typeIndex  map[string]typeRef
	structures map[string]*structure
	kinds      map[string]*kindEntry
	enums      [][]string
	enumIndex  map[string]int
}

func newTable() *table {
	return &table{
		typeIndex: map[string]typeRef{}, structures: map[string]*structure{}, kinds: map[string]*kindEntry{},
		enumIndex: map[string]int{},
	}
}

func (t *table) intern(key string, entry typeEntry) typeRef {
	if ref, ok := t.typeIndex[key]; ok {
		return ref
	}

	ref := typeRef(len(t.types))
	t.types = append(t.types, entry)
	t.typeIndex[key] = ref

	return ref
}

func (t *table) leaf(kind string) typeRef { return t.intern(kind, typeEntry{kind: kind}) }

func flag(set bool) int {
	if set {
		return 1
	}

	return 0
}

func (t *table) list(item typeRef, pointer bool) typeRef {
	return t.intern(fmt.Sprint("LIST", item, pointer), typeEntry{kind: "LIST", flags: flag(pointer), ref: item})
}

func (t *table) mapping(item typeRef, pointer bool) typeRef {
	if t.types[item].kind == "ANY" {
		return t.leaf("MAP_ANY")
	}

	return t.intern(fmt.Sprint("MAP", item, pointer), typeEntry{kind: "MAP", flags: flag(pointer), ref: item})
}

func (t *table) structureType(s *structure) typeRef {
	return t.intern("STRUCT"+s.key, typeEntry{kind: "STRUCT", s: s})
}

func (t *table) enum(names []string) typeRef {
	key := strings.Join(names, "\x00")

	index, ok := t.enumIndex[key]
	if !ok {
		index = len(t.enums)
		t.enums = append(t.enums, names)
		t.enumIndex[key] = index
	}

	return t.intern(fmt.Sprint("ENUM", index), typeEntry{kind: "ENUM", enum: index})
}

func (t *table) structure(key string) *structure {
	if t.structures[key] == nil {
		t.structures[key] = &structure{key: key}
	}

	return t.structures[key]
}

func (t *table) kind(name string) *kindEntry {
	if t.kinds[name] == nil {
		t.kinds[name] = &kindEntry{name: name, conflicts: map[string]bool{}}
	}

	return t.kinds[name]
}

func (k *kindEntry) conflict(_ int, kinds []string) {
	for _, other := range kinds {
		if other != k.name {
			k.conflicts[other] = true
		}
	}
}

func (s *structure) field(name string, bit int, typ typeRef) {
	for _, f := range s.fields {
		if f.name == name && f.typ == typ {
			f.mask |= bit

			return
		}
	}

	s.fields = append(s.fields, &fieldEntry{name: name, typ: typ, mask: bit})
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}

	sort.Strings(keys)

	return keys
}

// pool collects the texts; equal texts share their place.
type pool struct {
	offsets map[string]int
	size    int
}

func (t *table) pool() (*pool, []string) {
	used := map[string]bool{}

	for _, k := range t.kinds {
		used[k.name] = true
	}

	for _, s := range t.structures {
		for _, f := range s.fields {
			used[f.name] = true
		}
	}

	for _, names := range t.enums {
		for _, name := range names {
			used[name] = true
		}
	}

	p := &pool{offsets: map[string]int{}}
	list := sortedKeys(used)

	for _, name := range list {
		p.offsets[name] = p.size
		p.size += len(name) + 1
	}

	if p.size > 65535 {
		die("the texts do not fit 16 bits any more")
	}

	return p, list
}

// rows prints comma separated items, several to a line.
type rows struct {
	out *bufio.Writer
	len int
}

func (r *rows) add(format string, args ...any) {
	item := fmt.Sprintf(format, args...) + ","
	if r.len == 0 || r.len+len(item)+1 > 118 {
		if r.len > 0 {
			r.out.WriteByte('\n')
		}

		r.out.WriteByte('\t')
		r.len = 8
	} else {
		r.out.WriteByte(' ')
		r.len++
	}

	r.out.WriteString(item)
	r.len += len(item)
}

func (r *rows) end() {
	r.out.WriteString("\n};\n")
	r.len = 0
}

func (t *table) print(w io.Writer, versions string) {
	out := bufio.NewWriter(w)
	defer out.Flush()

	fmt.Fprintf(out, `/* Made by tests/gen/talos-schema from the Talos machinery %s: do not edit.
 * To renew it: tests/gen/talos-schema/renew.sh (see the README.md there). */
#include "render/talos_schema.h"

`, versions)

	p, names := t.pool()
	r := &rows{out: out}

	fmt.Fprintf(out, "const char talos_names[] =\n")

	line := ""
	for _, name := range names {
		if len(line)+len(name)+2 > 112 {
			fmt.Fprintf(out, "\t\"%s\"\n", line)
			line = ""
		}

		line += strings.ReplaceAll(name, `"`, `\"`) + `\0`
		if line[len(line)-1] == '0' {
			// a digit behind would become part of the escape
			line = line[:len(line)-1] + "000"
		}
	}

	fmt.Fprintf(out, "\t\"%s\";\n", line)

	t.printFields(out, r, p)
	t.printTypes(out, r)

	fmt.Fprintf(out, "\nconst struct talos_range talos_enums[] = {\n")

	count := 0
	for _, list := range t.enums {
		r.add("{%d, %d}", count, len(list))
		count += len(list)
	}

	r.end()
	fmt.Fprintf(out, "\nconst uint16_t talos_values[] = {\n")

	for _, list := range t.enums {
		for _, name := range list {
			r.add("%d", p.offsets[name])
		}
	}

	r.end()
	t.printKinds(out, r, p)
}

func (t *table) printFields(out *bufio.Writer, r *rows, p *pool) {
	fmt.Fprintf(out, "\n/* name, type, minors */\nconst struct talos_field talos_fields[] = {\n")

	var ranges []string

	count := 0

	for i, key := range sortedKeys(t.structures) {
		s := t.structures[key]
		s.index = i

		sort.SliceStable(s.fields, func(i, j int) bool { return s.fields[i].name < s.fields[j].name })
		ranges = append(ranges, fmt.Sprintf("{%d, %d}", count, len(s.fields)))
		count += len(s.fields)

		for _, f := range s.fields {
			r.add("{%d, %d, %d}", p.offsets[f.name], f.typ, f.mask)
		}
	}

	r.end()
	fmt.Fprintf(out, "\nconst struct talos_range talos_structs[] = {\n")

	for _, text := range ranges {
		r.add("%s", text)
	}

	r.end()
}

func (t *table) printTypes(out *bufio.Writer, r *rows) {
	fmt.Fprintf(out, "\nconst struct talos_type talos_types[] = {\n")

	for _, e := range t.types {
		arg := int(e.ref)

		switch e.kind {
		case "STRUCT":
			arg = e.s.index
		case "ENUM":
			arg = e.enum
		}

		r.add("{TALOS_%s, %d, %d}", e.kind, e.flags, arg)
	}

	r.end()
}

func (t *table) printKinds(out *bufio.Writer, r *rows, p *pool) {
	var conflicts []string

	fmt.Fprintf(out, "\n/* name, structure, minors, conflicting kinds */\nconst struct talos_kind talos_kinds[] = {\n")

	for _, name := range sortedKeys(t.kinds) {
		k := t.kinds[name]
		r.add("{%d, %d, %d, {%d, %d}}", p.offsets[name], k.structure.index, k.mask, len(conflicts), len(k.conflicts))
		conflicts = append(conflicts, sortedKeys(k.conflicts)...)
	}

	r.end()
	fmt.Fprintf(out, "\nconst uint16_t talos_conflicts[] = {\n")

	for _, name := range conflicts {
		r.add("%d", p.offsets[name])
	}

	r.end()

	var minors []string

	for _, version := range versions {
		minors = append(minors, strings.Split(version, ".")[1])
	}

	fmt.Fprintf(out, "\nconst uint8_t talos_minors[] = {%s};\n", strings.Join(minors, ", "))
	fmt.Fprintf(out, "const struct talos_counts talos_counts = {%d, %d, %d};\n",
		len(t.kinds), len(t.structures), len(versions))
}
