package main

import (
	"fmt"
	"strings"
)

// Templates as people write them for omnictl, with the files beside them, and small faults in them.

// template is a stream of documents with the files that they name.
type template struct {
	documents []ordered
	files     map[string]string
	r         random
}

func (t *template) text() string {
	texts := make([]string, 0, len(t.documents))
	for _, d := range t.documents {
		texts = append(texts, document(t.r, d))
	}

	return strings.Join(texts, "---\n")
}

func (t *template) write(task *task, dir string) string {
	for name, text := range t.files {
		task.write(dir+"/"+name, text)
	}

	path := dir + "/template.yaml"
	task.write(path, t.text())

	return path
}

// free makes content for fields that take anything.
func free(r random) ordered {
	return r.mapping(3, 5, true)
}

func textMap(r random) ordered {
	var m ordered

	used := map[string]bool{}

	for range r.IntN(5) {
		if k := pick(r, words("net.core.somaxconn a b a10 a2 A kernel.pid_max x/y é 1 yes")); !used[k] {
			used[k] = true

			m = append(m, pair{k, r.text()})
		}
	}

	return m
}

func machineConfig(r random) ordered {
	var machine, cluster ordered

	for _, what := range words("sysctls files kubelet env network nodeLabels kernel time") {
		if !r.chance(25) {
			continue
		}

		switch what {
		case "sysctls", "env", "nodeLabels":
			machine = append(machine, pair{what, textMap(r)})
		case "files":
			machine = append(machine, pair{what, []any{ordered{
				{"content", r.text()}, {"path", "/var/etc/x"}, {"op", "create"}, {"permissions", plain(pick(r, words("0o644 0644 420")))},
			}}})
		case "kubelet":
			machine = append(machine, pair{what, ordered{
				{"extraConfig", free(r)},
				{"defaultRuntimeSeccompProfileEnabled", plain(pick(r, words("true false yes no on")))},
			}})
		case "network":
			machine = append(machine, pair{what, ordered{{"nameservers", []any{"1.1.1.1", "8.8.8.8"}}, {"interfaces", []any{
				ordered{{"interface", "eth0"}, {"dhcp", true}, {"mtu", plain(pick(r, words("1500 0x5dc 9_000")))}},
			}}}})
		case "kernel":
			machine = append(machine, pair{what, ordered{{"modules", []any{ordered{{"name", "br_netfilter"}, {"parameters", []any{r.text()}}}}}}})
		case "time":
			machine = append(machine, pair{what, ordered{{"servers", []any{"time.example.com"}}, {"bootTimeout", "2m0s"}}})
		}
	}

	if r.chance(40) {
		cluster = append(cluster, pair{"network", ordered{{"cni", ordered{{"name", "none"}}}, {"podSubnets", []any{"10.244.0.0/16"}}}})
	}

	if r.chance(20) {
		cluster = append(cluster, pair{"proxy", ordered{{"disabled", true}}})
	}

	if r.chance(20) {
		cluster = append(cluster, pair{"apiServer", ordered{{"admissionControl", []any{ordered{
			{"name", "PodSecurity"}, {"configuration", free(r)},
		}}}}})
	}

	config := ordered{{"machine", machine}}
	if len(machine) == 0 {
		config = ordered{{"machine", ordered{{"env", ordered{{"A", "b"}}}}}}
	}

	if len(cluster) > 0 {
		config = append(config, pair{"cluster", cluster})
	}

	return config
}

func hostnameConfig(r random) ordered {
	return ordered{{"apiVersion", "v1alpha1"}, {"kind", "HostnameConfig"}, {"hostname", pick(r, words("node worker-1"))}}
}

func kernelModules(r random) ordered {
	return ordered{{"apiVersion", "v1alpha1"}, {"kind", "ExtensionServiceConfig"}, {"name", "x"}, {"environment", []any{"A=" + r.word()}}}
}

