/* How dangerous an operation is, and why. One function per type and kind; docs/plan.md has the table for people. */
#include "agent/plan/internal.h"
#include "render/semver.h"

#include <stdio.h>

/* What the operations of a plan have to know about each other. */
struct assessment {
	struct arena *arena;
	struct plan *plan;
	const struct plan_actual *actual;
	const struct plan_options *options;
	bool is_new; /* the cluster is being created: nothing runs yet */
	struct span control_set; /* ID of the control plane machine set */
	size_t control_total, control_removed;
	struct map planned; /* "TYPE/ID" of creates and destroys to struct plan_op */
};

struct verdict {
	enum plan_risk risk;
	const char *why;
};

static const struct verdict safe = {RISK_SAFE, "changes nothing that runs"};

static bool is_control_node(const struct assessment *a, const struct resource *node)
{
	return labels_get(&node->labels, OMNI_LABEL_CONTROL_PLANE) != NULL ||
	       span_eq(label_value(&node->labels, OMNI_LABEL_MACHINE_SET), a->control_set);
}

static bool is_control_set(const struct assessment *a, const struct resource *set)
{
	return labels_get(&set->labels, OMNI_LABEL_CONTROL_PLANE) != NULL || span_eq(set->id, a->control_set);
}

static const struct plan_op *planned(const struct assessment *a, const struct omni_type *type, struct span id)
{
	char buffer[512];
	int len = snprintf(buffer, sizeof buffer, "%s/%.*s", type->name, SPAN_ARG(id));
	return (size_t)len < sizeof buffer ? map_get(&a->planned, (struct span){buffer, (size_t)len}) : NULL;
}

static bool is_planned(const struct assessment *a, enum plan_op_kind kind, const struct omni_type *type, struct span id)
{
	const struct plan_op *op = id.ptr == NULL ? NULL : planned(a, type, id);
	return op != NULL && op->kind == kind;
}

/* Is everything that this resource configures made by the same plan, so that nothing runs with it yet? */
static bool targets_new(const struct assessment *a, const struct resource *resource)
{
	struct span set = label_value(&resource->labels, OMNI_LABEL_MACHINE_SET);
	struct span machine = label_value(&resource->labels, OMNI_LABEL_CLUSTER_MACHINE);
	if (resource->type == OMNI_KERNEL_ARGS || resource->type == OMNI_INSTALL_DISK)
		machine = resource->id;
	return a->is_new || is_planned(a, PLAN_CREATE, OMNI_MACHINE_SET, set) ||
	       is_planned(a, PLAN_CREATE, OMNI_MACHINE_SET_NODE, machine);
}

static struct verdict assess_create(const struct assessment *a, const struct resource *desired)
{
	const struct {
		const struct omni_type *type;
		const char *why;
	} rules[] = {
		{OMNI_CONFIG_PATCH, "adds configuration to running machines"},
		{OMNI_EXTENSIONS, "sets the system extensions of running machines: they are upgraded one by one"},
		{OMNI_KERNEL_ARGS, "sets the kernel arguments of a running machine: it is upgraded"},
		{OMNI_INSTALL_DISK, "sets the install disk of a running machine"},
	};
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
		if (desired->type == rules[i].type && !targets_new(a, desired))
			return (struct verdict){RISK_DISRUPTIVE, rules[i].why};
	return (struct verdict){RISK_SAFE, "is new"};
}

/* --- control plane ------------------------------------------------------------------------------------------------ */

static const struct resource *status_of(const struct assessment *a, const struct omni_type *type, struct span id)
{
	for (size_t i = 0; i < a->actual->status.count; i++)
		if (a->actual->status.items[i]->type == type && span_eq(a->actual->status.items[i]->id, id))
			return a->actual->status.items[i];
	return NULL;
}

