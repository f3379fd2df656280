#include "agent/controller/facts.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "crds/kinds.h"

static const json_t *at(const json_t *spec, const char *name, const char *member)
{
	const json_t *value = json_object_get(spec, name);
	return member == NULL ? value : json_object_get(value, member);
}

static struct span text_at(const json_t *spec, const char *name, const char *member)
{
	const json_t *value = at(spec, name, member);
	return (struct span){json_string_value(value), json_string_length(value)};
}

/* The field with the name of each kind in Omni. */
static struct span name_in_omni(const struct kube_object *object, const json_t *spec)
{
	const char *field = object->kind == &KIND_CLUSTER ? "clusterName"
			  : object->kind == &KIND_WORKERS ? "workerSetName"
			  : object->kind == &KIND_MACHINE ? "machineID"
							  : NULL;
	struct span name = field == NULL ? (struct span){0} : text_at(spec, field, NULL);
	return name.len > 0 ? name : object->name;
}

static struct span keep(char **place, struct span text)
{
	char *copy = *place;
	if (text.len > 0)
		memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	*place += text.len + 1;
	return (struct span){copy, text.len};
}

static bool is_suspended(const json_t *document, const json_t *spec)
{
	const json_t *annotations = json_object_get(json_object_get(document, "metadata"), "annotations");
	const char *asked = json_string_value(json_object_get(annotations, "omni.texashpc.com/suspend"));
	return json_is_true(json_object_get(spec, "suspend")) || (asked != NULL && strcmp(asked, "true") == 0);
}

struct facts *facts_read(const struct kube_object *object)
{
	struct arena arena;
	struct span text = {0};
	arena_init(&arena, ARENA_NO_LIMIT);
	json_t *document = kube_object_document(object, &arena, &text, NULL) ? json_loadb(text.ptr, text.len, 0, NULL) : NULL;
	const json_t *spec = json_object_get(document, "spec"), *auth = json_object_get(spec, "auth");
	const struct span texts[] = {name_in_omni(object, spec), text_at(spec, "connectionRef", "name"),
				     object->kind == &KIND_CONNECTION ? text_at(spec, "endpoint", NULL) : (struct span){0},
				     text_at(auth, "serviceAccountSecretRef", "name")};
	size_t size = 4;
	for (size_t i = 0; i < 4; i++)
		size += texts[i].len;
	struct facts *facts = calloc(1, sizeof *facts + size);
	if (facts == NULL)
		abort();
	char *place = facts->texts;
	memcpy(facts->content_id, object->content_id, sizeof facts->content_id);
	facts->name = keep(&place, texts[0]);
	facts->connection = keep(&place, texts[1]);
	facts->endpoint = keep(&place, texts[2]);
	facts->secret = keep(&place, texts[3]);
	facts->orphan = json_is_true(at(spec, "deletePolicy", "orphan")) || span_is(text_at(spec, "deletionPolicy", NULL), "Orphan");
	facts->destroy_machines = json_is_true(at(spec, "deletePolicy", "destroyMachines"));
	facts->suspends = is_suspended(document, spec);
	json_decref(document);
	arena_done(&arena);
	return facts;
}
