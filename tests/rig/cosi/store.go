package main

import (
	"context"
	"sync"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/cosi-project/runtime/pkg/state/impl/inmem"
	"github.com/cosi-project/runtime/pkg/state/impl/namespaced"
	"github.com/cosi-project/runtime/pkg/state/registry"
	"github.com/siderolabs/omni/client/pkg/omni/resources"
	types "github.com/siderolabs/omni/client/pkg/omni/resources/registry"

	_ "github.com/siderolabs/omni/client/pkg/omni/resources/common" // registers the resource types
	"github.com/siderolabs/omni/client/pkg/omni/resources/system"
)

// The Omni that this pretends to be; omnictl refuses a server whose API version is not its own.
const (
	backendVersion    = "v1.9.3"
	backendAPIVersion = 2
)

// store is the state, and the view of it that clients are served.
type store struct {
	state  state.State
	served staleState
}

// newStore: what users make is kept in the journal, if there is one.
func newStore(history int, kept *journal) (*store, error) {
	core := namespaced.NewState(func(ns resource.Namespace) state.CoreState {
		options := []inmem.StateOption{inmem.WithHistoryMaxCapacity(history), inmem.WithHistoryGap(min(20, history/5))}
		if kept != nil && ns == resources.DefaultNamespace {
			options = append(options, inmem.WithBackingStore(kept))
		}
		return inmem.NewStateWithOptions(options...)(ns)
	})
	st := &store{state: state.WrapCore(core), served: staleState{CoreState: core, old: map[string]*stale{}}}
	ctx := context.Background()
	definitions := registry.NewResourceRegistry(st.state)
	if err := definitions.RegisterDefault(ctx); err != nil {
		return nil, err
	}
	for _, r := range types.Resources {
		if err := definitions.Register(ctx, r); err != nil {
			return nil, err
		}
	}
	version := system.NewSysVersion(system.SysVersionID)
	version.TypedSpec().Value.BackendVersion = backendVersion
	version.TypedSpec().Value.BackendApiVersion = backendAPIVersion
	version.TypedSpec().Value.InstanceName = "rig"
	return st, st.state.Create(ctx, version)
}

// staleState answers Get as Omni's cache does that lags behind a write: after a client's write, a number of Gets of the
// same resource still see what was there before.
type staleState struct {
	state.CoreState

	mu    sync.Mutex
	times int // 0: always fresh
	old   map[string]*stale
}

type stale struct {
	err  error
	was  resource.Resource
	left int
}

func (s *staleState) lag(times int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.times = times
	clear(s.old)
}

// keep remembers what a resource was before a write, and undoes that if the write fails.
func (s *staleState) keep(ctx context.Context, p resource.Pointer, write func() error) error {
	s.mu.Lock()
	times := s.times
	s.mu.Unlock()
	if times == 0 {
		return write()
	}
	was, err := s.CoreState.Get(ctx, p)
	if failed := write(); failed != nil {
		return failed
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.old[key(p)] = &stale{was: was, err: err, left: times}
	return nil
}

func key(p resource.Pointer) string { return p.Namespace() + "/" + p.Type() + "/" + p.ID() }

func (s *staleState) Get(ctx context.Context, p resource.Pointer, o ...state.GetOption) (resource.Resource, error) {
	s.mu.Lock()
	old := s.old[key(p)]
	if old != nil && old.left > 0 {
		old.left--
		s.mu.Unlock()
		return old.was, old.err
	}
	s.mu.Unlock()
	return s.CoreState.Get(ctx, p, o...)
}

func (s *staleState) Create(ctx context.Context, r resource.Resource, o ...state.CreateOption) error {
	return s.keep(ctx, r.Metadata(), func() error { return s.CoreState.Create(ctx, r, o...) })
}

func (s *staleState) Update(ctx context.Context, r resource.Resource, o ...state.UpdateOption) error {
	return s.keep(ctx, r.Metadata(), func() error { return s.CoreState.Update(ctx, r, o...) })
}
