package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"

	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// rule is one thing that a definition demands.
type rule struct {
	kind, path string // spec.patches[].name; {} stands for any key
	keyword    string
	says       string // what a refusal contains
	node       map[string]interface{}
	passed     bool // there was an object with a value at the path that was taken
	struck     bool
}

func (r *rule) String() string { return r.kind + " " + r.path + " " + r.keyword + ": " + r.says }

func readRules(dir string) ([]*rule, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, err
	}
	var rules []*rule
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		crd, err := decode(text)
		if err != nil {
			return nil, err
		}
		version := at(crd, "spec", "versions").([]interface{})[0].(map[string]interface{})
		kind := at(crd, "spec", "names", "kind").(string)
		rules = appendRules(rules, kind, "", at(version, "schema", "openAPIV3Schema").(map[string]interface{}))
	}
	return rules, nil
}

func at(object map[string]interface{}, steps ...string) interface{} {
	var value interface{} = object
	for _, step := range steps {
		value = value.(map[string]interface{})[step]
	}
	return value
}

// keywords are those that judge one value, with what the API server says about it.
var keywords = map[string]func(value interface{}) string{
	"enum":      func(interface{}) string { return "Unsupported value" },
	"pattern":   func(interface{}) string { return "should match" },
	"minLength": func(n interface{}) string { return fmt.Sprintf("should be at least %v chars long", n) },
	"maxLength": func(n interface{}) string { return fmt.Sprintf("may not be more than %v bytes", n) },
	"minimum":   func(n interface{}) string { return fmt.Sprintf("should be greater than or equal to %v", n) },
	"maximum":   func(n interface{}) string { return fmt.Sprintf("should be less than or equal to %v", n) },
	"minItems":  func(n interface{}) string { return fmt.Sprintf("should have at least %v items", n) },
	"maxItems":  func(n interface{}) string { return fmt.Sprintf("must have at most %v items", n) },
	"type":      func(t interface{}) string { return fmt.Sprintf("must be of type %v", t) },
	"oneOf":     func(interface{}) string { return "must validate one and only one schema (oneOf)" },
	"anyOf":     func(interface{}) string { return "must validate at least one schema (anyOf)" },
}

func appendRules(rules []*rule, kind, path string, node map[string]interface{}) []*rule {
	add := func(path, keyword, says string) {
		rules = append(rules, &rule{kind: kind, path: path, keyword: keyword, says: says, node: node})
	}
	for _, keyword := range sortedKeys(node) {
		says := keywords[keyword]
		switch {
		case says == nil || path == "": // nothing but an object is decoded at all
		case keyword == "type" && node["format"] == "date-time":
			add(path, "format", says("date-time"))
		default:
			add(path, keyword, says(node[keyword]))
		}
	}
	if list := node["x-kubernetes-list-type"]; list == "set" || list == "map" {
		add(path+"[]", "x-kubernetes-list-type", "Duplicate value")
	}
	validations, _ := node["x-kubernetes-validations"].([]interface{})
	for _, one := range validations {
		add(path, "rule", one.(map[string]interface{})["message"].(string))
	}
	properties, _ := node["properties"].(map[string]interface{})
	required, _ := node["required"].([]interface{})
	for _, name := range required {
		if at(properties, name.(string), "default") == nil {
			add(join(path, name.(string)), "required", "Required value")
		}
	}
	for _, name := range sortedKeys(properties) {
		if path != "" || name == "spec" || name == "status" {
			rules = appendRules(rules, kind, join(path, name), properties[name].(map[string]interface{}))
		}
	}
	if items, ok := node["items"].(map[string]interface{}); ok {
		rules = appendRules(rules, kind, path+"[]", items)
	}
	if values, ok := node["additionalProperties"].(map[string]interface{}); ok {
		rules = appendRules(rules, kind, path+"{}", values)
	}
	return rules
}

func join(path, name string) string { return strings.TrimPrefix(path+"."+name, ".") }