// content makes what may stand below `inline`.
func content(r random) any {
	switch r.IntN(10) {
	case 0, 1:
		return document(r, machineConfig(r))
	case 2:
		return document(r, machineConfig(r)) + "---\n" + document(r, hostnameConfig(r))
	case 3:
		return []any{machineConfig(r), hostnameConfig(r), kernelModules(r)}
	case 4:
		return hostnameConfig(r)
	default:
		return machineConfig(r)
	}
}

func descriptors(r random, m ordered) ordered {
	for _, key := range words("labels annotations") {
		if r.chance(20) {
			m = append(m, pair{key, labels(r)})
		}
	}

	return m
}

func (t *template) file(text string) string {
	name := fmt.Sprintf("%sfile-%d.yaml", pick(t.r, []string{"", "patches/", "./", "a/../"}), len(t.files))
	t.files[strings.TrimPrefix(strings.TrimPrefix(name, "./"), "a/../")] = text

	return name
}

func (t *template) patches() []any {
	r := t.r
	list := []any{}

	for i := range r.IntN(4) {
		p := ordered{}
		name := fmt.Sprintf("%s%d", pick(r, words("p x-y yes 0 a/b é")), i)

		switch r.IntN(4) {
		case 0:
			text := document(r, machineConfig(r))
			if r.chance(30) {
				text += "---\n" + document(r, hostnameConfig(r))
			}

			if r.chance(50) {
				p = append(p, pair{"name", name})
			}

			p = append(p, pair{"file", t.file(text)})
		default:
			if r.chance(80) {
				p = append(p, pair{"name", name})
			} else {
				p = append(p, pair{"idOverride", fmt.Sprintf("id-%s-%d", name, r.IntN(1<<20))})
			}

			p = append(p, pair{"inline", content(r)})
		}

		list = append(list, descriptors(r, p))
	}

	return list
}

func optionalList(r random, m ordered, key string, from ...string) ordered {
	if !r.chance(25) {
		return m
	}

	list := []any{}
	for range r.IntN(3) {
		list = append(list, pick(r, from))
	}

	return append(m, pair{key, list})
}

func (t *template) common(m ordered, isMachineClass bool) ordered {
	r := t.r
	m = descriptors(r, m)

	if r.chance(50) {
		m = append(m, pair{"patches", t.patches()})
	}

	m = optionalList(r, m, "systemExtensions", "siderolabs/iscsi-tools", "siderolabs/x", "1.5", "yes")
	if !isMachineClass {
		m = optionalList(r, m, "kernelArgs", "console=ttyS0", "a b", "true", "1")
	}

	return m
}

func (t *template) healthchecks() []any {
	r := t.r
	job := ordered{
		{"apiVersion", "batch/v1"}, {"kind", "Job"}, {"metadata", ordered{{"name", "x"}}},
		{"spec", ordered{{"template", ordered{{"spec", ordered{
			{"restartPolicy", "Never"},
			{"containers", []any{ordered{{"name", "check"}, {"image", "alpine"}, {"command", []any{"true", r.text()}}}}},
		}}}}}},
	}

	h := ordered{{"name", "ready"}}
	if r.chance(30) {
		h = append(h, pair{"idOverride", "hc-" + r.word()})
	}

	switch r.IntN(3) {
	case 0:
		h = append(h, pair{"file", t.file(document(r, job))})
	case 1:
		h = append(h, pair{"job", document(r, job)})
	default:
		h = append(h, pair{"job", job})
	}

	if r.chance(40) {
		h = append(h, pair{"interval", pick(r, words("30s 1m30s 0s 1h 1.5s"))})
	}

	return []any{descriptors(r, h)}
}

func (t *template) manifests() []any {
	list := []any{}

	for i, m := range manifestsOf(t.r, true) {
		m := m.(ordered) //nolint:forcetypeassert
		if len(m) < 3 {  // here, the mode has no default
			m = append(m, pair{"mode", "full"})
		}

		if t.r.chance(20) {
			text := document(t.r, ordered{{"apiVersion", "v1"}, {"kind", "ConfigMap"}, {"data", textMap(t.r)}})
			m = ordered{{"name", fmt.Sprintf("f%d", i)}, {"mode", "one-time"}, {"file", t.file(text)}}
		}

		list = append(list, descriptors(t.r, m))
	}

	return list
}

