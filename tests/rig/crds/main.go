// The API server's own validation, without a server: our CustomResourceDefinitions are created, and manifests go through
// decoding, pruning, defaulting, the schema and the rules. Prints TAP.
//
//	crds ROOT [VERDICTS]
//	crds real -url URL -pki DIR -omniops PROGRAM ROOT      the same on a real server, see real.go
//
// ROOT is the checkout. VERDICTS is a program that reads manifests and prints "ok" or "no CODE…" for each; with it
// thousands of mutated manifests are compared with the API server.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

type tap struct{ count, failed int }

func (t *tap) result(ok bool, name string, details ...string) {
	t.count++
	word := "ok"
	if !ok {
		word = "not ok"
		t.failed++
	}
	fmt.Printf("%s %d - %s\n", word, t.count, name)
	for _, detail := range details {
		if !ok {
			fmt.Println("# " + strings.ReplaceAll(detail, "\n", "\n# "))
		}
	}
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: crds ROOT [VERDICTS]")
		os.Exit(2)
	}
	if os.Args[1] == "real" {
		if err := compareReal(os.Args[2:]); err != nil {
			fmt.Println("Bail out!", err)
			os.Exit(1)
		}
		return
	}
	root := os.Args[1]
	var t tap
	definitions, problems := loadDefinitions(filepath.Join(root, "crds/yaml"))
	t.result(len(problems) == 0 && len(definitions) == 9, "the nine definitions are structural, and their rules compile within the cost budget", problems...)
	checkOldest(&t, definitions)
	golden := filepath.Join(root, "tests/golden/kinds")
	checkFolder(&t, definitions, filepath.Join(golden, "valid"), true)
	checkFolder(&t, definitions, filepath.Join(golden, "invalid"), false)
	checkUpdates(&t, definitions, filepath.Join(golden, "update"))
	if len(os.Args) > 2 {
		compareMutations(&t, definitions, filepath.Join(golden, "valid"), os.Args[2])
	}
	fmt.Printf("1..%d\n", t.count)
	if t.failed > 0 {
		os.Exit(1)
	}
}

func checkFolder(t *tap, definitions map[string]*definition, dir string, accepts bool) {
	files, err := readCorpus(dir)
	if err != nil || len(files) == 0 {
		t.result(false, "corpus "+dir, fmt.Sprint(err))
		return
	}
	for _, file := range files {
		wanted := accepts
		if file.server != "" {
			wanted = file.server == "accepts"
		}
		var problems []string
		for _, document := range file.documents {
			problems = append(problems, definitionOf(definitions, document).admit(document, nil)...)
		}
		verdict(t, file, wanted, problems)
	}
}

// checkUpdates takes pairs of documents: the old and the new one. A file named refuse-… must be refused.
func checkUpdates(t *tap, definitions map[string]*definition, dir string) {
	files, err := readCorpus(dir)
	if err != nil || len(files) == 0 {
		t.result(false, "corpus "+dir, fmt.Sprint(err))
		return
	}
	for _, file := range files {
		if len(file.documents) != 2 {
			t.result(false, file.path, "needs two documents")
			continue
		}
		old, object := file.documents[0], file.documents[1]
		for _, document := range file.documents {
			document["metadata"].(map[string]interface{})["resourceVersion"] = "1"
		}
		wanted := !strings.HasPrefix(filepath.Base(file.path), "refuse-")
		verdict(t, file, wanted, definitionOf(definitions, object).admit(object, old))
	}
}

func verdict(t *tap, file corpusFile, wanted bool, problems []string) {
	name := "accepts " + filepath.Base(file.path)
	if !wanted {
		name = "refuses " + filepath.Base(file.path)
	}
	ok := wanted == (len(problems) == 0)
	all := strings.Join(problems, "\n")
	for _, says := range file.says {
		if !strings.Contains(all, says) {
			ok = false
			all += "\nshould say: " + says
		}
	}
	t.result(ok, name, all)
}

func definitionOf(definitions map[string]*definition, document map[string]interface{}) *definition {
	kind, _ := document["kind"].(string)
	return definitions[kind]
}
