// Package machines plays the part of Omni and of its machines in a COSI state: machines join, are given to clusters by
// name or by class, install, run, are upgraded one by one, leave and vanish, and what Omni says of all that is written as
// its controllers write it.
//
// The store says what is wanted, the machines in memory say what is. Whenever either changes, the cluster that it belongs
// to is looked at as a whole, and everything that is said of it is made true again. So nothing depends on the order of
// events, and whatever somebody else writes into a status does not stay.
package machines

import (
	"context"
	"fmt"
	"io"
	"log"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/siderolabs/omni/client/pkg/omni/resources"
	"github.com/siderolabs/omni/client/pkg/omni/resources/omni"
	"github.com/siderolabs/omni/client/pkg/omni/resources/siderolink"
)

const (
	defaultTalos = "1.13.3"
	settlings    = 20 // passes over a cluster until it is taken as settled for now
	idling       = time.Minute
)

// Play is the play. Its methods may be called at any time.
type Play struct {
	state state.State
	clock func() time.Time

	mu       sync.Mutex
	pace     float64
	capacity int  // of all providers together; below zero: without limit
	named    bool // every machine that a cluster names joins
	still    bool
	machines map[string]*machine
	clusters map[string]*cluster
	requests map[string]*request
	made     int
	now      time.Time
	next     time.Time // when something is due
	changed  bool

	inbox sync.Mutex
	dirty map[string]bool // clusters to look at
	news  []resource.Resource
	wake  chan struct{}
}

// cluster is what is known of one beyond the store.
type cluster struct {
	noticed      map[string]time.Time // when the nodes of a machine set are seen
	bootstrapped bool
	podsSeen     time.Time // when Omni looks at its Kubernetes
	pulled       time.Time
	kubernetes   string // the version that was reached last
	step         string // of an upgrade that runs
	next         time.Time
}

// Joining is how a machine comes.
type Joining struct {
	Talos  string
	Labels map[string]string
}

// New makes a play in which everything takes pace times as long as with emulated machines.
func New(st state.State, pace float64) *Play {
	return &Play{
		state: st, clock: time.Now, pace: pace, capacity: -1, machines: map[string]*machine{}, clusters: map[string]*cluster{},
		requests: map[string]*request{}, dirty: map[string]bool{}, wake: make(chan struct{}, 1),
	}
}

// Start plays until the context ends.
func (p *Play) Start(ctx context.Context) error {
	events := make(chan state.Event)
	for _, kind := range []resource.Type{
		omni.ClusterType, omni.MachineSetType, omni.MachineSetNodeType, omni.ConfigPatchType, omni.MachineClassType,
		omni.MachineLabelsType, siderolink.LinkType,
	} {
		md := resource.NewMetadata(resources.DefaultNamespace, kind, "", resource.VersionUndefined)
		if err := p.state.WatchKind(ctx, md, events, state.WithBootstrapContents(true)); err != nil {
			return err
		}
	}
	go func() {
		for {
			select {
			case e := <-events:
				p.note(e)
			case <-ctx.Done():
				return
			}
		}
	}()
	go p.run(ctx)
	return nil
}

// note remembers what an event is about.
func (p *Play) note(e state.Event) {
	if e.Type == state.Errored {
		log.Printf("machines: %v", e.Error)
	}
	if e.Resource == nil || e.Type == state.Bootstrapped {
		return
	}
	md := e.Resource.Metadata()
	switch md.Type() {
	case omni.ClusterType:
		p.touch(md.ID())
	case omni.MachineClassType:
		p.touch("*")
	case omni.MachineLabelsType, siderolink.LinkType:
		p.inbox.Lock()
		if e.Type == state.Destroyed && md.Type() == omni.MachineLabelsType {
			e.Resource = omni.NewMachineLabels(md.ID())
		}
		p.news = append(p.news, e.Resource)
		p.inbox.Unlock()
		p.touch("*")
	default:
		p.touch(label(e.Resource, omni.LabelCluster))
	}
}

// touch has a cluster looked at; `*` stands for all.
func (p *Play) touch(name string) {
	if name == "" {
		return
	}
	p.inbox.Lock()
	p.dirty[name] = true
	p.inbox.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *Play) run(ctx context.Context) {
	for {
		wait := p.step(ctx)
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		case <-p.wake:
			p.mu.Lock()
			pause := p.paced(reacting)
			p.mu.Unlock()
			time.Sleep(pause)
		}
	}
}

// step takes everything as far as it goes now, and says when there is more to do.
func (p *Play) step(ctx context.Context) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.still {
		return idling
	}
	p.now, p.next = p.clock(), time.Time{}
	if err := p.hear(ctx); err != nil {
		log.Printf("machines: %v", err)
	}
	for _, m := range p.inOrder() {
		if p.advance(m) {
			p.touch(m.cluster)
			if m.cluster == "" {
				p.touch("*")
			}
		}
	}
	for _, name := range p.touched() {
		if err := p.settle(ctx, name); err != nil && ctx.Err() == nil {
			log.Printf("machines: %s: %v", name, err)
			p.touch(name)
		}
	}
	for _, m := range p.inOrder() {
		if m.unpublished {
			m.unpublished = false
			if err := p.publish(ctx, m); err != nil && ctx.Err() == nil {
				log.Printf("machines: %s: %v", m.id, err)
				m.unpublished = true
			}
		}
	}
	if p.next.IsZero() {
		return idling
	}
	return max(0, p.next.Sub(p.clock()))
}

