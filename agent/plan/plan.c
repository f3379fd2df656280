/* The plan of one cluster: what is expected against what is there. */
#include "agent/plan/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { PHASE_SETS, PHASE_REST, PHASES_DELETE_MACHINES = 3 };

/* A future operation with its place in the order. */
struct slot {
	struct plan_op op;
	unsigned rank; /* inside one type: 0 by id, 1 by position in the template */
	size_t index;
};

struct slots {
	struct slot *items;
	size_t count, cap;
};

struct planner {
	struct arena *arena;
	struct span cluster;
	const struct plan_actual *actual;
	const struct plan_options *options;
	struct plan *plan;
	struct map expected; /* "TYPE/ID" to struct resource */
	struct map held;
	struct slots creates, updates, destroys;
};

struct plan_op *plan_add_op(struct arena *arena, struct plan *plan, enum plan_op_kind kind,
			    const struct resource *desired, const struct resource *actual)
{
	const struct resource *named = desired != NULL ? desired : actual;
	struct plan_op *op = &ARENA_PUSH(arena, plan->ops, plan->count, plan->cap);
	*op = (struct plan_op){.kind = kind, .type = named->type, .id = named->id, .why = "", .desired = desired,
			       .actual = actual};
	size_t *const counts[] = {&plan->creates, &plan->updates, &plan->destroys};
	++*counts[kind];
	return op;
}

struct plan_conflict *plan_add_conflict(struct arena *arena, struct plan *plan, const char *format, ...)
{
	va_list args;
	struct plan_conflict *conflict = &ARENA_PUSH(arena, plan->conflicts, plan->conflict_count, plan->conflict_cap);
	va_start(args, format);
	*conflict = (struct plan_conflict){.text = arena_spanfv(arena, format, args)};
	va_end(args);
	return conflict;
}

void plan_add_note(struct arena *arena, struct plan *plan, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	struct span text = arena_spanfv(arena, format, args);
	va_end(args);
	ARENA_PUSH(arena, plan->notes, plan->note_count, plan->note_cap) = (struct plan_note){text};
}

static struct span key_of(struct arena *arena, const struct omni_type *type, struct span id)
{
	return arena_spanf(arena, "%s/%.*s", type->name, SPAN_ARG(id));
}

static const struct resource *find(struct planner *p, const struct map *map, const struct omni_type *type,
				   struct span id)
{
	char buffer[512];
	int len = snprintf(buffer, sizeof buffer, "%s/%.*s", type->name, SPAN_ARG(id));
	struct span key = {buffer, (size_t)len};
	return map_get(map, (size_t)len < sizeof buffer ? key : key_of(p->arena, type, id));
}

static void index_resources(struct planner *p, struct map *map, const struct resource_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		struct resource *resource = list->items[i];
		if (resource->type == NULL)
			continue;
		void **place = map_at(map, key_of(p->arena, resource->type, resource->id));
		if (*place == NULL)
			*place = resource;
	}
}

/* Types without a cluster label of their own. */
static bool has_no_relation(const struct omni_type *type)
{
	return type == OMNI_CLUSTER || type == OMNI_KERNEL_ARGS || type == OMNI_INSTALL_DISK;
}

bool plan_is_released(const struct omni_type *type)
{
	return type == OMNI_KERNEL_ARGS || type == OMNI_INSTALL_DISK;
}

bool plan_is_controlled(const struct resource *resource)
{
	return resource->owner.len > 0 || labels_get(&resource->labels, OMNI_LABEL_NODE_CONTROLLER) != NULL;
}

/* Would the reference find it by label, or only by its expected ID? */
static bool is_listed(struct planner *p, const struct resource *resource)
{
	if (resource->type == OMNI_CLUSTER)
		return span_eq(resource->id, p->cluster);
	if (plan_is_released(resource->type)) {
		const struct resource *node = find(p, &p->held, OMNI_MACHINE_SET_NODE, resource->id);
		return node != NULL && is_listed(p, node);
	}
	return !plan_is_controlled(resource) && span_eq(label_value(&resource->labels, OMNI_LABEL_CLUSTER), p->cluster);
}

