package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// document is a resource as render and the server's control port print it.
type document struct {
	Metadata struct {
		Type, ID, Phase, Owner, Version, Created string

		Labels, Annotations map[string]string
	}
	Spec any
}

func (d *document) name() string { return d.Metadata.Type + "/" + d.Metadata.ID }

// content is a state: documents by name.
type content map[string]*document

// Marks are what the agent notes for itself; they are nobody's declaration.
const (
	markPrefix = "omni.texashpc.com/"
	markType   = "MachineLabels.omni.sidero.dev"
	markID     = "omniops:" // and the cluster
)

// Everything that the declarations of this program can become.
var comparedTypes = []string{
	"Clusters", "MachineSets", "MachineSetNodes", "ConfigPatches", "MachineClasses", "ExtensionsConfigurations", "KernelArgs",
	"KubernetesManifestGroups", "KubernetesHealthChecks", "MachineLabels",
}

func read(in io.Reader, into content) error {
	documents := yaml.NewDecoder(in)
	for {
		var d document
		if err := documents.Decode(&d); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if d.Metadata.ID == "" || d.Metadata.Owner != "" { // a controller's
			continue
		}
		maps.DeleteFunc(d.Metadata.Annotations, func(name, _ string) bool { return strings.HasPrefix(name, markPrefix) })
		if d.Metadata.Type == markType {
			d.Metadata.Labels = nil
		}
		d.Spec = bare(d.Spec)
		into[d.name()] = &d
	}
}

// bare leaves out what says nothing: the server leaves it out, too, or does not know it yet.
func bare(value any) any {
	switch of := value.(type) {
	case map[string]any:
		for name, it := range of {
			if of[name] = bare(it); of[name] == nil {
				delete(of, name)
			}
		}
		if len(of) == 0 {
			return nil
		}
	case []any:
		if len(of) == 0 {
			return nil
		}
		for i := range of {
			of[i] = bare(of[i])
		}
	case bool, int, string, float64:
		if reflect.ValueOf(of).IsZero() {
			return nil
		}
	}
	return value
}

// rendered is what the program makes of a tree.
func rendered(program, dir string) (content, error) {
	var errs bytes.Buffer
	command := exec.Command(program, "render", "-o", "resources", dir)
	command.Stderr = &errs
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("render: %w: %s", err, errs.String())
	}
	all := content{}
	err = read(bytes.NewReader(out), all)
	return all.marked(), err
}

// marked adds the record that stands beside each cluster; what is in it is the agent's own matter.
func (c content) marked() content {
	for name := range maps.Clone(c) {
		if id, is := strings.CutPrefix(name, "Clusters.omni.sidero.dev/"); is {
			var d document
			d.Metadata.Type, d.Metadata.ID, d.Metadata.Phase = markType, markID+id, "running"
			c[d.name()] = &d
		}
	}
	return c
}

// difference says what is there and should not be, what is missing, and what is another one.
func difference(wanted, there content) []string {
	var lines []string
	for name, w := range wanted {
		switch t := there[name]; {
		case t == nil:
			lines = append(lines, "missing: "+name)
		case t.Metadata.Phase != w.Metadata.Phase:
			lines = append(lines, "is "+t.Metadata.Phase+": "+name)
		case !maps.Equal(w.Metadata.Labels, t.Metadata.Labels) || !maps.Equal(w.Metadata.Annotations, t.Metadata.Annotations):
			lines = append(lines, fmt.Sprintf("labels or annotations of %s: %v, wanted %v", name, t.Metadata, w.Metadata))
		case !reflect.DeepEqual(w.Spec, t.Spec):
			lines = append(lines, fmt.Sprintf("%s: %v, wanted %v", name, t.Spec, w.Spec))
		}
	}
	for name := range there {
		if wanted[name] == nil {
			lines = append(lines, "too many: "+name)
		}
	}
	slices.Sort(lines)
	return lines
}

// madeAgain says what exists as before, but is another one: for a server without a journal.
func madeAgain(before, now content) []string {
	var lines []string
	for name, it := range now {
		if was := before[name]; was != nil && was.Metadata.Created != it.Metadata.Created {
			lines = append(lines, fmt.Sprintf("made again: %s, at %s and at %s", name, was.Metadata.Created, it.Metadata.Created))
		}
	}
	slices.Sort(lines)
	return lines
}