/* Machines of the control plane that stay, and those of them that Omni reports as connected. */
static void count_staying(const struct assessment *a, size_t *out_staying, size_t *out_alive)
{
	*out_staying = *out_alive = 0;
	for (size_t i = 0; i < a->actual->resources.count; i++) {
		const struct resource *node = a->actual->resources.items[i];
		if (node->type != OMNI_MACHINE_SET_NODE || !is_control_node(a, node) ||
		    is_planned(a, PLAN_DESTROY, OMNI_MACHINE_SET_NODE, node->id))
			continue;
		const struct resource *status = status_of(a, OMNI_MACHINE_STATUS, node->id);
		++*out_staying;
		*out_alive += status == NULL || span_is(node_text(node_get(&status->spec, "connected")), "true");
	}
}

static struct verdict assess_control_loss(const struct assessment *a, size_t removed, size_t total)
{
	if (2 * removed >= total)
		return (struct verdict){RISK_CRITICAL,
					arena_spanf(a->arena, "control plane would lose quorum: %zu of %zu machines leave",
						    removed, total)
						.ptr};
	size_t staying, alive;
	count_staying(a, &staying, &alive);
	if (staying > 0 && 2 * alive <= staying)
		return (struct verdict){RISK_CRITICAL, arena_spanf(a->arena,
								   "control plane would lose quorum: only %zu of the %zu "
								   "machines that stay are connected",
								   alive, staying)
							       .ptr};
	return (struct verdict){RISK_DESTRUCTIVE, "a control plane machine leaves the cluster"};
}

/* --- updates ------------------------------------------------------------------------------------------------------ */

static bool differs(const struct plan_op *op, const char *path)
{
	const struct node *before = node_path(&op->actual->spec, path), *after = node_path(&op->desired->spec, path);
	return (before == NULL) != (after == NULL) || (before != NULL && !node_equal(before, after));
}

static struct verdict worst(struct verdict a, struct verdict b)
{
	return b.risk > a.risk ? b : a;
}

/* As worst, but all reasons are named. */
static struct verdict both(const struct assessment *a, struct verdict first, struct verdict second)
{
	if (first.risk == RISK_SAFE || second.risk == RISK_SAFE)
		return worst(first, second);
	return (struct verdict){worst(first, second).risk, arena_spanf(a->arena, "%s; %s", first.why, second.why).ptr};
}

static struct verdict assess_version(const struct assessment *a, const struct plan_op *op, const char *key,
				     const char *what)
{
	struct span before = node_text_at(&op->actual->spec, key), after = node_text_at(&op->desired->spec, key);
	struct semver from, to;
	if (span_eq(before, after))
		return safe;
	bool is_down = semver_parse(before, &from, NULL) && semver_parse(after, &to, NULL) &&
		       (to.major != from.major	 ? to.major < from.major
			: to.minor != from.minor ? to.minor < from.minor
						 : to.patch < from.patch);
	return (struct verdict){RISK_DISRUPTIVE, arena_spanf(a->arena, "%s %s from %.*s to %.*s", what,
							     is_down ? "is downgraded" : "is upgraded", SPAN_ARG(before),
							     SPAN_ARG(after))
							 .ptr};
}

static bool has_backup(const struct resource *cluster)
{
	return span_is(node_text_at(&cluster->spec, "backupconfiguration.enabled"), "true");
}

static struct verdict assess_cluster(const struct assessment *a, const struct plan_op *op)
{
	struct verdict verdict = safe;
	verdict = both(a, verdict, assess_version(a, op, "talosversion", "Talos"));
	verdict = both(a, verdict, assess_version(a, op, "kubernetesversion", "Kubernetes"));
	if (differs(op, "features"))
		verdict = both(a, verdict, (struct verdict){RISK_DISRUPTIVE, "features of the running cluster change"});
	if (has_backup(op->actual) && !has_backup(op->desired))
		verdict = both(a, verdict, (struct verdict){RISK_DESTRUCTIVE, "etcd backups are turned off"});
	return verdict;
}

/* The deprecated field wins when it is there, as in Omni. */
static const struct node *allocation_of(const struct resource *set)
{
	const struct node *old_form = node_get(&set->spec, "machineclass");
	return node_is(old_form, NODE_MAP) ? old_form : node_get(&set->spec, "machineallocation");
}

