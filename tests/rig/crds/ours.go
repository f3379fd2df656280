package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// finding is a diagnostic of `omniops validate -o json`.
type finding struct {
	Severity, File, Path, Code, Message string
	Line                                int
}

// beyond is what the program refuses in files and no API server can: it sees the other objects, the files that are named,
// and what Omni and Talos would make of the content.
var beyond = []struct{ code, path, why string }{
	{"UnknownReference", ``, "the other object may come later"},
	{"MissingControlPlane", ``, "the other object may come later"},
	{"DuplicateCluster", ``, "another object has the name in Omni"},
	{"DuplicateResource", ``, "another object has the name in Omni"},
	{"FileNotFound", ``, "an API server has no files"},
	{"InvalidPath", `\.file$`, "an API server has no files"},
	{"FileOutside", `\.file$`, "an API server has no files"},
	{"EmptyPatch", `\.inline$`, "the content of patches has no schema"},
	{"InvalidContent", `\.inline(\[\d+\])?$`, "the content of patches and manifests has no schema"},
	{"PatchNotMapping", `\.inline`, "the content of patches has no schema"},
	{"PatchMissingKind", `\.inline`, "the content of patches has no schema"},
	{"InvalidDuration", `^spec\.features\.backupConfiguration\.interval$`, "it came without a form, and old objects must stay valid"},
	{"WrongType", `^spec\.autoProvision\.providerData$`, "no rule can look into a value of any type"},
	{"ReservedName", `^metadata\.name$`, "Omni's name for the control planes, also when it is the object's"},
	{"MissingField", `patches\[\d+\]$`, "an inline patch has no name for its resource in Omni"},
}

// serverOnly is what the program lets pass: limits without which the API server would not take the rules, as they could cost
// too much.
var serverOnly = []struct{ field, says string }{
	{`^spec\.serviceAccount\.groups\[\d+\]$`, "may not be more than 256 bytes"},
	{`^spec\.serviceAccount\.groups$`, "must have at most 64 items"},
	{`^spec\.(ttl|renewBefore|timeout|syncInterval)$`, "may not be more than 128 bytes"},
	{`^<nil>$`, "some validation rules were not checked"}, // because of those
}

func isServerOnly(got answer) bool {
	for _, one := range got.causes {
		known := false
		for _, only := range serverOnly {
			known = known || regexp.MustCompile(only.field).MatchString(one.Field) && strings.Contains(one.Message, only.says)
		}
		if !known {
			return false
		}
	}
	return len(got.causes) > 0
}

var beyondPaths = func() (compiled []*regexp.Regexp) {
	for _, known := range beyond {
		compiled = append(compiled, regexp.MustCompile(known.path))
	}
	return compiled
}()

func isBeyond(one finding) bool {
	for i, known := range beyond {
		if known.code == one.Code && beyondPaths[i].MatchString(one.Path) {
			return true
		}
	}
	return false
}

// differences compares what the server said with what we say.
func differences(name string, got answer, ours []finding) []string {
	var errors []string
	for _, one := range ours {
		if one.Severity == "error" && !isBeyond(one) {
			errors = append(errors, one.Code+":"+one.Path)
		}
	}
	if got.ok() == (len(errors) == 0) || len(errors) == 0 && isServerOnly(got) {
		return nil
	}
	return []string{fmt.Sprintf("%s\n  server: %s\n  ours: %s", name, got.message, strings.Join(errors, " "))}
}

func validateFile(program, path string) ([]finding, error) {
	output, err := exec.Command(program, "validate", "-o", "json", path).Output()
	var ended *exec.ExitError
	if err != nil && !(errors.As(err, &ended) && ended.ExitCode() == 1) {
		return nil, fmt.Errorf("%s validate %s: %w", program, path, err)
	}
	var found []finding
	if err = json.Unmarshal(output, &found); err != nil {
		return nil, err
	}
	for _, one := range found {
		if one.Code == "TooManyFaults" {
			return nil, fmt.Errorf("%s: too many faults at a time", path)
		}
	}
	return found, nil
}

// How many manifests are in one file: their faults are fewer than are listed.
const together = 50

// validate asks about each document by itself: each is in a namespace of its own.
func validate(program string, documents []map[string]interface{}) ([][]finding, error) {
	dir, err := os.MkdirTemp("", "validate-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	all := make([][]finding, len(documents))
	for first := 0; first < len(documents); first += together {
		some := documents[first:min(first+together, len(documents))]
		var text bytes.Buffer
		for i, document := range some {
			line, err := apart(document, first+i)
			if err != nil {
				return nil, err
			}
			fmt.Fprintf(&text, "---\n%s\n", line)
		}
		path := filepath.Join(dir, fmt.Sprintf("%d.yaml", first))
		if err := os.WriteFile(path, text.Bytes(), 0o600); err != nil {
			return nil, err
		}
		found, err := validateFile(program, path)
		if err != nil {
			return nil, err
		}
		for _, one := range found {
			if one.Line < 2 {
				return nil, fmt.Errorf("%s about the whole: %s", one.Code, one.Message)
			}
			i := first + one.Line/2 - 1 // a line with "---" stands before each
			all[i] = append(all[i], one)
		}
	}
	return all, nil
}

func apart(document map[string]interface{}, number int) ([]byte, error) {
	text, err := json.Marshal(document)
	if err != nil {
		return nil, err
	}
	var copied map[string]interface{}
	if err = json.Unmarshal(text, &copied); err != nil {
		return nil, err
	}
	if metadata, ok := copied["metadata"].(map[string]interface{}); ok {
		metadata["namespace"] = fmt.Sprintf("n%d", number)
	}
	return json.Marshal(copied)
}