// hear takes what people say of single machines: labels, and links that are to go.
func (p *Play) hear(ctx context.Context) error {
	p.inbox.Lock()
	news := p.news
	p.news = nil
	p.inbox.Unlock()
	for _, r := range news {
		m := p.machines[r.Metadata().ID()]
		switch {
		case r.Metadata().Type() == siderolink.LinkType && torndown(r):
			if err := p.remove(ctx, r.Metadata().ID()); err != nil {
				return err
			}
		case r.Metadata().Type() == omni.MachineLabelsType && m != nil:
			m.usersLabels, m.unpublished = r.Metadata().Labels().Raw(), true
		}
	}
	return nil
}

// touched are the clusters to look at: something happened there, or something is due.
func (p *Play) touched() []string {
	p.inbox.Lock()
	defer p.inbox.Unlock()
	for name := range p.dirty {
		if name != "*" && p.clusters[name] == nil {
			p.clusters[name] = &cluster{noticed: map[string]time.Time{}}
		}
	}
	all := make([]string, 0, len(p.clusters))
	for name, c := range p.clusters {
		if p.dirty["*"] || p.dirty[name] || !c.next.IsZero() && p.due(c.next) {
			all = append(all, name)
		}
	}
	clear(p.dirty)
	slices.Sort(all)
	return all
}

// settle looks at a cluster until nothing changes any more.
func (p *Play) settle(ctx context.Context, name string) error {
	soonest, c := p.next, p.clusters[name]
	p.next = time.Time{}
	defer func() {
		if c.next = p.next; !soonest.IsZero() {
			p.due(soonest)
		}
	}()
	for range settlings {
		p.changed = false
		v, err := p.look(ctx, name)
		if err != nil {
			return err
		}
		for _, do := range []func(context.Context, *view) error{p.enlist, p.allocate, p.dismiss, p.direct, p.report, p.sweep} {
			if err = do(ctx, v); err != nil {
				return err
			}
		}
		if v.cluster == nil && len(v.sets) == 0 && !p.asked(name) {
			delete(p.clusters, name)
			return nil
		}
		if !p.changed {
			return nil
		}
	}
	p.touch(name)
	return nil
}

func (p *Play) asked(name string) bool {
	for _, r := range p.requests {
		if r.cluster == name {
			return true
		}
	}
	return false
}

// --- what happens to machines ------------------------------------------------------------------------------------------

// Join starts machines, and gives their IDs; an ID that is known already stays what it is.
func (p *Play) Join(ids []string, count int, how Joining) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = p.clock()
	for range count {
		p.made++
		ids = append(ids, numbered(p.made))
	}
	for _, id := range ids {
		p.join(id, how)
	}
	p.touch("*")
	return ids
}

func (p *Play) join(id string, how Joining) *machine {
	if m := p.machines[id]; m != nil {
		m.joins = p.now
		return m
	}
	if how.Talos == "" {
		how.Talos = defaultTalos
	}
	m := newMachine(id, len(p.machines), how.Talos)
	m.labels, m.joins = how.Labels, p.now.Add(p.paced(joining))
	p.machines[id] = m
	p.due(m.joins)
	return m
}

// JoinNamed has every machine join that a cluster names, from now on.
func (p *Play) JoinNamed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.named = true
	p.touch("*")
}

// Suffer gives a machine a trouble, or takes it away. One that is not known yet has it from the start.
func (p *Play) Suffer(id string, how Trouble) error {
	if !slices.Contains(Troubles, how) {
		return fmt.Errorf("how=%s: one of %v", how, Troubles)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = p.clock()
	m := p.machines[id]
	if m == nil {
		m = p.join(id, Joining{})
	}
	if m.trouble = how; !m.idle() {
		m.arrives = p.now.Add(p.paced(m.journey[0].takes))
	}
	m.retries, m.unpublished = time.Time{}, true
	p.touch("*")
	return nil
}

// Remove makes a machine vanish with all that Omni knew of it.
func (p *Play) Remove(ctx context.Context, id string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.machines[id] == nil {
		return fmt.Errorf("id=%s: no such machine", id)
	}
	return p.remove(ctx, id)
}

// Limit is how many machines providers can make; below zero there is no limit.
func (p *Play) Limit(capacity int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.capacity = capacity
	p.touch("*")
}

// Pace changes how long everything takes.
func (p *Play) Pace(pace float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pace = pace
}

// Hold stops the play, so that statuses can be written by somebody else; it goes on with false.
func (p *Play) Hold(still bool) {
	p.mu.Lock()
	p.still = still
	p.mu.Unlock()
	p.touch("*")
}

// List prints a line for each machine: ID, name, stage, Talos, cluster and trouble.
func (p *Play) List(w io.Writer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.inOrder() {
		stage, cluster := strings.ToLower(m.stage.String()), m.cluster
		if !m.joined {
			stage = "absent"
		}
		if cluster == "" {
			cluster = "-"
		}
		fmt.Fprintln(w, m.id, m.name, stage, m.talos, cluster, m.trouble)
	}
}
