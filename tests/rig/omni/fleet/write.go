package fleet

import (
	"os"
	"path/filepath"
	"strings"
)

// Write puts one template per cluster into the folder, and the files that they name below it.
func (f *Fleet) Write(dir string) error {
	w := writer{dir: dir}
	for _, c := range f.clusters {
		documents := w.documents(c)
		w.file(c.name+".yaml", textOf(documents...))
	}
	return w.err
}

type writer struct {
	dir string
	err error
}

func (w *writer) file(name, text string) {
	path := filepath.Join(w.dir, name)
	if w.err == nil {
		w.err = os.MkdirAll(filepath.Dir(path), 0o755)
	}
	if w.err == nil {
		w.err = os.WriteFile(path, []byte(text), 0o644)
	}
}

func (w *writer) documents(c *cluster) []any {
	kubernetes := object{"version": c.kubernetes}
	put(kubernetes, "manifests", w.patches(c.manifests))
	put(kubernetes, "healthchecks", checks(c.checks))
	features := object{}
	put(features, "diskEncryption", c.encrypted)
	put(features, "enableWorkloadProxy", c.proxy)
	if c.backup != "" {
		features["backupConfiguration"] = object{"interval": c.backup}
	}
	document := object{"kind": "Cluster", "name": c.name, "kubernetes": kubernetes, "talos": object{"version": c.talos}}
	put(document, "features", features)
	documents := []any{w.hold(document, &c.holder)}
	for _, s := range c.sets() {
		if s.class != "" { // does not go with arguments for the whole cluster
			delete(document, "kernelArgs")
		}
		documents = append(documents, w.set(s)...)
	}
	return documents
}

// put leaves out what is empty.
func put(o object, key string, value any) {
	switch v := value.(type) {
	case bool:
		if !v {
			return
		}
	case string:
		if v == "" {
			return
		}
	case object:
		if len(v) == 0 {
			return
		}
	case map[string]string:
		if len(v) == 0 {
			return
		}
	case []any:
		if len(v) == 0 {
			return
		}
	}
	o[key] = value
}

func (w *writer) hold(o object, h *holder) object {
	put(o, "labels", h.labels)
	put(o, "annotations", h.annotations)
	put(o, "patches", w.patches(h.patches))
	if h.hasExtensions {
		o["systemExtensions"] = append([]string{}, h.extensions...)
	}
	if h.hasKA {
		o["kernelArgs"] = append([]string{}, h.kernel...)
	}
	return o
}

func (w *writer) patches(list []*patch) []any {
	var out []any
	for _, p := range list {
		o := object{}
		put(o, "name", p.name)
		put(o, "idOverride", p.override)
		put(o, "mode", p.mode)
		put(o, "labels", p.labels)
		put(o, "annotations", p.annotations)
		if p.file != "" {
			o["file"] = p.path
			w.file(p.path, p.file)
		} else {
			o["inline"] = p.content
		}
		out = append(out, o)
	}
	return out
}

func checks(list []*check) []any {
	var out []any
	for _, h := range list {
		o := object{"name": h.name, "job": h.job}
		put(o, "idOverride", h.override)
		put(o, "interval", h.interval)
		put(o, "labels", h.labels)
		out = append(out, o)
	}
	return out
}

func (w *writer) set(s *set) []any {
	o := object{"kind": "ControlPlane"}
	if s.name != "" {
		o["kind"] = "Workers"
	}
	if s.name != "workers" { // that is the name of one without
		put(o, "name", s.name)
	}
	if s.class != "" {
		o["machineClass"] = object{"name": s.class, "size": s.size}
	}
	for key, strategy := range map[string]object{"updateStrategy": s.update, "deleteStrategy": s.stop, "upgradeStrategy": s.upgrade} {
		if strategy != nil {
			o[key] = strategy
		}
	}
	documents := []any{w.hold(o, &s.holder)}
	var ids []any
	for _, m := range s.machines {
		ids = append(ids, m.id)
		d := w.hold(object{"kind": "Machine", "name": m.id}, &m.holder)
		put(d, "locked", m.locked)
		if m.disk != "" {
			d["install"] = object{"disk": m.disk}
		}
		if len(d) > 2 || strings.HasPrefix(m.id, "0") { // one that says nothing, too
			documents = append(documents, d)
		}
	}
	put(o, "machines", ids)
	return documents
}
