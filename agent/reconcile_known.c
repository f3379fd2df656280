/* What need not be asked: the mirror knows digests of all that Omni holds, and they say when it is as declared. Whatever else
 * there is to do or to tell about a cluster stands in its marks, and the mirror has those, too. */
#include "agent/run.h"

static bool may_know(const struct run *run)
{
	return run->has_mark && !run->looks_again && !run->is_frozen;
}

/* Nothing would be written: it is recorded as applied, and no mark says anything else. */
static bool is_recorded(struct run *run)
{
	const struct cluster *cluster = run->desired.cluster;
	const char *const passing[] = {ANNOTATION_SYNC_STATE, ANNOTATION_SYNC_MESSAGE, ANNOTATION_DRIFT};
	if (run_owner(run->agent).len == 0)
		return true; /* nothing is ever recorded */
	for (size_t i = 0; i < sizeof passing / sizeof *passing; i++)
		if (mark_value(run->cluster, passing[i]).len > 0)
			return false;
	return run_is_ours(run, run->cluster) &&
	       span_is(mark_value(run->cluster, ANNOTATION_APPLIED_HASH), cluster->template_hash) &&
	       span_eq(mark_value(run->cluster, ANNOTATION_APPLIED_CONTENT), run_content(run)) &&
	       span_eq(mark_value(run->cluster, ANNOTATION_DELETE_POLICY), marks_policy(cluster));
}

bool known_cluster(struct run *run)
{
	const struct declared *desired = &run->desired;
	struct mirror *mirror = run->unit->link->mirror;
	struct span name = span_of(run->unit->name);
	if (desired->cluster == NULL || desired->cluster->suspend || !may_know(run) ||
	    !mirror_matches(mirror, name, &desired->snapshot->pieces[desired->index].expected))
		return false;
	run->cluster = mirror_cluster(mirror, &run->arena, name);
	bool is_known = run->cluster != NULL && !span_is(mark_value(run->cluster, ANNOTATION_SUSPEND), "true") && is_recorded(run);
	if (!is_known)
		run->cluster = NULL;
	else
		plan_nothing(desired->cluster->name, &run->plan);
	return is_known;
}

/* False: everything has to be read. */
static bool find_others(struct run *run, const struct cluster *cluster, bool *is_same)
{
	enum { OTHERS_MAX = 16 }; /* beyond that lists are cheaper */
	const struct resource_list *expected = &cluster->resources;
	struct mirror_item *items = ARENA_ARRAY(&run->arena, struct mirror_item, expected->count + 1);
	size_t others = 0;
	for (size_t i = 0; i < expected->count; i++) {
		struct plan_meaning meaning = plan_meaning(expected->items[i], true);
		items[i] = (struct mirror_item){.key = mirror_key(expected->items[i]->type, expected->items[i]->id),
						.whole = meaning.whole, .bytes = meaning.bytes, .by_bytes = meaning.by_bytes};
	}
	if (!mirror_compare(run->unit->link->mirror, cluster->name, items, expected->count))
		return false;
	for (size_t i = 0; i < expected->count; i++) {
		is_same[i] = !items[i].is_other;
		others += items[i].is_other;
	}
	return others <= OTHERS_MAX;
}

bool known_read_actual(struct run *run, struct fail *fail)
{
	const struct unit *unit = run->unit;
	const struct cluster *cluster = run->desired.cluster;
	struct omni_store *store = unit->link->store;
	bool may_know_some = cluster != NULL && !cluster->destroy_machines && may_know(run);
	bool *is_same = ARENA_ARRAY(&run->arena, bool, may_know_some ? cluster->resources.count + 1 : 1);
	if (may_know_some && find_others(run, cluster, is_same))
		return plan_read_rest(store, &run->arena, cluster, is_same, run_deadline(run), &run->actual, fail);
	return plan_read_actual(store, &run->arena, cluster, span_of(unit->name), run_deadline(run), &run->actual, fail);
}

/* On raw resources it is recorded whose they are. */
bool known_raws(struct run *run, const struct resource_list *expected)
{
	struct mirror_expectation expectation;
	struct resource_list owned = {0};
	struct span owner = run_owner(run->agent);
	for (size_t i = 0; i < expected->count; i++) {
		struct resource *copy = resource_copy(&run->arena, expected->items[i]);
		if (owner.len > 0)
			labels_set(&run->arena, &copy->annotations, span_of(ANNOTATION_OWNER), owner);
		resource_push(&run->arena, &owned, copy);
	}
	content_expect(&run->arena, &owned, &expectation);
	if (!may_know(run) || !mirror_matches(run->unit->link->mirror, SPAN(""), &expectation))
		return false;
	plan_nothing(SPAN(""), &run->plan);
	run->verdict = GATE_EMPTY;
	return true;
}

bool known_clusters(struct run *run, struct resource_list *out, struct fail *fail)
{
	const struct link *link = run->unit->link;
	return mirror_clusters(link->mirror, &run->arena, out) ||
	       link->store->ops->list(link->store, &run->arena, OMNI_CLUSTER, NULL, run_deadline(run), out, fail);
}
