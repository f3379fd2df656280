package machines

import (
	"strings"
	"testing"
	"time"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/siderolabs/omni/client/api/omni/specs"
	"github.com/siderolabs/omni/client/pkg/omni/resources/omni"
	"github.com/siderolabs/omni/client/pkg/omni/resources/siderolink"
)

func TestASilentMachineHoldsUpItsEnd(t *testing.T) {
	s := begin(t)
	ids := s.makeStatic("demo", 1, 2)
	s.after(10 * time.Second)
	s.good(s.Suffer(ids[2], Silent))
	node := omni.NewMachineSetNode(ids[2], omni.NewMachineSet("")).Metadata()
	s.good(s.state.Destroy(s.ctx, node))
	s.after(10 * time.Second)
	it, err := safe.StateGetByID[*omni.ClusterMachine](s.ctx, s.state, ids[2])
	s.good(err)
	if !torndown(it) || len(*it.Metadata().Finalizers()) != len(memberFinalizers) {
		t.Fatalf("%v", it.Metadata())
	}
	if stage := s.member(ids[2]).TypedSpec().Value.Stage; stage != specs.ClusterMachineStatusSpec_DESTROYING {
		t.Fatal(stage)
	}
	s.good(s.Suffer(ids[2], None))
	s.after(2 * time.Second)
	if _, err = safe.StateGetByID[*omni.ClusterMachine](s.ctx, s.state, ids[2]); !state.IsNotFoundError(err) {
		t.Fatalf("%v", err)
	}
	s.ready("demo")
}

// What a client does to get rid of a machine that is gone for good.
func TestALinkThatIsTornDownTakesItsMachineAlong(t *testing.T) {
	s := begin(t)
	ids := s.makeStatic("demo", 1, 1)
	s.after(10 * time.Second)
	s.good(s.Suffer(ids[1], Disconnected))
	s.good(s.state.Destroy(s.ctx, omni.NewMachineSetNode(ids[1], omni.NewMachineSet("")).Metadata()))
	s.after(5 * time.Second)
	s.member(ids[1])
	link := siderolink.NewLink(ids[1], nil)
	if ready, err := s.state.Teardown(s.ctx, link.Metadata()); err != nil || ready {
		t.Fatalf("%v %v", ready, err)
	}
	there, err := s.state.Get(s.ctx, link.Metadata())
	s.good(err)
	s.note(state.Event{Type: state.Updated, Resource: there})
	s.after(time.Second)
	for _, kind := range []resource.Resource{
		omni.NewMachine(""), omni.NewMachineStatus(""), siderolink.NewLink("", nil), omni.NewClusterMachine(""), omni.NewClusterMachineStatus(""),
	} {
		list, err := s.state.List(s.ctx, kind.Metadata())
		s.good(err)
		if len(list.Items) != 1 || list.Items[0].Metadata().ID() != ids[0] {
			t.Errorf("left: %v", list.Items)
		}
	}
	s.ready("demo")
}

func TestLabelsOfUsersChooseMachines(t *testing.T) {
	s := begin(t)
	ids := s.Join(nil, 2, Joining{})
	s.after(time.Second)
	given := omni.NewMachineLabels(ids[1])
	given.Metadata().Labels().Set("disk", "fast")
	s.note(state.Event{Type: state.Created, Resource: given})
	s.makeCluster("demo")
	fast := s.makeClass("fast", &specs.MachineClassSpec{MatchLabels: []string{"disk = fast, omni.sidero.dev/cores >= 4"}})
	s.makeSet("demo", "control-planes", omni.LabelControlPlaneRole, count(fast, 2))
	s.after(2 * time.Second)
	if nodes := s.nodes("demo-control-planes"); len(nodes) != 1 || nodes[0].Metadata().ID() != ids[1] {
		t.Fatalf("%v", nodes)
	}
	s.note(state.Event{Type: state.Destroyed, Resource: given})
	s.after(time.Second)
	it, err := safe.StateGetByID[*omni.MachineStatus](s.ctx, s.state, ids[1])
	s.good(err)
	if hasLabel(it, "disk") || label(it, omni.LabelCluster) != "demo" {
		t.Fatalf("%v", it.Metadata().Labels())
	}
}

