package machines

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cosi-project/runtime/pkg/state"
	"github.com/siderolabs/omni/client/api/omni/specs"
	"github.com/siderolabs/omni/client/pkg/omni/resources/infra"
	"github.com/siderolabs/omni/client/pkg/omni/resources/omni"
)

// request is one machine that a provider is asked for.
type request struct {
	id, set, cluster, provider string
	number                     int
	machine                    string // empty: not made yet
	gone                       time.Time
	leaving                    bool
}

// request asks the class's provider for as many machines as the set has or wants.
func (p *Play) request(ctx context.Context, v *view, s *set, from *specs.MachineClassSpec_Provision) error {
	count := max(int(omni.GetMachineAllocation(s.spec).MachineCount), len(s.members))
	version := strings.TrimPrefix(v.cluster.TypedSpec().Value.TalosVersion, "v")
	err := keep(ctx, p, "MachineProvisionController", omni.NewMachineRequestSet(s.id), func(r *omni.MachineRequestSet) {
		spec := r.TypedSpec().Value
		spec.ProviderId, spec.ProviderData, spec.KernelArgs = from.ProviderId, from.ProviderData, from.KernelArgs
		spec.MetaValues, spec.GrpcTunnel = from.MetaValues, from.GrpcTunnel
		spec.TalosVersion, spec.MachineCount = version, int32(count)
	})
	if err != nil {
		return err
	}
	mine := p.requestsOf(s.id)
	for range count - len(mine) {
		p.made++
		r := &request{id: s.id + "-" + digest(s.id, p.made)[:6], set: s.id, cluster: v.name, provider: from.ProviderId, number: p.made}
		if err = p.publishRequest(ctx, r, version, from); err != nil {
			return err
		}
		p.requests[r.id] = r
		mine = append(mine, r)
	}
	for _, r := range p.surplus(mine, len(mine)-count) {
		r.leave(p)
	}
	for _, r := range mine {
		if err = p.provide(ctx, r, version); err != nil {
			return err
		}
	}
	return nil
}

// requestsOf are those that stay, in the order they were made.
func (p *Play) requestsOf(set string) []*request {
	var all []*request
	for _, r := range p.requests {
		if r.set == set && !r.leaving {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b *request) int { return cmp.Compare(a.number, b.number) })
	return all
}

// surplus are the requests that are given up first: those whose machine is in no cluster.
func (p *Play) surplus(all []*request, count int) []*request {
	idle := slices.DeleteFunc(slices.Clone(all), func(r *request) bool {
		m := p.machines[r.machine]
		return m != nil && m.cluster != ""
	})
	return idle[:min(max(0, count), len(idle))]
}

func (r *request) leave(p *Play) {
	r.leaving, r.gone = true, p.now.Add(p.paced(deprovisioning))
}

// provide starts a machine, while the provider has room for one.
func (p *Play) provide(ctx context.Context, r *request, version string) error {
	if r.machine != "" || r.leaving {
		return nil
	}
	made := 0
	for _, it := range p.requests {
		if it.machine != "" {
			made++
		}
	}
	if p.capacity >= 0 && made >= p.capacity {
		return p.publishProvision(ctx, r, specs.MachineRequestStatusSpec_FAILED, "no capacity is left")
	}
	r.machine = numbered(1_000_000 + r.number)
	m := p.join(r.machine, Joining{Talos: version})
	m.provider, m.request, m.requestSet, m.platform = r.provider, r.id, r.set, "nocloud"
	m.joins = p.now.Add(p.paced(provisioning))
	return p.publishProvision(ctx, r, specs.MachineRequestStatusSpec_PROVISIONED, "")
}

func (p *Play) publishRequest(ctx context.Context, r *request, version string, from *specs.MachineClassSpec_Provision) error {
	return keep(ctx, p, "", infra.NewMachineRequest(r.id), func(it *infra.MachineRequest) {
		it.Metadata().Labels().Set(omni.LabelInfraProviderID, r.provider)
		it.Metadata().Labels().Set(omni.LabelMachineRequestSet, r.set)
		spec := it.TypedSpec().Value
		spec.TalosVersion, spec.ProviderData, spec.KernelArgs = version, from.ProviderData, from.KernelArgs
		spec.MetaValues, spec.GrpcTunnel = from.MetaValues, from.GrpcTunnel
	})
}

func (p *Play) publishProvision(ctx context.Context, r *request, stage specs.MachineRequestStatusSpec_Stage, failure string) error {
	return keep(ctx, p, "", infra.NewMachineRequestStatus(r.id), func(it *infra.MachineRequestStatus) {
		it.Metadata().Labels().Set(omni.LabelInfraProviderID, r.provider)
		spec := it.TypedSpec().Value
		spec.Id, spec.Stage, spec.Error = r.machine, stage, failure
		if spec.Status = "provisioning"; failure == "" && r.machine != "" {
			spec.Status = fmt.Sprintf("made %s", r.machine)
		}
	})
}

// retire gives up what sets requested that are no more, and removes what was given up.
func (p *Play) retire(ctx context.Context, v *view) error {
	for _, r := range p.requests {
		if r.cluster != v.name {
			continue
		}
		s := v.find(r.set)
		if m := p.machines[r.machine]; !r.leaving && (s == nil || s.leaving() && len(s.members) == 0) && (m == nil || m.cluster == "") {
			r.leave(p)
			if err := p.drop(ctx, omni.NewMachineRequestSet(r.set).Metadata()); err != nil {
				return err
			}
		}
		if !r.leaving || !p.due(r.gone) {
			continue
		}
		if err := p.remove(ctx, r.machine); err != nil {
			return err
		}
		if err := p.drop(ctx, infra.NewMachineRequestStatus(r.id).Metadata()); err != nil {
			return err
		}
		if err := p.drop(ctx, infra.NewMachineRequest(r.id).Metadata()); err != nil && !state.IsConflictError(err) {
			return err
		}
		delete(p.requests, r.id)
	}
	return nil
}
