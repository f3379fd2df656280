package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/cosi-project/runtime/pkg/state/impl/inmem"
	"github.com/cosi-project/runtime/pkg/state/impl/namespaced"
	"github.com/siderolabs/omni/client/pkg/omni/resources/omni"
	reference "github.com/siderolabs/omni/client/pkg/template"
	"go.yaml.in/yaml/v4"
)

// What has to change when a template meets a state: the operations of Omni's client packages against ours. The state is
// made from an older template, with what people and controllers do to it, and exported as a directory store.

type operation struct {
	op    string
	phase int
	what  string // TYPE(ID)
}

func (o operation) typeName() string { return strings.SplitN(o.what, "(", 2)[0] }

// world is an Omni.
type world struct {
	state.State
	r    random
	name string
}

func newWorld(r random, name string) *world {
	return &world{state.WrapCore(namespaced.NewState(inmem.Build)), r, name}
}

func (w *world) create(r resource.Resource, owner string) {
	var options []state.CreateOption
	if owner != "" {
		options = append(options, state.WithCreateOwner(owner))
	}

	w.Create(context.Background(), r, options...) //nolint:errcheck // what is there already stays
}

func (w *world) labelled(r resource.Resource, cluster string, further ...string) resource.Resource {
	r.Metadata().Labels().Set(omni.LabelCluster, cluster)

	for _, label := range further {
		r.Metadata().Labels().Set(label, "")
	}

	return r
}

func patchOf(id, text string) *omni.ConfigPatch {
	p := omni.NewConfigPatch(id)
	if err := p.TypedSpec().Value.SetUncompressedData([]byte(text)); err != nil {
		panic(err)
	}

	return p
}

// populate puts the resources of a template there, not quite as they were.
func (w *world) populate(list []resource.Resource) {
	for _, r := range list {
		if w.r.chance(6) {
			continue // somebody removed it
		}

		owner := ""

		switch w.r.IntN(30) {
		case 0:
			r.Metadata().Labels().Set("added", "by a person")
		case 1:
			r.Metadata().Annotations().Set("added", "by a person")
		case 2:
			if r.Metadata().Type() == omni.MachineSetNodeType {
				r.Metadata().Annotations().Set(omni.MachineLocked, "")
			}
		case 3:
			r.Metadata().Finalizers().Add("SomeController")
		case 4:
			if w.r.chance(20) {
				owner = "SomeController"
			}
		case 5:
			if w.r.chance(20) && r.Metadata().Type() != omni.ClusterType && r.Metadata().Type() != omni.KernelArgsType {
				r.Metadata().Labels().Set(omni.LabelCluster, "another")
			}
		case 6:
			w.edit(r)
		case 7:
			if r.Metadata().Type() == omni.KernelArgsType {
				r.Metadata().Annotations().Delete(omni.ResourceManagedByClusterTemplates)
			}
		}

		w.create(r, owner)
	}
}

func (w *world) edit(r resource.Resource) {
	switch r := r.(type) {
	case *omni.Cluster:
		r.TypedSpec().Value.TalosVersion = "1.12.0"
	case *omni.MachineSet:
		r.TypedSpec().Value.BootstrapSpec = nil
		r.TypedSpec().Value.DeleteStrategy = 1
	case *omni.ExtensionsConfiguration:
		r.TypedSpec().Value.Extensions = append(r.TypedSpec().Value.Extensions, "siderolabs/added")
	case *omni.KernelArgs:
		r.TypedSpec().Value.Args = []string{"added"}
	case *omni.ConfigPatch:
		data, err := r.TypedSpec().Value.GetUncompressedData()
		if err != nil {
			return
		}

		text := string(data.Data())
		data.Free()

		if w.r.chance(50) {
			text = "# written by a person\n" + text
		} else {
			text = "machine:\n  env:\n    EDITED: \"1\"\n"
		}

		if err := r.TypedSpec().Value.SetUncompressedData([]byte(text)); err != nil {
			panic(err)
		}
	}
}

