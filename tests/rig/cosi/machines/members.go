package machines

import (
	"context"
	"slices"
	"strings"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/siderolabs/omni/client/pkg/omni/resources/omni"
	talos "github.com/siderolabs/talos/pkg/machinery/api/machine"
)

const machineSetController = "MachineSetStatusController"

// What keeps a ClusterMachine until its machine is wiped.
var memberFinalizers = []resource.Finalizer{"ClusterMachineConfigController", "ClusterMachineTeardownController", "ClusterMachineStatusController"}

// order is what a machine of a cluster is to run.
type order struct{ talos, kubernetes, config string }

func (p *Play) orderOf(v *view, s *set, id string) order {
	o := order{config: v.configOf(s.id, id)}
	if v.cluster != nil {
		spec := v.cluster.TypedSpec().Value
		o.talos, o.kubernetes = strings.TrimPrefix(spec.TalosVersion, "v"), strings.TrimPrefix(spec.KubernetesVersion, "v")
	}
	return o
}

// configOf stands for all patches that a machine is configured with.
func (v *view) configOf(set, id string) string {
	parts := []any{v.name, id}
	for _, it := range slices.SortedFunc(slices.Values(v.patches), byID) {
		ofSet, ofMachine := label(it, omni.LabelMachineSet), label(it, omni.LabelClusterMachine)
		if torndown(it) || ofSet != "" && ofSet != set || ofMachine != "" && ofMachine != id {
			continue
		}
		if data, err := it.TypedSpec().Value.GetUncompressedData(); err == nil {
			parts = append(parts, it.Metadata().ID(), string(data.Data()))
			data.Free()
		}
	}
	return digest(parts...)
}

func byID(a, b *omni.ConfigPatch) int { return strings.Compare(a.Metadata().ID(), b.Metadata().ID()) }

// enlist makes machines members of the sets that name them. A locked cluster takes none.
func (p *Play) enlist(ctx context.Context, v *view) error {
	for _, s := range v.sets {
		if s.leaving() || v.cluster == nil || torndown(v.cluster) {
			continue
		}
		for _, n := range s.wanted() {
			id := n.Metadata().ID()
			m := p.machines[id]
			if m == nil && p.named {
				m = p.join(id, Joining{})
			}
			if m == nil || m.cluster != "" && m.cluster != v.name {
				continue
			}
			if m.cluster == "" {
				p.give(m, v, s)
			}
			if !m.joined || s.member(id) != nil || locked(v.cluster, omni.ClusterLocked) || !p.due(m.enlists) {
				continue
			}
			if err := p.create(ctx, v, s, id); err != nil {
				return err
			}
		}
	}
	p.forget(v)
	return nil
}

func (p *Play) create(ctx context.Context, v *view, s *set, id string) error {
	it := omni.NewClusterMachine(id)
	copyLabels(s.spec, it, omni.LabelCluster, omni.LabelControlPlaneRole, omni.LabelWorkerRole)
	it.Metadata().Labels().Set(omni.LabelMachineSet, s.id)
	it.TypedSpec().Value.KubernetesVersion = v.cluster.TypedSpec().Value.KubernetesVersion
	for _, f := range memberFinalizers {
		it.Metadata().Finalizers().Add(f)
	}
	p.changed = true
	return p.state.Create(ctx, it, state.WithCreateOwner(machineSetController))
}

// forget lets machines go that were given to this cluster and never became members.
func (p *Play) forget(v *view) {
	for id, m := range p.machines {
		if m.cluster != v.name {
			continue
		}
		if s := v.set(m.set); s.node(id) == nil && s.member(id) == nil {
			m.free()
		}
	}
	v.sets = slices.DeleteFunc(v.sets, func(s *set) bool { return s.spec == nil && len(s.members) == 0 })
}

