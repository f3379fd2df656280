package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/siderolabs/omni/client/pkg/client"
	"github.com/siderolabs/omni/client/pkg/omni/resources/omni"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// What the server does is seen with Omni's own client.

type place struct {
	t *testing.T
	*rig
	control http.Handler
	options options
}

func newPlace(t *testing.T, change func(*options)) *place {
	t.Helper()
	o := options{dir: t.TempDir(), listen: "127.0.0.1:0", control: "127.0.0.1:0", history: 100, finalizerDelay: time.Millisecond,
		accounts: accountFlags{{name: "rig", role: roleAdmin}, {name: "reader", role: roleReader}, {name: "none", role: roleNone}}}
	if change != nil {
		change(&o)
	}
	g, err := newRig(o)
	if err != nil {
		t.Fatal(err)
	}
	return &place{t: t, rig: g, control: g.handler(), options: o}
}

func (p *place) state(account string) state.State {
	p.t.Helper()
	key, err := os.ReadFile(filepath.Join(p.options.dir, account+".key"))
	if err != nil {
		p.t.Fatal(err)
	}
	c, err := client.New(p.front.url(), client.WithServiceAccount(string(key)), client.WithInsecureSkipTLSVerify(p.options.tls))
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = c.Close() })
	return c.Omni().State()
}

// order speaks to the control port: order("fault", "method=Get&times=2").
func (p *place) order(what, form string) {
	p.t.Helper()
	if w := p.tell(what, form); w.Code != http.StatusOK {
		p.t.Fatalf("%s %s: %s", what, form, w.Body)
	}
}

