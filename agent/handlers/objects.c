/* The objects that are looked after. */
#include <stdlib.h>
#include <string.h>

#include "agent/handlers/internal.h"
#include "agent/report/status_handled.h"
#include "base/digest.h"
#include "base/map.h"
#include "base/text.h"
#include "base/timestamp.h"
#include "crds/kinds.h"

static void *must(void *memory)
{
	if (memory == NULL)
		abort();
	return memory;
}

int handler_number(const struct kind *kind)
{
	return kind == &KIND_KUBECONFIG_EXPORT ? 0 : kind == &KIND_SECRET_SYNC ? 1 : kind == &KIND_HELM_RELEASE ? 2 : -1;
}

/* --- as it was given ------------------------------------------------------------------------------------------------------ */

/* What tools note about their own work is no reason to look. */
static char *dump_annotations(const json_t *annotations)
{
	json_t *rest = json_is_object(annotations) ? json_copy((json_t *)annotations) : json_object();
	json_object_del(rest, "kubectl.kubernetes.io/last-applied-configuration");
	char *text = json_dumps(rest, JSON_SORT_KEYS | JSON_COMPACT);
	json_decref(rest);
	return must(text);
}

static char *dump(const json_t *value)
{
	return value == NULL ? must(strdup("{}")) : must(json_dumps(value, JSON_SORT_KEYS | JSON_COMPACT));
}

static uint64_t digest_of(const struct handler_object *object, struct span spec, struct span annotations)
{
	const struct handler_cluster *cluster = &object->cluster;
	const struct span parts[] = {object->uid, spec, annotations, cluster->object, cluster->uid, cluster->name, cluster->connection,
				     cluster->endpoint};
	struct text text;
	text_init(&text, TEXT_NO_LIMIT);
	text_addf(&text, "%lld %d %d %d %d %d", (long long)object->generation, object->is_deleted, cluster->exists, cluster->is_deleted,
		  cluster->is_ready, cluster->has_connection);
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		text_addf(&text, " %zu ", parts[i].len);
		text_add(&text, parts[i]);
	}
	uint64_t digest = digest_local(text_span(&text));
	text_done(&text);
	return digest;
}

struct declared *declared_new(const struct handler_object *object)
{
	char *spec = dump(object->spec), *annotations = dump_annotations(object->annotations);
	struct declared *declared;
	struct handler_object copy = *object;
	struct span spec_copy = span_of(spec), annotations_copy = span_of(annotations);
	struct span *const texts[] = {&copy.ns, &copy.name, &copy.uid, &copy.cluster.object, &copy.cluster.uid, &copy.cluster.name,
				      &copy.cluster.connection, &copy.cluster.endpoint, &spec_copy, &annotations_copy};
	size_t size = 0;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		size += texts[i]->len + 1;
	declared = must(calloc(1, sizeof *declared + size));
	declared->users = 1;
	declared->digest = digest_of(object, spec_copy, annotations_copy);
	char *place = declared->texts;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		if (texts[i]->len > 0)
			memcpy(place, texts[i]->ptr, texts[i]->len);
		texts[i]->ptr = place;
		place += texts[i]->len + 1;
	}
	copy.spec = copy.status = copy.annotations = NULL;
	declared->object = copy;
	declared->spec = spec_copy;
	declared->annotations = annotations_copy;
	free(spec);
	free(annotations);
	return declared;
}

void declared_drop(struct declared *declared)
{
	if (declared != NULL && --declared->users == 0)
		free(declared);
}

/* --- groups: the workers of one cluster -------------------------------------------------------------------------------------- */

static unsigned take_group(struct handlers *handlers, struct span ns, struct span cluster)
{
	uint64_t digest = object_digest(&KIND_CLUSTER, ns, cluster);
	unsigned first = (unsigned)(digest % QUEUE_GROUPS), group = first;
	while (handlers->groups[group] != digest && handlers->group_users[group] > 0) {
		group = (group + 1) % QUEUE_GROUPS;
		if (group == first)
			break; /* more clusters than numbers: they share */
	}
	handlers->groups[group] = digest;
	handlers->group_users[group]++;
	return group;
}

/* --- the table ---------------------------------------------------------------------------------------------------------------- */

uint64_t object_digest(const struct kind *kind, struct span ns, struct span name)
{
	return map_hash(map_hash((uint64_t)(uintptr_t)kind, ns), name) | 1;
}

