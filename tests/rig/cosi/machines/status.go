package machines

import (
	"context"
	"fmt"
	"strings"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/google/uuid"
	"github.com/siderolabs/omni/client/api/omni/specs"
	"github.com/siderolabs/omni/client/pkg/omni/resources/omni"
	talos "github.com/siderolabs/talos/pkg/machinery/api/machine"
)

var stages = map[talos.MachineStatusEvent_MachineStage]specs.ClusterMachineStatusSpec_Stage{
	talos.MachineStatusEvent_MAINTENANCE: specs.ClusterMachineStatusSpec_CONFIGURING,
	talos.MachineStatusEvent_INSTALLING:  specs.ClusterMachineStatusSpec_INSTALLING,
	talos.MachineStatusEvent_REBOOTING:   specs.ClusterMachineStatusSpec_REBOOTING,
	talos.MachineStatusEvent_BOOTING:     specs.ClusterMachineStatusSpec_BOOTING,
	talos.MachineStatusEvent_RUNNING:     specs.ClusterMachineStatusSpec_RUNNING,
	talos.MachineStatusEvent_UPGRADING:   specs.ClusterMachineStatusSpec_UPGRADING,
	talos.MachineStatusEvent_RESETTING:   specs.ClusterMachineStatusSpec_DESTROYING,
}

// report writes what Omni says of a cluster, from the machines up.
func (p *Play) report(ctx context.Context, v *view) error {
	cluster := &specs.ClusterStatusSpec{Machines: &specs.Machines{}}
	phases := map[specs.MachineSetPhase]int{}
	allReady := true
	for _, s := range v.sets {
		for _, it := range s.members {
			if err := p.reportMember(ctx, v, s, it); err != nil {
				return err
			}
		}
		if s.spec == nil {
			continue
		}
		status := p.setStatus(v, s)
		if err := p.reportSet(ctx, v, s, status); err != nil {
			return err
		}
		if status.Machines.Total == 0 && (status.Phase == specs.MachineSetPhase_Destroying || status.Phase == specs.MachineSetPhase_ScalingDown) {
			continue
		}
		add(cluster.Machines, status.Machines)
		phases[status.Phase]++
		allReady = allReady && status.Ready
		if s.controlPlane() {
			cluster.Available = status.Machines.Total > 0
			cluster.HasConnectedControlPlanes = status.Machines.Connected > 0
			cluster.ControlplaneReady = status.Phase == specs.MachineSetPhase_Running && status.Ready
		}
	}
	if v.cluster == nil {
		return p.clear(ctx, v)
	}
	cluster.Phase = clusterPhase(v, phases)
	cluster.Ready = allReady && cluster.Phase == specs.ClusterStatusSpec_RUNNING
	cluster.KubernetesAPIReady = p.balanced(v)
	v.ready = cluster.Ready
	return p.reportCluster(ctx, v, cluster)
}

func add(to, it *specs.Machines) {
	to.Total += it.Total
	to.Healthy += it.Healthy
	to.Connected += it.Connected
	to.Requested += it.Requested
}

func clusterPhase(v *view, phases map[specs.MachineSetPhase]int) specs.ClusterStatusSpec_Phase {
	switch {
	case torndown(v.cluster), len(phases) == 1 && phases[specs.MachineSetPhase_Destroying] > 0:
		return specs.ClusterStatusSpec_DESTROYING
	case phases[specs.MachineSetPhase_ScalingUp] > 0:
		return specs.ClusterStatusSpec_SCALING_UP
	case phases[specs.MachineSetPhase_ScalingDown] > 0, phases[specs.MachineSetPhase_Destroying] > 0:
		return specs.ClusterStatusSpec_SCALING_DOWN
	case phases[specs.MachineSetPhase_Running]+phases[specs.MachineSetPhase_Reconfiguring]+phases[specs.MachineSetPhase_Upgrading] > 0:
		return specs.ClusterStatusSpec_RUNNING
	}
	return specs.ClusterStatusSpec_UNKNOWN
}

// balanced says whether a control plane answers behind the load balancer.
func (p *Play) balanced(v *view) bool {
	for _, it := range v.members() {
		if m := p.machines[it.Metadata().ID()]; hasLabel(it, omni.LabelControlPlaneRole) && m != nil && m.answers() && m.running() {
			return true
		}
	}
	return false
}

