package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/resource/protobuf"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/siderolabs/omni/client/pkg/client"
	"github.com/siderolabs/omni/client/pkg/omni/resources/omni"
	"go.yaml.in/yaml/v4"
)

// owned are the types of which people and templates write resources.
var owned = []resource.Type{
	omni.ClusterType, omni.MachineSetType, omni.MachineSetNodeType, omni.ConfigPatchType, omni.ExtensionsConfigurationType,
	omni.KubernetesManifestGroupType, omni.KubernetesHealthCheckType, omni.KernelArgsType, omni.MachineClassType,
	omni.MachineLabelsType, omni.MachineRequestSetType,
}

// What omniops writes and omnictl does not: records beside clusters, and whose a raw resource is.
const (
	recordsPrefix   = "omniops:"
	ownerAnnotation = "omni.texashpc.com/owner"
)

var raw = []resource.Type{omni.MachineClassType, omni.MachineLabelsType, omni.MachineRequestSetType}

// dump prints what people own in an Omni, in a form and an order that can be compared: without versions, dates and
// finalizers, compressed content as the text that it is, and a checksum of the spec's bytes, so that nothing is missed.
func dump(arguments []string) error {
	set := flag.NewFlagSet("dump", flag.ExitOnError)
	isVersioned := set.Bool("versions", false, "print versions, too")
	isWhole := set.Bool("records", false, "print the records and annotations of omniops, too")
	_ = set.Parse(arguments)
	c, err := client.New(os.Getenv("OMNI_ENDPOINT"), client.WithServiceAccount(os.Getenv("OMNI_SERVICE_ACCOUNT_KEY")))
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var out bytes.Buffer
	for _, kind := range owned {
		if err := dumpType(ctx, c.Omni().State(), kind, *isVersioned, *isWhole, &out); err != nil {
			return err
		}
	}
	_, err = os.Stdout.Write(out.Bytes())
	return err
}

func dumpType(ctx context.Context, st state.State, kind resource.Type, isVersioned, isWhole bool, out *bytes.Buffer) error {
	list, err := st.List(ctx, resource.NewMetadata("default", kind, "", resource.VersionUndefined))
	if err != nil {
		return err
	}
	slices.SortFunc(list.Items, func(a, b resource.Resource) int { return strings.Compare(a.Metadata().ID(), b.Metadata().ID()) })
	for _, r := range list.Items {
		if r.Metadata().Owner() != "" || !isWhole && strings.HasPrefix(r.Metadata().ID(), recordsPrefix) {
			continue
		}
		if slices.Contains(raw, kind) && !isWhole {
			r = r.DeepCopy() // what was read is shared
			r.Metadata().Annotations().Delete(ownerAnnotation)
		}
		if err := dumpOne(r, isVersioned, out); err != nil {
			return err
		}
	}
	return nil
}

func dumpOne(r resource.Resource, isVersioned bool, out *bytes.Buffer) error {
	m := r.Metadata()
	fmt.Fprintf(out, "%s %s %s", m.Type(), m.ID(), m.Phase())
	if isVersioned {
		fmt.Fprintf(out, " %s%s", m.Version(), compression(r))
	}
	fmt.Fprintln(out)
	dumpTexts("label", m.Labels().Raw(), out)
	dumpTexts("annotation", m.Annotations().Raw(), out)
	spec, err := yaml.Marshal(r.Spec())
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(spec)) {
		fmt.Fprintf(out, "  %s", line)
	}
	wire, err := wireOf(r)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "  wire %x\n", sha256.Sum256(wire))
	return err
}

// compression: the same text compressed by another program has other bytes, so omnictl writes it again.
func compression(r resource.Resource) string {
	var compressed []byte
	switch r := r.(type) {
	case *omni.ConfigPatch:
		compressed = r.TypedSpec().Value.CompressedData
	case *omni.KubernetesManifestGroup:
		compressed = r.TypedSpec().Value.CompressedData
	}
	if len(compressed) > 0 {
		return " compressed"
	}
	return ""
}

func dumpTexts(what string, texts map[string]string, out *bytes.Buffer) {
	for _, key := range slices.Sorted(maps.Keys(texts)) {
		fmt.Fprintf(out, "  %s %q = %q\n", what, key, texts[key])
	}
}

// wireOf has the bytes of the spec, also of fields that nobody here knows; compressed content is taken apart first.
func wireOf(r resource.Resource) ([]byte, error) {
	switch r := r.DeepCopy().(type) {
	case *omni.ConfigPatch:
		text, err := r.TypedSpec().Value.GetUncompressedData()
		if err != nil {
			return nil, err
		}
		r.TypedSpec().Value.Data, r.TypedSpec().Value.CompressedData = string(text.Data()), nil
		return protobuf.ProtoMarshal(r.TypedSpec().Value)
	case *omni.KubernetesManifestGroup:
		text, err := r.TypedSpec().Value.GetUncompressedData()
		if err != nil {
			return nil, err
		}
		r.TypedSpec().Value.Data, r.TypedSpec().Value.CompressedData = string(text.Data()), nil
		return protobuf.ProtoMarshal(r.TypedSpec().Value)
	default:
		p, err := protobuf.FromResource(r)
		if err != nil {
			return nil, err
		}
		message, err := p.Marshal()
		if err != nil {
			return nil, err
		}
		return message.GetSpec().GetProtoSpec(), nil
	}
}