static void add_slot(struct planner *p, struct slots *slots, struct slot slot)
{
	const struct resource *named = slot.op.kind == PLAN_DESTROY ? slot.op.actual : slot.op.desired;
	slot.op.type = named->type;
	slot.op.id = named->id;
	ARENA_PUSH(p->arena, slots->items, slots->count, slots->cap) = slot;
}

static void add_create(struct planner *p, const struct resource *expected, const struct resource *leaving, size_t index)
{
	struct plan_op op = {.kind = PLAN_CREATE, .actual = leaving};
	op.desired = plan_merge(p->arena, expected, NULL, p->cluster);
	add_slot(p, &p->creates, (struct slot){op, 1, index});
}

static void add_update(struct planner *p, const struct resource *desired, const struct resource *held, size_t index)
{
	struct plan_op op = {.kind = PLAN_UPDATE, .desired = desired, .actual = held};
	add_slot(p, &p->updates, (struct slot){op, is_listed(p, held) ? 0 : 1, index});
}

static void add_destroy(struct planner *p, const struct resource *held)
{
	add_slot(p, &p->destroys, (struct slot){{.kind = PLAN_DESTROY, .actual = held}, 0, 0});
}

/* Somebody else's resource stands where ours should be. */
static bool is_foreign(struct planner *p, const struct resource *held)
{
	struct span other = label_value(&held->labels, OMNI_LABEL_CLUSTER);
	if (held->owner.len > 0) {
		plan_add_conflict(p->arena, p->plan,
				  "%s(%.*s) exists already and is managed by Omni itself (%.*s): choose another name",
				  held->type->name, SPAN_ARG(held->id), SPAN_ARG(held->owner));
		return true;
	}
	if (has_no_relation(held->type) || other.len == 0 || span_eq(other, p->cluster))
		return false;
	plan_add_conflict(p->arena, p->plan,
			  held->type == OMNI_MACHINE_SET_NODE
				  ? "%s(%.*s) belongs to cluster \"%.*s\": remove the machine there first, then add it to \"%.*s\""
				  : "%s(%.*s) belongs to cluster \"%.*s\" and is not taken over by \"%.*s\": choose another ID",
			  held->type->name, SPAN_ARG(held->id), SPAN_ARG(other), SPAN_ARG(p->cluster));
	return true;
}

static void plan_expected(struct planner *p, const struct resource *expected, size_t index)
{
	const struct resource *held = find(p, &p->held, expected->type, expected->id);
	if (held == NULL) {
		add_create(p, expected, NULL, index);
		return;
	}
	if (is_foreign(p, held))
		return;
	if (held->phase == RESOURCE_TEARING_DOWN) {
		add_create(p, expected, held, index);
		p->plan->is_waiting |= held->finalizer_count > 0;
		return;
	}
	if (!plan_same(expected, held))
		add_update(p, plan_merge(p->arena, expected, held, p->cluster), held, index);
}

/* The machine keeps its kernel arguments; only the claim of templates to them ends. */
static void release(struct planner *p, const struct resource *held)
{
	if (labels_get(&held->annotations, OMNI_ANNOTATION_TEMPLATES) == NULL)
		return;
	if (held->type == OMNI_INSTALL_DISK && find(p, &p->expected, OMNI_MACHINE_SET_NODE, held->id) != NULL) {
		add_destroy(p, held);
		return;
	}
	struct resource *desired = resource_copy(p->arena, held);
	labels_remove(&desired->annotations, span_of(OMNI_ANNOTATION_TEMPLATES));
	add_update(p, desired, held, 0);
}

static void plan_unexpected(struct planner *p, const struct resource *held)
{
	if (!is_listed(p, held))
		return;
	if (plan_is_released(held->type)) {
		release(p, held);
		return;
	}
	if (held->type->order == 0)
		return;
	if (p->options->prune_unmanaged || plan_is_from_template(held, p->cluster))
		add_destroy(p, held);
	else
		resource_push(p->arena, &p->plan->unmanaged, (struct resource *)(uintptr_t)held);
}

static bool is_destroyed(const struct slots *slots, const struct omni_type *type, struct span id)
{
	for (size_t i = 0; i < slots->count; i++)
		if (slots->items[i].op.type == type && span_eq(slots->items[i].op.id, id))
			return true;
	return false;
}

