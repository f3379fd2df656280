package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	yamlv2 "go.yaml.in/yaml/v2"
	"go.yaml.in/yaml/v4"

	"oracle/operator"
)

// One set of custom resources with content that is hard to write: the operator's template bytes against ours.

func patchesOf(r random, count int, tokens bool) []any {
	patches := []any{}

	for i := range count {
		p := ordered{{"name", fmt.Sprintf("%s%d", pick(r, words("p yes- 0 x: é ~")), i)}}

		if r.chance(30) {
			p = append(p, pair{"labels", labels(r)})
		}

		if r.chance(20) {
			p = append(p, pair{"annotations", labels(r)})
		}

		if r.chance(20) {
			p = append(p, pair{"idOverride", fmt.Sprintf("over-%d", r.IntN(1<<30))})
		}

		content := any(ordered{{"machine", r.mapping(4, 6, tokens)}})
		if r.chance(5) { // the text of a patch
			content = "machine:\n  sysctls:\n    a: \"" + pick(r, words("1 2 3")) + "\"\n"
		}

		patches = append(patches, append(p, pair{"inline", content}))
	}

	return patches
}

// undamaged makes a string that the operator's encoder can write.
func undamaged(r random) string {
	for {
		if s := r.text(); !isDamaged(s, true) {
			return s
		}
	}
}

func labels(r random) ordered {
	var m ordered

	used := map[string]bool{}
	for range r.IntN(5) {
		if k := r.word(); !used[k] {
			used[k] = true

			m = append(m, pair{k, pick(r, []string{r.word(), undamaged(r)})})
		}
	}

	return m
}

func manifestsOf(r random, tokens bool) []any {
	list := []any{}

	for i := range r.IntN(3) {
		m := ordered{{"name", fmt.Sprintf("m%d", i)}}
		if r.chance(70) {
			m = append(m, pair{"mode", pick(r, words("full one-time"))})
		}

		items := []any{}
		for range 1 + r.IntN(3) {
			items = append(items, ordered{
				{"apiVersion", "v1"},
				{"kind", "ConfigMap"},
				{"data", r.mapping(4, 6, tokens)},
			})
		}

		list = append(list, append(m, pair{"inline", items}))
	}

	return list
}

func head(kind, name string) ordered {
	return ordered{
		{"apiVersion", "omni.texashpc.com/v1alpha1"},
		{"kind", kind},
		{"metadata", ordered{{"name", name}, {"namespace", "fleet"}}},
	}
}

func uuid(r random) string {
	a, b := r.Uint64(), r.Uint64()

	return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>48&0xfff, b&0xffffffffffff)
}

func common(r random, spec ordered, tokens bool) ordered {
	if r.chance(30) {
		spec = append(spec, pair{"labels", labels(r)})
	}

	if r.chance(20) {
		spec = append(spec, pair{"annotations", labels(r)})
	}

	if r.chance(60) {
		spec = append(spec, pair{"patches", patchesOf(r, r.IntN(3), tokens)})
	}

	if r.chance(30) {
		list := []any{}
		for range r.IntN(3) {
			list = append(list, pick(r, words("siderolabs/iscsi-tools true 1.5 yes siderolabs/x:y")))
		}

		spec = append(spec, pair{"systemExtensions", list})
	}

	return spec
}

func machineClass(r random) ordered {
	size := any(1 + r.IntN(3000000))
	if r.chance(30) {
		size = pick(r, words("unlimited infinity ∞"))
	}

	return ordered{{"name", r.word()}, {"size", size}}
}

func strategy(r random) ordered {
	var m ordered
	if r.chance(60) {
		m = append(m, pair{"type", pick(r, words("Rolling Unset"))})
	}

	if r.chance(60) {
		rolling := ordered{}
		if r.chance(80) {
			rolling = append(rolling, pair{"maxParallelism", 1 + r.IntN(1<<30)})
		}

		m = append(m, pair{"rolling", rolling})
	}

	return m
}

