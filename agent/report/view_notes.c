/* What is worth a look on a cluster, ready or not: locks, machines in trouble, checks that fail, and what Omni does not let
 * go of, with the way out. */
#include "agent/plan/apply.h"
#include "agent/plan/lost.h"
#include "agent/report/fleet_view.h"
#include "base/cleanup.h"

struct notes {
	struct arena *arena;
	struct cluster_view *view;
};

static void note(const struct notes *notes, const char *code, struct span object, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
static void note(const struct notes *notes, const char *code, struct span object, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	struct span message = arena_spanfv(notes->arena, format, args);
	va_end(args);
	struct health_reasons *list = &notes->view->notes;
	ARENA_PUSH(notes->arena, list->items, list->count, list->cap) = (struct health_reason){code, object, message};
}

/* --- what is not let go --------------------------------------------------------------------------------------------- */

static void print_way_out(struct text *out, const struct resource *held, struct span cluster, struct span machine)
{
	if (machine.len > 0)
		text_addf(out, "Omni resets the machine %.*s first; should it never answer again: omnictl delete link %.*s",
			  SPAN_ARG(machine), SPAN_ARG(machine));
	else
		plan_print_way_out(out, held->type, held->id, cluster);
}

/* The machine that is in the way, if it is one: of the set, or of any; one that does not answer before one that is being
 * reset. The turn of the others has not come: without them nothing would go faster. */
static struct span machine_left(const struct cluster_view *view, const struct resource *held)
{
	const struct view_machine *found = NULL;
	if (!plan_waits_for_machines(held->type))
		return SPAN("");
	if (held->type == OMNI_MACHINE_SET_NODE)
		return held->id;
	for (size_t i = 0; i < view->facts.set_count; i++) {
		const struct view_set *set = &view->sets[i];
		bool concerns = held->type == OMNI_CLUSTER || span_eq(set->set.id, held->id);
		for (size_t j = 0; concerns && j < set->machine_count; j++) {
			const struct view_machine *machine = &set->machines[j];
			if (machine->is_connected && machine->stage != STAGE_DESTROYING)
				continue;
			if (found == NULL || (found->is_connected && !machine->is_connected))
				found = machine;
		}
	}
	return found == NULL ? SPAN("") : found->id;
}

static void add_waits(const struct notes *notes, const struct resource_list *list)
{
	struct cluster_view *view = notes->view;
	for (size_t i = 0; i < list->count; i++) {
		const struct resource *held = list->items[i];
		struct text way_out;
		if (held->phase == RESOURCE_RUNNING || held->finalizer_count == 0)
			continue;
		text_init(&way_out, TEXT_NO_LIMIT);
		print_way_out(&way_out, held, view->name, machine_left(view, held));
		ARENA_PUSH(notes->arena, view->waits, view->wait_count, view->wait_cap) = (struct view_wait){
			.type = held->type,
			.id = held->id,
			.holders = apply_holders(notes->arena, held),
			.since = held->updated,
			.way_out = arena_copy(notes->arena, text_span(&way_out)),
		};
		text_done(&way_out);
	}
}

/* --- machines and checks -------------------------------------------------------------------------------------------- */

static void note_machine(const struct notes *notes, const struct view_set *set, const struct view_machine *machine)
{
	struct span id = machine->id;
	if (!machine->has_status && notes->view->has_status)
		note(notes, "MachineNotJoined", id, "machine %.*s is chosen for %.*s and has not joined the cluster", SPAN_ARG(id),
		     SPAN_ARG(set->set.id));
	if (!machine->has_status)
		return;
	if (!machine->is_connected)
		note(notes, "MachineUnreachable", id, "machine %.*s is not connected to Omni", SPAN_ARG(id));
	if (machine->has_config_failed)
		note(notes, "MachineConfigFailed", id, "machine %.*s refused its configuration%s%.*s", SPAN_ARG(id),
		     machine->config_error.len > 0 ? ": " : "", SPAN_ARG(machine->config_error));
	if (machine->is_locked || machine->is_declared_locked)
		note(notes, "MachineLocked", id, "machine %.*s is locked%s", SPAN_ARG(id),
		     machine->has_pending_update ? ": an update waits for it to be unlocked" : ": it gets no updates");
}

void view_make_notes(struct arena *arena, struct cluster_view *view, const struct cluster_parts *parts)
{
	struct notes notes = {arena, view};
	const struct resource_list *const may_wait[] = {&parts->cluster, &parts->sets,	   &parts->nodes,     &parts->patches,
							&parts->manifests, &parts->checks, &parts->extensions};
	if (view->is_locked)
		note(&notes, "ClusterLocked", view->name, "the cluster is locked: Omni changes nothing of it");
	if (view->has_load_balancer && !view->is_load_balancer_healthy && !view->is_load_balancer_stopped)
		note(&notes, "LoadBalancer", view->name, "no control plane answers behind the load balancer");
	for (size_t i = 0; i < view->check_count; i++)
		if (span_is(view->checks[i].status, "NotReady"))
			note(&notes, "CheckFailing", view->checks[i].type, "%.*s%s%.*s", SPAN_ARG(view->checks[i].type),
			     view->checks[i].reason.len > 0 ? ": " : " is not ready", SPAN_ARG(view->checks[i].reason));
	for (size_t i = 0; i < view->facts.set_count; i++)
		for (size_t j = 0; j < view->sets[i].machine_count; j++)
			note_machine(&notes, &view->sets[i], &view->sets[i].machines[j]);
	for (size_t i = 0; i < COUNT_OF(may_wait); i++)
		add_waits(&notes, may_wait[i]);
}
