package main

import (
	"context"
	"log"
	"slices"
	"sync"
	"time"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/siderolabs/omni/client/pkg/omni/resources"
	"github.com/siderolabs/omni/client/pkg/omni/resources/common"
	"github.com/siderolabs/omni/client/pkg/omni/resources/omni"
)

const partsInterval = 5 * time.Millisecond

// Finalizers that Omni's controllers put on what users make, within milliseconds and each by itself.
var finalizersOf = map[resource.Type][]resource.Finalizer{
	omni.ClusterType: {
		"ClusterStatusController", "ClusterWorkloadProxyController", "SecretsController", "TalosUpgradeStatusController",
		"ClusterEndpointController", "ClusterController", "KubernetesUpgradeStatusController", "ClusterConfigVersionController",
		"ClusterDestroyStatusController", "ClusterKubernetesManifestsStatusController", "ClusterUUIDController",
		"BackupDataController", "ClusterWorkloadProxyStatusController",
	},
	omni.MachineSetType: {
		"ControlPlaneStatusController", "MachineSetDestroyStatusController", "MachineSetController", "MachineProvisionController",
		"MachineSetStatusController",
	},
	omni.MachineSetNodeType:          {"MachineSetStatusController"},
	omni.ExtensionsConfigurationType: {"MachineExtensionsController"},
}

// Those that only some resources of a type have.
const nodeController = "MachineSetNodeController"

var controlPlaneFinalizers = []resource.Finalizer{"ClusterBootstrapStatusController", "MachineSetEtcdAuditController"}

// lasting finalizers stay on what is torn down until its machines are reset; the others go at once.
var lasting = map[resource.Type][]resource.Finalizer{
	omni.ClusterType: {
		"ClusterController", "ClusterDestroyStatusController", "ClusterStatusController", "ClusterUUIDController", "SecretsController",
	},
	omni.MachineSetType: {"MachineSetDestroyStatusController", "MachineSetStatusController"},
}

// passing are the finalizers that a resource has and that go as soon as it is torn down.
func passing(md *resource.Metadata, ours []resource.Finalizer) []resource.Finalizer {
	last, is := lasting[md.Type()]
	if !is {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(ours), func(f resource.Finalizer) bool {
		return slices.Contains(last, f) || !md.Finalizers().Has(f)
	})
}

// finalizers are all that a resource has, or may have, from Omni.
func finalizers(r resource.Resource) []resource.Finalizer {
	all := slices.Clone(finalizersOf[r.Metadata().Type()])
	switch it := r.(type) {
	case *omni.MachineSet:
		if _, is := it.Metadata().Labels().Get(omni.LabelControlPlaneRole); is {
			all = append(all, controlPlaneFinalizers...)
		}
		if omni.GetMachineAllocation(it) != nil {
			all = append(all, nodeController)
		}
	case *omni.MachineSetNode:
		if _, is := it.Metadata().Labels().Get(omni.LabelManagedByMachineSetNodeController); is {
			all = append(all, nodeController)
		}
	}
	return all
}

// parts are what goes with a resource when it is torn down, and the label that ties it to that: one after the other.
type parts struct {
	kind  resource.Type
	label string
	role  string // only those with this label
	owned bool   // Omni's own: waited for
}

var partsOf = map[resource.Type][]parts{
	omni.ClusterType: {
		{kind: omni.MachineSetType, label: omni.LabelCluster, role: omni.LabelWorkerRole},
		{kind: omni.MachineSetType, label: omni.LabelCluster},
		{kind: omni.ConfigPatchType, label: omni.LabelCluster},
		{kind: omni.KubernetesManifestGroupType, label: omni.LabelCluster},
		{kind: omni.ExtensionsConfigurationType, label: omni.LabelCluster},
		{kind: omni.KubernetesHealthCheckType, label: omni.LabelCluster},
		{kind: omni.ClusterMachineType, label: omni.LabelCluster, owned: true},
	},
	omni.MachineSetType: {
		{kind: omni.MachineSetNodeType, label: omni.LabelMachineSet},
		{kind: omni.ExtensionsConfigurationType, label: omni.LabelMachineSet},
		{kind: omni.ConfigPatchType, label: omni.LabelMachineSet},
		{kind: omni.ClusterMachineType, label: omni.LabelMachineSet, owned: true},
	},
}

// controller does to users' resources what Omni does: it adds finalizers to a new one, takes them away some time after
// it is torn down and its parts are gone, and destroys what is torn down and has none.
type controller struct {
	state state.State

	mu    sync.Mutex
	delay time.Duration
	held  map[string]resource.Finalizer // by TYPE or TYPE/ID; empty: all that Omni has put there
	freed chan struct{}                 // closed and renewed whenever something is let go
}

func newController(st state.State, delay time.Duration) *controller {
	return &controller{state: st, delay: delay, held: map[string]resource.Finalizer{}, freed: make(chan struct{})}
}

func (c *controller) start() error {
	for _, kind := range common.UserManagedResourceTypes {
		events := make(chan state.Event)
		md := resource.NewMetadata(resources.DefaultNamespace, kind, "", resource.VersionUndefined)
		if err := c.state.WatchKind(context.Background(), md, events, state.WithBootstrapContents(true)); err != nil {
			return err
		}
		go func() {
			for e := range events {
				if e.Type == state.Created || e.Type == state.Updated {
					go c.reconcile(e.Resource)
				}
			}
		}()
	}
	return nil
}

