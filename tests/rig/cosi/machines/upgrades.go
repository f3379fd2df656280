package machines

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/siderolabs/omni/client/api/omni/specs"
	"github.com/siderolabs/omni/client/pkg/omni/resources/omni"
)

var staticPods = []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler"}

const kubelet = "kubelet"

// components are what a machine runs of Kubernetes, in the order of upgrades.
func components(controlPlane bool) []string {
	if controlPlane {
		return append(slices.Clone(staticPods), kubelet)
	}
	return []string{kubelet}
}

func (p *Play) reportUpgrades(ctx context.Context, v *view) error {
	err := keep(ctx, p, "TalosUpgradeStatusController", omni.NewTalosUpgradeStatus(v.name), func(it *omni.TalosUpgradeStatus) {
		p.fillTalos(it.TypedSpec().Value, v)
	})
	if err != nil || locked(v.cluster, omni.ClusterLocked) || !p.kubernetesSeen(v) {
		return err
	}
	return keep(ctx, p, "KubernetesUpgradeStatusController", omni.NewKubernetesUpgradeStatus(v.name), func(it *omni.KubernetesUpgradeStatus) {
		it.Metadata().Labels().Set(omni.LabelCluster, v.name)
		p.fillKubernetes(it.TypedSpec().Value, v)
	})
}

// fillTalos says how far the machines are on their way to the cluster's version.
func (p *Play) fillTalos(spec *specs.TalosUpgradeStatusSpec, v *view) {
	version := strings.TrimPrefix(v.cluster.TypedSpec().Value.TalosVersion, "v")
	var upgrading []string
	total, pending, lockedPending := 0, 0, 0
	for _, s := range v.sets {
		for _, it := range s.members {
			m := p.machines[it.Metadata().ID()]
			total++
			if m == nil || torndown(it) || m.config == "" {
				continue
			}
			if m.on(upgrades) {
				upgrading = append(upgrading, m.id)
			}
			if m.talos != version {
				pending++
				if p.isLocked(v, s.node(m.id)) {
					lockedPending++
				}
			}
		}
	}
	if pending == 0 && len(upgrading) == 0 {
		spec.Phase, spec.Status, spec.Step, spec.CurrentUpgradeVersion, spec.LastUpgradeVersion = specs.TalosUpgradeStatusSpec_Done, "", "", "", version
		return
	}
	if spec.LastUpgradeVersion == version {
		spec.Phase, spec.CurrentUpgradeVersion = specs.TalosUpgradeStatusSpec_Reverting, ""
		spec.Status = fmt.Sprintf("reverting update %d/%d", min(total-pending+1, total), total)
	} else {
		spec.Phase, spec.CurrentUpgradeVersion = specs.TalosUpgradeStatusSpec_Upgrading, version
		spec.Status = fmt.Sprintf("updating machines %d/%d", min(total-pending+1, total), total)
	}
	switch {
	case len(upgrading) > 0:
		spec.Step = fmt.Sprintf("current %s: %s", map[bool]string{true: "machine", false: "machines"}[len(upgrading) == 1], strings.Join(upgrading, ", "))
	case lockedPending == pending:
		spec.Step, spec.Status = "all machines are locked", "waiting for machines to be unlocked"
	case !v.ready:
		spec.Step = "waiting for the cluster to be ready"
	default:
		spec.Step = "no machines are currently upgrading"
	}
}

// kubernetesSeen says whether Omni has looked at the cluster's Kubernetes, which is some time after the cluster is ready.
func (p *Play) kubernetesSeen(v *view) bool {
	if v.ready && v.of.podsSeen.IsZero() {
		v.of.podsSeen = p.now.Add(p.paced(podsUnseen))
	}
	return !v.of.podsSeen.IsZero() && p.due(v.of.podsSeen)
}

// step is one component of one machine that gets another version.
type step struct {
	machine   *machine
	component string
	locked    bool
}

func (it *step) text(version string) string {
	return fmt.Sprintf("%s: updating %s to %s", it.machine.name, it.component, version)
}

