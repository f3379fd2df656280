package operator

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"go.yaml.in/yaml/v4"
	sigs "sigs.k8s.io/yaml"
)

// Decode turns free-form JSON into what the encoder gets. Its second argument is the document's place in the input and
// the path inside of it, for decoders that look at the source again.
type Decode func(text json.RawMessage, document int, path ...any) any

// Fleet is the custom resources of any number of clusters.
type Fleet struct {
	clusters      []*entry[clusterSpec]
	controlPlanes map[string]*entry[setSpec]
	workers       map[string][]*entry[setSpec]
	machines      map[string][]*entry[machineSpec]
	documents     int
	decode        Decode
}

type entry[T any] struct {
	name, effective string
	document        int
	spec            T
}

// New makes an empty fleet; decode nil: as the operator does.
func New(decode Decode) *Fleet {
	if decode == nil {
		decode = decodeAsOperator
	}

	return &Fleet{
		controlPlanes: map[string]*entry[setSpec]{},
		workers:       map[string][]*entry[setSpec]{},
		machines:      map[string][]*entry[machineSpec]{},
		decode:        decode,
	}
}

// Numbers become doubles; the API server has already made 0 of -0.
func decodeAsOperator(text json.RawMessage, _ int, _ ...any) any {
	var content any

	if json.Unmarshal(text, &content) != nil {
		return string(text)
	}

	return positiveZero(content)
}