static struct verdict assess_allocation(const struct assessment *a, const struct plan_op *op)
{
	const struct node *before = allocation_of(op->actual), *after = allocation_of(op->desired);
	if (!node_is(before, NODE_MAP) && !node_is(after, NODE_MAP))
		return safe;
	if (!node_is(before, NODE_MAP))
		return (struct verdict){RISK_DISRUPTIVE, "the set gets its machines from a class from now on"};
	if (!node_is(after, NODE_MAP))
		return (struct verdict){RISK_DESTRUCTIVE, "the machines that the class gave leave the set"};
	if (!span_eq(node_text_at(before, "name"), node_text_at(after, "name")))
		return (struct verdict){RISK_DESTRUCTIVE, "another machine class: machines of the old one leave"};
	int64_t from = spec_int(before, "machinecount"), to = spec_int(after, "machinecount");
	bool was_unlimited = spec_int(before, "allocationtype") == 1;
	bool is_unlimited = spec_int(after, "allocationtype") == 1;
	if (is_unlimited || (!was_unlimited && to >= from))
		return (struct verdict){RISK_SAFE, is_unlimited || to > from ? "machines are added" : safe.why};
	if (was_unlimited)
		return (struct verdict){RISK_DESTRUCTIVE, "no longer every machine of the class: some may leave"};
	if (is_control_set(a, op->actual))
		return assess_control_loss(a, (size_t)(from - to), (size_t)from);
	return (struct verdict){RISK_DESTRUCTIVE, arena_spanf(a->arena, "scales down: %lld of %lld machines leave",
							      (long long)(from - to), (long long)from)
							  .ptr};
}

static struct verdict assess_set(const struct assessment *a, const struct plan_op *op)
{
	bool was_control = labels_get(&op->actual->labels, OMNI_LABEL_CONTROL_PLANE) != NULL;
	bool is_control = labels_get(&op->desired->labels, OMNI_LABEL_CONTROL_PLANE) != NULL;
	if (was_control != is_control)
		return (struct verdict){RISK_CRITICAL, "the set changes between control plane and worker"};
	struct verdict verdict = assess_allocation(a, op);
	if (differs(op, "bootstrapspec"))
		verdict = worst(verdict, (struct verdict){RISK_DISRUPTIVE, "the bootstrap source changes"});
	return verdict;
}

static struct verdict assess_node(const struct assessment *a, const struct plan_op *op)
{
	(void)a;
	if (!span_eq(label_value(&op->actual->labels, OMNI_LABEL_MACHINE_SET),
		     label_value(&op->desired->labels, OMNI_LABEL_MACHINE_SET)))
		return (struct verdict){RISK_DESTRUCTIVE, "the machine moves to another machine set"};
	return safe;
}

static bool same_target(const struct plan_op *op)
{
	static const char *const keys[] = {OMNI_LABEL_CLUSTER, OMNI_LABEL_MACHINE_SET, OMNI_LABEL_CLUSTER_MACHINE,
					   OMNI_LABEL_MACHINE};
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		struct span before = label_value(&op->actual->labels, keys[i]);
		struct span after = label_value(&op->desired->labels, keys[i]);
		if ((before.ptr == NULL) != (after.ptr == NULL) || !span_eq(before, after))
			return false;
	}
	return true;
}

/* Patches, extensions, kernel arguments, install disks, manifests: what they say changes, or for whom. */
static struct verdict assess_content(const struct assessment *a, const struct plan_op *op, const char *why)
{
	struct plan_op plain = *op;
	struct resource before = *op->actual;
	before.labels = op->desired->labels;
	before.annotations = op->desired->annotations;
	plain.actual = &before;
	if (plan_same(plain.desired, plain.actual) && same_target(op))
		return safe;
	if (targets_new(a, op->desired))
		return (struct verdict){RISK_SAFE, "configures machines that are being added"};
	return (struct verdict){RISK_DISRUPTIVE, why};
}