static struct handled **slot_of(const struct handlers *handlers, const struct kind *kind, struct span ns, struct span name)
{
	return &handlers->slots[(object_digest(kind, ns, name) >> 1) & (handlers->slot_count - 1)];
}

static void grow(struct handlers *handlers)
{
	size_t old_count = handlers->slot_count;
	struct handled **old = handlers->slots;
	handlers->slot_count = old_count == 0 ? 64 : old_count * 2;
	handlers->slots = must(calloc(handlers->slot_count, sizeof(struct handled *)));
	for (size_t i = 0; i < old_count; i++)
		for (struct handled *h = old[i], *next; h != NULL; h = next) {
			struct handled **slot = slot_of(handlers, h->handler->kind, h->ns, h->name);
			next = h->next_in_slot;
			h->next_in_slot = *slot;
			*slot = h;
		}
	free(old);
}

struct handled *handled_find(const struct handlers *handlers, const struct kind *kind, struct span ns, struct span name)
{
	struct handled *h = handlers->slot_count == 0 ? NULL : *slot_of(handlers, kind, ns, name);
	while (h != NULL && (h->handler->kind != kind || !span_eq(h->name, name) || !span_eq(h->ns, ns)))
		h = h->next_in_slot;
	return h;
}

struct handled *handled_get(struct handlers *handlers, const struct handler *handler, const struct handler_object *object)
{
	struct handled *h = handled_find(handlers, handler->kind, object->ns, object->name);
	if (h != NULL)
		return h;
	if (handlers->count >= handlers->slot_count)
		grow(handlers);
	h = must(calloc(1, sizeof *h + object->ns.len + object->name.len));
	memcpy(h->texts, object->ns.ptr == NULL ? "" : object->ns.ptr, object->ns.len);
	memcpy(h->texts + object->ns.len, object->name.ptr, object->name.len);
	h->ns = (struct span){h->texts, object->ns.len};
	h->name = (struct span){h->texts + object->ns.len, object->name.len};
	h->handlers = handlers;
	h->handler = handler;
	h->waker = handler_waker_new(h);
	h->item.group = take_group(handlers, object->ns, object->cluster.object);
	struct handled **slot = slot_of(handlers, handler->kind, h->ns, h->name);
	h->next_in_slot = *slot;
	*slot = h;
	handlers->count++;
	return h;
}

void handled_unlink(struct handled *handled)
{
	struct handlers *handlers = handled->handlers;
	struct handled **slot = slot_of(handlers, handled->handler->kind, handled->ns, handled->name);
	while (*slot != handled)
		slot = &(*slot)->next_in_slot;
	*slot = handled->next_in_slot;
	handlers->group_users[handled->item.group]--;
	handlers->count--;
}

void handled_free(struct handled *handled)
{
	if (handled->waker != NULL)
		handler_waker_detach(handled->waker);
	declared_drop(handled->declared);
	free(handled->status);
	free(handled);
}

/* --- statuses ------------------------------------------------------------------------------------------------------------------- */

static void wake_askers(struct handled *handled)
{
	struct handlers *handlers = handled->handlers;
	uint64_t digest = object_digest(handled->handler->kind, handled->ns, handled->name);
	for (size_t i = 0; i < handlers->slot_count; i++)
		for (struct handled *h = handlers->slots[i]; h != NULL; h = h->next_in_slot)
			for (size_t k = 0; k < h->asked_count; k++)
				if (h->asked_for[k] == digest && h != handled)
					queue_add(handlers->queue, &h->item, 0);
}

void handled_set_status(struct handled *handled, char *text)
{
	bool is_same = handled->status != NULL && text != NULL && strcmp(handled->status, text) == 0;
	json_t *status = is_same || text == NULL ? NULL : json_loads(text, 0, NULL);
	int64_t generation = handled->declared == NULL ? 0 : handled->declared->object.generation, ms = 0;
	free(handled->status);
	handled->status = text;
	if (is_same)
		return;
	const char *expires = json_string_value(json_object_get(status, "expirationTime"));
	handled->expires_s = expires != NULL && timestamp_parse(span_of(expires), &ms) ? ms / 1000 : 0;
	handled->is_ready = status_is_ready(status, generation);
	json_decref(status);
	wake_askers(handled);
}