func customResources(r random, name string) []string {
	var documents []ordered

	tokens := r.chance(70)
	spec := ordered{{"connectionRef", ordered{{"name", "main"}}}}
	k8s := ordered{{"version", fmt.Sprintf("v1.%d.%d", 30+r.IntN(6), r.IntN(20))}}

	if r.chance(60) {
		k8s = append(k8s, pair{"manifests", manifestsOf(r, tokens)})
	}

	spec = append(spec, pair{"kubernetes", k8s}, pair{"talos", ordered{{"version", "v1.13.2"}}})

	if r.chance(40) {
		f := ordered{}
		for _, key := range words("enableWorkloadProxy useEmbeddedDiscoveryService diskEncryption") {
			if r.chance(40) {
				f = append(f, pair{key, r.chance(70)})
			}
		}

		if r.chance(40) {
			f = append(f, pair{"backupConfiguration", ordered{{"interval", pick(r, words("1h 30m 1h30m 0 24h"))}}})
		}

		spec = append(spec, pair{"features", f})
	}

	documents = append(documents, append(head("OmniCluster", name), pair{"spec", common(r, spec, tokens)}))

	var machines []string

	for i := range 1 + r.IntN(4) {
		spec := ordered{{"clusterRef", ordered{{"name", name}}}}

		if r.chance(50) {
			list := []any{}

			for range 1 + r.IntN(3) {
				id := uuid(r)
				machines = append(machines, id)
				list = append(list, id)
			}

			spec = append(spec, pair{"machines", list})

			if r.chance(20) {
				spec = append(spec, pair{"kernelArgs", []any{"console=ttyS0", undamaged(r)}})
			}
		} else {
			spec = append(spec, pair{"machineClass", machineClass(r)})
		}

		if i == 0 {
			if r.chance(20) {
				spec = append(spec, pair{"bootstrapSpec", ordered{{"clusterUUID", uuid(r)}, {"snapshot", "a.snapshot"}}})
			}

			documents = append(documents, append(head("OmniControlPlane", name+"-cp"), pair{"spec", common(r, spec, tokens)}))

			continue
		}

		if r.chance(70) {
			spec = append(spec, pair{"workerSetName", fmt.Sprintf("%s%d", pick(r, words("w W 0 yes on x-")), i)})
		}

		for _, key := range words("updateStrategy upgradeStrategy deleteStrategy") {
			if r.chance(30) {
				spec = append(spec, pair{key, strategy(r)})
			}
		}

		documents = append(documents, append(head("OmniWorkers", fmt.Sprintf("%s-w%d", name, i)), pair{"spec", common(r, spec, tokens)}))
	}

	for _, id := range machines {
		if !r.chance(50) {
			continue
		}

		spec := ordered{{"clusterRef", ordered{{"name", name}}}, {"machineID", id}}
		if r.chance(30) {
			spec = append(spec, pair{"install", ordered{{"disk", pick(r, words("/dev/vda /dev/disk/by-id/x:y"))}}})
		}

		documents = append(documents, append(head("OmniMachine", "m-"+id), pair{"spec", common(r, spec, tokens)}))
	}

	var texts []string

	for _, d := range documents {
		texts = append(texts, document(r, d))
	}

	r.Shuffle(len(texts), func(i, j int) { texts[i], texts[j] = texts[j], texts[i] })

	return texts
}

// --- what the operator makes of them, and what is meant to differ -----------------------------------------------------

func renderReference(documents []string, decode operator.Decode) (string, error) {
	fleet := operator.New(decode)

	for _, d := range documents {
		if err := fleet.Add([]byte(d)); err != nil {
			return "", err
		}
	}

	var out string

	err := fleet.Render(func(_ string, template []byte) error {
		out = string(template)

		return nil
	})

	return out, err
}

// meant counts the places where our template differs from the operator's on purpose.
type meant struct{ integers, texts int }

// decodeAsMeant keeps the digits of integers, as the source has them, and quotes texts that the encoder damages.
func (m *meant) decodeAsMeant(documents []string) operator.Decode {
	sources := make([]any, len(documents))

	for i, d := range documents {
		if err := yamlv2.Unmarshal([]byte(d), &sources[i]); err != nil {
			panic(err)
		}
	}

	return func(text json.RawMessage, document int, path ...any) any {
		source := sources[document]

		for _, step := range path {
			switch step := step.(type) {
			case string:
				source = source.(map[any]any)[step] //nolint:forcetypeassert
			case int:
				source = source.([]any)[step] //nolint:forcetypeassert
			}
		}

		var content any
		if json.Unmarshal(text, &content) != nil {
			return string(text)
		}

		_, isItem := path[len(path)-1].(int)

		return m.merge(content, source, isItem)
	}
}

func (m *meant) merge(content, source any, isItem bool) any {
	switch v := content.(type) {
	case map[string]any:
		for key, inner := range source.(map[any]any) { //nolint:forcetypeassert
			name := keyText(key)
			v[name] = m.merge(v[name], inner, v[name] != nil && isItem && !isCollection(v[name]))
		}
	case []any:
		for i := range v {
			v[i] = m.merge(v[i], source.([]any)[i], true) //nolint:forcetypeassert
		}
	case float64:
		switch n := source.(type) {
		case int, int64, uint64:
			if digits := fmt.Sprint(n); strings.TrimLeft(digits, "-") >= "1" && len(digits) > 6 {
				m.integers++
			}

			return n
		}

		if digits, ok := huge[v]; ok {
			m.integers++

			return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: digits}
		}

		return v + 0 //nolint:staticcheck // -0 + 0 is 0
	case string:
		if isDamaged(v, isItem) {
			m.texts++

			return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: v}
		}
	}

	return content
}

