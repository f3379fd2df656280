package main

import (
	"context"
	"log"
	"sync"
	"time"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/siderolabs/omni/client/pkg/omni/resources"
	"github.com/siderolabs/omni/client/pkg/omni/resources/common"
	"github.com/siderolabs/omni/client/pkg/omni/resources/omni"
)

const partsInterval = 5 * time.Millisecond

// Finalizers that Omni's controllers put on what users make, within milliseconds.
var finalizersOf = map[resource.Type][]resource.Finalizer{
	omni.ClusterType:        {"ClusterController", "ClusterStatusController", "SecretsController"},
	omni.MachineSetType:     {"MachineSetStatusController"},
	omni.MachineSetNodeType: {"MachineSetStatusController"},
	omni.ConfigPatchType:    {"ClusterMachineConfigController"},
}

// What goes with a resource when it is torn down, and the label that ties it to that.
var partsOf = map[resource.Type]struct {
	label string
	kinds []resource.Type
}{
	omni.ClusterType: {omni.LabelCluster, []resource.Type{
		omni.MachineSetType, omni.ConfigPatchType, omni.KubernetesManifestGroupType, omni.ExtensionsConfigurationType,
		omni.KubernetesHealthCheckType,
	}},
	omni.MachineSetType: {omni.LabelMachineSet, []resource.Type{omni.MachineSetNodeType}},
}

// controller does to users' resources what Omni does: it adds finalizers to a new one, takes them away some time after
// it is torn down and its parts are gone, and destroys what is torn down and has none.
type controller struct {
	state state.State

	mu    sync.Mutex
	delay time.Duration
	held  map[string]bool // TYPE or TYPE/ID: keep their finalizers, as a machine does that does not answer
	freed chan struct{}   // closed and renewed whenever something is let go
}

func newController(st state.State, delay time.Duration) *controller {
	return &controller{state: st, delay: delay, held: map[string]bool{}, freed: make(chan struct{})}
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
					go c.reconcile(e.Resource.Metadata().Copy())
				}
			}
		}()
	}
	return nil
}

func (c *controller) hold(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held[name] = true
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

// await waits for the finalizers' time, and for as long as the resource is held.
func (c *controller) await(md resource.Metadata) {
	c.mu.Lock()
	delay := c.delay
	c.mu.Unlock()
	time.Sleep(delay)
	for {
		c.mu.Lock()
		held, freed := c.held[md.Type()] || c.held[md.Type()+"/"+md.ID()], c.freed
		c.mu.Unlock()
		if !held {
			return
		}
		<-freed
	}
}

func (c *controller) reconcile(md resource.Metadata) {
	ctx, ours := context.Background(), finalizersOf[md.Type()]
	var err error
	switch {
	case md.Phase() == resource.PhaseRunning && len(ours) > 0:
		err = c.add(ctx, md, ours)
	case md.Phase() == resource.PhaseTearingDown && md.Finalizers().Empty():
		c.await(md)
		err = c.state.Destroy(ctx, md, state.WithDestroyOwner(md.Owner()))
	case md.Phase() == resource.PhaseTearingDown && len(ours) > 0:
		c.await(md)
		if err = c.removeParts(ctx, md); err == nil {
			err = c.state.RemoveFinalizer(ctx, md, ours...)
		}
	}
	if err != nil && !state.IsNotFoundError(err) && !state.IsConflictError(err) {
		log.Printf("controller: %s: %v", md, err)
	}
}

// removeParts tears down what belongs to a resource, and waits until all of it is gone.
func (c *controller) removeParts(ctx context.Context, md resource.Metadata) error {
	parts := partsOf[md.Type()]
	for left := -1; left != 0; {
		left = 0
		for _, kind := range parts.kinds {
			all := resource.NewMetadata(resources.DefaultNamespace, kind, "", resource.VersionUndefined)
			list, err := c.state.List(ctx, all, state.WithLabelQuery(resource.LabelEqual(parts.label, md.ID())))
			if err != nil {
				return err
			}
			left += len(list.Items)
			for _, r := range list.Items {
				owned := state.WithTeardownOwner(r.Metadata().Owner())
				if _, err = c.state.Teardown(ctx, r.Metadata(), owned); err != nil && !state.IsNotFoundError(err) {
					return err
				}
			}
		}
		if left > 0 {
			time.Sleep(partsInterval)
		}
	}
	return nil
}

// add leaves alone what has them already, and what is torn down by now.
func (c *controller) add(ctx context.Context, md resource.Metadata, ours []resource.Finalizer) error {
	_, err := c.state.UpdateWithConflicts(ctx, md, func(r resource.Resource) error {
		for _, f := range ours {
			r.Metadata().Finalizers().Add(f)
		}
		return nil
	}, state.WithUpdateOwner(md.Owner()), state.WithExpectedPhase(resource.PhaseRunning))
	return err
}
