/* What one unit should be, from what a source says or no longer says. Incomplete input never destroys: what may be
 * missing freezes its cluster, it does not disappear. agent->lock is held by the caller. */
#include <stdio.h>
#include <string.h>

#include "agent/agent.h"
#include "base/cleanup.h"
#include "base/clock.h"

static void declare(struct declared *place, struct snapshot *snapshot, size_t index)
{
	struct snapshot *old = place->snapshot;
	*place = (struct declared){snapshot_ref(snapshot), snapshot == NULL ? NULL : snapshot->fleet->clusters[index], index};
	snapshot_unref(old);
}

void unit_take_object(struct unit *unit, size_t place, const struct cluster *cluster)
{
	struct unit_object object = {0};
	if (cluster != NULL && cluster->head != NULL) {
		snprintf(object.ns, sizeof object.ns, "%.*s", SPAN_ARG(cluster->ns));
		snprintf(object.name, sizeof object.name, "%.*s", SPAN_ARG(cluster->head->name));
	}
	unit->is_untold |= unit_set_object(unit, place, &object);
}

bool unit_freeze(struct unit *unit, const char *why)
{
	bool is_news = unit_say(&unit->frozen_why, UNIT_WHY_MAX, why) || !unit->is_frozen;
	unit->is_frozen = true;
	return is_news;
}

void fleet_first_fault(const struct fleet *fleet, struct span object, char *out, size_t size)
{
	const struct diag *found = NULL;
	for (size_t i = 0; i < fleet->diags.count && found == NULL; i++)
		if (fleet->diags.items[i].severity == DIAG_ERROR &&
		    (object.len == 0 || span_eq(fleet->diags.items[i].object, object)))
			found = &fleet->diags.items[i];
	if (found == NULL && object.len > 0)
		fleet_first_fault(fleet, SPAN(""), out, size);
	else if (found == NULL)
		snprintf(out, size, "the declaration is incomplete");
	else
		snprintf(out, size, "%.*s:%u:%u: %.*s", SPAN_ARG(found->file), found->line, found->column,
			 SPAN_ARG(found->message));
}

static bool has_document(const struct piece *piece, uint64_t wanted)
{
	for (size_t i = 0; i < piece->document_count; i++)
		if (piece->documents[i] == wanted)
			return true;
	return false;
}

static bool stands_in_broken_file(const struct snapshot *snapshot, const struct piece *piece)
{
	const struct fleet *fleet = snapshot->fleet;
	for (size_t i = 0; i < piece->file_count; i++)
		for (size_t j = 0; j < fleet->broken_count; j++)
			if (span_eq(snapshot_path(&snapshot->files[piece->files[i]]), fleet->broken_files[j]))
				return true;
	return false;
}

static bool is_part(const struct document *document)
{
	static const char *const kinds[] = {"OmniControlPlane", "OmniWorkers", "OmniMachine"};
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if (document->class == DOCUMENT_KIND && strcmp(document->kind->name, kinds[i]) == 0)
			return true;
	return false;
}

/* A mistyped namespace still says by its reference which cluster was meant; a mistyped reference, by its namespace. */
static bool may_belong_to(const struct document *document, const struct cluster *cluster)
{
	struct span meant = node_text(node_path(&document->root, "spec.clusterRef.name"));
	return document->ns.len == 0 || span_eq(document->ns, cluster->ns) ||
	       (cluster->head != NULL && span_eq(meant, cluster->head->name));
}

static bool is_held(const struct snapshot *snapshot, const struct document *document)
{
	struct text scratch;
	bool is_held = false;
	text_init(&scratch, TEXT_NO_LIMIT);
	uint64_t digest = snapshot_document(&scratch, document);
	text_done(&scratch);
	for (size_t i = 0; i < snapshot->piece_count && !is_held; i++)
		is_held = has_document(&snapshot->pieces[i], digest);
	return is_held;
}

/* Faulty documents that belong to no cluster, and perhaps to this one. */
static bool has_stray_document(const struct snapshot *snapshot, const struct cluster *cluster)
{
	const struct fleet *fleet = snapshot->fleet;
	for (size_t i = 0; i < fleet->document_count; i++) {
		const struct document *document = fleet->documents[i];
		if (is_part(document) && document->has_errors && may_belong_to(document, cluster) && !is_held(snapshot, document))
			return true;
	}
	return false;
}

/* Of a fleet with faults: did the cluster lose a document since it was good, or, when that is not known because we have
 * just started, may it lack one? */
static bool may_miss_something(const struct snapshot *snapshot, size_t index, const struct declared *good)
{
	const struct piece *piece = &snapshot->pieces[index];
	const struct cluster *cluster = snapshot->fleet->clusters[index];
	if (stands_in_broken_file(snapshot, piece))
		return true;
	if (cluster->is_template || snapshot->is_certain)
		return false; /* is one document stream in one file, or objects that cannot hide */
	if (good->cluster == NULL)
		return snapshot->fleet->is_incomplete || has_stray_document(snapshot, cluster);
	const struct piece *then = &good->snapshot->pieces[good->index];
	for (size_t i = 0; i < then->document_count; i++)
		if (!has_document(piece, then->documents[i]))
			return true;
	return false;
}