func (p *Play) reportMember(ctx context.Context, v *view, s *set, it *omni.ClusterMachine) error {
	id := it.Metadata().ID()
	m, n := p.machines[id], s.node(id)
	err := keep(ctx, p, "ClusterMachineStatusController", omni.NewClusterMachineStatus(id), func(status *omni.ClusterMachineStatus) {
		copyLabels(it, status, omni.LabelCluster, omni.LabelMachineSet, omni.LabelControlPlaneRole, omni.LabelWorkerRole)
		mark(status, omni.MachineStatusLabelConnected, m != nil && m.connected())
		spec := status.TypedSpec().Value
		if m == nil {
			spec.Stage, spec.Ready, spec.IsRemoved = specs.ClusterMachineStatusSpec_UNKNOWN, false, true
			return
		}
		status.Metadata().Labels().Set(omni.LabelHostname, m.name)
		isLocked := v.cluster != nil && p.isLocked(v, n)
		if isLocked {
			status.Metadata().Annotations().Set(omni.MachineLocked, "")
		} else {
			status.Metadata().Annotations().Delete(omni.MachineLocked)
		}
		mark(status, omni.UpdateLocked, isLocked && p.outdated(v, s, m))
		if m.in(talos.MachineStatusEvent_RUNNING) {
			status.Metadata().Labels().Set(omni.ClusterMachineStatusLabelNodeName, m.name)
		}
		p.fillMember(spec, v, s, it, m)
	})
	if err != nil || m == nil || !m.in(talos.MachineStatusEvent_RUNNING) || torndown(it) {
		return err
	}
	return keep(ctx, p, "ClusterMachineIdentityController", omni.NewClusterMachineIdentity(id), func(identity *omni.ClusterMachineIdentity) {
		copyLabels(it, identity, omni.LabelCluster, omni.LabelMachineSet, omni.LabelControlPlaneRole)
		spec := identity.TypedSpec().Value
		spec.NodeIdentity, spec.Nodename, spec.NodeIps = digest("identity", id)[:44], m.name, []string{"192.0.2.1"}
	})
}

func (p *Play) fillMember(spec *specs.ClusterMachineStatusSpec, v *view, s *set, it *omni.ClusterMachine, m *machine) {
	spec.Ready, spec.ManagementAddress, spec.LastConfigError = m.healthy(), m.address, m.failure
	spec.ProvisionStatus = &specs.ClusterMachineStatusSpec_ProvisionStatus{ProviderId: m.provider, RequestId: m.request}
	spec.ConfigUpToDate = m.config != "" && m.failure == "" && (v.cluster == nil || torndown(it) || !p.outdated(v, s, m))
	switch {
	case spec.ConfigUpToDate:
		spec.ConfigApplyStatus = specs.ConfigApplyStatus_APPLIED
	case m.failure == "":
		spec.ConfigApplyStatus = specs.ConfigApplyStatus_PENDING
	default:
		spec.ConfigApplyStatus = specs.ConfigApplyStatus_FAILED
	}
	switch {
	case torndown(it):
		spec.Stage = specs.ClusterMachineStatusSpec_DESTROYING
	case s.node(m.id) == nil:
		spec.Stage = specs.ClusterMachineStatusSpec_BEFORE_DESTROY
	default:
		spec.Stage = stages[m.stage]
	}
}

// outdated says whether an installed machine is to run something else than it does.
func (p *Play) outdated(v *view, s *set, m *machine) bool {
	o := p.orderOf(v, s, m.id)
	return m.config != "" && (m.talos != o.talos || m.config != o.config || p.kubernetesPending(v, m))
}

