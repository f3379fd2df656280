package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"os"
	"os/exec"
	"sort"
	"strings"

	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// How many of all possible mutations are tried: one of this many. The choice is the same in every run.
const oneOf = 6

const uuid = "9a6f1f0e-0d3c-4c3b-8f0a-2d1b7c5e4a10"

// Every value is put into every field, whether it fits or not.
var pool = []string{
	`""`, `" "`, `"a"`, `"A_b"`, `"a.b"`, `" a"`, `"a "`, `"a\n"`, `"\u00a0"`, `"\u00a0x"`, `"x\u3000"`, `"-"`, `"é"`,
	`"v1.2.3"`, `"v1.2"`, `"v1.2.3-rc.1"`, `"v01.2.3"`, `"1h"`, `"-1h"`, `"+1h"`, `"0"`, `"0s"`, `"-0"`, `"5"`, `"1d"`, `"1h1h"`,
	`"9223372036854775807ns"`, `"9223372036854775808ns"`, `"1.5h"`, `".5h"`, `"1.h"`, `"."`, `"h"`, `"1µs"`, `"1μs"`,
	`"unlimited"`, `"infinity"`, `"∞"`, `"Unlimited"`, `"3"`,
	`"Delete"`, `"Orphan"`, `"Uninstall"`, `"full"`, `"Rolling"`, `"Unset"`, `"enabled"`, `"control-planes"`, `"system:masters"`,
	`"` + uuid + `"`, `"{` + uuid + `}"`, `"urn:uuid:` + uuid + `"`, `"urn:uuid;` + uuid + `"`, `"9a6f1f0e0d3c4c3b8f0a2d1b7c5e4a10"`,
	`"9A6F1F0E-0D3C-4C3B-8F0A-2D1B7C5E4A10"`, `"9a6f1f0e-0d3c-4c3b-8f0a-2d1b7c5e4a1"`, `"9a6f1f0e-0d3c-4c3b-8f0a02d1b7c5e4a10"`,
	`"\n` + uuid + `\n"`, `"é` + uuid + `"`,
	`"https://h"`, `"http://"`, `"grpc://x"`, `"oci://h/x"`, `"ftp://h"`, `"x/y"`, `"https://h:1/a?b#c"`, `"https://h\n"`,
	`"https://user@h"`, `"https://@"`, `"https://:80"`, `"https://h:x"`, `"https://[::1]"`, `"https://[::1"`, `"https://h h"`,
	`"https:/h"`, `"https:h"`, `"://h"`, `"a1+-.://h"`, `"1a://h"`, `"https://h/%4"`, `"https://h/%41"`, `"https://é"`,
	`0`, `1`, `-1`, `1.5`, `2147483647`, `2147483648`, `-2147483649`, `4294967295`, `4294967296`, `9223372036854775807`,
	`true`, `false`, `null`,
	`[]`, `[""]`, `[" "]`, `["a"]`, `["a","a"]`, `["a"," a"]`, `["A","a"]`, `[1]`, `[null]`, `[[]]`, `["` + uuid + `"]`,
	`["` + uuid + `","` + uuid + `"]`, `["system:masters"]`, `[true]`,
	`{}`, `{"a":"b"}`, `{"a":1}`, `{"a":null}`, `{"name":"x"}`, `{"name":""}`, `{"name":"x","size":1}`, `{"file":"f"}`,
	`{"inline":{}}`, `{"inline":[{}]}`, `{"inline":null}`, `{"file":"","inline":0}`, `{"file":"f","inline":{}}`,
	`{"type":"Rolling"}`, `{"rolling":{"maxParallelism":1}}`, `{"orphan":true,"destroyMachines":true}`,
	`[{}]`, `[{"file":"f"}]`, `[{"inline":{}}]`, `[{"file":""}]`, `[{"file":"f","inline":false}]`,
	`[{"name":"n","inline":[{}]}]`, `[{"name":"n","inline":[]}]`, `[{"name":"n","file":"f","inline":[]}]`, `[{"name":"n"}]`,
	`{"providerID":"x"}`, `{"providerID":"x","providerData":{}}`, `{"interval":"1h"}`, `{"interval":""}`, `{"disk":"/dev/sda"}`,
	`{"user":"u","groups":["system:masters"]}`, `{"user":"u","groups":["system:masters"],"allowClusterAdmin":true}`,
}

type mutation struct {
	name     string
	document []byte
}

