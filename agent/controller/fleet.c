/* What the newest trees declare. Each cluster's declaration is one piece of memory, so that a change of one costs no other. */
#include "agent/controller/internal.h"

#include <stdlib.h>
#include <string.h>

#include "crds/kinds.h"

enum { NEWS_MS = 50, BEHIND_MS = 2000 }; /* states that follow each other quickly are not all written */

/* --- copies ---------------------------------------------------------------------------------------------------------------- */

/* Texts go behind everything else. */
struct place {
	char *at, *texts;
};

static size_t size_of_spans(const struct span *items, size_t count)
{
	size_t size = count * sizeof *items;
	for (size_t i = 0; i < count; i++)
		size += items[i].len;
	return size;
}

static size_t size_of_diags(const struct diag *const *items, size_t count)
{
	size_t size = count * (sizeof *items + sizeof **items);
	for (size_t i = 0; i < count; i++)
		size += items[i]->file.len + items[i]->object.len + items[i]->path.len + items[i]->message.len + items[i]->hint.len +
			strlen(items[i]->code) + 1;
	return size;
}

static void *take(struct place *place, size_t size)
{
	void *taken = place->at;
	place->at += size;
	return taken;
}

static struct span copy_text(struct place *place, struct span text)
{
	struct span copy = {place->texts, text.len};
	if (text.len > 0)
		memcpy(place->texts, text.ptr, text.len);
	place->texts += text.len;
	return copy;
}

static struct span *copy_spans(struct place *place, const struct span *items, size_t count)
{
	struct span *copy = take(place, count * sizeof *items);
	for (size_t i = 0; i < count; i++)
		copy[i] = copy_text(place, items[i]);
	return copy;
}

static const struct diag **copy_diags(struct place *place, const struct diag *const *items, size_t count)
{
	const struct diag **copy = take(place, count * sizeof *items);
	for (size_t i = 0; i < count; i++) {
		struct diag *diag = take(place, sizeof *diag);
		*diag = *items[i];
		struct span *const texts[] = {&diag->file, &diag->object, &diag->path, &diag->message, &diag->hint};
		for (size_t j = 0; j < sizeof texts / sizeof *texts; j++)
			*texts[j] = copy_text(place, *texts[j]);
		diag->code = copy_text(place, (struct span){diag->code, strlen(diag->code) + 1}).ptr; /* of what was rendered elsewhere */
		copy[i] = diag;
	}
	return copy;
}

static struct controller_cluster *copy_cluster(const struct controller_cluster *cluster)
{
	size_t fixed = sizeof *cluster + (cluster->worker_count + cluster->machine_count) * sizeof(struct span) +
		       cluster->diag_count * (sizeof(struct diag *) + sizeof(struct diag));
	size_t size = sizeof *cluster + size_of_spans(cluster->workers, cluster->worker_count) +
		      size_of_spans(cluster->machines, cluster->machine_count) + size_of_diags(cluster->diags, cluster->diag_count);
	struct controller_cluster now = *cluster;
	struct span *const texts[] = {&now.ns, &now.object, &now.cluster, &now.connection, &now.url, &now.control_plane};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		size += texts[i]->len;
	struct controller_cluster *copy = malloc(size);
	if (copy == NULL)
		abort();
	struct place place = {(char *)(copy + 1), (char *)copy + fixed};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		*texts[i] = copy_text(&place, *texts[i]);
	now.workers = copy_spans(&place, cluster->workers, cluster->worker_count);
	now.machines = copy_spans(&place, cluster->machines, cluster->machine_count);
	now.diags = copy_diags(&place, cluster->diags, cluster->diag_count);
	*copy = now;
	return copy;
}

/* --- news ------------------------------------------------------------------------------------------------------------------ */

static bool same_spans(const struct span *a, const struct span *b, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!span_eq(a[i], b[i]))
			return false;
	return true;
}

static bool same_diags(const struct controller_cluster *a, const struct controller_cluster *b)
{
	if (a->diag_count != b->diag_count)
		return false;
	for (size_t i = 0; i < a->diag_count; i++) {
		const struct diag *x = a->diags[i], *y = b->diags[i];
		if (x->severity != y->severity || strcmp(x->code, y->code) != 0 || !span_eq(x->object, y->object) ||
		    !span_eq(x->path, y->path) || !span_eq(x->message, y->message) || !span_eq(x->hint, y->hint))
			return false;
	}
	return true;
}

static bool same_parts(const struct controller_cluster *a, const struct controller_cluster *b)
{
	return a->worker_count == b->worker_count && a->machine_count == b->machine_count &&
	       span_eq(a->control_plane, b->control_plane) && same_spans(a->workers, b->workers, a->worker_count) &&
	       same_spans(a->machines, b->machines, a->machine_count);
}

static void declare(struct controller *controller, const struct controller_cluster *cluster)
{
	struct subject *subject = subject_get(&controller->subjects, &KIND_CLUSTER, cluster->ns, cluster->object);
	struct cluster_life *life = subject->life;
	struct controller_cluster *old = life->declared, *now = copy_cluster(cluster);
	bool has_other_faults = old == NULL || !same_diags(old, now);
	bool is_other = old == NULL || strcmp(old->template_hash, now->template_hash) != 0;
	bool is_news = is_other || has_other_faults || old->generation != now->generation || old->has_errors != now->has_errors ||
		       !same_parts(old, now);
	life->declared = now;
	life->fleet = controller->fleet_number;
	free(old);
	/* What comes of another template will be told soon, and then in one. */
	if (is_news)
		wake_subject(controller, subject, usual_class(subject), is_other && life->told != NULL ? BEHIND_MS : NEWS_MS);
	if (has_other_faults)
		wake_children(controller, subject);
}

static void undeclare(struct controller *controller, struct subject *subject)
{
	free(subject->life->declared);
	subject->life->declared = NULL;
	wake_subject(controller, subject, usual_class(subject), NEWS_MS);
	wake_children(controller, subject);
}

void controller_take_fleet(struct controller *controller, const struct controller_cluster *clusters, size_t count)
{
	pthread_mutex_lock(&controller->lock);
	uint64_t number = ++controller->fleet_number;
	for (size_t i = 0; i < count; i++)
		declare(controller, &clusters[i]);
	for (size_t i = 0; i < controller->subjects.slot_count; i++)
		for (struct subject *s = controller->subjects.slots[i]; s != NULL; s = s->next_in_slot)
			if (subject_life(s) != NULL && s->life->declared != NULL && s->life->fleet != number)
				undeclare(controller, s);
	if (number == 1)
		wake_all(controller);
	pthread_mutex_unlock(&controller->lock);
}

void controller_take_changes(struct controller *controller, const struct controller_cluster *changed, size_t changed_count,
			     const struct controller_cluster *gone, size_t gone_count)
{
	pthread_mutex_lock(&controller->lock);
	for (size_t i = 0; i < changed_count; i++)
		declare(controller, &changed[i]);
	for (size_t i = 0; i < gone_count; i++) {
		struct subject *subject = subject_find(&controller->subjects, &KIND_CLUSTER, gone[i].ns, gone[i].object);
		if (subject != NULL && subject->life->declared != NULL)
			undeclare(controller, subject);
	}
	pthread_mutex_unlock(&controller->lock);
}
