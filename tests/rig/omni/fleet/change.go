package fleet

import (
	"fmt"
	"slices"
)

// Step changes every cluster a little, in a way that the server takes in one go.
func (f *Fleet) Step() {
	f.free, f.leaving = append(f.free, f.leaving...), nil
	for _, c := range f.clusters {
		for _, s := range c.sets() {
			s.wasStatic, s.wasBare = len(s.machines) > 0, len(s.patches) == 0 && !s.hasExtensions
			for _, m := range s.machines {
				m.wasLocked = m.locked
			}
		}
		for range 1 + f.IntN(4) {
			changes[f.IntN(len(changes))](f, c)
		}
	}
}

func (c *cluster) sets() []*set { return append([]*set{c.control}, c.workers...) }

// holders that may be changed: a locked machine may not.
func (c *cluster) holders() []*holder {
	list := []*holder{&c.holder}
	for _, s := range c.sets() {
		list = append(list, &s.holder)
		for _, m := range s.machines {
			if !m.locked && !m.wasLocked {
				list = append(list, &m.holder)
			}
		}
	}
	return list
}

var changes = []func(*Fleet, *cluster){
	(*Fleet).addPatch, (*Fleet).addPatch, (*Fleet).removePatch, (*Fleet).editPatch, (*Fleet).editPatch, (*Fleet).swapPatches,
	(*Fleet).describe, (*Fleet).describe, (*Fleet).scale, (*Fleet).scale, (*Fleet).addMachine, (*Fleet).addMachine,
	(*Fleet).removeMachine, (*Fleet).addSet, (*Fleet).removeSet, (*Fleet).upgradeKubernetes, (*Fleet).upgradeTalos,
	(*Fleet).changeExtensions, (*Fleet).changeKernel, (*Fleet).changeManifests, (*Fleet).changeChecks, (*Fleet).changeFeatures,
	(*Fleet).changeSource, (*Fleet).changeSource, (*Fleet).changeLock, (*Fleet).changeDisk, (*Fleet).changeStrategies,
}

func (f *Fleet) addPatch(c *cluster) {
	h := pick(f, c.holders()...)
	h.patches = slices.Insert(h.patches, f.IntN(len(h.patches)+1), f.patch(c))
}

func (f *Fleet) removePatch(c *cluster) {
	if h := pick(f, c.holders()...); len(h.patches) > 0 {
		i := f.IntN(len(h.patches))
		h.patches = slices.Delete(h.patches, i, i+1)
	}
}

func (f *Fleet) editPatch(c *cluster) {
	if h := pick(f, c.holders()...); len(h.patches) > 0 {
		p := pick(f, h.patches...)
		if f.chance(30) {
			p.labels, p.annotations = f.texts(), f.texts()
		} else {
			f.refill(c, p)
		}
	}
}

func (f *Fleet) swapPatches(c *cluster) {
	if h := pick(f, c.holders()...); len(h.patches) > 1 {
		h.patches[0], h.patches[1] = h.patches[1], h.patches[0]
	}
}

func (f *Fleet) describe(c *cluster) {
	h := pick(f, c.holders()...)
	if f.chance(50) {
		h.labels = f.texts()
	} else {
		h.annotations = f.texts()
	}
}

func (f *Fleet) scale(c *cluster) {
	if s := pick(f, c.sets()...); s.class != "" {
		s.size = f.size(s.class)
		if f.chance(20) {
			f.provide(s)
		}
	}
}

func (f *Fleet) addMachine(c *cluster) {
	if s := pick(f, c.sets()...); s.class == "" {
		s.machines = append(s.machines, f.machine(c, s.name != ""))
	}
}

func (f *Fleet) removeMachine(c *cluster) {
	s := pick(f, c.sets()...)
	if s.name == "" && len(s.machines) < 2 || len(s.machines) == 0 {
		return
	}
	i := f.IntN(len(s.machines))
	if m := s.machines[i]; !m.locked && !m.wasLocked {
		f.leaving = append(f.leaving, m.id)
		s.machines = slices.Delete(s.machines, i, i+1)
	}
}

// addSet makes a set with a name that there never was: one that comes back in the same step would be an update.
func (f *Fleet) addSet(c *cluster) {
	if len(c.workers) < 5 {
		c.made++
		c.workers = append(c.workers, f.set(c, fmt.Sprintf("later%d", c.made)))
	}
}