func positiveZero(content any) any {
	switch v := content.(type) {
	case float64:
		return v + 0 //nolint:staticcheck // -0 + 0 is 0
	case []any:
		for i := range v {
			v[i] = positiveZero(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = positiveZero(v[k])
		}
	}

	return content
}

// Add reads one document.
func (f *Fleet) Add(document []byte) error {
	text, err := sigs.YAMLToJSON(document)
	if err != nil {
		return err
	}

	var o object

	if err = json.Unmarshal(text, &o); err != nil {
		return err
	}

	f.documents++

	switch o.Kind {
	case "OmniCluster":
		e, err := read[clusterSpec](&o, f.documents-1)
		if err != nil {
			return err
		}

		e.effective = cmp.Or(e.spec.ClusterName, e.name)
		f.clusters = append(f.clusters, e)
	case "OmniControlPlane":
		e, err := read[setSpec](&o, f.documents-1)
		if err != nil {
			return err
		}

		f.controlPlanes[e.spec.ClusterRef.Name] = e
	case "OmniWorkers":
		e, err := read[setSpec](&o, f.documents-1)
		if err != nil {
			return err
		}

		e.effective = cmp.Or(e.spec.WorkerSetName, e.name)
		f.workers[e.spec.ClusterRef.Name] = append(f.workers[e.spec.ClusterRef.Name], e)
	case "OmniMachine":
		e, err := read[machineSpec](&o, f.documents-1)
		if err != nil {
			return err
		}

		e.effective = cmp.Or(e.spec.MachineID, e.name)
		f.machines[e.spec.ClusterRef.Name] = append(f.machines[e.spec.ClusterRef.Name], e)
	}

	return nil
}

func read[T any](o *object, document int) (*entry[T], error) {
	e := &entry[T]{name: o.Metadata.Name, document: document}

	return e, json.Unmarshal(o.Spec, &e.spec)
}

// Render writes the templates of all clusters, in the order in which they were added.
func (f *Fleet) Render(write func(name string, template []byte) error) error {
	var buffer bytes.Buffer

	for _, c := range f.clusters {
		buffer.Reset()

		if err := f.renderOne(&buffer, c); err != nil {
			return err
		}

		if err := write(c.effective, buffer.Bytes()); err != nil {
			return err
		}
	}

	return nil
}

func (f *Fleet) renderOne(out io.Writer, c *entry[clusterSpec]) error {
	encoder := yaml.NewEncoder(out)
	encoder.SetIndent(2)

	documents := []any{f.cluster(c)}

	control, ok := f.controlPlanes[c.name]
	if !ok {
		return fmt.Errorf("cluster %q has no control plane", c.name)
	}

	documents = append(documents, f.controlPlane(control))

	sets := f.workers[c.name]
	slices.SortFunc(sets, func(a, b *entry[setSpec]) int { return cmp.Compare(a.effective, b.effective) })

	for _, set := range sets {
		documents = append(documents, f.workersOf(set))
	}

	machines := f.machines[c.name]
	slices.SortFunc(machines, func(a, b *entry[machineSpec]) int { return cmp.Compare(a.effective, b.effective) })

	for _, m := range machines {
		documents = append(documents, f.machine(m))
	}

	for _, document := range documents {
		if err := encoder.Encode(document); err != nil {
			return err
		}
	}

	return encoder.Close()
}

func (f *Fleet) patches(specs []patchSpec, document int) []patch {
	var patches []patch

	for i, s := range specs {
		p := patch{File: s.File, Name: s.Name, IDOverride: s.IDOverride, Labels: s.Labels, Annotations: s.Annotations}

		if len(s.Inline) > 0 && string(s.Inline) != "null" {
			p.Inline = &value{f.decode(s.Inline, document, "spec", "patches", i, "inline")}
		}

		patches = append(patches, p)
	}

	return patches
}

func (f *Fleet) manifests(specs []manifestSpec, document int) []any {
	var manifests []any

	for i, s := range specs {
		mode := cmp.Or(s.Mode, "full") // the default of the definition

		if s.File != "" {
			manifests = append(manifests, manifestFile{s.Name, mode, s.File})

			continue
		}

		m := manifestInline{s.Name, mode, []any{}}

		for j, text := range s.Inline {
			content := f.decode(text, document, "spec", "kubernetes", "manifests", i, "inline", j)
			if content == nil {
				content = map[string]any{}
			}

			m.Inline = append(m.Inline, content)
		}

		manifests = append(manifests, m)
	}

	return manifests
}

func (f *Fleet) cluster(e *entry[clusterSpec]) any {
	s := &e.spec

	return cluster{
		Kind: "Cluster", Name: e.effective, Labels: s.Labels, Annotations: s.Annotations,
		Kubernetes: kubernetes{s.Kubernetes.Version, f.manifests(s.Kubernetes.Manifests, e.document)},
		Talos:      talos{s.Talos.Version}, Features: s.Features, Patches: f.patches(s.Patches, e.document),
		SystemExtensions: s.SystemExtensions, KernelArgs: s.KernelArgs,
	}
}

func classOf(spec *machineClassSpec) *machineClass {
	if spec == nil {
		return nil
	}

	var (
		number int32
		text   string
	)

	if json.Unmarshal(spec.Size, &number) == nil {
		return &machineClass{spec.Name, number}
	}

	json.Unmarshal(spec.Size, &text) //nolint:errcheck // one of the two

	return &machineClass{spec.Name, text}
}

func (f *Fleet) controlPlane(e *entry[setSpec]) any {
	s := &e.spec

	return controlPlane{
		Kind: "ControlPlane", Labels: s.Labels, Annotations: s.Annotations, Machines: s.Machines,
		MachineClass: classOf(s.MachineClass), BootstrapSpec: s.BootstrapSpec, Patches: f.patches(s.Patches, e.document),
		SystemExtensions: s.SystemExtensions, KernelArgs: s.KernelArgs,
	}
}

func (f *Fleet) workersOf(e *entry[setSpec]) any {
	s := &e.spec

	return workers{
		Kind: "Workers", Name: e.effective, Labels: s.Labels, Annotations: s.Annotations, Machines: s.Machines,
		MachineClass: classOf(s.MachineClass), UpdateStrategy: s.UpdateStrategy, UpgradeStrategy: s.UpgradeStrategy,
		DeleteStrategy: s.DeleteStrategy, Patches: f.patches(s.Patches, e.document),
		SystemExtensions: s.SystemExtensions, KernelArgs: s.KernelArgs,
	}
}

func (f *Fleet) machine(e *entry[machineSpec]) any {
	s := &e.spec

	return machine{
		Kind: "Machine", Name: e.effective, Labels: s.Labels, Annotations: s.Annotations, Locked: s.Locked,
		Install: s.Install, Patches: f.patches(s.Patches, e.document),
		SystemExtensions: s.SystemExtensions, KernelArgs: s.KernelArgs,
	}
}
