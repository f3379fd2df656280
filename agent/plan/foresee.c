#include "agent/plan/foresee.h"

#include "agent/plan/internal.h"
#include "agent/plan/refusal_int.h"
#include "base/cleanup.h"
#include "render/semver.h"

struct oracle {
	struct arena *arena;
	struct plan *plan;
	const struct foresee *foresee;
	struct diag_list *out;
	struct resource_list talos, classes;
	bool has_talos, has_classes; /* the lists were asked for */
};

/* --- faults ------------------------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 6, 7))) static void report(struct oracle *o, const struct plan_op *op, bool is_error,
							  const char *code, const char *field, const char *format, ...)
{
	struct refusal refusal = {.action = plan_op_name(op->kind), .type = op->type, .id = op->id, .desired = op->desired};
	struct refusal_row row = {.pattern = "", .code = code, .field = field};
	struct refusal_match match = {.row = &row};
	struct refusal_place place;
	va_list args;
	va_start(args, format);
	struct span text = arena_spanfv(o->out->arena, format, args);
	va_end(args);
	refusal_place_field(o->out->arena, &refusal, &match, text, &place);
	struct diag_at at = {o->out, place.file, place.object};
	struct node position = {.line = NODE_LINE(place.line), .column = NODE_COLUMN(place.column)};
	const char *path = place.path.len > 0 ? arena_string(o->out->arena, place.path) : "";
	diag_add(&at, is_error ? DIAG_ERROR : DIAG_WARNING, code, &position, path, "%.*s", SPAN_ARG(text));
	if (is_error)
		plan_add_conflict(o->arena, o->plan, "%.*s%s%s%s%.*s", SPAN_ARG(place.object), place.object.len > 0 ? ": " : "", path,
				  *path != '\0' ? ": " : "", SPAN_ARG(text));
}

static void advise(struct oracle *o, const char *before, struct span near, const char *behind)
{
	if (near.len > 0)
		o->out->items[o->out->count - 1].hint = arena_spanf(o->out->arena, "%s%.*s%s", before, SPAN_ARG(near), behind);
}

/* --- what Omni has ------------------------------------------------------------------------------------------------------ */

static bool list_once(struct oracle *o, const struct omni_type *type, struct resource_list *list, bool *asked)
{
	struct omni_store *store = o->foresee->store;
	if (!*asked && !store->ops->list(store, o->arena, type, NULL, o->foresee->deadline_ms, list, NULL))
		*list = (struct resource_list){0};
	*asked = true;
	return list->count > 0;
}

static const struct resource *find(const struct resource_list *list, const struct omni_type *type, struct span id)
{
	for (size_t i = 0; list != NULL && i < list->count; i++)
		if (list->items[i]->type == type && span_eq(list->items[i]->id, id))
			return list->items[i];
	return NULL;
}

/* The ID that was perhaps meant; empty: none is near. */
static struct span nearest(const struct resource_list *list, const struct omni_type *type, struct span id)
{
	enum { FAR = 4 };
	struct span best = {"", 0};
	size_t distance = FAR;
	for (size_t i = 0; list != NULL && i < list->count; i++) {
		size_t d = list->items[i]->type == type ? span_distance(list->items[i]->id, id, FAR) : FAR;
		if (d >= distance)
			continue;
		distance = d;
		best = list->items[i]->id;
	}
	return best;
}

/* --- versions ------------------------------------------------------------------------------------------------------------ */

static bool is_newer(const struct semver *a, const struct semver *b)
{
	if (a->major != b->major)
		return a->major > b->major;
	return a->minor != b->minor ? a->minor > b->minor : a->patch > b->patch;
}

struct choice {
	struct span text;
	struct semver version;
	bool has_minor;
};

/* The newest with the same minor version as `want`, else the newest of all; pre-releases are not proposed. */
static void consider(struct choice *best, struct span text, const struct semver *want)
{
	struct semver version;
	if (!semver_parse(text, &version, NULL) || version.pre.len > 0)
		return;
	bool has_minor = version.major == want->major && version.minor == want->minor;
	if (best->text.len > 0 && (best->has_minor != has_minor ? best->has_minor : !is_newer(&version, &best->version)))
		return;
	*best = (struct choice){text, version, has_minor};
}

static void check_kubernetes(struct oracle *o, const struct plan_op *op, const struct resource *talos)
{
	const struct node *list = node_get(&talos->spec, "compatiblekubernetesversions");
	struct span kubernetes = node_text_at(&op->desired->spec, "kubernetesversion");
	if (!node_is(list, NODE_SEQ) || list->len == 0)
		return;
	struct semver want = {0};
	struct choice best = {0};
	semver_parse(kubernetes, &want, NULL);
	for (uint32_t i = 0; i < list->len; i++) {
		if (span_eq(node_text(&list->items[i]), kubernetes))
			return;
		consider(&best, node_text(&list->items[i]), &want);
	}
	report(o, op, true, "IncompatibleVersions", "kubernetesversion",
	       "Omni does not offer Kubernetes %.*s together with Talos %.*s", SPAN_ARG(kubernetes), SPAN_ARG(talos->id));
	advise(o, "with this Talos it offers Kubernetes ", best.text, "");
}