/* What Omni removes by itself together with another resource of the list is left out. */
static bool is_redundant(const struct slots *all, const struct resource *held)
{
	if (held->type == OMNI_CLUSTER)
		return false;
	const struct omni_type *parent = held->type == OMNI_MACHINE_SET_NODE ? OMNI_MACHINE_SET : OMNI_CLUSTER;
	struct span id = label_value(&held->labels,
				     held->type == OMNI_MACHINE_SET_NODE ? OMNI_LABEL_MACHINE_SET : OMNI_LABEL_CLUSTER);
	return id.ptr != NULL && is_destroyed(all, parent, id);
}

static void drop_redundant(struct planner *p)
{
	struct slots kept = {0};
	for (size_t i = 0; i < p->destroys.count; i++)
		if (!is_redundant(&p->destroys, p->destroys.items[i].op.actual))
			ARENA_PUSH(p->arena, kept.items, kept.count, kept.cap) = p->destroys.items[i];
	p->destroys = kept;
}

static unsigned phase_of(const struct omni_type *type)
{
	return type == OMNI_MACHINE_SET || type == OMNI_MACHINE_SET_NODE ? PHASE_SETS : PHASE_REST;
}

static int compare_slots(const void *left, const void *right)
{
	const struct slot *a = left, *b = right;
	if (a->op.phase != b->op.phase)
		return a->op.phase < b->op.phase ? -1 : 1;
	if (a->op.type->order != b->op.type->order)
		return a->op.type->order < b->op.type->order ? -1 : 1;
	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	if (a->rank == 1 && a->index != b->index)
		return a->index < b->index ? -1 : 1;
	return span_cmp(a->op.id, b->op.id);
}

static void append(struct planner *p, struct slots *slots)
{
	if (slots->count > 1)
		qsort(slots->items, slots->count, sizeof *slots->items, compare_slots);
	for (size_t i = 0; i < slots->count; i++) {
		struct plan_op op = slots->items[i].op;
		plan_add_op(p->arena, p->plan, op.kind, op.desired, op.actual)->phase = op.phase;
	}
}

/* Three steps before the others: extensions of the cluster, Links of its disconnected machines, their patches. */
static void append_machines(struct planner *p)
{
	const struct omni_type *const types[PHASES_DELETE_MACHINES] = {OMNI_EXTENSIONS, OMNI_LINK, OMNI_CONFIG_PATCH};
	for (unsigned phase = 0; phase < PHASES_DELETE_MACHINES; phase++) {
		const struct resource_list *from = phase == 0 ? &p->actual->resources : &p->actual->disconnected;
		struct slots slots = {0};
		for (size_t i = 0; i < from->count; i++) {
			const struct resource *held = from->items[i];
			if (held->type != types[phase])
				continue;
			if (phase == 0 && !span_eq(label_value(&held->labels, OMNI_LABEL_CLUSTER), p->cluster))
				continue;
			add_slot(p, &slots, (struct slot){{.kind = PLAN_DESTROY, .actual = held, .phase = phase}, 0, 0});
		}
		append(p, &slots);
	}
}

static bool is_done_before(const struct plan *plan, const struct plan_op *op)
{
	for (size_t i = 0; i < plan->count; i++)
		if (plan->ops[i].kind == PLAN_DESTROY && plan->ops[i].type == op->type && span_eq(plan->ops[i].id, op->id))
			return true;
	return false;
}

static void append_destroys(struct planner *p)
{
	unsigned first = 0;
	if (p->options->is_delete && p->options->destroy_machines) {
		append_machines(p);
		first = PHASES_DELETE_MACHINES;
	}
	drop_redundant(p);
	struct slots left = {0};
	for (size_t i = 0; i < p->destroys.count; i++) {
		struct slot slot = p->destroys.items[i];
		if (is_done_before(p->plan, &slot.op))
			continue;
		slot.op.phase = first + phase_of(slot.op.type);
		ARENA_PUSH(p->arena, left.items, left.count, left.cap) = slot;
	}
	append(p, &left);
}