// visit adds what others leave in an Omni.
func (w *world) visit(machines []string) {
	ours, r := w.name, w.r

	for _, name := range plainWords { // as templates call them
		class := omni.NewMachineClass(name)
		class.TypedSpec().Value.MatchLabels = []string{"a"}
		w.create(class, "")
	}

	if r.chance(30) {
		w.create(w.labelled(patchOf("500-"+uuid(r), "machine:\n  env:\n    A: \"1\"\n"), ours), "")
	}

	if r.chance(20) {
		w.create(w.labelled(patchOf("500-"+uuid(r), "machine: {}\n"), ours), "SomeController")
	}

	if r.chance(20) {
		w.create(w.labelled(patchOf("200-cluster-"+ours+"-gone", "machine: {}\n"), ours), "")
	}

	if r.chance(30) {
		w.create(w.labelled(patchOf("200-cluster-another-x", "machine: {}\n"), "another"), "")
		w.create(omni.NewCluster("another"), "")
	}

	if r.chance(20) {
		node := omni.NewMachineSetNode(uuid(r), omni.NewMachineSet(ours+"-w1"))
		w.create(w.labelled(node, ours, omni.LabelManagedByMachineSetNodeController), "")
	}

	if r.chance(30) { // a set that is in no template, with a node
		set := omni.NewMachineSet(ours + "-former")
		w.create(w.labelled(set, ours, omni.LabelWorkerRole), "")

		node := omni.NewMachineSetNode(uuid(r), set)
		w.create(w.labelled(node, ours, omni.LabelWorkerRole), "")
	}

	if r.chance(30) && len(machines) > 0 {
		args := omni.NewKernelArgs(pick(r, machines))
		args.TypedSpec().Value.Args = []string{"x"}

		if r.chance(50) {
			args.Metadata().Annotations().Set(omni.ResourceManagedByClusterTemplates, "")
		}

		w.create(args, "")
	}
}

var exported = []resource.Type{
	omni.ClusterType, omni.MachineSetType, omni.MachineSetNodeType, omni.ConfigPatchType, omni.ExtensionsConfigurationType,
	omni.KubernetesManifestGroupType, omni.KubernetesHealthCheckType, omni.KernelArgsType, omni.MachineClassType,
}

// export writes the directory store: a file per resource, its name the ID with everything unusual as %XX.
func (w *world) export(t *task, dir string) {
	for _, resourceType := range exported {
		items, err := w.List(context.Background(), resource.NewMetadata("default", resourceType, "", resource.VersionUndefined))
		if err != nil {
			panic(err)
		}

		for _, r := range items.Items {
			m := r.Metadata()
			tree := map[string]any{
				"metadata": map[string]any{
					"namespace": m.Namespace(), "type": m.Type(), "id": m.ID(), "version": m.Version().String(), "owner": m.Owner(),
					"phase": m.Phase().String(), "labels": m.Labels().Raw(), "annotations": m.Annotations().Raw(),
					"finalizers": append([]string{}, *m.Finalizers()...),
				},
				"spec": r.Spec(),
			}

			text, err := yaml.Marshal(tree)
			if err != nil {
				panic(err)
			}

			t.write(dir+"/"+m.Type()+"/"+fileName(m.ID()), string(text))
		}
	}
}

