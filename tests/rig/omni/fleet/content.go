package fleet

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"
)

var talosVersions = []string{"v1.12.4", "v1.12.8", "v1.13.3", "v1.13.5"}

// kubernetesFor lists what runs with this Talos, oldest first.
func kubernetesFor(talos string) []string {
	list := []string{"v1.34.3", "1.34.6", "v1.35.1", "v1.35.5"}
	if strings.HasPrefix(talos, "v1.13") {
		list = append(list, "v1.36.1")
	}
	return list
}

type object = map[string]any

func textOf(documents ...any) string {
	texts := make([]string, 0, len(documents))
	for _, d := range documents {
		text, err := yaml.Marshal(d)
		if err != nil {
			panic(err)
		}
		texts = append(texts, string(text))
	}
	return strings.Join(texts, "---\n")
}

func (f *Fleet) word() string {
	return pick(f, "1", "0x10", "true", "yes", "on", "n", "1:20", "a: b", "# x", "1e3", "~", "", " x", "x ", "- x", "<<", "=", "é", "'q'", "2026-01-01",
		"many words in a row that make a line which is longer than eighty characters, so that some writers of YAML fold it here or there",
		"one line\nand another\n", "no end\nof line", "\n\nbreaks first", "a\ttab", "trailing \nspace")
}

func (f *Fleet) sysctls() object {
	m := object{}
	for range 1 + f.IntN(3) {
		m[pick(f, "net.core.somaxconn", "vm.max_map_count", "kernel.pid_max", "a10", "a2")] = pick(f, "1", "262144", "yes", "0")
	}
	return m
}

// config makes a configuration of Talos 1.12 and newer.
func (f *Fleet) config() object {
	switch f.IntN(8) {
	case 0:
		return object{"machine": object{"sysctls": f.sysctls()}}
	case 1:
		return object{"machine": object{"kubelet": object{"extraArgs": object{"rotate-server-certificates": "true", "v": f.word()},
			"extraConfig": object{"maxPods": 100 + f.IntN(200), "serverTLSBootstrap": true, "x": f.word(), "huge": 1048576, "share": 0.25}}}}
	case 2:
		return object{"machine": object{"files": []any{object{"content": f.word() + "x", "path": "/var/etc/" + pick(f, "a", "b"), "op": "create", "permissions": 0o644}}}}
	case 3:
		return object{"cluster": object{"network": object{"cni": object{"name": "none"}, "podSubnets": []any{"10.244.0.0/16"}}, "proxy": object{"disabled": f.chance(50)}}}
	case 4:
		return object{"machine": object{"env": object{"GRPC_GO_LOG_VERBOSITY_LEVEL": "99", "https_proxy": f.word()}}}
	case 5:
		return object{"machine": object{"nodeLabels": object{"a/b": "c", "d": pick(f, "yes", "1", "x")}, "time": object{"servers": []any{"time.example.com"}, "bootTimeout": "2m0s"}}}
	case 6:
		return object{"cluster": object{"apiServer": object{"certSANs": []any{"a.example.com"}, "admissionControl": []any{
			object{"name": "PodSecurity", "configuration": object{"x": f.word(), "list": []any{1, "2", f.word(), nil, true}}}}}}}
	default: // enough to be compressed
		var lines strings.Builder
		for i := range 60 {
			fmt.Fprintf(&lines, "# %d %s line %d\n", f.IntN(1000), "of a long", i)
		}
		return object{"machine": object{"files": []any{object{"content": lines.String(), "path": "/var/etc/long", "op": "create"}}}}
	}
}

func (f *Fleet) further() object {
	if f.chance(50) {
		return object{"apiVersion": "v1alpha1", "kind": "HostnameConfig", "hostname": pick(f, "node-1", "node-2")}
	}
	return object{"apiVersion": "v1alpha1", "kind": "ExtensionServiceConfig", "name": "x", "environment": []any{"A=" + pick(f, "1", "b", "yes")}}
}

// fill gives a patch or a group another content: a mapping, a list, a text, or a file.
func (f *Fleet) fill(c *cluster, p *patch, one, more func() object) {
	p.content, p.file = nil, ""
	switch form := f.IntN(6); {
	case form < 2:
		p.content = one()
	case form == 2:
		p.content = []any{one(), more()}
	case form == 3:
		p.content = "# as it is\n" + textOf(one())
	case form == 4:
		p.content = textOf(one(), more())
	default:
		p.file = "# a file\n" + textOf(one())
		if p.path == "" {
			c.made++
			p.path = fmt.Sprintf("files/%s-%d.txt", c.name, c.made)
		}
	}
}

func (f *Fleet) patch(c *cluster) *patch {
	c.made++
	p := &patch{labels: f.texts(), annotations: f.texts()}
	switch {
	case f.chance(80):
		p.name = fmt.Sprintf("%s%d", pick(f, "p", "x y ", "a/b", "é", "yes"), c.made)
	default:
		p.override = fmt.Sprintf("%d-own-%s-%d", 100+f.IntN(900), c.name, c.made)
	}
	f.refill(c, p)
	return p
}

func (f *Fleet) refill(c *cluster, p *patch) {
	if p.mode == "" {
		f.fill(c, p, f.config, f.further)
	} else {
		f.fill(c, p, f.thing, f.thing)
	}
}

func (f *Fleet) manifest(c *cluster) *patch {
	c.made++
	p := &patch{name: fmt.Sprintf("m%d", c.made), labels: f.texts(), annotations: f.texts(), mode: pick(f, "full", "one-time")}
	f.refill(c, p)
	return p
}

func (f *Fleet) thing() object {
	data := object{}
	for range 1 + f.IntN(40) {
		data[fmt.Sprintf("%s%d", pick(f, "a", "b.yaml", "A_"), f.IntN(50))] = f.word()
	}
	return object{"apiVersion": "v1", "kind": "ConfigMap", "metadata": object{"name": "x", "namespace": "default"}, "data": data}
}

func (f *Fleet) check(c *cluster) *check {
	c.made++
	h := &check{name: fmt.Sprintf("ready%d", c.made), labels: f.texts()}
	if f.chance(30) {
		h.override = fmt.Sprintf("own-%s-%d", c.name, c.made)
	}
	f.refit(h)
	return h
}

func (f *Fleet) refit(h *check) {
	h.interval = pick(f, "", "30s", "1m30s", "1h")
	job := object{"apiVersion": "batch/v1", "kind": "Job", "metadata": object{"name": "x", "namespace": "default"},
		"spec": object{"template": object{"spec": object{"restartPolicy": "Never",
			"containers": []any{object{"name": "check", "image": "alpine", "command": []any{"true", f.word()}}}}}}}
	h.job = any(job)
	if f.chance(40) {
		h.job = textOf(job)
	}
}