// steps are what is left to do: one static pod after the other, each on all control planes, then all kubelets.
func (p *Play) steps(v *view, version string) []step {
	var left []step
	for _, name := range components(true) {
		for _, s := range v.sets {
			for _, it := range s.members {
				m := p.machines[it.Metadata().ID()]
				if m == nil || m.config == "" || torndown(it) || !slices.Contains(components(m.controlPlane), name) {
					continue
				}
				if m.kubernetes[name] != version {
					left = append(left, step{m, name, p.isLocked(v, s.node(m.id))})
				}
			}
		}
	}
	return left
}

func (p *Play) kubernetesPending(v *view, m *machine) bool {
	if v.of.kubernetes == "" {
		return false
	}
	version := strings.TrimPrefix(v.cluster.TypedSpec().Value.KubernetesVersion, "v")
	for _, it := range components(m.controlPlane) {
		if m.kubernetes[it] != version {
			return true
		}
	}
	return false
}

// fillKubernetes goes on with an upgrade, one component of one machine at a time, and says so.
func (p *Play) fillKubernetes(spec *specs.KubernetesUpgradeStatusSpec, v *view) {
	version := strings.TrimPrefix(v.cluster.TypedSpec().Value.KubernetesVersion, "v")
	if spec.LastUpgradeVersion != version {
		spec.Phase, spec.CurrentUpgradeVersion = specs.KubernetesUpgradeStatusSpec_Upgrading, version
	} else {
		spec.CurrentUpgradeVersion = ""
	}
	left := p.steps(v, version)
	switch {
	case spec.LastUpgradeVersion == "" && !p.due(v.of.podsSeen.Add(p.paced(podsStarting))):
		spec.Status = p.podsNotReady(v)
	case len(left) == 0 && v.ready:
		spec.Phase, spec.Step, spec.Status, spec.Error = specs.KubernetesUpgradeStatusSpec_Done, "", "", ""
		spec.LastUpgradeVersion, spec.CurrentUpgradeVersion = version, ""
		v.of.kubernetes, v.of.pulled = version, time.Time{}
	case len(left) == 0, v.of.stuck(left):
	case !v.ready:
		if spec.LastUpgradeVersion != version && v.of.step == "" {
			spec.Status = "waiting for the cluster to be ready"
		}
	case !p.pulled(v):
		spec.Status = "pre-pulling images (0/1)"
	case left[0].locked:
		spec.Step = fmt.Sprintf("updating %s to %s", left[0].component, version)
		spec.Status = fmt.Sprintf("waiting for a machine from %q to be unlocked", lockedNames(left))
	default:
		spec.Step, spec.Status = p.begin(v, left[0], version)
		if spec.LastUpgradeVersion == version {
			spec.Phase, spec.Step = specs.KubernetesUpgradeStatusSpec_Reverting, "reverting the change"
		}
	}
}

func lockedNames(left []step) []string {
	var names []string
	for _, it := range left {
		if it.locked && !slices.Contains(names, it.machine.name) {
			names = append(names, it.machine.name)
		}
	}
	return names
}

// stuck says whether the next step has been begun and its pods do not come up.
func (c *cluster) stuck(left []step) bool {
	return c.step == left[0].machine.id+left[0].component && left[0].machine.trouble == BadUpgrade
}

func (p *Play) pulled(v *view) bool {
	if v.of.pulled.IsZero() {
		v.of.pulled = p.now.Add(p.paced(imagesPulling))
	}
	return p.due(v.of.pulled)
}

// begin restarts one component. What does not come up leaves its machine not ready.
func (p *Play) begin(v *view, it step, version string) (string, string) {
	v.of.step = it.machine.id + it.component
	if it.machine.trouble == BadUpgrade {
		return it.text(version), fmt.Sprintf("static pods %q are not ready", []string{it.machine.name + "/" + it.component})
	}
	component := it.component
	p.reconfigure(it.machine, podRestarting, func(m *machine) { m.kubernetes[component], v.of.step = version, "" })
	p.changed = true
	return it.text(version), "waiting for a restart"
}

func (p *Play) podsNotReady(v *view) string {
	var names []string
	for _, it := range v.members() {
		if m := p.machines[it.Metadata().ID()]; m != nil && hasLabel(it, omni.LabelControlPlaneRole) {
			for _, pod := range staticPods {
				names = append(names, m.name+"/"+pod)
			}
		}
	}
	slices.Sort(names)
	return fmt.Sprintf("static pods %q are not ready", names)
}