func sortedKeys(object map[string]interface{}) []string {
	names := make([]string, 0, len(object))
	for name := range object {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// --- what has been seen ---------------------------------------------------------------------------------------------------

var index = regexp.MustCompile(`\[[^\]]*\]`)

// learn notes which rules an answer shows at work.
func (c *comparison) learn(document map[string]interface{}, got answer) {
	kind, _ := document["kind"].(string)
	for _, r := range c.rules {
		if r.kind != kind {
			continue
		}
		if got.ok() && !r.passed {
			r.passed = exists(document, steps(r.path))
		}
		for _, cause := range got.causes {
			r.struck = r.struck || r.isSaid(cause)
		}
	}
}

func (r *rule) isSaid(cause cause) bool {
	message, field := cause.Message, index.ReplaceAllString(cause.Field, "[]")
	if field == "<nil>" {
		field = ""
	}
	if r.keyword == "oneOf" || r.keyword == "anyOf" { // the field is in the message
		return strings.Contains(index.ReplaceAllString(message, "[]"), `"`+r.path+`" `+r.says)
	}
	if values, found := strings.CutSuffix(r.path, "{}"); found {
		return strings.Contains(message, r.says) && strings.HasPrefix(field, values+".")
	}
	return strings.Contains(message, r.says) && field == r.path
}

func steps(path string) []string {
	path = strings.ReplaceAll(strings.ReplaceAll(path, "[]", ".[]"), "{}", ".{}")
	if path == "" {
		return nil
	}
	return strings.Split(path, ".")
}

func exists(value interface{}, steps []string) bool {
	if len(steps) == 0 {
		return true
	}
	switch value := value.(type) {
	case map[string]interface{}:
		if steps[0] == "{}" {
			for _, inner := range value {
				if exists(inner, steps[1:]) {
					return true
				}
			}
			return false
		}
		inner, found := value[steps[0]]
		return found && exists(inner, steps[1:])
	case []interface{}:
		if steps[0] != "[]" {
			return false
		}
		for _, inner := range value {
			if exists(inner, steps[1:]) {
				return true
			}
		}
	}
	return false
}

func (c *comparison) coverage() {
	var idle, strict []string
	for _, r := range c.rules {
		if !r.struck {
			idle = append(idle, r.String())
		}
		if !r.passed {
			strict = append(strict, r.String())
		}
	}
	fmt.Printf("# %d rules\n", len(c.rules))
	c.result(len(idle) == 0 && len(c.rules) > 500, "every rule of the definitions refuses something", idle...)
	c.result(len(strict) == 0, "every rule of the definitions lets something pass", strict...)
}

// --- one object against each rule -----------------------------------------------------------------------------------------

// breaks: every rule about a value, broken in a valid manifest that has such a value.
func (c *comparison) breaks() error {
	files, err := readCorpus(filepath.Join(c.golden, "valid"))
	if err != nil {
		return err
	}
	broken := map[*rule]bool{}
	var all []mutation
	for _, file := range files {
		document := file.documents[0]
		for _, r := range c.rules {
			if r.kind != document["kind"] || broken[r] || !strings.HasPrefix(r.path, "spec") {
				continue
			}
			if text, ok := r.breakIn(document); ok {
				broken[r] = true
				all = append(all, mutation{filepath.Base(file.path) + ": " + r.String(), text})
			}
		}
		text, _ := json.Marshal(document)
		all = append(all, mutation{filepath.Base(file.path), text})
	}
	return c.compare(all, "manifests with one rule broken")
}

// statuses: a status with everything that the schema has, and each rule broken in it. The server alone is asked: nobody
// writes a status into files.
func (c *comparison) statuses() error {
	files, err := readCorpus(filepath.Join(c.golden, "valid"))
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, file := range files {
		document := file.documents[0]
		kind := document["kind"].(string)
		if seen[kind] {
			continue
		}
		seen[kind] = true
		if err := c.status(kind, document); err != nil {
			return fmt.Errorf("%s: %w", file.path, err)
		}
	}
	return nil
}

func (c *comparison) status(kind string, document map[string]interface{}) error {
	path, made, err := c.make(c.definitions[kind], document)
	if err != nil {
		return err
	}
	for _, r := range c.rules {
		if r.kind == kind && r.path == "status" && r.keyword == "type" {
			made["status"] = sample(r.node)
		}
	}
	put := func(object []byte) (answer, error) {
		got, err := c.send(http.MethodPut, path+"/status"+strictly+"&dryRun=All", object)
		if err == nil {
			var sent map[string]interface{}
			_ = utiljson.Unmarshal(object, &sent)
			c.learn(sent, got)
		}
		return got, err
	}
	text, _ := json.Marshal(made)
	whole, err := put(text)
	if err != nil {
		return err
	}
	c.result(whole.ok(), "a full status of "+kind+" is taken", whole.message)
	for _, r := range c.rules {
		if r.kind != kind || !strings.HasPrefix(r.path, "status") {
			continue
		}
		if text, ok := r.breakIn(made); ok {
			if _, err := put(text); err != nil {
				return err
			}
		}
	}
	_, err = c.send(http.MethodDelete, path, nil)
	return err
}

// breakIn copies the document and makes the value at the rule's path one that the rule is against.
func (r *rule) breakIn(document map[string]interface{}) ([]byte, bool) {
	text, _ := json.Marshal(document)
	var copied map[string]interface{}
	_ = utiljson.Unmarshal(text, &copied)
	path := r.path
	if r.keyword == "x-kubernetes-list-type" {
		path = strings.TrimSuffix(path, "[]")
	}
	if !change(copied, steps(path), r.bad) {
		return nil, false
	}
	text, _ = json.Marshal(copied)
	return text, true
}

type gone struct{}

// bad says what to put in the place of a value.
func (r *rule) bad(value interface{}) (interface{}, bool) {
	number := func() int64 { n, _ := r.node[r.keyword].(int64); return n }
	switch r.keyword {
	case "required":
		return gone{}, true
	case "enum":
		return "no-such-choice", true
	case "pattern":
		for _, text := range []string{"!", " ", "", "é"} {
			if !regexp.MustCompile(r.node["pattern"].(string)).MatchString(text) {
				return text, true
			}
		}
	case "minLength":
		return strings.Repeat("a", int(number()-1)), true
	case "maxLength":
		return strings.Repeat("a", int(number()+1)), true
	case "minimum":
		return number() - 1, true
	case "maximum":
		return number() + 1, true
	case "minItems":
		return []interface{}{}, true
	case "maxItems":
		return manyOf(value, int(number()+1))
	case "x-kubernetes-list-type":
		return manyOf(value, 2)
	case "format":
		return "yesterday", true
	case "type":
		if r.node["type"] == "string" {
			return []interface{}{}, true
		}
		return "text", true
	case "oneOf":
		return map[string]interface{}{}, true
	case "anyOf":
		return true, true
	}
	return nil, false
}

// manyOf is the first item of a list so many times.
func manyOf(list interface{}, count int) (interface{}, bool) {
	items, _ := list.([]interface{})
	if len(items) == 0 {
		return nil, false
	}
	var many []interface{}
	for range count {
		many = append(many, items[0])
	}
	return many, true
}

// change replaces the first value at the path.
func change(value interface{}, steps []string, bad func(interface{}) (interface{}, bool)) bool {
	last := len(steps) == 1
	switch value := value.(type) {
	case map[string]interface{}:
		name := steps[0]
		if name == "{}" {
			if len(value) == 0 {
				return false
			}
			name = sortedKeys(value)[0]
		}
		inner, found := value[name]
		if !found || !last {
			return found && change(inner, steps[1:], bad)
		}
		other, ok := bad(inner)
		if _, remove := other.(gone); remove {
			delete(value, name)
		} else if ok {
			value[name] = other
		}
		return ok
	case []interface{}:
		if steps[0] != "[]" {
			return false
		}
		for i := range value {
			if !last && change(value[i], steps[1:], bad) {
				return true
			}
			if other, ok := bad(value[i]); last && ok {
				value[i] = other
				return true
			}
		}
	}
	return false
}

// sample is a value that a schema without rules takes.
func sample(node map[string]interface{}) interface{} {
	if values, ok := node["enum"].([]interface{}); ok {
		return values[0]
	}
	switch node["type"] {
	case "object":
		object := map[string]interface{}{}
		properties, _ := node["properties"].(map[string]interface{})
		for name, property := range properties {
			object[name] = sample(property.(map[string]interface{}))
		}
		if values, ok := node["additionalProperties"].(map[string]interface{}); ok {
			object["key"] = sample(values)
		}
		return object
	case "array":
		return []interface{}{sample(node["items"].(map[string]interface{}))}
	case "integer":
		return 1
	case "boolean":
		return true
	}
	if node["format"] == "date-time" {
		return "2026-01-01T00:00:00Z"
	}
	return "Ready"
}
