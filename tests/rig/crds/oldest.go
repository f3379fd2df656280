package main

import (
	"fmt"
	"sort"

	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/model"
	"k8s.io/apimachinery/pkg/util/version"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/environment"
)

// The oldest Kubernetes that our definitions are meant for: the first with rules turned on for everybody.
var oldest = version.MajorMinor(1, 25)

// compilesOn compiles the rules with the functions that an older API server has.
func compilesOn(env *environment.EnvSet, path string, s *structuralschema.Structural, isRoot bool) []string {
	var problems []string
	if len(s.XValidations) > 0 {
		results, err := cel.Compile(s, model.SchemaDeclType(s, isRoot), celconfig.PerCallLimit, env, cel.NewExpressionsEnvLoader())
		if err != nil {
			problems = append(problems, fmt.Sprintf("%s: %v", path, err))
		}
		for _, result := range results {
			if result.Error != nil {
				problems = append(problems, fmt.Sprintf("%s: %v", path, result.Error))
			}
		}
	}
	if s.Items != nil {
		problems = append(problems, compilesOn(env, path+"[]", s.Items, false)...)
	}
	names := make([]string, 0, len(s.Properties))
	for name := range s.Properties {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		property := s.Properties[name]
		problems = append(problems, compilesOn(env, path+"."+name, &property, false)...)
	}
	return problems
}

func checkOldest(t *tap, definitions map[string]*definition) {
	env := environment.MustBaseEnvSet(oldest)
	var problems []string
	for kind, definition := range definitions {
		problems = append(problems, compilesOn(env, kind, definition.structural, true)...)
	}
	t.result(len(problems) == 0, "the rules compile on Kubernetes "+oldest.String(), problems...)
}
