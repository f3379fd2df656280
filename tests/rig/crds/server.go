package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	crdvalidation "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"
)

// definition is one of our kinds as the API server sees it.
type definition struct {
	kind       string
	plural     string
	structural *structuralschema.Structural
	schema     validation.SchemaValidator
	rules      *cel.Validator
}

// loadDefinition does what creating the CRD does: decode strictly, default, validate (structural form, CEL compiles,
// cost within the budget), then builds the validators that instances go through.
func loadDefinition(path string) (*definition, []string) {
	bytes, err := os.ReadFile(path)
	if err != nil {
		return nil, []string{err.Error()}
	}
	var external apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(bytes, &external); err != nil {
		return nil, []string{err.Error()}
	}
	apiextensionsv1.SetDefaults_CustomResourceDefinition(&external)
	apiextensionsv1.SetDefaults_CustomResourceDefinitionSpec(&external.Spec)
	var crd apiextensions.CustomResourceDefinition
	if err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(&external, &crd, nil); err != nil {
		return nil, []string{err.Error()}
	}
	crd.Status.StoredVersions = []string{"v1alpha1"} // set by the server on creation
	if problems := crdvalidation.ValidateCustomResourceDefinition(context.Background(), &crd); len(problems) > 0 {
		return nil, texts(problems)
	}
	schema := crd.Spec.Validation
	if schema == nil {
		schema = crd.Spec.Versions[0].Schema
	}
	structural, err := structuralschema.NewStructural(schema.OpenAPIV3Schema)
	if err != nil {
		return nil, []string{err.Error()}
	}
	validator, _, err := validation.NewSchemaValidator(schema.OpenAPIV3Schema)
	if err != nil {
		return nil, []string{err.Error()}
	}
	return &definition{crd.Spec.Names.Kind, crd.Spec.Names.Plural, structural, validator, cel.NewValidator(structural, true, celconfig.PerCallLimit)}, nil
}

func loadDefinitions(dir string) (map[string]*definition, []string) {
	definitions := map[string]*definition{}
	paths, _ := filepath.Glob(filepath.Join(dir, "*.yaml"))
	var problems []string
	for _, path := range paths {
		one, found := loadDefinition(path)
		for _, problem := range found {
			problems = append(problems, filepath.Base(path)+": "+problem)
		}
		if one != nil {
			definitions[one.kind] = one
		}
	}
	return definitions, problems
}

func texts(problems field.ErrorList) []string {
	var out []string
	for _, problem := range problems {
		out = append(out, problem.Error())
	}
	return out
}

// admit is the way of an object through the API server with strict field validation: unknown fields, nulls, defaults,
// schema, lists, rules. It changes object and old as the server would.
func (d *definition) admit(object, old map[string]interface{}) []string {
	if d == nil {
		return []string{"no such kind"}
	}
	problems := d.prepare(object)
	if old != nil {
		d.prepare(old)
	}
	meta := &unstructured.Unstructured{Object: object}
	problems = append(problems, texts(apivalidation.ValidateObjectMetaAccessor(meta, true, apivalidation.NameIsDNSSubdomain, field.NewPath("metadata")))...)
	var schemaProblems field.ErrorList
	if old == nil {
		schemaProblems = validation.ValidateCustomResource(nil, object, d.schema)
	} else {
		schemaProblems = validation.ValidateCustomResourceUpdate(nil, object, old, d.schema)
	}
	schemaProblems = append(schemaProblems, listtype.ValidateListSetsAndMaps(nil, d.structural, object)...)
	problems = append(problems, texts(schemaProblems)...)
	if len(problems) > 0 {
		return problems // as the server: rules are not asked about malformed objects
	}
	found, _ := d.rules.Validate(context.Background(), nil, d.structural, object, asInterface(old), celconfig.RuntimeCELCostBudget)
	return append(problems, texts(found)...)
}

func asInterface(object map[string]interface{}) interface{} {
	if object == nil {
		return nil
	}
	return object
}

// prepare coerces metadata, drops unknown fields and nulls, fills in defaults.
func (d *definition) prepare(object map[string]interface{}) []string {
	var problems []string
	if err, unknown := objectmeta.CoerceWithOptions(nil, object, d.structural, false, objectmeta.CoerceOptions{ReturnUnknownFieldPaths: true}); err != nil {
		problems = append(problems, err.Error())
	} else {
		problems = append(problems, unknownFields(unknown)...)
	}
	if metadata, ok := object["metadata"].(map[string]interface{}); ok {
		if metadata["namespace"] == nil {
			metadata["namespace"] = "default" // from the address of the request
		}
		problems = append(problems, metadataProblems(metadata)...)
	}
	unknown := pruning.PruneWithOptions(object, d.structural, true, structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	problems = append(problems, unknownFields(unknown)...)
	defaulting.PruneNonNullableNullsWithoutDefaults(object, d.structural)
	defaulting.Default(object, d.structural)
	return problems
}

// metadataProblems finds what the typed decoding of ObjectMeta would refuse.
func metadataProblems(metadata map[string]interface{}) []string {
	bytes, err := json.Marshal(metadata)
	if err != nil {
		return []string{err.Error()}
	}
	var typed metav1.ObjectMeta
	decoder := json.NewDecoder(strings.NewReader(string(bytes)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&typed); err != nil {
		return []string{err.Error()}
	}
	return nil
}

func unknownFields(paths []string) []string {
	var out []string
	for _, path := range paths {
		if !strings.HasPrefix(path, "metadata.") {
			out = append(out, fmt.Sprintf("unknown field %q", path))
		}
	}
	return out
}