static void classify(struct planner *p, const struct resource_list *expected)
{
	for (size_t i = 0; i < expected->count; i++)
		plan_expected(p, expected->items[i], i);
	for (size_t i = 0; i < p->held.count; i++) {
		const struct resource *held = p->held.entries[i].value;
		if (find(p, &p->expected, held->type, held->id) == NULL)
			plan_unexpected(p, held);
	}
	if (is_destroyed(&p->destroys, OMNI_CLUSTER, p->cluster))
		p->plan->unmanaged = (struct resource_list){0}; /* they go with it */
	append(p, &p->creates);
	append(p, &p->updates);
	append_destroys(p);
}

/* Nothing is planned from declarations that are broken or were not translated: what is missing there is perhaps only
 * unreadable, and would be destroyed. */
static bool is_usable(struct planner *p, const struct cluster *cluster)
{
	if (p->options->is_delete)
		return true;
	if (cluster == NULL || cluster->has_errors) {
		plan_add_conflict(p->arena, p->plan, "the declarations of cluster \"%.*s\" have errors: nothing is planned",
				  SPAN_ARG(p->cluster));
		return false;
	}
	if (find(p, &p->expected, OMNI_CLUSTER, p->cluster) == NULL) {
		plan_add_conflict(p->arena, p->plan,
				  "the declarations of cluster \"%.*s\" give no Cluster resource: nothing is planned",
				  SPAN_ARG(p->cluster));
		return false;
	}
	return true;
}

static bool is_owned_by_other(struct planner *p)
{
	const struct resource *held = p->plan->actual_cluster;
	if (held == NULL || p->options->owner.len == 0)
		return false;
	struct span owner = label_value(&held->annotations, ANNOTATION_OWNER);
	if (owner.len == 0 || span_eq(owner, p->options->owner))
		return false;
	plan_add_conflict(p->arena, p->plan,
			  "cluster \"%.*s\" is managed by \"%.*s\", not by \"%.*s\": to take it over, take it out of what \"%.*s\" "
			  "reads, then omniops release --owner %.*s %.*s",
			  SPAN_ARG(p->cluster), SPAN_ARG(owner), SPAN_ARG(p->options->owner), SPAN_ARG(owner), SPAN_ARG(owner),
			  SPAN_ARG(p->cluster));
	return true;
}

/* Made by hand, in the web UI or by another tool. */
static void note_adoption(struct planner *p)
{
	const struct resource *held = p->plan->actual_cluster;
	if (held == NULL || p->options->is_delete || labels_get(&held->annotations, OMNI_ANNOTATION_TEMPLATES) != NULL)
		return;
	plan_add_note(p->arena, p->plan, "cluster \"%.*s\" exists but was not made from a template: this plan takes it over",
		      SPAN_ARG(p->cluster));
}

void plan_cluster(struct arena *arena, const struct cluster *cluster, struct span name,
		  const struct plan_actual *actual, const struct plan_options *options, struct plan *out)
{
	static const struct resource_list none = {0};
	struct span id = cluster != NULL ? cluster->name : name;
	struct planner p = {.arena = arena, .cluster = id, .actual = actual, .options = options, .plan = out};
	const struct resource_list *expected = options->is_delete || cluster == NULL ? &none : &cluster->resources;
	*out = (struct plan){.cluster = id, .is_delete = options->is_delete, .hidden = options->hidden};
	map_init(&p.expected, arena);
	map_init(&p.held, arena);
	index_resources(&p, &p.expected, expected);
	index_resources(&p, &p.held, &actual->resources);
	index_resources(&p, &p.held, &actual->foreign);
	out->actual_cluster = find(&p, &p.held, OMNI_CLUSTER, id);
	if (is_usable(&p, cluster) && !is_owned_by_other(&p)) {
		classify(&p, expected);
		plan_assess(arena, out, actual, options);
		plan_find_locks(arena, out, actual);
		note_adoption(&p);
		for (size_t i = 0; i < out->count; i++)
			plan_diff_op(arena, &out->ops[i], options->secret_key);
	}
	plan_seal(out);
	plan_note_copy(arena, out);
}

void plan_nothing(struct span cluster, struct plan *out)
{
	*out = (struct plan){.cluster = cluster};
	plan_seal(out);
}
