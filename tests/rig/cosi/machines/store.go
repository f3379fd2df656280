package machines

import (
	"cmp"
	"context"
	"slices"

	"github.com/cosi-project/runtime/pkg/controller/generic"
	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/siderolabs/omni/client/pkg/omni/resources/omni"
)

// keep makes a resource what `fill` makes of it, and writes only what is not so yet.
func keep[T resource.Resource](ctx context.Context, p *Play, owner string, wanted T, fill func(T)) error {
	there, err := safe.StateGet[T](ctx, p.state, wanted.Metadata())
	if state.IsNotFoundError(err) {
		fill(wanted)
		p.changed = true
		return p.state.Create(ctx, wanted, state.WithCreateOwner(owner))
	}
	if err != nil {
		return err
	}
	next := there.DeepCopy().(T) //nolint:forcetypeassert
	if fill(next); resource.Equal(there, next) {
		return nil
	}
	p.changed = true
	return p.state.Update(ctx, next, state.WithUpdateOwner(owner), state.WithExpectedPhaseAny())
}

// drop removes a resource of ours, which is seen to be torn down first.
func (p *Play) drop(ctx context.Context, md resource.Pointer) error {
	there, err := p.state.Get(ctx, md)
	if err != nil {
		return ignoreGone(err)
	}
	p.changed = true
	owner := there.Metadata().Owner()
	if _, err = p.state.Teardown(ctx, md, state.WithTeardownOwner(owner)); err != nil {
		return ignoreGone(err)
	}
	if ours := *there.Metadata().Finalizers(); len(ours) > 0 {
		if err = p.state.RemoveFinalizer(ctx, md, ours...); err != nil {
			return ignoreGone(err)
		}
	}
	return ignoreGone(p.state.Destroy(ctx, md, state.WithDestroyOwner(owner)))
}

func ignoreGone(err error) error {
	if state.IsNotFoundError(err) {
		return nil
	}
	return err
}

// label gives a label's value, which is empty where there is none.
func label(r resource.Resource, key string) string {
	value, _ := r.Metadata().Labels().Get(key)
	return value
}

func hasLabel(r resource.Resource, key string) bool {
	_, ok := r.Metadata().Labels().Get(key)
	return ok
}

// mark sets or removes a label that says something by being there.
func mark(r resource.Resource, key string, is bool) {
	if is {
		r.Metadata().Labels().Set(key, "")
	} else {
		r.Metadata().Labels().Delete(key)
	}
}

func copyLabels(from, to resource.Resource, keys ...string) {
	for _, key := range keys {
		if value, ok := from.Metadata().Labels().Get(key); ok {
			to.Metadata().Labels().Set(key, value)
		} else {
			to.Metadata().Labels().Delete(key)
		}
	}
}

func torndown(r resource.Resource) bool { return r.Metadata().Phase() == resource.PhaseTearingDown }

func locked(r resource.Resource, key string) bool {
	_, ok := r.Metadata().Annotations().Get(key)
	return ok
}

// view is what the store says of one cluster.
type view struct {
	name    string
	cluster *omni.Cluster // nil: there is none
	of      *cluster
	sets    []*set // control planes first, then by ID
	patches []*omni.ConfigPatch
	ready   bool // as its status says in the end
}

// set is a machine set, or what is left of one.
type set struct {
	id      string
	spec    *omni.MachineSet // nil: gone
	nodes   []*omni.MachineSetNode
	members []*omni.ClusterMachine
}

func (s *set) controlPlane() bool {
	for _, it := range s.members {
		return hasLabel(it, omni.LabelControlPlaneRole)
	}
	return s.spec != nil && hasLabel(s.spec, omni.LabelControlPlaneRole)
}

func (s *set) leaving() bool { return s.spec == nil || torndown(s.spec) }

// wanted are the nodes that are to stay.
func (s *set) wanted() []*omni.MachineSetNode {
	return slices.DeleteFunc(slices.Clone(s.nodes), func(n *omni.MachineSetNode) bool { return torndown(n) })
}

func (s *set) node(id string) *omni.MachineSetNode {
	for _, n := range s.nodes {
		if n.Metadata().ID() == id && !torndown(n) {
			return n
		}
	}
	return nil
}

func (s *set) member(id string) *omni.ClusterMachine {
	for _, it := range s.members {
		if it.Metadata().ID() == id {
			return it
		}
	}
	return nil
}

func listed[T generic.ResourceWithRD](ctx context.Context, p *Play, key, value string) ([]T, error) {
	list, err := safe.StateListAll[T](ctx, p.state, state.WithLabelQuery(resource.LabelEqual(key, value)))
	if err != nil {
		return nil, err
	}
	return slices.SortedFunc(list.All(), func(a, b T) int {
		return cmp.Or(a.Metadata().Created().Compare(b.Metadata().Created()), cmp.Compare(a.Metadata().ID(), b.Metadata().ID()))
	}), nil
}

// look reads what belongs to a cluster.
func (p *Play) look(ctx context.Context, name string) (*view, error) {
	v := &view{name: name, of: p.clusters[name]}
	var err error
	if v.cluster, err = safe.StateGetByID[*omni.Cluster](ctx, p.state, name); state.IsNotFoundError(err) {
		v.cluster = nil
	} else if err != nil {
		return nil, err
	}
	if v.patches, err = listed[*omni.ConfigPatch](ctx, p, omni.LabelCluster, name); err != nil {
		return nil, err
	}
	sets, err := listed[*omni.MachineSet](ctx, p, omni.LabelCluster, name)
	if err != nil {
		return nil, err
	}
	for _, it := range sets {
		v.set(it.Metadata().ID()).spec = it
	}
	nodes, err := listed[*omni.MachineSetNode](ctx, p, omni.LabelCluster, name)
	if err != nil {
		return nil, err
	}
	for _, it := range nodes {
		if s := v.set(label(it, omni.LabelMachineSet)); s.spec != nil && p.noticed(v, s.id) {
			s.nodes = append(s.nodes, it)
		}
	}
	members, err := listed[*omni.ClusterMachine](ctx, p, omni.LabelCluster, name)
	if err != nil {
		return nil, err
	}
	for _, it := range members {
		s := v.set(label(it, omni.LabelMachineSet))
		s.members = append(s.members, it)
	}
	slices.SortStableFunc(v.sets, func(a, b *set) int {
		if a.controlPlane() != b.controlPlane() {
			return map[bool]int{true: -1, false: 1}[a.controlPlane()]
		}
		return cmp.Compare(a.id, b.id)
	})
	return v, nil
}

func (v *view) set(id string) *set {
	for _, it := range v.sets {
		if it.id == id {
			return it
		}
	}
	s := &set{id: id}
	v.sets = append(v.sets, s)
	return s
}

// members are all machines of the cluster, control planes first.
func (v *view) members() []*omni.ClusterMachine {
	var all []*omni.ClusterMachine
	for _, s := range v.sets {
		all = append(all, s.members...)
	}
	return all
}

// noticed says whether the nodes of a machine set are seen yet.
func (p *Play) noticed(v *view, id string) bool {
	if v.of.noticed[id].IsZero() {
		v.of.noticed[id] = p.now.Add(p.paced(noticing))
	}
	return p.due(v.of.noticed[id])
}
