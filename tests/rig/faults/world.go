package main

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// world is what Git says, and what is expected of Omni because of that.
type world struct {
	dir      string // the repository
	clusters map[string]*cluster
	classes  map[string]int
	kept     map[string]string // out of Git and nobody approved it: it stays as it was last
	leaving  map[string]bool   // out of Git and to be approved
}

type cluster struct {
	workers, extra, patch int
	kubernetes            int
}

var clusterNames = []string{"ash", "birch", "cedar", "elm", "fir", "hazel", "larch", "oak"}
var kubernetesVersions = []string{"v1.35.1", "v1.35.5"}
var classNames = []string{"large", "small", "storage"}

func newWorld(dir string) (*world, error) {
	w := &world{dir: dir, clusters: map[string]*cluster{}, classes: map[string]int{"any": 1}, kept: map[string]string{}, leaving: map[string]bool{}}
	if err := run("git", "init", "-q", "-b", "main", dir); err != nil {
		return nil, err
	}
	for _, name := range clusterNames[:5] {
		w.clusters[name] = &cluster{workers: 2}
	}
	return w, w.commit()
}

func run(command string, arguments ...string) error {
	if out, err := exec.Command(command, arguments...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", command, err, out)
	}
	return nil
}

// mutate changes some things, each at most once, and gives what it did.
func (w *world) mutate(c *chance) []string {
	var done []string
	names := slices.Clone(clusterNames)
	c.mu.Lock()
	c.rnd.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	c.mu.Unlock()
	for _, name := range names[:c.below(4)+1] {
		done = append(done, w.change(c, name)+" "+name)
	}
	if c.in(2) {
		name := pick(c, classNames)
		if w.classes[name] > 0 && c.in(3) {
			delete(w.classes, name)
			done = append(done, "removed class "+name)
		} else {
			w.classes[name] = c.below(1000) + 1
			done = append(done, "changed class "+name)
		}
	}
	return done
}

func (w *world) change(c *chance, name string) string {
	it, there := w.clusters[name], w.clusters[name] != nil
	_, kept := w.kept[name]
	switch {
	case kept && c.in(2):
		delete(w.kept, name)
		w.leaving[name] = true
		return "will approve"
	case kept:
		delete(w.kept, name)
		w.clusters[name] = &cluster{workers: c.below(9) + 1}
		return "brought back"
	case !there:
		w.clusters[name] = &cluster{workers: c.below(9) + 1, extra: c.below(3), patch: c.below(3)}
		return "created"
	case c.in(4):
		delete(w.clusters, name)
		w.leaving[name] = true
		return "removed"
	case c.in(6):
		w.kept[name] = w.manifest(name)
		delete(w.clusters, name)
		return "removed without approval"
	case c.in(3):
		it.extra = (it.extra + 1 + c.below(2)) % 3
		return "another worker set of"
	case c.in(2):
		it.patch = (it.patch + 1 + c.below(2)) % 3
		return "another patch of"
	case c.in(3):
		it.kubernetes = (it.kubernetes + 1) % len(kubernetesVersions)
		return "another Kubernetes for"
	}
	it.workers = it.workers%9 + c.below(5) + 1
	return "scaled"
}

// commit writes everything.
func (w *world) commit() error {
	files := map[string]string{}
	for name := range w.clusters {
		files[name] = w.manifest(name)
	}
	if err := w.write(w.dir, files); err != nil {
		return err
	}
	if err := run("git", "-C", w.dir, "add", "-A"); err != nil {
		return err
	}
	return run("git", "-C", w.dir, "commit", "-q", "--allow-empty", "-m", "change")
}

func (w *world) write(dir string, files map[string]string) error {
	old, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	for i := 0; i < len(old) && err == nil; i++ {
		err = os.Remove(old[i])
	}
	for name, text := range files {
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name+".yaml"), []byte(text), 0o600)
		}
	}
	if err != nil {
		return err
	}
	text := ""
	for _, name := range slices.Sorted(maps.Keys(w.classes)) {
		text += fmt.Sprintf(classForm, name, w.classes[name])
	}
	return os.WriteFile(filepath.Join(dir, "classes.yaml"), []byte(text), 0o600)
}

const classForm = `---
apiVersion: omni.texashpc.com/v1alpha1
kind: OmniMachineClass
metadata: {name: %s, namespace: omni}
spec:
  connectionRef: {name: main}
  matchLabels: ["omni.sidero.dev/cores >= %d"]
`

const workersForm = `---
apiVersion: omni.texashpc.com/v1alpha1
kind: OmniWorkers
metadata: {name: %[1]s-%[2]s, namespace: omni}
spec:
  clusterRef: {name: %[1]s}
  workerSetName: %[2]s
  machineClass: {name: any, size: %[3]d}
`

func (w *world) manifest(name string) string {
	c := w.clusters[name]
	text := fmt.Sprintf(`apiVersion: omni.texashpc.com/v1alpha1
kind: OmniCluster
metadata: {name: %s, namespace: omni}
spec:
  connectionRef: {name: main}
  kubernetes: {version: %s}
  talos: {version: v1.13.3}
`, name, kubernetesVersions[c.kubernetes])
	if c.patch > 0 {
		text += fmt.Sprintf("  patches:\n    - name: settings\n      inline: {machine: {sysctls: {net.core.somaxconn: \"%d\"}}}\n", c.patch*1024)
	}
	text += fmt.Sprintf(`---
apiVersion: omni.texashpc.com/v1alpha1
kind: OmniControlPlane
metadata: {name: %[1]s, namespace: omni}
spec:
  clusterRef: {name: %[1]s}
  machineClass: {name: any, size: 3}
`, name)
	text += fmt.Sprintf(workersForm, name, "workers", c.workers)
	if c.extra > 0 {
		text += fmt.Sprintf(workersForm, name, "extra", c.extra)
	}
	return text
}

// expected writes the tree that Omni shall be equal to.
func (w *world) expected(dir string) error {
	files := maps.Clone(w.kept)
	for name := range w.clusters {
		files[name] = w.manifest(name)
	}
	return w.write(dir, files)
}
