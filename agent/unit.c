#include "agent/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/run.h"

static void *must(void *memory)
{
	if (memory == NULL)
		abort();
	return memory;
}

void unit_free(struct unit *unit)
{
	struct unit_words *words = &unit->words;
	char *texts[] = {words->message, words->revision, words->applied_revision, words->applied_output, words->waits_for, words->holders,
			 unit->frozen_why, unit->objects[0], unit->objects[1], unit->name, unit->errors, unit->new_errors};
	snapshot_unref(unit->desired.snapshot);
	snapshot_unref(unit->good.snapshot);
	run_free(unit->ongoing);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		free(texts[i]);
	free(unit->order);
	free(unit);
}

/* --- objects and orders ---------------------------------------------------------------------------------------------- */

/* Kept as "NAMESPACE", a NUL and "NAME". */
struct unit_object unit_object(const struct unit *unit, size_t place)
{
	struct unit_object object = {0};
	const char *ns = unit->objects[place];
	if (ns == NULL)
		return object;
	snprintf(object.ns, sizeof object.ns, "%s", ns);
	snprintf(object.name, sizeof object.name, "%s", ns + strlen(ns) + 1);
	return object;
}

bool unit_is_declared_by(const struct unit *unit, const struct unit_object *object)
{
	const char *ns = unit->objects[0];
	return ns != NULL && strcmp(ns, object->ns) == 0 && strcmp(ns + strlen(ns) + 1, object->name) == 0;
}

bool unit_set_object(struct unit *unit, size_t place, const struct unit_object *object)
{
	struct unit_object before = unit_object(unit, place);
	size_t ns_size = strlen(object->ns) + 1, size = ns_size + strlen(object->name) + 1;
	if (strcmp(before.ns, object->ns) == 0 && strcmp(before.name, object->name) == 0)
		return false;
	free(unit->objects[place]);
	unit->objects[place] = NULL;
	if (size == 2)
		return true;
	unit->objects[place] = must(malloc(size));
	memcpy(unit->objects[place], object->ns, ns_size);
	memcpy(unit->objects[place] + ns_size, object->name, size - ns_size);
	return true;
}

struct unit_order unit_order(const struct unit *unit)
{
	return unit->order == NULL ? (struct unit_order){0} : *unit->order;
}

bool unit_set_order(struct unit *unit, const struct unit_order *order)
{
	struct unit_order before = unit_order(unit);
	if (memcmp(&before, order, sizeof before) == 0)
		return false;
	free(unit->order);
	unit->order = NULL;
	if (order->object.name[0] == '\0')
		return true;
	unit->order = must(malloc(sizeof *order));
	*unit->order = *order;
	return true;
}

/* --- texts --------------------------------------------------------------------------------------------------------------- */

bool unit_say(char **place, size_t size, const char *text)
{
	size_t len = strnlen(text, size - 1), before = *place == NULL ? 0 : strlen(*place);
	if (len == before && (len == 0 || memcmp(*place, text, len) == 0))
		return false;
	char *copy = len == 0 ? NULL : must(strndup(text, len)); /* `text` may be of what it replaces */
	free(*place);
	*place = copy;
	return true;
}

static void copy_text(char *out, size_t size, const char *text)
{
	snprintf(out, size, "%s", text == NULL ? "" : text);
}

void unit_copy_texts(const struct unit *unit, struct unit_texts *out)
{
	const struct unit_words *words = &unit->words;
	copy_text(out->message, sizeof out->message, words->message);
	copy_text(out->revision, sizeof out->revision, words->revision);
	copy_text(out->applied_revision, sizeof out->applied_revision, words->applied_revision);
	copy_text(out->applied_output, sizeof out->applied_output, words->applied_output);
	copy_text(out->waits_for, sizeof out->waits_for, words->waits_for);
	copy_text(out->holders, sizeof out->holders, words->holders);
}