static struct verdict assess_update(const struct assessment *a, const struct plan_op *op)
{
	const struct {
		const struct omni_type *type;
		const char *why;
	} rules[] = {
		{OMNI_CONFIG_PATCH, "changes the configuration of running machines"},
		{OMNI_EXTENSIONS, "changes the system extensions of running machines: they are upgraded one by one"},
		{OMNI_KERNEL_ARGS, "changes the kernel arguments of a running machine: it is upgraded"},
		{OMNI_INSTALL_DISK, "changes the install disk of a running machine"},
		{OMNI_MANIFEST_GROUP, "changes what runs in the cluster"},
	};
	if (op->type == OMNI_CLUSTER)
		return assess_cluster(a, op);
	if (op->type == OMNI_MACHINE_SET)
		return assess_set(a, op);
	if (op->type == OMNI_MACHINE_SET_NODE)
		return assess_node(a, op);
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
		if (op->type == rules[i].type)
			return assess_content(a, op, rules[i].why);
	return safe;
}

/* --- destroys ----------------------------------------------------------------------------------------------------- */

static struct verdict assess_cluster_destroy(const struct assessment *a, const struct plan_op *op)
{
	size_t machines = 0;
	for (size_t i = 0; i < a->actual->resources.count; i++)
		machines += a->actual->resources.items[i]->type == OMNI_MACHINE_SET_NODE;
	bool is_templates = labels_get(&op->actual->annotations, OMNI_ANNOTATION_TEMPLATES) != NULL;
	return (struct verdict){RISK_CRITICAL, arena_spanf(a->arena, "the whole cluster is destroyed: %zu machine%s %s wiped%s",
							   machines, machines == 1 ? "" : "s", machines == 1 ? "is" : "are",
							   is_templates ? "" : "; it was not made from a template")
						       .ptr};
}

static struct verdict assess_destroy(const struct assessment *a, const struct plan_op *op)
{
	const struct {
		const struct omni_type *type;
		struct verdict verdict;
	} rules[] = {
		{OMNI_CONFIG_PATCH, {RISK_DISRUPTIVE, "removes configuration from running machines"}},
		{OMNI_EXTENSIONS, {RISK_DISRUPTIVE, "removes the choice of system extensions: machines are upgraded one by one"}},
		{OMNI_HEALTH_CHECK, {RISK_DISRUPTIVE, "upgrades are no longer guarded by this check"}},
		{OMNI_INSTALL_DISK, {RISK_DISRUPTIVE, "the install disk is chosen automatically again"}},
	};
	if (op->actual->phase == RESOURCE_TEARING_DOWN)
		return (struct verdict){RISK_SAFE, "is already being torn down"};
	if (a->options->is_delete && a->options->destroy_machines && op->type != OMNI_CLUSTER)
		return (struct verdict){RISK_CRITICAL, "disconnected machines are removed together with the cluster"};
	if (op->type == OMNI_CLUSTER)
		return assess_cluster_destroy(a, op);
	if (op->type == OMNI_MACHINE_SET && is_control_set(a, op->actual))
		return (struct verdict){RISK_CRITICAL, "the control plane is destroyed"};
	if (op->type == OMNI_MACHINE_SET)
		return (struct verdict){RISK_DESTRUCTIVE, "the machine set leaves with all its machines"};
	if (op->type == OMNI_MACHINE_SET_NODE && is_control_node(a, op->actual))
		return assess_control_loss(a, a->control_removed, a->control_total);
	if (op->type == OMNI_MACHINE_SET_NODE)
		return (struct verdict){RISK_DESTRUCTIVE, "the machine leaves the cluster and is wiped"};
	if (op->type == OMNI_MANIFEST_GROUP)
		return spec_int(&op->actual->spec, "mode") == 1
			       ? (struct verdict){RISK_DESTRUCTIVE, "objects that it applied may be deleted from the cluster"}
			       : (struct verdict){RISK_DISRUPTIVE, "the manifest is no longer managed"};
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
		if (op->type == rules[i].type)
			return rules[i].verdict;
	return (struct verdict){RISK_DESTRUCTIVE, "leaves Omni"};
}