// hold keeps a finalizer, or all, on what is torn down under this name, as a machine does that does not answer.
func (c *controller) hold(name string, f resource.Finalizer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held[name] = f
}

// release lets go of what is held under this name, or of all.
func (c *controller) release(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if delete(c.held, name); name == "" {
		clear(c.held)
	}
	close(c.freed)
	c.freed = make(chan struct{})
}

// holding says what is held of a resource, and gives what is closed when something is let go.
func (c *controller) holding(md *resource.Metadata) (resource.Finalizer, bool, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, is := c.held[md.Type()+"/"+md.ID()]
	if !is {
		f, is = c.held[md.Type()]
	}
	return f, is, c.freed
}

// await waits for the finalizers' time, and for as long as the resource is held. One that is held by a single finalizer
// has that alone in the meantime.
func (c *controller) await(ctx context.Context, md *resource.Metadata, ours []resource.Finalizer) error {
	time.Sleep(c.delay)
	for {
		f, held, freed := c.holding(md)
		if held && f != "" {
			if err := c.swap(ctx, md, ours, f); err != nil {
				return err
			}
		}
		if !held {
			return nil
		}
		<-freed
		if _, still, _ := c.holding(md); !still && f != "" {
			if err := c.state.RemoveFinalizer(ctx, md, f); err != nil {
				return err
			}
		}
	}
}

// swap leaves a torn-down resource with one finalizer of ours.
func (c *controller) swap(ctx context.Context, md *resource.Metadata, ours []resource.Finalizer, f resource.Finalizer) error {
	if err := c.state.AddFinalizer(ctx, md, f); err != nil {
		return err
	}
	others := slices.DeleteFunc(slices.Clone(ours), func(it resource.Finalizer) bool { return it == f })
	return c.state.RemoveFinalizer(ctx, md, others...)
}

func (c *controller) reconcile(r resource.Resource) {
	ctx, md, ours := context.Background(), r.Metadata(), finalizers(r)
	var err error
	switch {
	case md.Phase() == resource.PhaseRunning && len(ours) > 0:
		err = c.add(ctx, md, ours)
	case md.Phase() == resource.PhaseTearingDown && md.Finalizers().Empty():
		if _, held, _ := c.holding(md); held {
			if err = c.await(ctx, md, ours); err != nil {
				break
			}
		}
		err = c.state.Destroy(ctx, md, state.WithDestroyOwner(md.Owner()))
	case md.Phase() == resource.PhaseTearingDown && hasAny(md, ours):
		if err = c.letGo(ctx, md, ours); err == nil {
			err = c.removeParts(ctx, md)
		}
		if err == nil {
			err = c.await(ctx, md, ours)
		}
		if err == nil {
			err = c.state.RemoveFinalizer(ctx, md, ours...)
		}
	}
	if err != nil && !state.IsNotFoundError(err) && !state.IsConflictError(err) {
		log.Printf("controller: %s: %v", md, err)
	}
}

func (c *controller) letGo(ctx context.Context, md *resource.Metadata, ours []resource.Finalizer) error {
	early := passing(md, ours)
	if _, held, _ := c.holding(md); held || len(early) == 0 {
		return nil
	}
	return c.state.RemoveFinalizer(ctx, md, early...)
}

func hasAny(md *resource.Metadata, finalizers []resource.Finalizer) bool {
	return slices.ContainsFunc(finalizers, md.Finalizers().Has)
}

// removeParts tears down what belongs to a resource, and waits until all of it is gone.
func (c *controller) removeParts(ctx context.Context, md *resource.Metadata) error {
	for _, it := range partsOf[md.Type()] {
		for {
			left, err := c.removeKind(ctx, md, it)
			if err != nil {
				return err
			}
			if left == 0 {
				break
			}
			time.Sleep(partsInterval)
		}
	}
	return nil
}

func (c *controller) removeKind(ctx context.Context, md *resource.Metadata, it parts) (int, error) {
	terms := []resource.LabelQueryOption{resource.LabelEqual(it.label, md.ID())}
	if it.role != "" {
		terms = append(terms, resource.LabelExists(it.role))
	}
	all := resource.NewMetadata(resources.DefaultNamespace, it.kind, "", resource.VersionUndefined)
	list, err := c.state.List(ctx, all, state.WithLabelQuery(terms...))
	if err != nil || it.owned {
		return len(list.Items), err
	}
	for _, r := range list.Items {
		owned := state.WithTeardownOwner(r.Metadata().Owner())
		// Somebody else may write it, or tear it down, at this moment: it stays in the list, and has another turn.
		_, err = c.state.Teardown(ctx, r.Metadata(), owned)
		if err != nil && !state.IsNotFoundError(err) && !state.IsConflictError(err) {
			return 0, err
		}
	}
	return len(list.Items), nil
}

// add leaves alone what has them already, and what is torn down by now.
func (c *controller) add(ctx context.Context, md *resource.Metadata, ours []resource.Finalizer) error {
	for _, f := range ours {
		_, err := c.state.UpdateWithConflicts(ctx, md, func(r resource.Resource) error {
			r.Metadata().Finalizers().Add(f)
			return nil
		}, state.WithUpdateOwner(md.Owner()), state.WithExpectedPhase(resource.PhaseRunning))
		if err != nil {
			return err
		}
	}
	return nil
}
