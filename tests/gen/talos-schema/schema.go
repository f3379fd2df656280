package main

import (
	"encoding/json"
	"os"
	"path/filepath"
)

type jsonSchema struct {
	Ref        string                 `json:"$ref"`
	Type       string                 `json:"type"`
	Properties map[string]*jsonSchema `json:"properties"`
	OneOf      []*jsonSchema          `json:"oneOf"`
	Enum       []any                  `json:"enum"`
	Defs       map[string]*jsonSchema `json:"$defs"`
}

// Where the published schemas are known to differ from what Talos decodes (seen with its own loader): the loader decides.
// "-" as a field: the whole definition is not a structure of its own there.
var known = map[string]string{
	"v1alpha1.ClusterConfig.acceptedCAs":   "a list of certificates, not one",
	"v1alpha1.MachineConfig.acceptedCAs":   "a list of certificates, not one",
	"v1alpha1.Endpoint.-":                  "decodes itself from a URL",
	"v1alpha1.LoggingDestination.endpoint": "decodes itself from a URL",
	"network.CommonLinkConfig.-":           "inlined into the documents of links",
	"network.CommonProbeConfig.-":          "inlined into the documents of probes",
}

// A new difference needs somebody to look at it.
func differs(what, format string, args ...any) {
	if _, ok := known[what]; !ok {
		die(format, args...)
	}
}

// compareSchema checks that everything in the published JSON schema is in the table, and that both agree about lists,
// mappings and scalars. The schema has the last word about names that the structs do not show.
func compareSchema(b *builder, version string) {
	data, err := os.ReadFile(filepath.Join(b.src.root, "config/schemas/config.schema.json"))
	if err != nil {
		die("%v", err)
	}

	var schema jsonSchema

	if err = json.Unmarshal(data, &schema); err != nil {
		die("%v", err)
	}

	for _, name := range sortedKeys(schema.Defs) {
		s := b.table.structures[name]
		if s == nil || s.done&b.bit == 0 {
			differs(name+".-", "%s: the schema has %s, the structs have not", version, name)

			continue
		}

		for _, key := range sortedKeys(schema.Defs[name].Properties) {
			b.compareField(version, s, key, schema.Defs[name].Properties[key])
		}
	}
}

func (b *builder) compareField(version string, s *structure, key string, want *jsonSchema) {
	for _, f := range s.fields {
		if f.name != key || f.mask&b.bit == 0 {
			continue
		}

		got := b.table.types[f.typ].kind
		if !agree(got, want) {
			differs(s.key+"."+key, "%s: %s.%s: the schema says %s%s, decoded as %s", version, s.key, key, want.Type, want.Ref, got)
		}

		return
	}

	differs(s.key+"."+key, "%s: the schema has %s.%s, the structs have not", version, s.key, key)
}

func agree(got string, want *jsonSchema) bool {
	switch {
	case want.Type == "" && len(want.Enum) > 0: // the schema writes a list of named options as one of them
		return got == "LIST" || got == "STRING" || got == "ENUM" || got == "BOOL" || got == "INT64"
	case want.Ref != "":
		return got == "STRUCT"
	case want.Type == "array":
		return got == "LIST"
	case want.Type == "object":
		return got == "MAP" || got == "MAP_ANY" || got == "STRUCT"
	default:
		return got != "LIST" && got != "MAP" && got != "STRUCT"
	}
}