func (p *place) tell(what, form string) *httptest.ResponseRecorder {
	p.t.Helper()
	values, err := url.ParseQuery(form)
	if err != nil {
		p.t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/"+what, strings.NewReader(values.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	p.control.ServeHTTP(w, r)
	return w
}

func (p *place) ask(what string) string {
	w := httptest.NewRecorder()
	p.control.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/"+what, nil))
	return w.Body.String()
}

// code looks at the text, because the client turns some codes into errors of its own.
func (p *place) code(err error, want codes.Code) {
	p.t.Helper()
	if err == nil || !strings.Contains(err.Error(), "code = "+want.String()) {
		p.t.Fatalf("%v, wanted %v", err, want)
	}
}

func (p *place) good(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

var ctx = context.Background()

func get(st state.State, id string) (*omni.MachineClass, error) {
	return safe.StateGetByID[*omni.MachineClass](ctx, st, id)
}

func TestRolesAreEnforced(t *testing.T) {
	p := newPlace(t, nil)
	p.good(p.state("rig").Create(ctx, omni.NewMachineClass("a")))
	if _, err := get(p.state("reader"), "a"); err != nil {
		t.Fatal(err)
	}
	p.code(p.state("reader").Create(ctx, omni.NewMachineClass("b")), codes.PermissionDenied)
	_, err := get(p.state("none"), "a")
	p.code(err, codes.PermissionDenied)
	_, err = safe.StateListAll[*omni.TalosVersion](ctx, p.state("none"))
	p.good(err)
}

func TestAnotherServersKeyIsRefused(t *testing.T) {
	p, other := newPlace(t, nil), newPlace(t, nil)
	other.front = p.front
	_, err := get(other.state("rig"), "a")
	p.code(err, codes.Unauthenticated)
}

func TestClocksApartAreRefused(t *testing.T) {
	for ahead, want := range map[time.Duration]codes.Code{
		allowedSkew - 5*time.Second: codes.NotFound, allowedSkew + 5*time.Second: codes.Unauthenticated, -allowedSkew - 5*time.Second: codes.Unauthenticated,
	} {
		p := newPlace(t, func(o *options) { o.clock = ahead })
		_, err := get(p.state("rig"), "a")
		p.code(err, want)
	}
}

func TestFaultsHappenInTheirOrderAndThenEnd(t *testing.T) {
	p := newPlace(t, func(o *options) { o.tls = true })
	st := p.state("rig")
	p.good(st.Create(ctx, omni.NewMachineClass("a")))
	p.order("fault", "method=Get&skip=1&times=2&code=8&text=too+much&type="+string(omni.MachineClassType))
	for i, want := range []codes.Code{codes.OK, codes.ResourceExhausted, codes.ResourceExhausted, codes.OK} {
		_, err := get(st, "a")
		if status.Code(err) != want {
			t.Fatalf("call %d: %v", i, err)
		}
	}
	if !strings.Contains(p.ask("counts"), `"Get":4`) {
		t.Fatal(p.ask("counts"))
	}
	if came, err := strconv.ParseInt(strings.TrimSpace(p.ask("await?method=Get&after=3")), 10, 64); err != nil || time.Since(time.UnixMicro(came)) > time.Minute {
		t.Fatal(came, err)
	}
	p.order("reset", "")
	if p.ask("calls") != "" {
		t.Fatal(p.ask("calls"))
	}
}

func TestALostAnswerLeavesTheCallMade(t *testing.T) {
	for _, end := range []string{"", "reset", "break", "silent"} {
		p := newPlace(t, nil)
		st := p.state("rig")
		p.order("fault", "method=Create&after=1&end="+end)
		if err := st.Create(ctx, omni.NewMachineClass("a")); err == nil {
			t.Fatalf("end=%s: the answer came", end)
		}
		if _, err := get(st, "a"); err != nil {
			t.Fatalf("end=%s: %v", end, err)
		}
	}
}

func TestStaleGetsEnd(t *testing.T) {
	p := newPlace(t, nil)
	st := p.state("rig")
	p.order("stale", "times=2")
	p.good(st.Create(ctx, omni.NewMachineClass("a")))
	for range 2 {
		if _, err := get(st, "a"); !state.IsNotFoundError(err) {
			t.Fatalf("not stale: %v", err)
		}
	}
	_, err := get(st, "a")
	p.good(err)
}

func watchKind(t *testing.T, st state.State) chan state.Event {
	t.Helper()
	events := make(chan state.Event, 16)
	c, cancel := context.WithCancel(ctx)
	t.Cleanup(cancel)
	if err := st.WatchKind(c, omni.NewMachineClass("").Metadata(), events, state.WithBootstrapContents(true)); err != nil {
		t.Fatal(err)
	}
	if e := <-events; e.Type != state.Bootstrapped {
		t.Fatalf("first came %v", e.Type)
	}
	return events
}

func next(t *testing.T, events chan state.Event, want state.EventType) {
	t.Helper()
	select {
	case e := <-events:
		if e.Type != want {
			t.Fatalf("%v %v, wanted %v", e.Type, e.Error, want)
		}
	case <-time.After(10 * time.Second):
		t.Fatalf("no %v came", want)
	}
}

// Omni's client comes back by itself, with its bookmark: nothing is lost whatever happens to the stream.
func TestWatchesSurviveEveryKindOfEnd(t *testing.T) {
	for _, order := range []string{"end", "end code=14", "end end=reset", "end end=break", "goaway", "cut", "vanish ms=50"} {
		p := newPlace(t, nil)
		st := p.state("rig")
		events := watchKind(t, st)
		what, form, _ := strings.Cut(order, " ")
		p.order(what, form)
		p.good(p.rig.store.state.Create(ctx, omni.NewMachineClass(resource.ID(what))))
		next(t, events, state.Created)
	}
}

func TestErroredAndPausedWatches(t *testing.T) {
	p := newPlace(t, nil)
	events := watchKind(t, p.state("rig"))
	p.order("pause", "type="+string(omni.MachineClassType))
	p.good(p.rig.store.state.Create(ctx, omni.NewMachineClass("a")))
	select {
	case e := <-events:
		t.Fatalf("%v came while watches are paused", e.Type)
	case <-time.After(50 * time.Millisecond):
	}
	p.order("resume", "")
	next(t, events, state.Created)
	p.order("errored", "text=compacted")
	next(t, events, state.Errored)
}

func TestOldServersKnowNoTeardown(t *testing.T) {
	p := newPlace(t, func(o *options) { o.noTeardown = true })
	st := p.state("rig")
	p.good(st.Create(ctx, omni.NewMachineClass("a")))
	p.good(st.TeardownAndDestroy(ctx, omni.NewMachineClass("a").Metadata()))
	if !strings.Contains(p.ask("calls"), "TeardownAndDestroy "+string(omni.MachineClassType)+" a rig Unimplemented") {
		t.Fatal(p.ask("calls"))
	}
}

func TestControllersTearDownAClusterWithItsParts(t *testing.T) {
	p := newPlace(t, func(o *options) { o.controllers, o.clusters, o.machines = true, 1, 4 })
	st := p.state("rig")
	p.order("hold", "type="+string(omni.MachineSetNodeType)+"&id="+machineID("fleet-0000", 0))
	cluster := omni.NewCluster("fleet-0000").Metadata()
	ready, err := st.Teardown(ctx, cluster)
	p.good(err)
	if ready {
		t.Fatal("no controller had a finalizer on the cluster")
	}
	time.Sleep(50 * time.Millisecond)
	if _, err = st.Get(ctx, cluster); err != nil {
		t.Fatalf("the cluster went before its machine: %v", err)
	}
	p.order("release", "")
	waiting, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, err = st.WatchFor(waiting, cluster, state.WithEventTypes(state.Destroyed))
	p.good(err)
	left, err := safe.StateListAll[*omni.ConfigPatch](ctx, st)
	p.good(err)
	if left.Len() != 0 {
		t.Fatalf("%d patches are left", left.Len())
	}
}

// until waits for what is to become true soon.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("in vain: %s", what)
		}
	}
}