// machineSet makes a set's document and those of its machines.
func (t *template) machineSet(m ordered) {
	r := t.r
	isClass := r.chance(30)

	var machines []any

	if isClass {
		m = append(m, pair{"machineClass", machineClass(r)})
	} else {
		for range 1 + r.IntN(3) {
			machines = append(machines, uuid(r))
		}

		m = append(m, pair{"machines", machines})
	}

	isControl := m[0].value == "ControlPlane"

	keys := "updateStrategy deleteStrategy upgradeStrategy"
	if isControl {
		keys = "upgradeStrategy"
	}

	for _, key := range words(keys) {
		if r.chance(25) {
			m = append(m, pair{key, strategy(r)})
		}
	}

	if isControl && r.chance(10) {
		m = append(m, pair{"bootstrapSpec", ordered{{"clusterUUID", uuid(r)}, {"snapshot", "x.snapshot"}}})
	}

	t.documents = append(t.documents, t.common(m, isClass))

	for _, id := range machines {
		if !r.chance(50) {
			continue
		}

		d := ordered{{"kind", "Machine"}, {"name", id}}
		if !isControl && r.chance(20) {
			d = append(d, pair{"locked", true})
		}

		if r.chance(30) {
			d = append(d, pair{"install", ordered{{"disk", pick(r, words("/dev/vda /dev/disk/by-id/x:y yes 1"))}}})
		}

		t.documents = append(t.documents, t.common(d, false))
	}
}

func newTemplate(r random, name string) *template {
	t := &template{files: map[string]string{}, r: r}
	k8s := ordered{{"version", pick(r, words("v1.34.3 1.34.3 v1.33.0"))}}

	if r.chance(40) {
		k8s = append(k8s, pair{"manifests", t.manifests()})
	}

	if r.chance(20) {
		k8s = append(k8s, pair{"healthchecks", t.healthchecks()})
	}

	c := ordered{{"kind", "Cluster"}, {"name", name}, {"kubernetes", k8s}, {"talos", ordered{{"version", "v1.13.2"}}}}

	if r.chance(40) {
		f := ordered{}
		for _, key := range words("enableWorkloadProxy useEmbeddedDiscoveryService diskEncryption") {
			if r.chance(40) {
				f = append(f, pair{key, plain(pick(r, words("true false yes off")))})
			}
		}

		if r.chance(40) {
			f = append(f, pair{"backupConfiguration", ordered{{"interval", pick(r, words("1h 30m 1h30m 0s 24h 1.5h 90s"))}}})
		}

		c = append(c, pair{"features", f})
	}

	t.documents = append(t.documents, t.common(c, true))
	t.machineSet(ordered{{"kind", "ControlPlane"}})

	for i := range r.IntN(4) {
		m := ordered{{"kind", "Workers"}}
		if i > 0 || r.chance(60) {
			m = append(m, pair{"name", fmt.Sprintf("w%d", i)})
		}

		t.machineSet(m)
	}

	if r.chance(30) {
		r.Shuffle(len(t.documents), func(i, j int) { t.documents[i], t.documents[j] = t.documents[j], t.documents[i] })
	}

	return t
}

// --- faults -----------------------------------------------------------------------------------------------------------

// spot is a place in a tree that can be changed.
type spot struct {
	get    func() any
	set    func(any)
	remove func()
	rename func(string)
	double func()
	key    string
}

func spotsOf(value any, set func(any), into []spot) []spot {
	switch v := value.(type) {
	case ordered:
		for i := range v {
			into = append(into, spot{
				get:    func() any { return v[i].value },
				set:    func(x any) { v[i].value = x },
				remove: func() { set(append(append(ordered{}, v[:i]...), v[i+1:]...)) },
				rename: func(name string) { v[i].key = name },
				double: func() { set(append(append(ordered{}, v...), copied(ordered{v[i]}).(ordered)...)) },
				key:    fmt.Sprint(v[i].key),
			})
			into = spotsOf(v[i].value, func(x any) { v[i].value = x }, into)
		}
	case []any:
		for i := range v {
			into = append(into, spot{
				get:    func() any { return v[i] },
				set:    func(x any) { v[i] = x },
				remove: func() { set(append(append([]any{}, v[:i]...), v[i+1:]...)) },
				rename: func(string) {},
				double: func() { set(append(append([]any{}, v...), copied(v[i]))) },
				key:    "item",
			})
			into = spotsOf(v[i], func(x any) { v[i] = x }, into)
		}
	}

	return into
}