bool unit_take_declaration(struct unit *unit, struct snapshot *snapshot, size_t index)
{
	char fault[900];
	struct unit_state *state = &unit->state;
	const struct fleet *fleet = snapshot->fleet;
	const struct cluster *cluster = fleet->clusters[index];
	bool was_frozen = unit->is_frozen, was_declared = state->is_declared, is_faulty = fleet->diags.error_count > 0;
	state->is_declared = true;
	unit->is_retired = false;
	unit->absent_since_ms = 0;
	unit_take_object(unit, 0, snapshot->is_certain ? cluster : NULL);
	state->source = snapshot->source;
	unit_say(&unit->words.revision, UNIT_REVISION_MAX, snapshot->revision);
	if (cluster->has_errors ||
	    ((fleet->is_incomplete || is_faulty) && may_miss_something(snapshot, index, &unit->good))) {
		fleet_first_fault(fleet, cluster->has_errors ? cluster->object : SPAN(""), fault, sizeof fault);
		return unit_freeze(unit, fault);
	}
	bool is_other = strcmp(unit->content, snapshot->pieces[index].content) != 0;
	unit->is_frozen = false;
	memcpy(unit->content, snapshot->pieces[index].content, sizeof unit->content);
	memcpy(state->template_hash, cluster->template_hash, sizeof state->template_hash);
	/* Also when nothing changed: else every unit would keep the whole snapshot of the commit that changed it last. */
	declare(&unit->desired, snapshot, index);
	declare(&unit->good, snapshot, index);
	return is_other || was_frozen || !was_declared;
}

/* Declared for another Omni by now, under the same connection, or for a connection that leads nowhere (mistyped, perhaps):
 * that is no order to destroy it here. */
static bool moved_to_other_omni(const struct unit *unit, char *out, size_t size)
{
	const struct agent *agent = unit->agent;
	const struct cluster *good = unit->good.cluster;
	for (size_t i = 0; i < agent->link_count; i++) {
		const struct link *link = agent->links[i];
		const struct unit *other = link == unit->link ? NULL : unit_find(link, span_of(unit->name));
		if (other == NULL || other->seen != agent->update)
			continue;
		const struct cluster *cluster = other->desired.cluster;
		if (link->store == NULL)
			snprintf(out, size, "declared for the connection \"%s\" now, which cannot be opened; left alone here",
				 link->connection);
		else if (good != NULL && cluster != NULL && span_eq(cluster->connection, good->connection) && span_eq(cluster->ns, good->ns))
			snprintf(out, size, "its connection leads to %s now; the cluster in this Omni is left alone", link->url);
		else
			continue;
		return true;
	}
	return false;
}

/* Declared for the same Omni, with another Secret's key: the other unit looks after it now. */
static bool moved_beside(const struct unit *unit)
{
	const struct agent *agent = unit->agent;
	for (size_t i = 0; i < agent->link_count; i++) {
		const struct link *link = agent->links[i];
		const struct unit *other = link == unit->link || !link_is_beside(link, unit->link) ? NULL : unit_find(link, span_of(unit->name));
		if (other != NULL && other->seen == agent->update)
			return true;
	}
	return false;
}

static bool retire(struct unit *unit)
{
	unit->is_retired = true;
	unit->is_frozen = false;
	unit->state.is_declared = false;
	declare(&unit->desired, NULL, 0);
	return false;
}

/* It may have moved to a source that was read before the move: every other one has to be read again first. */
static bool is_doubtful(struct unit *unit, char *out, size_t size)
{
	struct agent *agent = unit->agent;
	bool is_doubtful = false;
	if (unit->absent_since_ms == 0)
		unit->absent_since_ms = clock_monotonic_ms();
	for (size_t i = 0; i < agent->feed_count && agent->feed_count > 1; i++) {
		const struct feed *feed = &agent->feeds[i];
		if (i == unit->state.source || feed->good_poll_ms > unit->absent_since_ms)
			continue;
		snprintf(out, size, "no longer declared; %s is read again before that counts", feed->state.name);
		is_doubtful = true;
	}
	agent->has_doubtful_absence |= is_doubtful;
	return is_doubtful;
}

/* Whatever is known or not known of it otherwise. */
void unit_take_order(struct unit *unit, const struct unit_order *order)
{
	unit_set_order(unit, order);
	unit->is_retired = unit->is_frozen = false;
	unit->state.is_declared = false;
	unit->absent_since_ms = 0;
	unit->content[0] = '\0';
	declare(&unit->desired, NULL, 0);
	unit->is_untold = true;
}

bool unit_take_absence(struct unit *unit, bool is_certain, const char *why)
{
	bool was_declared = unit->state.is_declared, was_frozen = unit->is_frozen;
	char other[900];
	for (size_t i = 0; i < COUNT_OF(unit->objects); i++)
		unit_take_object(unit, i, NULL);
	if (unit->order != NULL)
		return false; /* the order says how it ends */
	if (moved_beside(unit))
		return retire(unit);
	if (unit->link->store == NULL) { /* never opened: nothing of ours can be there */
		unit->is_retired = true;
		return false;
	}
	if (!is_certain)
		return unit_freeze(unit, why);
	if (moved_to_other_omni(unit, other, sizeof other) || is_doubtful(unit, other, sizeof other))
		return unit_freeze(unit, other);
	unit->is_frozen = false;
	unit->state.is_declared = false;
	unit->content[0] = '\0';
	declare(&unit->desired, NULL, 0);
	return was_declared || was_frozen;
}