static bool is_changed(const struct plan_op *op, const char *key)
{
	return op->kind == PLAN_CREATE || op->actual == NULL ||
	       !span_eq(node_text_at(&op->actual->spec, key), node_text_at(&op->desired->spec, key));
}

static bool has_flag(const struct resource *talos, const char *flag)
{
	return talos != NULL && span_is(node_text_at(&talos->spec, flag), "true");
}

static void report_not_offered(struct oracle *o, const struct plan_op *op, struct span wanted)
{
	struct semver want = {0};
	struct choice best = {0};
	semver_parse(wanted, &want, NULL);
	for (size_t i = 0; i < o->talos.count; i++)
		consider(&best, o->talos.items[i]->id, &want);
	report(o, op, true, "VersionNotOffered", "talosversion", "Omni does not offer Talos %.*s", SPAN_ARG(wanted));
	advise(o, "it offers ", best.text, "; omnictl get talosversions lists all");
}

static void check_versions(struct oracle *o, const struct plan_op *op)
{
	const struct omni_type *type = omni_type_find(SPAN("TalosVersions.omni.sidero.dev"));
	struct span wanted = node_text_at(&op->desired->spec, "talosversion");
	bool is_new_talos = is_changed(op, "talosversion");
	if (!is_new_talos && !is_changed(op, "kubernetesversion"))
		return;
	if (!list_once(o, type, &o->talos, &o->has_talos))
		return;
	const struct resource *talos = find(&o->talos, type, wanted);
	struct span old = op->kind == PLAN_CREATE || op->actual == NULL ? (struct span){"", 0}
								       : node_text_at(&op->actual->spec, "talosversion");
	const struct resource *before = find(&o->talos, type, old);
	if (is_new_talos && (talos == NULL || has_flag(talos, "unsupported")))
		report_not_offered(o, op, wanted);
	else if (is_new_talos && has_flag(talos, "deprecated") && !has_flag(before, "deprecated"))
		report(o, op, true, "VersionDeprecated", "talosversion", "Omni no longer offers Talos %.*s for this cluster",
		       SPAN_ARG(wanted));
	if (talos != NULL)
		check_kubernetes(o, op, talos);
}

/* --- machine classes ------------------------------------------------------------------------------------------------------ */

/* A change to a class that is not there is taken by the server; the set then waits for ever. */
static void check_class(struct oracle *o, const struct plan_op *op)
{
	struct omni_store *store = o->foresee->store;
	struct span name = node_text_at(&op->desired->spec, "machineallocation.name");
	struct resource *held = NULL;
	struct fail fail = {0};
	if (name.len == 0 || !is_changed(op, "machineallocation.name"))
		return;
	const struct resource *class = find(o->foresee->declared, OMNI_MACHINE_CLASS, name);
	if (class == NULL && store->ops->get(store, o->arena, OMNI_MACHINE_CLASS, name, o->foresee->deadline_ms, &held, &fail))
		class = held;
	if (class == NULL && fail.code != FAIL_NOT_FOUND)
		return; /* not to be had: the server will say */
	if (class == NULL) {
		report(o, op, op->kind == PLAN_CREATE, "MachineClassNotFound", "machineallocation.name",
		       "there is no machine class \"%.*s\", neither in Omni nor among the declarations", SPAN_ARG(name));
		list_once(o, OMNI_MACHINE_CLASS, &o->classes, &o->has_classes);
		struct span near = nearest(&o->classes, OMNI_MACHINE_CLASS, name);
		if (near.len == 0)
			near = nearest(o->foresee->declared, OMNI_MACHINE_CLASS, name);
		advise(o, "did you mean \"", near, "\"?");
		return;
	}
	if (span_is(node_text_at(&op->desired->spec, "machineallocation.allocationtype"), "1") &&
	    node_get(&class->spec, "autoprovision") != NULL) {
		report(o, op, true, "UnlimitedProvision", "machineallocation.allocationtype",
		       "the machine class \"%.*s\" has machines made, so their number has to be limited", SPAN_ARG(name));
		advise(o, "", SPAN("write the number of machines as size"), "");
	}
}

void plan_foresee(struct arena *arena, struct plan *plan, const struct foresee *foresee, struct diag_list *out)
{
	struct oracle o = {.arena = arena, .plan = plan, .foresee = foresee, .out = out};
	for (size_t i = 0; i < plan->count; i++) {
		const struct plan_op *op = &plan->ops[i];
		if (op->kind == PLAN_DESTROY || op->locked != NULL)
			continue;
		if (op->type == OMNI_CLUSTER)
			check_versions(&o, op);
		else if (op->type == OMNI_MACHINE_SET)
			check_class(&o, op);
	}
}
