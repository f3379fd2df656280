package machines

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/cosi-project/runtime/pkg/state/impl/inmem"
	"github.com/cosi-project/runtime/pkg/state/impl/namespaced"
	"github.com/siderolabs/omni/client/api/omni/specs"
	"github.com/siderolabs/omni/client/pkg/omni/resources/omni"
)

// The tests step through the play with a clock of their own: nothing waits, and every run is the same.

type stage struct {
	t *testing.T
	*Play
	ctx   context.Context
	moves time.Time
	seen  []string      // what was said of the cluster, without repetitions
	watch func() string // says it
	check func()        // what is true at every moment
}

func begin(t *testing.T) *stage {
	t.Helper()
	s := &stage{t: t, Play: New(state.WrapCore(namespaced.NewState(inmem.Build)), 1), ctx: t.Context(), moves: time.Unix(1_700_000_000, 0)}
	s.clock = func() time.Time { return s.moves }
	return s
}

func (s *stage) good(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// after lets time pass, from one moment at which something is due to the next.
func (s *stage) after(d time.Duration) {
	s.t.Helper()
	for end := s.moves.Add(d); ; {
		s.touchAll()
		wait := s.step(s.ctx)
		if s.watch != nil {
			if now := s.watch(); len(s.seen) == 0 || s.seen[len(s.seen)-1] != now {
				s.seen = append(s.seen, now)
			}
		}
		if s.check != nil {
			s.check()
		}
		if s.moves.Equal(end) {
			return
		}
		s.moves = s.moves.Add(max(time.Millisecond, wait))
		if s.moves.After(end) {
			s.moves = end
		}
	}
}

func (s *stage) touchAll() {
	list, err := safe.StateListAll[*omni.Cluster](s.ctx, s.state)
	s.good(err)
	for it := range list.All() {
		s.touch(it.Metadata().ID())
	}
	s.touch("*")
}

func (s *stage) make(r resource.Resource) {
	s.t.Helper()
	s.good(s.state.Create(s.ctx, r))
}

func (s *stage) makeCluster(name string) {
	c := omni.NewCluster(name)
	c.TypedSpec().Value.TalosVersion, c.TypedSpec().Value.KubernetesVersion = "1.13.3", "1.35.5"
	s.make(c)
}

func (s *stage) makeSet(cluster, name, role string, source *specs.MachineSetSpec_MachineAllocation) *omni.MachineSet {
	set := omni.NewMachineSet(cluster + "-" + name)
	set.Metadata().Labels().Set(omni.LabelCluster, cluster)
	set.Metadata().Labels().Set(role, "")
	set.TypedSpec().Value.UpdateStrategy = specs.MachineSetSpec_Rolling
	set.TypedSpec().Value.MachineAllocation = source
	s.make(set)
	return set
}

// makeStatic is a cluster of machines that are known by name.
func (s *stage) makeStatic(name string, planes, workers int) []string {
	ids := s.Join(nil, planes+workers, Joining{})
	s.after(time.Second)
	s.makeCluster(name)
	cp, w := s.makeSet(name, "control-planes", omni.LabelControlPlaneRole, nil), s.makeSet(name, "workers", omni.LabelWorkerRole, nil)
	for i, id := range ids {
		if i < planes {
			s.make(omni.NewMachineSetNode(id, cp))
		} else {
			s.make(omni.NewMachineSetNode(id, w))
		}
	}
	return ids
}

func update[T resource.Resource](s *stage, wanted T, change func(T)) {
	s.t.Helper()
	_, err := safe.StateUpdateWithConflicts(s.ctx, s.state, wanted.Metadata(), func(it T) error { change(it); return nil })
	s.good(err)
}

func (s *stage) status(name string) *specs.ClusterStatusSpec {
	it, err := safe.StateGetByID[*omni.ClusterStatus](s.ctx, s.state, name)
	if state.IsNotFoundError(err) {
		return &specs.ClusterStatusSpec{}
	}
	s.good(err)
	return it.TypedSpec().Value
}

func (s *stage) member(id string) *omni.ClusterMachineStatus {
	s.t.Helper()
	it, err := safe.StateGetByID[*omni.ClusterMachineStatus](s.ctx, s.state, id)
	s.good(err)
	return it
}

func (s *stage) ready(name string) {
	s.t.Helper()
	kubernetes, err := safe.StateGetByID[*omni.KubernetesUpgradeStatus](s.ctx, s.state, name)
	s.good(err)
	if !s.status(name).Ready || kubernetes.TypedSpec().Value.Phase != specs.KubernetesUpgradeStatusSpec_Done {
		s.t.Fatalf("not ready: %v %v", s.status(name), kubernetes.TypedSpec().Value)
	}
}

// summary is what people look at: the cluster, its sets, its upgrades.
func (s *stage) summary(name string) func() string {
	return func() string {
		var b strings.Builder
		status := s.status(name)
		fmt.Fprintf(&b, "%s ready=%v", status.Phase, status.Ready)
		sets, err := listed[*omni.MachineSetStatus](s.ctx, s.Play, omni.LabelCluster, name)
		s.good(err)
		for _, it := range slices.Backward(sets) {
			spec := it.TypedSpec().Value
			fmt.Fprintf(&b, ", %s %s %d/%d", strings.TrimPrefix(it.Metadata().ID(), name+"-"), spec.Phase, spec.Machines.Healthy, spec.Machines.Requested)
		}
		if it, err := safe.StateGetByID[*omni.KubernetesUpgradeStatus](s.ctx, s.state, name); err == nil {
			fmt.Fprintf(&b, ", kubernetes %s", it.TypedSpec().Value.Phase)
		}
		return b.String()
	}
}

func (s *stage) saw(wanted ...string) {
	s.t.Helper()
	if !slices.Equal(s.seen, wanted) {
		s.t.Fatalf("saw\n  %s\nwanted\n  %s", strings.Join(s.seen, "\n  "), strings.Join(wanted, "\n  "))
	}
	s.seen = nil
}

func (s *stage) absent(kinds ...resource.Resource) {
	s.t.Helper()
	for _, it := range kinds {
		list, err := s.state.List(s.ctx, it.Metadata())
		s.good(err)
		for _, left := range list.Items {
			s.t.Errorf("left: %s", left.Metadata())
		}
	}
}

// The sequence that was measured with emulated machines behind a real server.
func TestAClusterComesAsOnARealServer(t *testing.T) {
	s := begin(t)
	s.makeStatic("demo", 3, 2)
	s.watch = s.summary("demo")
	start := s.moves
	s.after(10 * time.Second)
	s.ready("demo")
	s.saw(
		"RUNNING ready=false, workers Running 0/0, control-planes Failed 0/0",
		"SCALING_UP ready=false, workers ScalingUp 0/2, control-planes ScalingUp 0/3",
		"RUNNING ready=false, workers Running 0/2, control-planes Running 0/3",
		"RUNNING ready=false, workers Reconfiguring 0/2, control-planes Reconfiguring 0/3",
		"RUNNING ready=true, workers Running 2/2, control-planes Running 3/3",
		"RUNNING ready=true, workers Running 2/2, control-planes Running 3/3, kubernetes Upgrading",
		"RUNNING ready=true, workers Running 2/2, control-planes Running 3/3, kubernetes Done",
	)
	uuid, err := safe.StateGetByID[*omni.ClusterUUID](s.ctx, s.state, "demo")
	s.good(err)
	if label(uuid, omni.LabelClusterUUID) == "" || label(uuid, omni.LabelClusterUUID) != uuid.TypedSpec().Value.Uuid {
		t.Fatalf("%v", uuid)
	}
	talos, err := safe.StateGetByID[*omni.TalosUpgradeStatus](s.ctx, s.state, "demo")
	s.good(err)
	if talos.TypedSpec().Value.Phase != specs.TalosUpgradeStatusSpec_Done || talos.Metadata().Created().Before(start) || label(talos, omni.LabelCluster) != "" {
		t.Fatalf("%v", talos)
	}
}

func (s *stage) makeClass(name string, spec *specs.MachineClassSpec) *specs.MachineSetSpec_MachineAllocation {
	class := omni.NewMachineClass(name)
	class.TypedSpec().Value = spec
	s.make(class)
	return &specs.MachineSetSpec_MachineAllocation{Name: name}
}

func count(source *specs.MachineSetSpec_MachineAllocation, n uint32) *specs.MachineSetSpec_MachineAllocation {
	it := source.CloneVT()
	it.MachineCount = n
	return it
}

func (s *stage) resize(set *omni.MachineSet, n uint32) {
	s.t.Helper()
	update(s, set, func(it *omni.MachineSet) { it.TypedSpec().Value.MachineAllocation.MachineCount = n })
}

func (s *stage) nodes(set string) []*omni.MachineSetNode {
	s.t.Helper()
	list, err := listed[*omni.MachineSetNode](s.ctx, s.Play, omni.LabelMachineSet, set)
	s.good(err)
	return list
}

// finish does what the server does beside the play: what is torn down goes, as soon as nothing holds it.
func (s *stage) finish() {
	for _, kind := range []resource.Resource{omni.NewCluster(""), omni.NewMachineSet(""), omni.NewMachineClass("")} {
		s.finishKind(kind.Metadata())
	}
	s.finishKind(omni.NewMachineSetNode("", omni.NewMachineSet("")).Metadata())
}

func (s *stage) finishKind(kind resource.Kind) {
	s.t.Helper()
	list, err := s.state.List(s.ctx, kind)
	s.good(err)
	for _, it := range list.Items {
		if torndown(it) {
			s.good(s.drop(s.ctx, it.Metadata()))
		}
	}
}

func TestAClassGivesTheLongestServingBack(t *testing.T) {
	s := begin(t)
	s.Join(nil, 6, Joining{Labels: map[string]string{"rack": "1"}})
	s.Join(nil, 3, Joining{Labels: map[string]string{"rack": "2"}})
	s.after(time.Second)
	s.makeCluster("demo")
	one := s.makeClass("one", &specs.MachineClassSpec{MatchLabels: []string{"rack = 1"}})
	s.makeSet("demo", "control-planes", omni.LabelControlPlaneRole, count(one, 1))
	workers := s.makeSet("demo", "workers", omni.LabelWorkerRole, count(one, 2))
	s.after(10 * time.Second)
	s.ready("demo")
	first := s.nodes("demo-workers")
	if len(first) != 2 || !hasLabel(first[0], omni.LabelManagedByMachineSetNodeController) || first[0].Metadata().Owner() != "" {
		t.Fatalf("%v", first)
	}
	s.watch = s.summary("demo")
	s.resize(workers, 3)
	s.after(5 * time.Second)
	s.ready("demo")
	if phase := s.seen[0]; !strings.HasPrefix(phase, "SCALING_UP ready=false, workers ScalingUp 2/3") {
		t.Fatal(phase)
	}
	s.seen = nil
	s.resize(workers, 1)
	s.after(20 * time.Millisecond)
	s.finish()
	s.after(time.Millisecond)
	if stage := s.member(first[0].Metadata().ID()).TypedSpec().Value.Stage; stage != specs.ClusterMachineStatusSpec_BEFORE_DESTROY {
		t.Fatalf("its node is gone, and it is %s", stage)
	}
	s.after(200 * time.Millisecond)
	if stage := s.member(first[0].Metadata().ID()).TypedSpec().Value.Stage; stage != specs.ClusterMachineStatusSpec_DESTROYING {
		t.Fatalf("it is told to go, and is %s", stage)
	}
	s.after(5 * time.Second)
	s.ready("demo")
	if !strings.HasPrefix(s.seen[0], "SCALING_DOWN ready=false, workers ScalingDown") {
		t.Fatal(s.seen)
	}
	if left := s.nodes("demo-workers"); len(left) != 1 || left[0].Metadata().ID() == first[0].Metadata().ID() {
		t.Fatalf("%v", left)
	}
	if free := s.machines[first[0].Metadata().ID()]; !free.available() || free.installed {
		t.Fatalf("%+v", free)
	}
}

func TestControlPlanesGoOneByOne(t *testing.T) {
	s := begin(t)
	s.Join(nil, 5, Joining{})
	s.after(time.Second)
	s.makeCluster("demo")
	any := s.makeClass("any", &specs.MachineClassSpec{MatchLabels: []string{"omni.sidero.dev/arch = amd64"}})
	planes := s.makeSet("demo", "control-planes", omni.LabelControlPlaneRole, count(any, 5))
	s.after(10 * time.Second)
	s.ready("demo")
	most := 0
	s.check = func() {
		members, err := listed[*omni.ClusterMachine](s.ctx, s.Play, omni.LabelMachineSet, planes.Metadata().ID())
		s.good(err)
		going := 0
		for _, it := range members {
			if torndown(it) {
				going++
			}
		}
		most = max(most, going)
	}
	s.resize(planes, 4)
	s.after(20 * time.Millisecond)
	s.resize(planes, 3)
	s.after(20 * time.Millisecond)
	s.finish()
	s.after(10 * time.Second)
	s.ready("demo")
	if left := s.nodes(planes.Metadata().ID()); most != 1 || len(left) != 3 {
		t.Fatalf("%d at a time, %d are left", most, len(left))
	}
}

func TestRunningOutOfMachines(t *testing.T) {
	s := begin(t)
	s.Limit(4)
	s.makeCluster("demo")
	made := s.makeClass("made", &specs.MachineClassSpec{AutoProvision: &specs.MachineClassSpec_Provision{ProviderId: "proxmox", ProviderData: "{cores: 4}"}})
	s.makeSet("demo", "control-planes", omni.LabelControlPlaneRole, count(made, 3))
	workers := s.makeSet("demo", "workers", omni.LabelWorkerRole, count(made, 2))
	s.after(20 * time.Second)
	if status := s.status("demo"); status.Phase != specs.ClusterStatusSpec_SCALING_UP || status.Machines.Total != 4 || status.Machines.Requested != 5 {
		t.Fatalf("%v", status)
	}
	s.Limit(5)
	s.after(20 * time.Second)
	s.ready("demo")
	for _, n := range s.nodes(workers.Metadata().ID()) {
		it, err := safe.StateGetByID[*omni.MachineStatus](s.ctx, s.state, n.Metadata().ID())
		s.good(err)
		if label(it, omni.LabelInfraProviderID) != "proxmox" || !hasLabel(it, omni.LabelNoManualAllocation) || label(it, omni.LabelMachineRequestSet) != "demo-workers" {
			t.Fatalf("%v", it.Metadata().Labels())
		}
	}
	any := s.makeClass("any", &specs.MachineClassSpec{MatchLabels: []string{"omni.sidero.dev/arch = amd64"}})
	s.makeCluster("other")
	s.makeSet("other", "control-planes", omni.LabelControlPlaneRole, count(any, 1))
	s.after(time.Second)
	if s.nodes("other-control-planes") != nil {
		t.Fatal("a made machine went to a class that chooses by labels")
	}
	s.resize(workers, 1)
	s.after(20 * time.Millisecond)
	s.finish()
	s.after(10 * time.Second)
	s.ready("demo")
	if len(s.machines) != 4 || len(s.requests) != 4 {
		t.Fatalf("%d machines for %d requests", len(s.machines), len(s.requests))
	}
}

// busiest counts the machines that do not run, and gives the most at a time.
func (s *stage) busiest(ids []string) *int {
	most := new(int)
	s.check = func() {
		busy := 0
		for _, id := range ids {
			if !s.machines[id].running() {
				busy++
			}
		}
		*most = max(*most, busy)
	}
	return most
}

func TestUpgradesGoFromMachineToMachine(t *testing.T) {
	s := begin(t)
	ids := s.makeStatic("demo", 3, 2)
	s.after(10 * time.Second)
	lock := omni.NewMachineSetNode(ids[4], omni.NewMachineSet("demo-workers"))
	update(s, lock, func(it *omni.MachineSetNode) { it.Metadata().Annotations().Set(omni.MachineLocked, "") })
	var order []string
	most := s.busiest(ids)
	counts := s.check
	s.check = func() {
		counts()
		for _, id := range ids {
			if s.machines[id].talos == "1.13.5" && !slices.Contains(order, id) {
				order = append(order, id)
			}
		}
	}
	update(s, omni.NewCluster("demo"), func(it *omni.Cluster) { it.TypedSpec().Value.TalosVersion = "1.13.5" })
	s.after(20 * time.Second)
	if *most != 1 || len(order) != 4 || !slices.Contains(ids[:3], order[0]) || order[3] != ids[3] {
		t.Fatalf("%d at a time, in the order %v", *most, order)
	}
	status, err := safe.StateGetByID[*omni.TalosUpgradeStatus](s.ctx, s.state, "demo")
	s.good(err)
	if spec := status.TypedSpec().Value; spec.Phase != specs.TalosUpgradeStatusSpec_Upgrading || spec.Step != "all machines are locked" {
		t.Fatalf("%v", spec)
	}
	if it := s.member(ids[4]); !hasLabel(it, omni.UpdateLocked) || !locked(it, omni.MachineLocked) {
		t.Fatalf("%v", it.Metadata())
	}
	update(s, lock, func(it *omni.MachineSetNode) { it.Metadata().Annotations().Delete(omni.MachineLocked) })
	s.after(5 * time.Second)
	s.ready("demo")
	if s.machines[ids[4]].talos != "1.13.5" {
		t.Fatal("the lock is gone, and nothing happens")
	}
}

func TestKubernetesIsUpgradedPartByPart(t *testing.T) {
	s := begin(t)
	ids := s.makeStatic("demo", 3, 2)
	s.after(10 * time.Second)
	most := s.busiest(ids)
	var steps []string
	s.watch = func() string {
		it, err := safe.StateGetByID[*omni.KubernetesUpgradeStatus](s.ctx, s.state, "demo")
		s.good(err)
		return it.TypedSpec().Value.Step
	}
	update(s, omni.NewCluster("demo"), func(it *omni.Cluster) { it.TypedSpec().Value.KubernetesVersion = "1.36.1" })
	s.after(20 * time.Second)
	s.ready("demo")
	for _, it := range s.seen {
		if _, what, is := strings.Cut(it, ": "); is {
			steps = append(steps, what)
		}
	}
	if len(steps) != 3*3+5 || steps[0] != "updating kube-apiserver to 1.36.1" || steps[13] != "updating kubelet to 1.36.1" || *most != 0 {
		t.Fatalf("%d: %q", *most, s.seen)
	}
}

func TestTroublesShow(t *testing.T) {
	s := begin(t)
	ids := s.makeStatic("demo", 1, 3)
	s.good(s.Suffer(ids[3], Silent))
	s.after(10 * time.Second)
	if it := s.member(ids[3]).TypedSpec().Value; it.Stage != specs.ClusterMachineStatusSpec_CONFIGURING || s.status("demo").Ready {
		t.Fatalf("%v", it)
	}
	s.good(s.Suffer(ids[3], None))
	s.after(10 * time.Second)
	s.ready("demo")

	s.good(s.Suffer(ids[1], Disconnected))
	s.after(time.Second)
	if it := s.member(ids[1]); hasLabel(it, omni.MachineStatusLabelConnected) || it.TypedSpec().Value.Ready || s.status("demo").Ready {
		t.Fatalf("%v", it)
	}
	if status := s.status("demo"); status.Machines.Connected != 3 || status.Phase != specs.ClusterStatusSpec_RUNNING {
		t.Fatalf("%v", status)
	}
	s.good(s.Suffer(ids[1], None))
	s.good(s.Suffer(ids[0], BadUpgrade))
	update(s, omni.NewCluster("demo"), func(it *omni.Cluster) { it.TypedSpec().Value.TalosVersion = "1.13.5" })
	s.after(20 * time.Second)
	if it := s.member(ids[0]).TypedSpec().Value; it.ConfigApplyStatus != specs.ConfigApplyStatus_FAILED || it.LastConfigError == "" {
		t.Fatalf("%v", it)
	}
	for _, id := range ids {
		if s.machines[id].talos != "1.13.3" {
			t.Fatalf("%s went on", id)
		}
	}
	s.good(s.Suffer(ids[0], None))
	s.after(20 * time.Second)
	s.ready("demo")
	if s.Suffer(ids[0], "gloomy") == nil {
		t.Fatal("there is no such trouble")
	}
}

func TestAConfigurationIsRefusedByAMachine(t *testing.T) {
	s := begin(t)
	ids := s.makeStatic("demo", 1, 2)
	s.after(10 * time.Second)
	s.good(s.Suffer(ids[2], BadConfig))
	patch := omni.NewConfigPatch("400-demo-workers-a")
	patch.Metadata().Labels().Set(omni.LabelCluster, "demo")
	patch.Metadata().Labels().Set(omni.LabelMachineSet, "demo-workers")
	s.good(patch.TypedSpec().Value.SetUncompressedData([]byte("machine: {}")))
	before := s.machines[ids[0]].config
	s.make(patch)
	s.after(2 * time.Second)
	if it := s.member(ids[2]).TypedSpec().Value; it.ConfigUpToDate || it.ConfigApplyStatus != specs.ConfigApplyStatus_FAILED {
		t.Fatalf("%v", it)
	}
	if s.machines[ids[0]].config != before {
		t.Fatal("a patch of the workers reached the control plane")
	}
	s.good(s.Suffer(ids[2], None))
	s.after(2 * time.Second)
	s.ready("demo")
	if it := s.member(ids[2]).TypedSpec().Value; !it.ConfigUpToDate {
		t.Fatalf("%v", it)
	}
}

func TestMachinesThatNeverComeOrVanish(t *testing.T) {
	s := begin(t)
	ids := s.makeStatic("demo", 1, 1)
	s.good(s.Suffer("5c1c1d4e-52f1-4b6c-9a58-0d6f1f6f1a01", Absent))
	s.make(omni.NewMachineSetNode("5c1c1d4e-52f1-4b6c-9a58-0d6f1f6f1a01", func() *omni.MachineSet {
		it, err := safe.StateGetByID[*omni.MachineSet](s.ctx, s.state, "demo-workers")
		s.good(err)
		return it
	}()))
	s.after(10 * time.Second)
	if status := s.status("demo"); status.Phase != specs.ClusterStatusSpec_SCALING_UP || status.Machines.Total != 2 {
		t.Fatalf("%v", status)
	}
	s.good(s.Suffer("5c1c1d4e-52f1-4b6c-9a58-0d6f1f6f1a01", None))
	s.after(10 * time.Second)
	s.ready("demo")
	s.good(s.Remove(s.ctx, ids[1]))
	s.after(time.Second)
	if it := s.member(ids[1]).TypedSpec().Value; !it.IsRemoved || it.Stage != specs.ClusterMachineStatusSpec_UNKNOWN || s.status("demo").Ready {
		t.Fatalf("%v", it)
	}
	if s.Remove(s.ctx, ids[1]) == nil {
		t.Fatal("it vanished twice")
	}
}

func TestNothingIsLeftOfACluster(t *testing.T) {
	s := begin(t)
	ids := s.makeStatic("demo", 3, 2)
	s.after(10 * time.Second)
	_, err := s.state.Teardown(s.ctx, omni.NewCluster("demo").Metadata())
	s.good(err)
	s.after(time.Second)
	status, err := safe.StateGetByID[*omni.ClusterDestroyStatus](s.ctx, s.state, "demo")
	s.good(err)
	if s.status("demo").Phase != specs.ClusterStatusSpec_DESTROYING || status.TypedSpec().Value.Phase != "Destroying: 2 machine sets, 5 machines" {
		t.Fatalf("%v %v", s.status("demo"), status)
	}
	for _, id := range ids {
		_, err = s.state.Teardown(s.ctx, omni.NewMachineSetNode(id, omni.NewMachineSet("")).Metadata())
		s.good(err)
	}
	for _, set := range []string{"demo-control-planes", "demo-workers"} {
		_, err = s.state.Teardown(s.ctx, omni.NewMachineSet(set).Metadata())
		s.good(err)
	}
	s.finish()
	s.after(5 * time.Second)
	s.absent(omni.NewClusterStatus(""), omni.NewClusterMachine(""), omni.NewClusterMachineStatus(""), omni.NewClusterMachineIdentity(""),
		omni.NewMachineSetStatus(""), omni.NewControlPlaneStatus(""), omni.NewLoadBalancerStatus(""), omni.NewTalosUpgradeStatus(""),
		omni.NewKubernetesUpgradeStatus(""), omni.NewClusterUUID(""), omni.NewClusterBootstrapStatus(""), omni.NewClusterDestroyStatus(""))
	for _, id := range ids {
		if !s.machines[id].available() {
			t.Errorf("%s is %s", id, s.machines[id].stage)
		}
	}
	if len(s.clusters) != 0 {
		t.Errorf("%v", s.clusters)
	}
}
