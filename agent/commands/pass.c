#include "agent/commands/pass.h"

#include "agent/omni/hide.h"
#include "agent/plan/foresee.h"
#include "base/clock.h"

void pass_init(struct pass *pass, struct arena *arena, const struct settings *settings)
{
	*pass = (struct pass){.arena = arena, .settings = settings};
	targets_init(&pass->targets, arena, settings);
	hide_book_init(&pass->hidden, arena);
}

void pass_done(struct pass *pass)
{
	targets_done(&pass->targets);
}

/* Empty: nothing is recorded in Omni. */
static struct span owner_of(const struct settings *settings)
{
	return settings->no_annotations || settings->owner == NULL ? (struct span){"", 0} : span_of(settings->owner);
}

static struct plan_options plan_options(const struct settings *settings)
{
	struct plan_options options = {
		.prune_unmanaged = settings->prune_unmanaged,
		.destroy_machines = settings->destroy_machines,
		.gate = RISK_DISRUPTIVE,
		.owner = owner_of(settings),
	};
	if (settings->gate != NULL)
		plan_risk_parse(span_of(settings->gate), &options.gate);
	return options;
}

/* Hashes approved on the command line and on the document. */
static void judge(struct pass *pass, struct pass_unit *unit)
{
	const struct settings *settings = pass->settings;
	struct span *approvals = ARENA_ARRAY(pass->arena, struct span, settings->approve.count + 1);
	size_t count = 0;
	for (size_t i = 0; i < settings->approve.count; i++)
		approvals[count++] = span_of(settings->approve.items[i]);
	struct gate gate = {.limit = plan_options(settings).gate, .approve_all = settings->approve_all};
	if (unit->cluster != NULL) {
		if (unit->cluster->approve.len > 0)
			approvals[count++] = unit->cluster->approve;
		gate.allow_destroy = unit->cluster->allow_destroy;
	}
	gate.approvals = approvals;
	gate.approval_count = count;
	unit->verdict = gate_check(&unit->plan, &gate, &unit->reason, pass->arena);
}

static int64_t deadline(const struct pass *pass)
{
	return clock_monotonic_ms() + (pass->settings->timeout_ms > 0 ? pass->settings->timeout_ms : 30000);
}

/* NULL: the store hides nothing. */
static const struct hide_book *book_of(const struct pass *pass, const struct pass_unit *unit)
{
	return unit->target->store->hidden_key.len == 0 ? NULL : &pass->hidden;
}

/* Everything in the fleet for one connection that is no cluster. */
static bool plan_raw_unit(struct pass *pass, struct pass_unit *unit, const struct fleet *fleet, struct fail *fail)
{
	struct resource_list expected = {0}, actual = {0}, in_use = {0};
	for (size_t i = 0; i < fleet->raw_count; i++) {
		if (!span_eq(fleet->raws[i]->connection, unit->target->connection))
			continue;
		struct resource *resource = fleet->raws[i]->resource, *found = NULL;
		struct fail get_fail = {0};
		resource_push(pass->arena, &expected, hide_resource_for(unit->target->store, pass->arena, resource, &pass->hidden));
		if (unit->target->store->ops->get(unit->target->store, pass->arena, resource->type, resource->id,
						  deadline(pass), &found, &get_fail))
			resource_push(pass->arena, &actual, found);
		else if (get_fail.code != FAIL_NOT_FOUND) {
			if (fail != NULL)
				*fail = get_fail;
			return false;
		}
	}
	struct plan_options options = plan_options(pass->settings);
	options.hidden = book_of(pass, unit);
	unit->actual = (struct plan_actual){.resources = actual};
	plan_raws(pass->arena, &expected, &actual, &in_use, owner_of(pass->settings), &options, &unit->plan);
	judge(pass, unit);
	return true;
}

/* The declared raw resources of an Omni are applied before its clusters, whatever connection leads there. */
static void foresee(struct pass *pass, struct pass_unit *unit, const struct fleet *fleet)
{
	struct resource_list declared = {0};
	struct target *target;
	diag_list_init(&unit->faults, pass->arena);
	if (unit->plan.count == 0)
		return;
	for (size_t i = 0; fleet != NULL && i < fleet->raw_count; i++)
		if (targets_find(&pass->targets, fleet, fleet->raws[i]->connection, &target, NULL) &&
		    strcmp(target->url, unit->target->url) == 0)
			resource_push(pass->arena, &declared, fleet->raws[i]->resource);
	struct foresee foresee = {unit->target->store, deadline(pass), &declared};
	plan_foresee(pass->arena, &unit->plan, &foresee, &unit->faults);
}