// dismiss tears down the members that nothing names any more: all at once when their set goes, control planes otherwise
// one by one, workers as many as their set's strategy lets go.
func (p *Play) dismiss(ctx context.Context, v *view) error {
	for _, s := range v.sets {
		going := 0
		for _, it := range s.members {
			if torndown(it) {
				going++
			}
		}
		for _, it := range slices.Clone(s.members) {
			var err error
			switch m := p.machines[it.Metadata().ID()]; {
			case torndown(it):
				err = p.wipe(ctx, s, it, m)
			case s.node(it.Metadata().ID()) == nil && p.mayGo(v, s, m, going):
				p.changed, going = true, going+1
				_, err = p.state.Teardown(ctx, it.Metadata(), state.WithTeardownOwner(machineSetController))
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *Play) mayGo(v *view, s *set, m *machine, going int) bool {
	if m != nil && m.lingers.IsZero() {
		m.lingers = p.now.Add(p.paced(lingering))
	}
	switch {
	case m != nil && !p.due(m.lingers):
		return false
	case s.leaving():
		return true
	case v.cluster != nil && locked(v.cluster, omni.ClusterLocked):
		return false
	case s.controlPlane():
		return going == 0 && p.balanced(v) && !p.growing(s)
	}
	spec := s.spec.TypedSpec().Value
	return going < max(1, omni.GetParallelism(spec.DeleteStrategy, spec.DeleteStrategyConfig, len(s.members)))
}

// growing says whether a set has machines that are no members yet.
func (p *Play) growing(s *set) bool {
	for _, n := range s.wanted() {
		if m := p.machines[n.Metadata().ID()]; m != nil && m.joined && s.member(n.Metadata().ID()) == nil {
			return true
		}
	}
	return false
}

// wipe resets the machine of a member that is torn down. What is left of the member goes when that is done.
func (p *Play) wipe(ctx context.Context, s *set, it *omni.ClusterMachine, m *machine) error {
	if m != nil && !m.wiped {
		if !m.on(resets) && m.answers() {
			p.reset(m)
		}
		return nil
	}
	id := it.Metadata().ID()
	for _, md := range []resource.Pointer{
		omni.NewClusterMachineIdentity(id).Metadata(), omni.NewClusterMachineStatus(id).Metadata(), it.Metadata(),
	} {
		if err := p.drop(ctx, md); err != nil {
			return err
		}
	}
	s.members = slices.DeleteFunc(s.members, func(other *omni.ClusterMachine) bool { return other == it })
	if m != nil {
		m.free()
	}
	return nil
}

// direct tells machines what to run: new ones at once, the others as many at a time as their set lets change.
func (p *Play) direct(_ context.Context, v *view) error {
	if v.cluster == nil || torndown(v.cluster) {
		return nil
	}
	upgrades := p.upgradesAllowed(v)
	for _, s := range v.sets {
		changes := p.changesAllowed(s)
		for _, it := range s.members {
			m, n := p.machines[it.Metadata().ID()], s.node(it.Metadata().ID())
			if torndown(it) || n == nil || m == nil || !m.idle() || !m.answers() || m.failure != "" && !p.due(m.retries) {
				continue
			}
			o := p.orderOf(v, s, m.id)
			switch {
			case m.config == "" && m.in(talos.MachineStatusEvent_MAINTENANCE):
				p.install(m, o)
			case p.isLocked(v, n):
			case m.talos != o.talos && upgrades[s.id] > 0:
				upgrades[s.id]--
				p.upgrade(m, o.talos)
			case m.talos == o.talos && m.config != o.config && changes > 0:
				changes--
				p.reconfigure(m, reconfiguring, func(m *machine) { m.config, m.failure = o.config, "" })
			}
		}
	}
	return nil
}

func (p *Play) isLocked(v *view, n *omni.MachineSetNode) bool {
	return n != nil && locked(n, omni.MachineLocked) || locked(v.cluster, omni.ClusterLocked)
}

// changesAllowed is how many machines of a set may begin to change their configuration now.
func (p *Play) changesAllowed(s *set) int {
	if s.leaving() {
		return 0
	}
	spec := s.spec.TypedSpec().Value
	allowed := max(1, omni.GetParallelism(spec.UpdateStrategy, spec.UpdateStrategyConfig, 1))
	for _, it := range s.members {
		if m := p.machines[it.Metadata().ID()]; m != nil && m.config != "" && !m.idle() {
			allowed--
		}
	}
	return allowed
}

// upgradesAllowed is the same for Talos: control planes come first, and a machine that is not well holds up all others.
func (p *Play) upgradesAllowed(v *view) map[string]int {
	unwell, controlPlanes := 0, false
	for _, s := range v.sets {
		for _, it := range s.members {
			m := p.machines[it.Metadata().ID()]
			if m == nil || torndown(it) {
				continue
			}
			o := p.orderOf(v, s, m.id)
			if !m.running() || m.failure != "" && !p.due(m.retries) {
				unwell++
			}
			if s.controlPlane() && m.config != "" && m.talos != o.talos {
				controlPlanes = true
			}
		}
	}
	allowed := map[string]int{}
	for _, s := range v.sets {
		if s.leaving() || controlPlanes && !s.controlPlane() {
			continue
		}
		spec := s.spec.TypedSpec().Value
		allowed[s.id] = omni.GetParallelism(spec.UpgradeStrategy, spec.UpgradeStrategyConfig, 1) - unwell
	}
	return allowed
}