// setStatus counts. A set with all its machines is ready only when each of them runs and is connected.
func (p *Play) setStatus(v *view, s *set) *specs.MachineSetStatusSpec {
	nodes := s.wanted()
	spec := &specs.MachineSetStatusSpec{
		Phase: specs.MachineSetPhase_Running, Machines: &specs.Machines{Requested: uint32(len(nodes))},
		MachineAllocation: omni.GetMachineAllocation(s.spec), ConfigHash: digest(s.id, v.configOf(s.id, "")),
	}
	if s.leaving() {
		spec.Phase, spec.Machines = specs.MachineSetPhase_Destroying, &specs.Machines{Total: uint32(len(s.members))}
		return spec
	}
	if from := spec.MachineAllocation; from != nil && from.AllocationType == specs.MachineSetSpec_MachineAllocation_Static {
		spec.Machines.Requested = from.MachineCount
	}
	working, busy, fit := p.count(v, s, spec)
	requested := int(spec.Machines.Requested)
	switch {
	case s.controlPlane() && len(nodes) == 0 && requested == 0:
		spec.Phase, spec.Error = specs.MachineSetPhase_Failed, "control plane machine set must have at least one node"
	case len(nodes) < requested, len(s.members) < len(nodes):
		spec.Phase = specs.MachineSetPhase_ScalingUp
	case len(nodes) > requested, working > len(nodes):
		spec.Phase = specs.MachineSetPhase_ScalingDown
	case busy[upgrades]:
		spec.Phase = specs.MachineSetPhase_Upgrading
	case busy[installs] || busy[configures]:
		spec.Phase = specs.MachineSetPhase_Reconfiguring
	default:
		spec.Ready = fit && spec.Machines.Connected == spec.Machines.Total
	}
	return spec
}

// count fills in the numbers of machines. It gives how many are not torn down, what the busy ones are busy with, and
// whether all that are to stay are well.
func (p *Play) count(v *view, s *set, spec *specs.MachineSetStatusSpec) (int, map[errand]bool, bool) {
	working, busy, fit := 0, map[errand]bool{}, true
	for _, it := range s.members {
		if torndown(it) {
			continue
		}
		working++
		spec.Machines.Total++
		m, n := p.machines[it.Metadata().ID()], s.node(it.Metadata().ID())
		if n != nil && (m == nil || !m.running()) {
			fit = false
		}
		if m == nil {
			continue
		}
		if m.connected() {
			spec.Machines.Connected++
		}
		if m.running() {
			spec.Machines.Healthy++
		}
		if p.isLocked(v, n) && p.outdated(v, s, m) {
			spec.LockedUpdates++
		}
		// Before a machine is installed, its set only waits for it.
		if !m.idle() && m.config != "" {
			busy[m.doing] = true
		}
	}
	return working, busy, fit
}

func (p *Play) reportSet(ctx context.Context, v *view, s *set, spec *specs.MachineSetStatusSpec) error {
	err := keep(ctx, p, machineSetController, omni.NewMachineSetStatus(s.id), func(status *omni.MachineSetStatus) {
		for key, value := range s.spec.Metadata().Labels().Raw() {
			status.Metadata().Labels().Set(key, value)
		}
		status.Metadata().Finalizers().Add("ClusterStatusController")
		status.TypedSpec().Value = spec
	})
	if err != nil || !s.controlPlane() || len(s.members) == 0 || s.leaving() {
		return err
	}
	return keep(ctx, p, "ControlPlaneStatusController", omni.NewControlPlaneStatus(s.id), func(status *omni.ControlPlaneStatus) {
		copyLabels(s.spec, status, omni.LabelCluster)
		p.fillChecks(status.TypedSpec().Value, s, spec)
	})
}

func (p *Play) fillChecks(spec *specs.ControlPlaneStatusSpec, s *set, set *specs.MachineSetStatusSpec) {
	var out []string
	for _, it := range s.members {
		if m := p.machines[it.Metadata().ID()]; m == nil || !m.connected() {
			out = append(out, it.Metadata().ID())
		}
	}
	ready, info := specs.ControlPlaneStatusSpec_Condition_Ready, specs.ControlPlaneStatusSpec_Condition_Info
	notReady, fault := specs.ControlPlaneStatusSpec_Condition_NotReady, specs.ControlPlaneStatusSpec_Condition_Error
	spec.SetCondition(specs.ConditionType_WireguardConnection, ready, info, "")
	spec.SetCondition(specs.ConditionType_Etcd, ready, info, "")
	if len(out) > 0 {
		spec.SetCondition(specs.ConditionType_WireguardConnection, notReady, fault, "not connected: "+strings.Join(out, ", "))
	}
	if set.Machines.Healthy < set.Machines.Total {
		spec.SetCondition(specs.ConditionType_Etcd, notReady, fault, fmt.Sprintf("%d of %d members run", set.Machines.Healthy, set.Machines.Total))
	}
}