func fileName(id string) string {
	var b strings.Builder

	for i := range len(id) {
		switch c := id[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.' && i > 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}

	return b.String() + ".yaml"
}

// --- the reference's operations ---------------------------------------------------------------------------------------

func describe(r resource.Resource) string {
	return r.Metadata().Type() + "(" + r.Metadata().ID() + ")"
}

type verdict struct {
	operations []operation
	updates    []reference.UpdateChange
	err        error
}

func operationsOf(result *reference.SyncResult, err error) verdict {
	if err != nil {
		return verdict{err: err}
	}

	v := verdict{updates: result.Update}

	for _, r := range result.Create {
		v.operations = append(v.operations, operation{"create", 0, describe(r)})
	}

	for _, u := range result.Update {
		v.operations = append(v.operations, operation{"update", 0, describe(u.New)})
	}

	phase := 0

	for _, list := range result.Destroy {
		for _, r := range list {
			v.operations = append(v.operations, operation{"destroy", phase, describe(r)})
		}

		phase++
	}

	return v
}

// isMeant: an update that we do not plan, and why.
func isMeant(u reference.UpdateChange, text string) string {
	before, err1 := plainOf(u.Old)
	after, err2 := plainOf(u.New)

	if err1 != nil || err2 != nil {
		return ""
	}

	reason := ""

	for key, value := range before.Annotations {
		operational := key == omni.MachineLocked || key == omni.ClusterLocked
		if _, ok := after.Annotations[key]; !ok && operational {
			after.Annotations[key] = value
			reason = "a lock that the template did not set stays"
		}
	}

	if a, b := contentOf(before), contentOf(after); a != b {
		var left, right any

		// content that was declared as text is compared by bytes
		if !strings.Contains(text, b) && readAll(a, &left) == nil && readAll(b, &right) == nil && reflect.DeepEqual(left, right) {
			before.Spec = after.Spec
			reason = "content that means the same is not written again"
		}
	}

	if reflect.DeepEqual(before, after) {
		return reason
	}

	return ""
}

func contentOf(r *plainResource) string {
	spec, ok := r.Spec.(map[string]any)
	if !ok {
		return ""
	}

	for _, key := range words("data job") {
		if text, ok := spec[key].(string); ok {
			return text
		}
	}

	return ""
}

// --- ours -------------------------------------------------------------------------------------------------------------

type ourPlan struct {
	Clusters []struct {
		Name      string
		Conflicts []struct {
			Text    string
			Partial bool
		}
	}
	Operations []struct {
		Op, Type, ID string
		Phase        int
	}
}

func (t *task) plan(store, dir, path string) (operations []operation, conflicts []string, err error) {
	var plan ourPlan

	out, complaint, _ := t.run(nil, "plan", "--rules", t.rules, "--prune-unmanaged", "-o", "json", "--omni", "dir:"+store, "--root", dir, path)
	if err = json.Unmarshal(out, &plan); err != nil {
		return nil, nil, fmt.Errorf("%w: %s%s", err, out, complaint)
	}

	for _, o := range plan.Operations {
		operations = append(operations, operation{o.Op, o.Phase, o.Type + "(" + o.ID + ")"})
	}

	for _, c := range plan.Clusters {
		for _, conflict := range c.Conflicts {
			conflicts = append(conflicts, conflict.Text)
		}
	}

	return operations, conflicts, nil
}

var shownOperation = regexp.MustCompile(`(?m)^  [-+~] (create|update|destroy) +([A-Za-z]+)\((.*?)\)(?:  |$)`)

func (t *task) planDeletion(store, name string) (operations []operation, err error) {
	out, complaint, err := t.run(nil, "delete", "--dry-run", "--approve-all", "--omni", "dir:"+store, name)
	if err != nil {
		if strings.Contains(complaint, "there is no cluster") {
			return nil, nil
		}
	}

	if !strings.Contains(string(out), "\nPlan: ") { // a plan that meets a lock is printed, too
		return nil, fmt.Errorf("%w: %s%s", err, out, complaint)
	}

	for _, m := range shownOperation.FindAllStringSubmatch(string(out), -1) {
		operations = append(operations, operation{m[1], 0, m[2] + ".omni.sidero.dev(" + m[3] + ")"})
	}

	return operations, nil
}

// --- comparing --------------------------------------------------------------------------------------------------------

// shape is what has to be equal: kinds of operations, phases and types in this order, the IDs of each as a set, since the
// reference keeps those in no order.
func shape(operations []operation) []string {
	var lines []string

	for i := 0; i < len(operations); {
		first := operations[i]
		ids := []string{}

		for ; i < len(operations); i++ {
			o := operations[i]
			if o.op != first.op || o.phase != first.phase || o.typeName() != first.typeName() {
				break
			}

			ids = append(ids, o.what)
		}

		slices.Sort(ids)

		for _, id := range ids {
			lines = append(lines, fmt.Sprintf("%s %d %s", first.op, first.phase, id))
		}
	}

	return lines
}

func difference(want, got []string) string {
	var b strings.Builder

	for _, line := range want {
		if !slices.Contains(got, line) {
			fmt.Fprintf(&b, "  only the reference: %s\n", line)
		}
	}

	for _, line := range got {
		if !slices.Contains(want, line) {
			fmt.Fprintf(&b, "  only ours: %s\n", line)
		}
	}

	if b.Len() == 0 {
		return fmt.Sprintf("  another order:\n  %s\n  %s\n", strings.Join(want, "\n  "), strings.Join(got, "\n  "))
	}

	return b.String()
}

// isUnmanaged: the IDs that world.visit and the templates' idOverride make.
var isUnmanaged = regexp.MustCompile(`^(ConfigPatches|KubernetesHealthChecks)\.omni\.sidero\.dev\((500-|id-|hc-)`)

// judgePlan compares operations; declared has the texts that the template and its files hold as texts.
func (t *task) judgePlan(name, text, declared string, w *world, v verdict, ours []operation, deletion bool) {
	reasons := map[string]bool{}

	var wanted []operation

	for _, o := range v.operations {
		meant := ""

		for _, u := range v.updates {
			if o.op == "update" && describe(u.New) == o.what {
				meant = isMeant(u, declared)
			}
		}

		if meant != "" {
			reasons[meant] = true

			continue
		}

		if deletion {
			o.phase = 0

			if isUnmanaged.MatchString(o.what) {
				reasons["what was not made from a template outlives its cluster"] = true

				continue
			}
		}

		wanted = append(wanted, o)
	}

	ours = slices.DeleteFunc(slices.Clone(ours), func(o operation) bool {
		known := slices.Contains(wanted, o) || o.op != "update" || !w.isDamaged(o)
		if !known {
			reasons["text that the reference's encoder damaged is written again"] = true
		}

		return !known
	})

	want, got := shape(wanted), shape(ours)

	if !slices.Equal(want, got) {
		t.disagree(false, name, text, "%s", difference(want, got))

		return
	}

	for _, reason := range slices.Sorted(maps.Keys(reasons)) {
		t.explain(reason)

		return
	}

	t.agree()
}

// acceptedTemplate makes templates until the reference takes one.
func acceptedTemplate(t *task, dir string, make func() *template) (*template, []resource.Resource, string) {
	for {
		made := make()
		path := made.write(t, dir)

		if _, list, err := loadReference(path, dir); err == nil {
			return made, list, path
		}
	}
}

// changed is the template a commit later.
func (t *template) changed(name string) *template {
	r := t.r
	next := &template{files: maps.Clone(t.files), r: r}

	if r.chance(10) {
		next = newTemplate(r, name)
	} else {
		for _, d := range t.documents {
			next.documents = append(next.documents, copied(d).(ordered)) //nolint:forcetypeassert
		}

		if r.chance(80) {
			for range 1 + r.IntN(4) {
				next.mutate()
			}
		}
	}

	return next
}

func (t *template) machines() []string {
	var ids []string

	for _, d := range t.documents {
		for _, p := range d {
			if list, ok := p.value.([]any); ok && p.key == "machines" {
				for _, id := range list {
					ids = append(ids, fmt.Sprint(id))
				}
			}
		}
	}

	return ids
}

func comparePlans(t *task) {
	t.each(func(i int) {
		r := newRandom(t.seed, uint64(i))
		cluster := fmt.Sprintf("c%d", i)
		name := fmt.Sprintf("p%06d", i)
		dir := t.dir(name)

		defer os.RemoveAll(dir) //nolint:errcheck

		old, list, _ := acceptedTemplate(t, dir+"/old", func() *template { return newTemplate(r, cluster) })
		w := newWorld(r, cluster)

		if r.chance(90) {
			w.populate(list)
		}

		w.visit(old.machines())
		store := t.dir(name + "/store")
		w.export(t, store)

		if r.chance(15) {
			t.compareDeletion(w, name, store)

			return
		}

		made, _, path := acceptedTemplate(t, dir+"/new", func() *template { return old.changed(cluster) })
		if !strings.Contains(made.text(), cluster) { // another name is another cluster
			return
		}

		text := made.text() + "\n# old:\n" + old.text()
		v := operationsOf(syncWithRoot(w, dir+"/new"))

		ours, conflicts, err := t.plan(store, dir+"/new", path)
		if err != nil {
			t.disagree(false, name, text, "no plan of ours: %v", err)

			return
		}

		t.judgeAll(name, text, w, made, v, ours, conflicts)
	})
}

// syncWithRoot plans with the template in this directory.
func syncWithRoot(w *world, dir string) (*reference.SyncResult, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}

	defer root.Close() //nolint:errcheck

	file, err := os.Open(dir + "/template.yaml")
	if err != nil {
		return nil, err
	}

	defer file.Close() //nolint:errcheck

	loaded, err := reference.Load(file, reference.WithRoot(root))
	if err != nil {
		return nil, err
	}

	return loaded.Sync(context.Background(), w)
}

// declared has all texts that are content.
func (t *template) declared() string {
	var b strings.Builder

	for _, text := range t.files {
		b.WriteString(text)
	}

	for _, s := range t.spots() {
		if text, ok := s.get().(string); ok {
			b.WriteString(text)
		}
	}

	return b.String()
}

// isDamaged: nobody can read what is there, or what was meant.
func (w *world) isDamaged(o operation) bool {
	held := w.held(o)
	if held == nil {
		return false
	}

	plain, err := plainOf(held)
	if err != nil {
		return false
	}

	var content any

	return readAll(contentOf(plain), &content) != nil || damagedBlock.MatchString(contentOf(plain))
}

// A block that begins with a line break, or with one of Unicode, or that says how far it is indented.
var damagedBlock = regexp.MustCompile(`\|[0-9]?[-+]?\n *[\n\x{85}\x{2028}\x{2029}]|\|[0-9]`)

func (w *world) held(o operation) resource.Resource {
	id := strings.TrimSuffix(strings.SplitN(o.what, "(", 2)[1], ")")

	held, err := w.Get(context.Background(), resource.NewMetadata("default", o.typeName(), id, resource.VersionUndefined))
	if err != nil {
		return nil
	}

	return held
}

// belongsToAnother: the operation would take over what carries another cluster's label, or what a controller owns.
func (w *world) belongsToAnother(o operation) bool {
	held := w.held(o)
	if held == nil {
		return false
	}

	label, ok := held.Metadata().Labels().Get(omni.LabelCluster)

	return ok && label != w.name || held.Metadata().Owner() != ""
}

func (t *task) judgeAll(name, text string, w *world, made *template, v verdict, ours []operation, conflicts []string) {
	if v.err != nil {
		if len(conflicts) > 0 {
			t.agree()
		} else {
			t.disagree(false, name, text, "reference: %v\nours: no conflict", v.err)
		}

		return
	}

	for _, o := range v.operations {
		if o.op != "destroy" && w.belongsToAnother(o) && !slices.Contains(ours, o) {
			if len(conflicts) > 0 {
				t.explain("what belongs to another cluster or to a controller is a conflict, never taken over")
			} else {
				t.disagree(false, name, text, "%v belongs to another cluster, and is no conflict", o)
			}

			return
		}
	}

	if len(conflicts) > 0 && !slices.ContainsFunc(conflicts, func(c string) bool { return !strings.Contains(c, "there is no machine class") }) {
		t.explain("a machine class that is not there is a conflict before anything is written")

		return
	}

	if len(conflicts) > 0 {
		t.disagree(false, name, text, "only ours: conflicts: %v", conflicts)

		return
	}

	t.judgePlan(name, text, made.declared(), w, v, ours, false)
}

func (t *task) compareDeletion(w *world, name, store string) {
	v := operationsOf(reference.WithCluster(w.name).Delete(context.Background(), w))

	ours, err := t.planDeletion(store, w.name)
	if err != nil || v.err != nil {
		t.disagree(err != nil && v.err != nil, name, "", "reference: %v\nours: %v", v.err, err)

		return
	}

	t.judgePlan(name+"-delete", "", "", w, v, ours, true)
}