// mutationsOf sets every field of a valid document, present or not, to every value of the pool; removes it; and adds an
// unknown field beside it.
func mutationsOf(file string, document map[string]interface{}, schema *structuralschema.Structural) []mutation {
	var all []mutation
	add := func(path, what string, change func(copied map[string]interface{})) {
		name := fmt.Sprintf("%s %s = %s", file, path, what)
		if !chosen(name) {
			return
		}
		text, _ := json.Marshal(document)
		var copied map[string]interface{}
		_ = utiljson.Unmarshal(text, &copied)
		change(copied)
		text, _ = json.Marshal(copied)
		all = append(all, mutation{name, text})
	}
	for _, path := range pathsOf("", document, schema) {
		for _, value := range pool {
			var decoded interface{}
			_ = utiljson.Unmarshal([]byte(value), &decoded)
			add(path, value, func(copied map[string]interface{}) { set(copied, path, decoded, false) })
		}
		add(path, "removed", func(copied map[string]interface{}) { set(copied, path, nil, true) })
		add(path+"X", "unknown", func(copied map[string]interface{}) { set(copied, path+"X", "x", false) })
	}
	return all
}

func chosen(name string) bool {
	hash := fnv.New32a()
	hash.Write([]byte(name))
	return hash.Sum32()%oneOf == 0
}

// pathsOf lists the fields below spec: those of the schema, and the first item of lists.
func pathsOf(prefix string, object map[string]interface{}, schema *structuralschema.Structural) []string {
	var paths []string
	names := make([]string, 0, len(schema.Properties))
	for name := range schema.Properties {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if prefix == "" && name != "spec" {
			continue
		}
		property := schema.Properties[name]
		path := prefix + "/" + name
		paths = append(paths, path)
		switch value := object[name].(type) {
		case map[string]interface{}:
			paths = append(paths, pathsOf(path, value, &property)...)
		case []interface{}:
			if len(value) > 0 {
				paths = append(paths, path+"/0")
				if item, ok := value[0].(map[string]interface{}); ok && property.Items != nil {
					paths = append(paths, pathsOf(path+"/0", item, property.Items)...)
				}
			}
		}
	}
	return paths
}

func set(object map[string]interface{}, path string, value interface{}, remove bool) {
	steps := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i, step := range steps[:len(steps)-1] {
		switch next := object[step].(type) {
		case map[string]interface{}:
			object = next
		case []interface{}:
			if len(steps) == i+2 {
				next[0] = value
				return
			}
			if inner, ok := next[0].(map[string]interface{}); ok {
				set(inner, strings.Join(steps[i+2:], "/"), value, remove)
			}
			return
		default:
			return
		}
	}
	last := steps[len(steps)-1]
	if remove {
		delete(object, last)
	} else {
		object[last] = value
	}
}

func compareMutations(t *tap, definitions map[string]*definition, dir, program string) {
	files, err := readCorpus(dir)
	if err != nil {
		t.result(false, "mutations", err.Error())
		return
	}
	var all []mutation
	for _, file := range files {
		document := file.documents[0]
		schema := definitionOf(definitions, document).structural
		all = append(all, mutationsOf(strings.TrimSuffix(file.path[len(dir)+1:], ".yaml"), document, schema)...)
	}
	verdicts, err := ourVerdicts(program, all)
	if err != nil {
		t.result(false, "mutations", err.Error())
		return
	}
	var differences []string
	refused := 0
	for i, one := range all {
		document, err := decode(one.document)
		if err != nil {
			t.result(false, one.name, err.Error())
			return
		}
		problems := definitionOf(definitions, document).admit(document, nil)
		if len(problems) > 0 {
			refused++
		}
		if (len(problems) == 0) != (verdicts[i] == "ok") && !isKnown(one.name, verdicts[i]) {
			differences = append(differences, fmt.Sprintf("%s\n  server: %s\n  ours: %s", one.name, strings.Join(problems, "; "), verdicts[i]))
		}
	}
	fmt.Printf("# %d mutated manifests, %d refused by the API server, %d differences\n", len(all), refused, len(differences))
	t.result(len(differences) == 0 && refused > 100 && len(all)-refused > 100, "our checks agree with the API server on mutated manifests", differences...)
}

// isKnown tells the deliberate differences.
func isKnown(name, verdict string) bool {
	return strings.Contains(name, "/providerData = ") && strings.Contains(verdict, "WrongType:spec.autoProvision.providerData") // CEL cannot see untyped fields
}

func ourVerdicts(program string, all []mutation) ([]string, error) {
	file, err := os.CreateTemp("", "mutations-*.yaml")
	if err != nil {
		return nil, err
	}
	defer os.Remove(file.Name())
	var text bytes.Buffer
	for _, one := range all {
		text.WriteString("---\n")
		text.Write(one.document)
		text.WriteString("\n")
	}
	if _, err := file.Write(text.Bytes()); err != nil {
		return nil, err
	}
	if err := file.Close(); err != nil {
		return nil, err
	}
	output, err := exec.Command(program, file.Name()).Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", program, err)
	}
	lines := strings.Split(strings.TrimSuffix(string(output), "\n"), "\n")
	if len(lines) != len(all) {
		return nil, fmt.Errorf("%d verdicts for %d manifests", len(lines), len(all))
	}
	return lines, nil
}
