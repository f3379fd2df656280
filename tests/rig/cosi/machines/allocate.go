package machines

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/siderolabs/omni/client/api/omni/specs"
	"github.com/siderolabs/omni/client/pkg/cosi/labels"
	"github.com/siderolabs/omni/client/pkg/omni/resources/omni"
	talos "github.com/siderolabs/talos/pkg/machinery/api/machine"
)

// Labels that a machine has to have, or must not have, to be allocated.
var allocatable = []resource.LabelTerm{
	{Key: omni.MachineStatusLabelAvailable, Op: resource.LabelOpExists},
	{Key: omni.MachineStatusLabelReadyToUse, Op: resource.LabelOpExists},
	{Key: omni.MachineStatusLabelReportingEvents, Op: resource.LabelOpExists},
}

// allocate gives machine sets with a class as many nodes as they ask for, and takes away those that are too many.
func (p *Play) allocate(ctx context.Context, v *view) error {
	for _, s := range v.sets {
		if s.spec == nil || v.cluster == nil {
			continue
		}
		source := omni.GetMachineAllocation(s.spec)
		if source == nil || torndown(v.cluster) || s.leaving() || !p.noticed(v, s.id) || locked(v.cluster, omni.ClusterLocked) {
			continue
		}
		class, err := safe.StateGetByID[*omni.MachineClass](ctx, p.state, source.Name)
		if state.IsNotFoundError(err) {
			continue
		}
		if err == nil && class.TypedSpec().Value.AutoProvision != nil {
			err = p.request(ctx, v, s, class.TypedSpec().Value.AutoProvision)
		}
		if err == nil {
			err = p.scale(ctx, v, s, class)
		}
		if err != nil {
			return err
		}
	}
	return p.retire(ctx, v)
}

func (p *Play) scale(ctx context.Context, v *view, s *set, class *omni.MachineClass) error {
	source := omni.GetMachineAllocation(s.spec)
	more := int(source.MachineCount) - len(s.nodes)
	if source.AllocationType == specs.MachineSetSpec_MachineAllocation_Unlimited {
		more = len(p.machines)
	}
	if more < 0 {
		return p.shrink(ctx, s, -more)
	}
	queries, err := queriesOf(s, class)
	if err != nil {
		return err
	}
	for _, m := range p.inOrder() {
		if more == 0 {
			break
		}
		if m.cluster != "" || !m.suits(v.cluster) || !matches(queries, m.status()) {
			continue
		}
		node := omni.NewMachineSetNode(m.id, s.spec)
		node.Metadata().Labels().Set(omni.LabelManagedByMachineSetNodeController, "")
		node.Metadata().Finalizers().Add("MachineSetNodeController")
		if err := p.state.Create(ctx, node); state.IsConflictError(err) {
			continue
		} else if err != nil {
			return err
		}
		p.give(m, v, s)
		p.changed = true
		s.nodes = append(s.nodes, node)
		more--
	}
	return nil
}

func queriesOf(s *set, class *omni.MachineClass) (resource.LabelQueries, error) {
	terms := slices.Clone(allocatable)
	if class.TypedSpec().Value.AutoProvision != nil {
		own := resource.LabelTerm{Key: omni.LabelMachineRequestSet, Op: resource.LabelOpEqual, Value: []string{s.id}}
		return resource.LabelQueries{{Terms: append(terms, own)}}, nil
	}
	queries, err := labels.ParseSelectors(class.TypedSpec().Value.MatchLabels)
	terms = append(terms, resource.LabelTerm{Key: omni.LabelNoManualAllocation, Op: resource.LabelOpExists, Invert: true})
	for i := range queries {
		queries[i].Terms = append(queries[i].Terms, terms...)
	}
	return queries, err
}

func matches(queries resource.LabelQueries, r resource.Resource) bool {
	return queries.Matches(*r.Metadata().Labels())
}

// suits says whether a machine's Talos can become the cluster's: no downgrades, and what is not installed stays in its
// minor version.
func (m *machine) suits(c *omni.Cluster) bool {
	ours, theirs := minor(m.talos), minor(c.TypedSpec().Value.TalosVersion)
	return ours == theirs || m.installed && ours < theirs
}

// minor makes one number of the first two of a version.
func minor(version string) int {
	parts := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	number := 0
	for i := range 2 {
		number *= 1000
		if i < len(parts) {
			n, _ := strconv.Atoi(parts[i])
			number += n
		}
	}
	return number
}

// shrink takes the nodes first that are disconnected, then those that are there for the longest time.
func (p *Play) shrink(ctx context.Context, s *set, count int) error {
	order := slices.SortedStableFunc(slices.Values(s.nodes), func(a, b *omni.MachineSetNode) int {
		return cmp.Compare(p.rank(a), p.rank(b))
	})
	for _, n := range order[:count] {
		if torndown(n) {
			continue
		}
		p.changed = true
		if _, err := p.state.Teardown(ctx, n.Metadata()); err != nil && !state.IsNotFoundError(err) {
			return err
		}
	}
	return nil
}

func (p *Play) rank(n *omni.MachineSetNode) int {
	m := p.machines[n.Metadata().ID()]
	switch {
	case torndown(n):
		return 0
	case m == nil:
		return 1
	case !m.connected():
		return 2
	}
	return 3
}

// inOrder are the machines as they came.
func (p *Play) inOrder() []*machine {
	all := make([]*machine, 0, len(p.machines))
	for _, m := range p.machines {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b *machine) int {
		return cmp.Or(a.joins.Compare(b.joins), cmp.Compare(a.id, b.id))
	})
	return all
}

// available machines can be given to a cluster.
func (m *machine) available() bool {
	return m.joined && m.cluster == "" && m.idle() && m.in(talos.MachineStatusEvent_MAINTENANCE)
}