func (s *set) isFree() bool {
	return !slices.ContainsFunc(s.machines, func(m *machine) bool { return m.locked || m.wasLocked })
}

func (f *Fleet) removeSet(c *cluster) {
	if len(c.workers) == 0 {
		return
	}
	i := f.IntN(len(c.workers))
	s := c.workers[i]
	if !s.isFree() {
		return
	}
	if !s.wasBare { // Omni removes its patches together with a set, and omnictl then waits for them for ever
		s.patches, s.hasExtensions = nil, false
		return
	}
	for _, m := range s.machines {
		f.leaving = append(f.leaving, m.id)
	}
	c.workers = slices.Delete(c.workers, i, i+1)
}

// upgradeKubernetes goes to the neighbour: the server skips no minor version, and goes back inside of one only.
func (f *Fleet) upgradeKubernetes(c *cluster) {
	list := kubernetesFor(c.talos)
	i := slices.Index(list, c.kubernetes)
	switch {
	case i%2 == 1 && f.chance(30):
		c.kubernetes = list[i-1]
	case i+1 < len(list):
		c.kubernetes = list[i+1]
	}
}

func (f *Fleet) upgradeTalos(c *cluster) {
	i := slices.Index(talosVersions, c.talos)
	switch {
	case i%2 == 1 && f.chance(30):
		c.talos = talosVersions[i-1]
	case i+1 < len(talosVersions):
		c.talos = talosVersions[i+1]
	}
}

func (f *Fleet) changeExtensions(c *cluster) { f.extend(pick(f, c.holders()...)) }

func (f *Fleet) changeKernel(c *cluster) {
	s := pick(f, c.sets()...)
	switch {
	case s.class != "" || f.chance(30):
		f.boot(&c.holder)
	case len(s.machines) > 0 && f.chance(50):
		if m := pick(f, s.machines...); !m.locked && !m.wasLocked {
			f.boot(&m.holder)
		}
	default:
		f.boot(&s.holder)
	}
}

func (f *Fleet) changeManifests(c *cluster) {
	switch {
	case len(c.manifests) == 0 || f.chance(30):
		c.manifests = append(c.manifests, f.manifest(c))
	case f.chance(40):
		c.manifests = slices.Delete(c.manifests, 0, 1)
	default:
		p := pick(f, c.manifests...)
		p.mode = pick(f, "full", "one-time")
		f.refill(c, p)
	}
}

func (f *Fleet) changeChecks(c *cluster) {
	switch {
	case len(c.checks) == 0 || f.chance(30):
		c.checks = append(c.checks, f.check(c))
	case f.chance(40):
		c.checks = slices.Delete(c.checks, 0, 1)
	default:
		f.refit(pick(f, c.checks...))
	}
}

func (f *Fleet) changeFeatures(c *cluster) {
	c.proxy = f.chance(50)
	c.backup = pick(f, "", "1h", "90m", "12h", "24h")
}

// changeSource gives a set of machines a class; if it had machines until now, it is emptied first. The other way round it
// could never be removed: Omni 1.9.3 then waits for its own MachineSetNodeController for ever.
func (f *Fleet) changeSource(c *cluster) {
	if len(c.workers) == 0 {
		return
	}
	s := pick(f, c.workers...)
	switch {
	case s.class != "" || !s.isFree():
	case s.wasStatic || len(s.machines) > 0:
		for _, m := range s.machines {
			f.leaving = append(f.leaving, m.id)
		}
		s.machines = nil
	default:
		f.provide(s)
		s.hasKA = false
	}
}

func (f *Fleet) changeLock(c *cluster) {
	for _, s := range c.workers {
		if len(s.machines) > 0 {
			m := pick(f, s.machines...)
			m.locked = !m.locked
			return
		}
	}
}

func (f *Fleet) changeDisk(c *cluster) {
	if s := pick(f, c.sets()...); len(s.machines) > 0 {
		s.machines[0].disk = pick(f, "", "/dev/vda", "/dev/nvme0n1")
	}
}

func (f *Fleet) changeStrategies(c *cluster) { f.strategies(pick(f, c.sets()...)) }