func TestALockedClusterStaysAsItIs(t *testing.T) {
	s := begin(t)
	s.Join(nil, 4, Joining{})
	s.after(time.Second)
	s.makeCluster("demo")
	any := s.makeClass("any", &specs.MachineClassSpec{MatchLabels: []string{"omni.sidero.dev/arch = amd64"}})
	s.makeSet("demo", "control-planes", omni.LabelControlPlaneRole, count(any, 1))
	workers := s.makeSet("demo", "workers", omni.LabelWorkerRole, count(any, 1))
	s.after(10 * time.Second)
	s.ready("demo")
	update(s, omni.NewCluster("demo"), func(it *omni.Cluster) {
		it.Metadata().Annotations().Set(omni.ClusterLocked, "")
		it.TypedSpec().Value.TalosVersion = "1.13.5"
	})
	s.resize(workers, 3)
	s.after(10 * time.Second)
	for _, m := range s.machines {
		if m.talos != "1.13.3" {
			t.Fatal("it was upgraded")
		}
	}
	if n := len(s.nodes("demo-workers")); n != 1 {
		t.Fatalf("%d nodes", n)
	}
	update(s, omni.NewCluster("demo"), func(it *omni.Cluster) { it.Metadata().Annotations().Delete(omni.ClusterLocked) })
	s.after(20 * time.Second)
	s.ready("demo")
	if n := len(s.nodes("demo-workers")); n != 3 {
		t.Fatalf("%d nodes", n)
	}
}

// A machine of another minor version is not for this cluster, an installed one only if it would be an upgrade.
func TestVersionsThatDoNotFitAreNotAllocated(t *testing.T) {
	s := begin(t)
	s.Join(nil, 1, Joining{Talos: "1.14.0"})
	s.Join(nil, 1, Joining{Talos: "v1.12.4"})
	s.after(time.Second)
	s.makeCluster("demo")
	any := s.makeClass("any", &specs.MachineClassSpec{MatchLabels: []string{"omni.sidero.dev/arch = amd64"}})
	s.makeSet("demo", "control-planes", omni.LabelControlPlaneRole, count(any, 1))
	s.after(5 * time.Second)
	if nodes := s.nodes("demo-control-planes"); nodes != nil {
		t.Fatalf("%v", nodes)
	}
	s.Join(nil, 1, Joining{Talos: "1.13.0"})
	s.after(10 * time.Second)
	s.ready("demo")
}

func TestAPlayThatIsHeldLeavesStatusesAlone(t *testing.T) {
	s := begin(t)
	s.makeStatic("demo", 1, 1)
	s.after(10 * time.Second)
	s.Hold(true)
	status := omni.NewClusterStatus("demo")
	_, err := safe.StateUpdateWithConflicts(s.ctx, s.state, status.Metadata(), func(it *omni.ClusterStatus) error {
		it.TypedSpec().Value.Ready = false
		return nil
	}, state.WithUpdateOwner("ClusterStatusController"))
	s.good(err)
	s.after(time.Second)
	if s.status("demo").Ready {
		t.Fatal("it was written")
	}
	s.Hold(false)
	s.after(time.Second)
	s.ready("demo")
}

func TestTheListTellsOfEveryMachine(t *testing.T) {
	s := begin(t)
	ids := s.makeStatic("demo", 1, 0)
	s.after(10 * time.Second)
	s.good(s.Suffer("never", Absent))
	s.after(time.Second)
	var b strings.Builder
	s.List(&b)
	name := s.machines[ids[0]].name
	if want := ids[0] + " " + name + " running 1.13.3 demo none\nnever " + s.machines["never"].name + " absent 1.13.3 - absent\n"; b.String() != want {
		t.Fatal(b.String())
	}
}
