package main

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"

	"github.com/cosi-project/runtime/pkg/resource"
	omni "github.com/siderolabs/omni/client/pkg/template"
	"go.yaml.in/yaml/v4"
)

// loadReference does what `omnictl cluster template render` does before it prints.
func loadReference(path, dir string) (loaded *omni.Template, resources []resource.Resource, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("panic: %v", fault)
		}
	}()

	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, err
	}

	defer root.Close() //nolint:errcheck

	file, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}

	defer file.Close() //nolint:errcheck

	if loaded, err = omni.Load(file, omni.WithRoot(root)); err != nil {
		return nil, nil, fmt.Errorf("load: %w", err)
	}

	if err = loaded.Validate(); err != nil {
		return nil, nil, fmt.Errorf("validate: %w", err)
	}

	if resources, err = loaded.Translate(); err != nil {
		return nil, nil, fmt.Errorf("translate: %w", err)
	}

	return loaded, resources, nil
}

// finding is a diagnostic of ours.
type finding struct {
	Severity, Code, Path, Message, Object string
}

func (t *task) validate(path, dir string) ([]finding, error) {
	out, complaint, _ := t.run(nil, "validate", "--rules", "1.9", "-o", "json", "--root", dir, path)

	var all, faults []finding

	if err := json.Unmarshal(out, &all); err != nil {
		return nil, fmt.Errorf("%w: %s%s", err, out, complaint)
	}

	for _, f := range all {
		if f.Severity == "error" {
			faults = append(faults, f)
		}
	}

	return faults, nil
}

func compareVerdicts(t *task) {
	t.each(func(i int) {
		r := newRandom(t.seed, uint64(i))
		made := newTemplate(r, fmt.Sprintf("c%d", i))

		if r.chance(85) {
			for range 1 + r.IntN(2) {
				made.mutate()
			}
		}

		name := fmt.Sprintf("v%06d", i)
		dir := t.dir(name)
		path := made.write(t, dir)
		text := made.text()

		if r.chance(5) { // also faults of letters
			text = spoil(r, text)
		} else {
			raw, _ := os.ReadFile(path)
			text = string(raw)
		}

		t.write(path, text)

		_, _, err := loadReference(path, dir)
		faults, broken := t.validate(path, dir)

		t.judge(name, text, err, faults, broken)
		os.RemoveAll(dir) //nolint:errcheck
	})

	t.note("%d accepted by the reference", t.accepted)
}

func spoil(r random, text string) string {
	at := r.IntN(len(text))

	switch r.IntN(3) {
	case 0:
		return text[:at] + text[at+1:]
	case 1:
		return text[:at] + pick(r, pieces) + text[at:]
	default:
		lines := strings.Split(text, "\n")
		at = r.IntN(len(lines))

		return strings.Join(append(lines[:at:at], lines[at+1:]...), "\n")
	}
}

// stricter has what only we refuse, and why.
var stricter = []struct {
	code    string
	message *regexp.Regexp
	reason  string
}{
	{
		"YamlSyntax", regexp.MustCompile(`control character here \(byte 0x7F\)`),
		"YAML allows no DEL outside of escapes; the reference reads it",
	},
}

// laxer has what only the reference refuses, and why we do not.
var laxer = []struct {
	reference *regexp.Regexp
	confirm   func(text string) bool // something in the template that has to be so
	reason    string
}{
	{
		regexp.MustCompile(`error decoding document .* "[^"]*" "[^"]*": not registered`), nil,
		"kinds of Talos documents that we do not know are a warning: a newer Talos may have them",
	},
	{
		regexp.MustCompile(`^load: error in document at line .*(kind field|unknown model kind)`), isNobodys,
		"a stream without any document of a kind of ours is somebody else's file",
	},
	{
		regexp.MustCompile(`^load: error decoding document .*\n? *line \d+: field apiVersion not found in type models`), hasVersion,
		"a document with an apiVersion of its own is somebody else's (Cluster API has a Machine, too)",
	},
	{
		regexp.MustCompile(`go-yaml load error|decode error: `), cannotBeReadBack,
		"the reference's own encoder wrote text that cannot be read back; ours quotes it",
	},
}

var oneOfOurs = regexp.MustCompile(`(?m)^["']?kind["']? *: *["']?(Cluster|ControlPlane|Workers|Machine)\b`)

var versioned = regexp.MustCompile(`(?m)^["']?apiVersion["']? *:`)

func hasVersion(text string) bool {
	return versioned.MatchString(text)
}

func isNobodys(text string) bool {
	return !oneOfOurs.MatchString(text)
}

// cannotBeReadBack: some document is not the same after the library wrote it and read it again.
func cannotBeReadBack(text string) bool {
	decoder := yaml.NewDecoder(strings.NewReader(text))

	for {
		var content, again any
		if decoder.Decode(&content) != nil {
			return false
		}

		written, err := yaml.Marshal(content)
		if err != nil {
			return false
		}

		if yaml.Unmarshal(written, &again) != nil || !reflect.DeepEqual(content, again) {
			return true
		}
	}
}

func (t *task) judge(name, text string, err error, faults []finding, broken error) {
	if err == nil {
		t.mu.Lock()
		t.accepted++
		t.mu.Unlock()
	}

	switch {
	case broken != nil:
		t.disagree(false, name, text, "no verdict of ours: %v", broken)
	case (err == nil) == (len(faults) == 0):
		t.agree()
	case err == nil:
		reasons := map[string]bool{}

		for _, f := range faults {
			reason := ""

			for _, known := range stricter {
				if f.Code == known.code && known.message.MatchString(f.Message) {
					reason = known.reason
				}
			}

			if reason == "" {
				t.disagree(false, name, text, "reference: accepted\nours: %s: %s: %s [%s]", f.Object, f.Path, f.Message, f.Code)

				return
			}

			reasons[reason] = true
		}

		for reason := range reasons {
			t.explain("we refuse: " + reason)

			break
		}
	default:
		for _, known := range laxer {
			if known.reference.MatchString(err.Error()) && (known.confirm == nil || known.confirm(text)) {
				t.explain("we accept: " + known.reason)

				return
			}
		}

		t.disagree(false, name, text, "reference: %v\nours: accepted", err)
	}
}
