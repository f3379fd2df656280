// Package fleet makes clusters by chance, as omnictl's templates, and changes them step by step: everything that a template
// of Omni 1.9 can say, and nothing that its server refuses.
package fleet

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// holder is what every document of a template can carry.
type holder struct {
	labels, annotations  map[string]string
	patches              []*patch
	extensions, kernel   []string
	hasExtensions, hasKA bool
}

type cluster struct {
	holder
	name, kubernetes, talos string
	encrypted, proxy        bool
	backup                  string
	manifests               []*patch
	checks                  []*check
	control                 *set
	workers                 []*set
	made                    int // counts names
}

type set struct {
	holder
	name         string // empty: the control plane
	class, size  string // empty: machines
	machines     []*machine
	update, stop map[string]any
	upgrade      map[string]any
	wasStatic    bool // before this step: it takes a class only when its machines are gone
	wasBare      bool // before this step: without patches and extensions
}

type machine struct {
	holder
	id, disk          string
	locked, wasLocked bool
}

// patch is a configuration patch, or a group of manifests.
type patch struct {
	name, override string
	labels         map[string]string
	annotations    map[string]string
	content        any    // what is inline
	file           string // else the text of a file
	path           string
	mode           string
}

type check struct {
	name, override, interval string
	labels                   map[string]string
	job                      any
}

// Fleet is some clusters, and what happened to their machines.
type Fleet struct {
	*rand.Rand
	classes  []string
	clusters []*cluster
	free     []string // machines that may be used
	leaving  []string // machines that may be used from the next step on
}

// New makes a fleet of this many clusters with these machine classes; "made…" are those that make machines.
func New(seed uint64, count int, classes []string) *Fleet {
	f := &Fleet{Rand: rand.New(rand.NewPCG(seed, 1)), classes: classes}
	for i := range count {
		f.clusters = append(f.clusters, f.cluster(fmt.Sprintf("c%02d", i)))
	}
	return f
}

func (f *Fleet) chance(percent int) bool { return f.IntN(100) < percent }

func pick[T any](f *Fleet, list ...T) T { return list[f.IntN(len(list))] }

func (f *Fleet) cluster(name string) *cluster {
	c := &cluster{name: name, talos: pick(f, talosVersions...), encrypted: f.chance(30)}
	c.kubernetes = pick(f, kubernetesFor(c.talos)...)
	c.holder = f.holder(c, true)
	c.proxy = f.chance(40)
	c.backup = pick(f, "", "", "1h", "90m", "12h", "24h")
	for range f.IntN(3) {
		c.manifests = append(c.manifests, f.manifest(c))
	}
	for range f.IntN(2) {
		c.checks = append(c.checks, f.check(c))
	}
	c.control = f.set(c, "")
	for range f.IntN(4) {
		c.workers = append(c.workers, f.set(c, f.setName(c)))
	}
	return c
}

// setName: the first one may go without a name.
func (f *Fleet) setName(c *cluster) string {
	if !slices.ContainsFunc(c.workers, func(s *set) bool { return s.name == "workers" }) && f.chance(50) {
		return "workers"
	}
	c.made++
	return fmt.Sprintf("%s%d", pick(f, "w", "gpu-", "0x"), c.made)
}

func (f *Fleet) set(c *cluster, name string) *set {
	s := &set{name: name}
	if f.chance(50) {
		f.provide(s)
		s.holder = f.holder(c, false)
	} else {
		s.holder = f.holder(c, true)
		for range 1 + f.IntN(3) {
			s.machines = append(s.machines, f.machine(c, name != ""))
		}
	}
	f.strategies(s)
	return s
}

// provide gives a set a class; of machines that have to be made it wants a number.
func (f *Fleet) provide(s *set) {
	s.class = pick(f, f.classes...)
	s.size = f.size(s.class)
}

func (f *Fleet) size(class string) string {
	if !strings.HasPrefix(class, "made") && f.chance(15) {
		return pick(f, "unlimited", "infinity", "∞")
	}
	return fmt.Sprint(f.IntN(6))
}

func (f *Fleet) strategies(s *set) {
	s.update, s.stop, s.upgrade = nil, nil, nil
	if s.name != "" && f.chance(40) {
		s.update = f.strategy()
	}
	if s.name != "" && f.chance(30) {
		s.stop = f.strategy()
	}
	if f.chance(30) {
		s.upgrade = f.strategy()
	}
}

func (f *Fleet) strategy() map[string]any {
	m := map[string]any{}
	if f.chance(50) {
		m["type"] = pick(f, "Rolling", "Unset")
	}
	if f.chance(70) {
		rolling := map[string]any{}
		if f.chance(80) {
			rolling["maxParallelism"] = 1 + f.IntN(5)
		}
		m["rolling"] = rolling
	}
	return m
}

func (f *Fleet) machine(c *cluster, mayLock bool) *machine {
	m := &machine{locked: mayLock && f.chance(15)}
	if len(f.free) > 0 && f.chance(70) {
		m.id, f.free = f.free[0], f.free[1:]
	} else {
		m.id = fmt.Sprintf("%08x-0000-4000-8000-%012x", f.Uint32(), f.Uint64()&0xffffffffffff)
	}
	if f.chance(50) {
		m.holder = f.holder(c, true)
	}
	if f.chance(40) {
		m.disk = pick(f, "/dev/vda", "/dev/disk/by-id/x:y")
	}
	return m
}

func (f *Fleet) holder(c *cluster, mayBoot bool) holder {
	h := holder{labels: f.texts(), annotations: f.texts()}
	for range f.IntN(3) {
		h.patches = append(h.patches, f.patch(c))
	}
	f.extend(&h)
	if mayBoot {
		f.boot(&h)
	}
	return h
}

func (f *Fleet) extend(h *holder) {
	h.extensions, h.hasExtensions = nil, f.chance(35)
	for _, name := range []string{"siderolabs/util-linux-tools", "siderolabs/iscsi-tools", "siderolabs/qemu-guest-agent"} {
		if f.chance(40) {
			h.extensions = append(h.extensions, name)
		}
	}
}

func (f *Fleet) boot(h *holder) {
	h.kernel, h.hasKA = nil, f.chance(30)
	for range f.IntN(3) {
		h.kernel = append(h.kernel, pick(f, "console=ttyS0", "talos.dashboard.disabled=1", "a b", "true", "1"))
	}
}

// texts makes labels or annotations.
func (f *Fleet) texts() map[string]string {
	m := map[string]string{}
	for range max(0, f.IntN(6)-2) {
		m[pick(f, "env", "team", "a.b/c", "rack", "x-y_z", "é", "yes", "1")] =
			pick(f, "", "prod", "1", "true", "yes", "null", "a b", "é: x # y", "07", "1.0", `"q"`, "{}", "- x", "~", " space ", "2026-01-01")
	}
	return m
}