static bool plan_cluster_unit(struct pass *pass, struct pass_unit *unit, const struct fleet *fleet, struct span name,
			      bool is_delete, struct fail *fail)
{
	struct plan_actual actual = {0};
	struct plan_options options = plan_options(pass->settings);
	options.is_delete = is_delete;
	options.hidden = book_of(pass, unit);
	if (unit->cluster != NULL)
		options.destroy_machines = options.destroy_machines || unit->cluster->destroy_machines;
	if (!plan_read_actual(unit->target->store, pass->arena, unit->cluster, name, deadline(pass), &actual, fail))
		return fail_wrap(fail, "cluster %.*s at %s", SPAN_ARG(name), unit->target->url);
	unit->actual = actual;
	plan_cluster(pass->arena, hide_cluster_for(unit->target->store, pass->arena, unit->cluster, &pass->hidden), name, &actual,
		     &options, &unit->plan);
	foresee(pass, unit, fleet);
	judge(pass, unit);
	return true;
}

static struct pass_unit *add_unit(struct pass *pass, struct target *target, const struct cluster *cluster)
{
	struct pass_unit *unit = ARENA_NEW(pass->arena, struct pass_unit);
	unit->target = target;
	unit->cluster = cluster;
	diag_list_init(&unit->faults, pass->arena);
	ARENA_PUSH(pass->arena, pass->units, pass->count, pass->cap) = unit;
	return unit;
}

static bool has_raw_unit(const struct pass *pass, const struct target *target)
{
	for (size_t i = 0; i < pass->count; i++)
		if (pass->units[i]->target == target && pass->units[i]->cluster == NULL)
			return true;
	return false;
}

bool pass_plan_raws(struct pass *pass, const struct fleet *fleet, struct fail *fail)
{
	struct target *target;
	for (size_t i = 0; i < fleet->raw_count; i++) {
		if (!targets_find(&pass->targets, fleet, fleet->raws[i]->connection, &target, fail))
			return false;
		if (!has_raw_unit(pass, target) && !plan_raw_unit(pass, add_unit(pass, target, NULL), fleet, fail))
			return false;
	}
	return true;
}

bool pass_plan_cluster(struct pass *pass, const struct fleet *fleet, const struct cluster *cluster, struct fail *fail)
{
	struct target *target;
	return targets_find(&pass->targets, fleet, cluster->connection, &target, fail) &&
	       plan_cluster_unit(pass, add_unit(pass, target, cluster), fleet, cluster->name, false, fail);
}

bool pass_plan_fleet(struct pass *pass, const struct fleet *fleet, struct fail *fail)
{
	if (!pass_plan_raws(pass, fleet, fail))
		return false;
	for (size_t i = 0; i < fleet->cluster_count; i++)
		if (!fleet->clusters[i]->suspend && !pass_plan_cluster(pass, fleet, fleet->clusters[i], fail))
			return false;
	return true;
}

bool pass_plan_delete(struct pass *pass, struct span cluster, struct fail *fail)
{
	struct target *target;
	return targets_find(&pass->targets, NULL, (struct span){"", 0}, &target, fail) &&
	       plan_cluster_unit(pass, add_unit(pass, target, NULL), NULL, cluster, true, fail);
}

bool pass_replan(struct pass *pass, struct pass_unit *unit, const struct fleet *fleet, struct fail *fail)
{
	struct span name = unit->plan.cluster;
	if (name.len == 0)
		return plan_raw_unit(pass, unit, fleet, fail);
	return plan_cluster_unit(pass, unit, fleet, name, unit->cluster == NULL, fail);
}

static struct plan_report *reports_of(const struct pass *pass)
{
	struct plan_report *reports = ARENA_ARRAY(pass->arena, struct plan_report, pass->count + 1);
	for (size_t i = 0; i < pass->count; i++) {
		const struct pass_unit *unit = pass->units[i];
		reports[i] = (struct plan_report){span_of(unit->target->url), &unit->plan, unit->verdict, unit->reason};
	}
	return reports;
}

void pass_print(const struct pass *pass, struct text *out, enum plan_format format, bool color)
{
	plan_print(out, reports_of(pass), pass->count, format, color);
}

void pass_faults(const struct pass *pass, struct diag_list *out)
{
	for (size_t i = 0; i < pass->count; i++)
		diag_append(out, &pass->units[i]->faults);
}

int pass_exit_code(const struct pass *pass)
{
	return plan_exit_code(reports_of(pass), pass->count);
}