func TestMachinesArePlayed(t *testing.T) {
	p := newPlace(t, func(o *options) {
		o.play, o.controllers, o.pace, o.join, o.capacity, o.clusters, o.machines = true, true, 0.02, "named", -1, 2, 4
	})
	st := p.state("rig")
	for _, name := range []string{"fleet-0000", "fleet-0001"} {
		until(t, name+" is ready", func() bool {
			it, err := safe.StateGetByID[*omni.ClusterStatus](ctx, st, name)
			return err == nil && it.TypedSpec().Value.Ready && it.TypedSpec().Value.Machines.Healthy == 4
		})
	}
	if lines := strings.Count(p.ask("machines"), " running 1.13.5 fleet-000"); lines != 8 {
		t.Fatal(p.ask("machines"))
	}
	p.order("trouble", "how=disconnected&id="+machineID("fleet-0001", 3))
	until(t, "fleet-0001 is not ready", func() bool {
		it, err := safe.StateGetByID[*omni.ClusterStatus](ctx, st, "fleet-0001")
		return err == nil && !it.TypedSpec().Value.Ready
	})
	if ready, err := st.Teardown(ctx, omni.NewCluster("fleet-0000").Metadata()); err != nil || ready {
		t.Fatalf("%v %v", ready, err)
	}
	until(t, "nothing is said of fleet-0000", func() bool {
		_, err := safe.StateGetByID[*omni.ClusterStatus](ctx, st, "fleet-0000")
		return state.IsNotFoundError(err)
	})
	if lines := strings.Count(p.ask("machines"), " - none\n"); lines != 4 {
		t.Fatal(p.ask("machines"))
	}
	if w := p.tell("trouble", "how=gloomy&id=x"); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "one of [none absent") {
		t.Fatal(w.Body)
	}
}

func TestOrdersToMachinesNeedMachines(t *testing.T) {
	p := newPlace(t, nil)
	if w := p.tell("join", "count=1"); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "-play") {
		t.Fatal(w.Body)
	}
}

func TestAFinalizerIsStuck(t *testing.T) {
	p := newPlace(t, func(o *options) { o.controllers, o.clusters, o.machines = true, 1, 1 })
	st, md := p.state("rig"), omni.NewMachineSet("fleet-0000-control-planes").Metadata()
	p.order("hold", "type="+string(omni.MachineSetType)+"&id="+md.ID()+"&finalizer=StuckController")
	if _, err := st.Teardown(ctx, md); err != nil {
		t.Fatal(err)
	}
	until(t, "it is the only one", func() bool {
		it, err := st.Get(ctx, md)
		return err == nil && len(*it.Metadata().Finalizers()) == 1 && it.Metadata().Finalizers().Has("StuckController")
	})
	p.order("release", "")
	until(t, "it is gone", func() bool {
		_, err := st.Get(ctx, md)
		return state.IsNotFoundError(err)
	})
}

func TestAClusterHasOmnisFinalizers(t *testing.T) {
	p := newPlace(t, func(o *options) { o.controllers, o.clusters, o.machines = true, 1, 1 })
	until(t, "each came by itself", func() bool {
		it, err := safe.StateGetByID[*omni.Cluster](ctx, p.rig.store.state, "fleet-0000")
		return err == nil && len(*it.Metadata().Finalizers()) == 13 && it.Metadata().Version().Value() == 14
	})
}

func TestPutPlaysAController(t *testing.T) {
	p := newPlace(t, nil)
	text := "metadata:\n  namespace: default\n  type: ClusterStatuses.omni.sidero.dev\n  id: demo\nspec:\n  ready: true\n"
	r := httptest.NewRequest(http.MethodPost, "/put?owner=ClusterStatusController", io.NopCloser(strings.NewReader(text)))
	w := httptest.NewRecorder()
	if p.control.ServeHTTP(w, r); w.Code != http.StatusOK {
		t.Fatal(w.Body)
	}
	st := p.state("rig")
	got, err := safe.StateGetByID[*omni.ClusterStatus](ctx, st, "demo")
	p.good(err)
	if !got.TypedSpec().Value.Ready || got.Metadata().Owner() != "ClusterStatusController" {
		t.Fatalf("%v", got)
	}
	p.order("destroy", "type=ClusterStatuses.omni.sidero.dev&id=demo")
	if _, err = st.Get(ctx, got.Metadata()); !state.IsNotFoundError(err) {
		t.Fatalf("still there: %v", err)
	}
}

func TestPlainHTTPGetsAPageAndTheServersClock(t *testing.T) {
	p := newPlace(t, func(o *options) { o.clock = time.Hour })
	answer, err := http.Get(strings.Replace(p.front.url(), "grpc:", "http:", 1))
	p.good(err)
	defer answer.Body.Close()
	date, err := http.ParseTime(answer.Header.Get("Date"))
	if err != nil || time.Until(date) < 50*time.Minute {
		t.Fatalf("%v %v", date, errors.Join(err))
	}
}