static void index_plan(struct assessment *a)
{
	map_init(&a->planned, a->arena);
	for (size_t i = 0; i < a->plan->count; i++) {
		struct plan_op *op = &a->plan->ops[i];
		if (op->kind != PLAN_UPDATE)
			*map_at(&a->planned, arena_spanf(a->arena, "%s/%.*s", op->type->name, SPAN_ARG(op->id))) = op;
	}
}

static void count_control_plane(struct assessment *a)
{
	for (size_t i = 0; i < a->actual->resources.count; i++) {
		const struct resource *node = a->actual->resources.items[i];
		if (node->type != OMNI_MACHINE_SET_NODE || !is_control_node(a, node))
			continue;
		a->control_total++;
		a->control_removed += is_planned(a, PLAN_DESTROY, OMNI_MACHINE_SET_NODE, node->id);
	}
}

static void set_verdict(struct plan *plan, struct plan_op *op, struct verdict verdict)
{
	op->risk = verdict.risk;
	op->why = verdict.why;
	if (verdict.risk > plan->risk)
		plan->risk = verdict.risk;
}

void plan_assess(struct arena *arena, struct plan *plan, const struct plan_actual *actual,
		 const struct plan_options *options)
{
	struct assessment a = {.arena = arena, .plan = plan, .actual = actual, .options = options};
	if (plan->count == 0)
		return;
	a.is_new = plan->actual_cluster == NULL;
	a.control_set = arena_spanf(arena, "%.*s-control-planes", SPAN_ARG(plan->cluster));
	index_plan(&a);
	count_control_plane(&a);
	for (size_t i = 0; i < plan->count; i++) {
		struct plan_op *op = &plan->ops[i];
		set_verdict(plan, op,
			    op->kind == PLAN_CREATE   ? assess_create(&a, op->desired)
			    : op->kind == PLAN_UPDATE ? assess_update(&a, op)
						      : assess_destroy(&a, op));
	}
}

/* --- raw resources ------------------------------------------------------------------------------------------------ */

bool plan_uses_class(const struct resource *machine_set, struct span class)
{
	const struct node *allocation = allocation_of(machine_set);
	return node_is(allocation, NODE_MAP) && span_eq(node_text_at(allocation, "name"), class);
}

void plan_assess_raws(struct arena *arena, struct plan *plan, const struct resource_list *in_use)
{
	for (size_t i = 0; i < plan->count; i++) {
		struct plan_op *op = &plan->ops[i];
		struct verdict verdict = {RISK_SAFE, "is new"};
		size_t users = 0;
		for (size_t j = 0; op->type == OMNI_MACHINE_CLASS && j < in_use->count; j++)
			users += plan_uses_class(in_use->items[j], op->id);
		if (op->kind == PLAN_DESTROY)
			verdict = (struct verdict){RISK_DESTRUCTIVE, "leaves Omni"};
		else if (op->kind == PLAN_UPDATE && node_equal(&op->desired->spec, &op->actual->spec))
			verdict = safe;
		else if (op->kind == PLAN_UPDATE && op->type == OMNI_MACHINE_CLASS && users == 0)
			verdict = (struct verdict){RISK_SAFE, "no machine set uses the class"};
		else if (op->kind == PLAN_UPDATE)
			verdict = (struct verdict){RISK_DISRUPTIVE, arena_spanf(arena, "%zu machine set%s get%s machines from it",
										users, users == 1 ? "" : "s",
										users == 1 ? "s" : "")
									    .ptr};
		if (op->kind == PLAN_UPDATE && op->type != OMNI_MACHINE_CLASS && verdict.risk == RISK_DISRUPTIVE)
			verdict.why = "changes a resource that others may depend on";
		set_verdict(plan, op, verdict);
	}
}