func (p *Play) reportCluster(ctx context.Context, v *view, spec *specs.ClusterStatusSpec) error {
	wanted := v.cluster.TypedSpec().Value
	spec.TalosVersion, spec.KubernetesVersion = wanted.TalosVersion, wanted.KubernetesVersion
	err := keep(ctx, p, "ClusterStatusController", omni.NewClusterStatus(v.name), func(status *omni.ClusterStatus) {
		for key, value := range v.cluster.Metadata().Labels().Raw() {
			if !strings.HasPrefix(key, omni.SystemLabelPrefix) {
				status.Metadata().Labels().Set(key, value)
			}
		}
		if locked(v.cluster, omni.ClusterLocked) {
			status.Metadata().Annotations().Set(omni.ClusterLocked, "")
		} else {
			status.Metadata().Annotations().Delete(omni.ClusterLocked)
		}
		status.TypedSpec().Value = spec
	})
	if err != nil {
		return err
	}
	if torndown(v.cluster) {
		return p.reportEnd(ctx, v)
	}
	err = keep(ctx, p, "LoadBalancerController", omni.NewLoadBalancerStatus(v.name), func(status *omni.LoadBalancerStatus) {
		status.Metadata().Labels().Set(omni.LabelCluster, v.name)
		status.TypedSpec().Value.Healthy, status.TypedSpec().Value.Stopped = spec.KubernetesAPIReady, !spec.Available
	})
	if err == nil {
		err = keep(ctx, p, "ClusterUUIDController", omni.NewClusterUUID(v.name), func(it *omni.ClusterUUID) {
			if it.TypedSpec().Value.Uuid == "" {
				it.TypedSpec().Value.Uuid = uuid.NewString()
			}
			it.Metadata().Labels().Set(omni.LabelClusterUUID, it.TypedSpec().Value.Uuid)
		})
	}
	if err == nil {
		v.of.bootstrapped = v.of.bootstrapped || spec.KubernetesAPIReady
		err = keep(ctx, p, "ClusterBootstrapStatusController", omni.NewClusterBootstrapStatus(v.name), func(it *omni.ClusterBootstrapStatus) {
			it.TypedSpec().Value.Bootstrapped = v.of.bootstrapped
		})
	}
	if err == nil {
		err = p.reportUpgrades(ctx, v)
	}
	return err
}

// reportEnd is for a cluster that is torn down: what speaks of its future goes first.
func (p *Play) reportEnd(ctx context.Context, v *view) error {
	for _, md := range []resource.Pointer{
		omni.NewTalosUpgradeStatus(v.name).Metadata(), omni.NewKubernetesUpgradeStatus(v.name).Metadata(),
		omni.NewClusterBootstrapStatus(v.name).Metadata(),
	} {
		if err := p.drop(ctx, md); err != nil {
			return err
		}
	}
	return keep(ctx, p, "ClusterDestroyStatusController", omni.NewClusterDestroyStatus(v.name), func(it *omni.ClusterDestroyStatus) {
		it.TypedSpec().Value.Phase = fmt.Sprintf("Destroying: %s, %s", plural(len(v.sets), "machine set"), plural(len(v.members()), "machine"))
	})
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// clear removes what is left of a cluster that is gone. Its status goes last.
func (p *Play) clear(ctx context.Context, v *view) error {
	if len(v.sets) > 0 {
		return nil
	}
	for _, md := range []resource.Pointer{
		omni.NewLoadBalancerStatus(v.name).Metadata(), omni.NewClusterUUID(v.name).Metadata(), omni.NewTalosUpgradeStatus(v.name).Metadata(),
		omni.NewKubernetesUpgradeStatus(v.name).Metadata(), omni.NewClusterBootstrapStatus(v.name).Metadata(),
		omni.NewClusterDestroyStatus(v.name).Metadata(), omni.NewClusterStatus(v.name).Metadata(),
	} {
		if err := p.drop(ctx, md); err != nil {
			return err
		}
	}
	return nil
}

// sweep removes the statuses of machine sets that are gone.
func (p *Play) sweep(ctx context.Context, v *view) error {
	statuses, err := listed[*omni.MachineSetStatus](ctx, p, omni.LabelCluster, v.name)
	if err != nil {
		return err
	}
	for _, it := range statuses {
		id := it.Metadata().ID()
		s := v.find(id)
		if s == nil || s.leaving() {
			err = p.drop(ctx, omni.NewControlPlaneStatus(id).Metadata())
		}
		if err == nil && (s == nil || s.spec == nil) {
			err = p.drop(ctx, it.Metadata())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (v *view) find(id string) *set {
	for _, it := range v.sets {
		if it.id == id {
			return it
		}
	}
	return nil
}