// huge has the integers above 64 bits that random.number makes; a Kubernetes client takes them for doubles.
var huge = map[float64]string{18446744073709551616: "18446744073709551616", -1e25: "-10000000000000000000000000"}

func isCollection(content any) bool {
	switch content.(type) {
	case map[string]any, []any:
		return true
	}

	return false
}

// keyText is what a Kubernetes client makes of a key that is no string.
func keyText(key any) string {
	switch k := key.(type) {
	case string:
		return k
	case float64:
		s := strconv.FormatFloat(k, 'g', -1, 32)
		switch s {
		case "+Inf":
			return ".inf"
		case "-Inf":
			return "-.inf"
		case "NaN":
			return ".nan"
		}

		return s
	default:
		return fmt.Sprint(k)
	}
}

// isDamaged: as literal text, nobody reads back what was meant. Breaks in front of text that begins with a space, a tab
// in front, and inside of a list, where Omni's loader writes it down once more, a space in front.
func isDamaged(s string, isItem bool) bool {
	if !strings.Contains(s, "\n") {
		return false
	}

	rest := strings.TrimLeft(s, "\n\r\u0085\u2028\u2029")

	switch {
	case strings.HasPrefix(rest, "\t"):
		return true
	case strings.HasPrefix(rest, " "):
		return len(rest) < len(s) || isItem
	}

	return false
}

// --- comparing --------------------------------------------------------------------------------------------------------

func compareBytes(t *task) {
	const batch = 100

	var total meant

	for first := 0; first < t.count; first += batch {
		last := min(first+batch, t.count)
		dir := t.dir(fmt.Sprintf("b%d", first))
		out := filepath.Join(dir, "out")
		all := make([][]string, 0, batch)

		for i := first; i < last; i++ {
			documents := customResources(newRandom(t.seed, uint64(i)), fmt.Sprintf("c%06d", i))
			all = append(all, documents)
			t.write(filepath.Join(dir, "in", fmt.Sprintf("c%06d.yaml", i)), strings.Join(documents, "---\n"))
		}

		t.run(nil, "render", "--no-schema", "-o", "template", "--root", dir, "--out", out, filepath.Join(dir, "in"))

		for i := first; i < last; i++ {
			compareOne(t, all[i-first], fmt.Sprintf("c%06d", i), filepath.Join(dir, "in"), out, &total)
		}

		os.RemoveAll(dir) //nolint:errcheck
	}

	t.note("%d integers kept their digits, %d texts were saved by quotes", total.integers, total.texts)
}

func compareOne(t *task, documents []string, name, in, out string, total *meant) {
	want, err := renderReference(documents, nil)
	input := filepath.Join(in, name+".yaml")
	got, readErr := os.ReadFile(filepath.Join(out, name+".yaml"))

	if readErr != nil { // a fault somewhere in the batch: ask for this one alone
		var complaint string

		got, complaint, readErr = t.run(nil, "render", "--no-schema", "-o", "template", "--root", in, input)
		if readErr != nil {
			t.disagree(err != nil, name, strings.Join(documents, "---\n"), "reference: %v\nours: %s", err, complaint)

			return
		}
	}

	if err != nil {
		t.disagree(false, name, strings.Join(documents, "---\n"), "reference refuses: %v", err)

		return
	}

	if string(got) == want {
		t.agree()

		return
	}

	var differences meant

	meantText, err := renderReference(documents, differences.decodeAsMeant(documents))
	if err == nil && string(got) == meantText && differences != (meant{}) {
		total.integers += differences.integers
		total.texts += differences.texts
		t.explain("integers keep their digits, texts that cannot be read back are quoted")

		return
	}

	t.disagree(false, name, strings.Join(documents, "---\n"), "%s", firstDifference(meantText, string(got)))
}

func firstDifference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(a), len(b)) {
		left, right := "(end)", "(end)"
		if i < len(a) {
			left = a[i]
		}

		if i < len(b) {
			right = b[i]
		}

		if left != right {
			return fmt.Sprintf("line %d\n  want %q\n  got  %q", i+1, left, right)
		}
	}

	return "no difference"
}
