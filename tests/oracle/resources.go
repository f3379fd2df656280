package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"reflect"
	"strings"

	"github.com/cosi-project/runtime/pkg/resource"
	"go.yaml.in/yaml/v4"
)

// The resources of accepted templates: type, ID, labels, annotations, spec, in the same order.

// plainResource is a resource without what differs from run to run.
type plainResource struct {
	Namespace, Type, ID, Owner, Phase string
	Labels, Annotations               map[string]string
	Spec                              any
}

func plainOf(r resource.Resource) (*plainResource, error) {
	m := r.Metadata()
	plain := &plainResource{
		Namespace: m.Namespace(), Type: m.Type(), ID: m.ID(), Owner: m.Owner(), Phase: m.Phase().String(),
		Labels: map[string]string{}, Annotations: map[string]string{},
	}

	maps.Copy(plain.Labels, m.Labels().Raw())
	maps.Copy(plain.Annotations, m.Annotations().Raw())

	// the texts of metadata are printed without quotes that they need: only the spec is read back
	text, err := yaml.Marshal(r.Spec())
	if err != nil {
		return nil, err
	}

	return plain, yaml.Unmarshal(text, &plain.Spec)
}

type texts map[string]string

// UnmarshalYAML takes every scalar as the text that it is; nothing stands for the empty text.
func (t *texts) UnmarshalYAML(node *yaml.Node) error {
	*t = texts{}

	for i := 0; i+1 < len(node.Content); i += 2 {
		(*t)[node.Content[i].Value] = node.Content[i+1].Value
	}

	return nil
}

func readResource(node *yaml.Node) (*plainResource, error) {
	var read struct {
		Metadata struct {
			Namespace, Type, ID, Owner, Phase string
			Labels, Annotations               texts
		}
		Spec any
	}

	if err := node.Decode(&read); err != nil {
		return nil, err
	}

	// a field of Omni 1.10, which the reference does not know
	if spec, ok := read.Spec.(map[string]any); ok {
		if features, ok := spec["features"].(map[string]any); ok {
			delete(features, "disablepublicdiscoveryservice")
		}
	}

	m := &read.Metadata
	plain := &plainResource{m.Namespace, m.Type, m.ID, m.Owner, m.Phase, map[string]string{}, map[string]string{}, read.Spec}

	maps.Copy(plain.Labels, m.Labels)
	maps.Copy(plain.Annotations, m.Annotations)

	return plain, nil
}

func readResources(text []byte) ([]*plainResource, error) {
	var list []*plainResource

	decoder := yaml.NewDecoder(bytes.NewReader(text))

	for {
		var node yaml.Node

		err := decoder.Decode(&node)
		if errors.Is(err, io.EOF) {
			return list, nil
		}

		if err != nil {
			return nil, err
		}

		one, err := readResource(&node)
		if err != nil {
			return nil, err
		}

		list = append(list, one)
	}
}

func compareResources(t *task) {
	t.each(func(i int) {
		r := newRandom(t.seed, uint64(i))
		made := newTemplate(r, fmt.Sprintf("c%d", i))

		if r.chance(30) {
			made.mutate()
		}

		name := fmt.Sprintf("r%06d", i)
		dir := t.dir(name)
		path := made.write(t, dir)

		defer os.RemoveAll(dir) //nolint:errcheck

		text, err := os.ReadFile(path)
		if err != nil {
			panic(err)
		}

		_, wanted, err := loadReference(path, dir)
		if err != nil {
			return // a verdict, not a resource
		}

		out, complaint, err := t.run(nil, "render", "--rules", t.rules, "-o", "resources", "--root", dir, path)
		if err != nil && t.rules != "1.9" {
			t.explain("the rules of a newer release refuse it")

			return
		}

		if err != nil {
			t.disagree(false, name, string(text), "reference accepts\nours: %s", complaint)

			return
		}

		t.accepted++
		t.sameResources(name, string(text), wanted, out)
	})
}

func (t *task) sameResources(name, text string, wanted []resource.Resource, out []byte) {
	got, err := readResources(out)
	if err != nil {
		t.disagree(false, name, text, "our output cannot be read: %v", err)

		return
	}

	if len(got) != len(wanted) {
		t.disagree(false, name, text, "reference: %d resources\nours: %d", len(wanted), len(got))

		return
	}

	reason := ""

	for i, r := range wanted {
		want, err := plainOf(r)
		if err != nil {
			t.disagree(false, name, text, "the reference's resource cannot be written: %v", err)

			return
		}

		if reflect.DeepEqual(want, got[i]) {
			continue
		}

		if reason = whyOther(want, got[i]); reason == "" {
			a, _ := yaml.Marshal(want)   //nolint:errcheck
			b, _ := yaml.Marshal(got[i]) //nolint:errcheck
			t.disagree(false, name, text, "%s: %s", resource.String(r), firstDifference(string(a), string(b)))

			return
		}
	}

	if reason != "" {
		t.explain(reason)
	} else {
		t.agree()
	}
}

var hugeDigits = strings.NewReplacer(" 1.8446744073709552e+19\n", " 18446744073709551616\n", " -1e+25\n", " -10000000000000000000000000\n")

// whyOther: only the content differs, in a way that is meant.
func whyOther(want, got *plainResource) string {
	theirs, ok1 := want.Spec.(map[string]any)
	ours, ok2 := got.Spec.(map[string]any)

	if !ok1 || !ok2 {
		return ""
	}

	for _, key := range words("data job") {
		a, isText := theirs[key].(string)
		b, _ := ours[key].(string)

		if isText && a != b {
			if reason := whyOtherText(a, b); reason != "" {
				theirs[key] = b

				if reflect.DeepEqual(want, got) {
					return reason
				}
			}
		}
	}

	return ""
}

func whyOtherText(theirs, ours string) string {
	theirs = hugeDigits.Replace(theirs)
	if theirs == ours {
		return "integers above 64 bits keep their digits in our content"
	}

	var left, right any

	errLeft, errRight := readAll(theirs, &left), readAll(ours, &right)
	if errRight != nil {
		return ""
	}

	switch {
	case errLeft != nil || !reflect.DeepEqual(left, right):
		if strings.Contains(ours, `\n`) || strings.Contains(ours, `\t`) {
			return "text that the reference's encoder damages is quoted in our content"
		}
	case strings.Contains(ours, `"\P`) || strings.Contains(ours, `"\L`) || strings.Contains(ours, `"\N`):
		return "text that begins with a line break of Unicode is quoted in our content: readers differ"
	}

	return ""
}

func readAll(text string, out *any) error {
	var list []any

	decoder := yaml.NewDecoder(strings.NewReader(text))

	for {
		var content any

		switch err := decoder.Decode(&content); {
		case errors.Is(err, io.EOF):
			*out = list

			return nil
		case err != nil:
			return err
		}

		list = append(list, content)
	}
}