func copied(value any) any {
	switch v := value.(type) {
	case ordered:
		var m ordered
		for _, p := range v {
			m = append(m, pair{p.key, copied(p.value)})
		}

		return m
	case []any:
		list := []any{}
		for _, item := range v {
			list = append(list, copied(item))
		}

		return list
	}

	return value
}

func (t *template) spots() []spot {
	var spots []spot

	for i := range t.documents {
		spots = spotsOf(t.documents[i], func(x any) { t.documents[i] = x.(ordered) }, spots) //nolint:forcetypeassert
	}

	return spots
}

var knownKeys = words(`kind name labels annotations machines machineClass size bootstrapSpec clusterUUID snapshot updateStrategy upgradeStrategy
	deleteStrategy type rolling maxParallelism patches systemExtensions kernelArgs locked install disk file inline idOverride
	kubernetes talos version manifests healthchecks job interval mode features diskEncryption backupConfiguration enableNodeAuditSkip
	machine cluster apiVersion token ca acceptedCAs omni.sidero.dev/x $patch`)

func strangeValue(r random) any {
	switch r.IntN(16) {
	case 0:
		return plain("null")
	case 1:
		return ""
	case 2:
		return []any{}
	case 3:
		return ordered{}
	case 4:
		return plain(pick(r, words("1 0 -1 1.5 1e3 0x10 4294967295 4294967296 2026-01-01 .inf true yes ~")))
	case 5:
		return pick(r, words("delete Rolling Static ∞ 3 v1.2 v1.2.3 1.2.3 v01.2.3 1h 0 5 abc Cluster Workers ControlPlane Machine full control-planes workers"))
	case 6:
		return []any{r.word(), r.text()}
	case 7:
		return ordered{{r.word(), r.leaf()}}
	case 8:
		return uuid(r)
	case 9:
		return strings.ToUpper(uuid(r))
	case 10:
		return strings.ReplaceAll(uuid(r), "-", "")
	case 11:
		return []any{plain("null"), ordered{}}
	case 12:
		return "a b"
	case 13:
		return content(r)
	default:
		return r.leaf()
	}
}

// mutate makes one small fault, or what looks like one.
func (t *template) mutate() {
	r := t.r

	spots := t.spots()
	if len(spots) == 0 {
		return
	}

	s := pick(r, spots)
	// what is free-form holds most of the places: prefer the others
	for range 6 {
		if known(s.key) {
			break
		}

		s = pick(r, spots)
	}

	switch r.IntN(11) {
	case 0, 1:
		s.remove()
	case 2:
		if len(s.key) > 2 {
			s.rename(s.key[:len(s.key)-1])
		}
	case 3:
		s.rename(pick(r, knownKeys))
	case 4:
		s.double()
	case 5:
		i := r.IntN(len(t.documents))
		if r.chance(50) {
			t.documents = append(t.documents, copied(t.documents[i]).(ordered)) //nolint:forcetypeassert
		} else if len(t.documents) > 1 {
			t.documents = append(t.documents[:i:i], t.documents[i+1:]...)
		}
	case 6:
		other := pick(r, spots)
		s.set(copied(other.get()))
	case 7:
		if m, ok := s.get().(ordered); ok {
			s.set(append(append(ordered{}, m...), pair{pick(r, knownKeys), strangeValue(r)}))
		}
	default:
		s.set(strangeValue(r))
	}
}

func known(key string) bool {
	for _, k := range knownKeys {
		if k == key {
			return true
		}
	}

	return false
}
