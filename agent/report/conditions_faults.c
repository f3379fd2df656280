/* Faults of declarations as people read them on an object. */
#include <stdlib.h>
#include <string.h>

#include "agent/report/conditions_int.h"

static struct status_fault *add(struct status_faults *faults)
{
	faults->all++;
	return faults->count < STATUS_FAULT_LINES ? &faults->items[faults->count++] : NULL;
}

static void init(struct status_faults *faults)
{
	*faults = (struct status_faults){.items = calloc(STATUS_FAULT_LINES, sizeof *faults->items)};
	if (faults->items == NULL)
		abort();
}

void status_faults_of_diags(struct status_faults *faults, const struct diag *const *diags, size_t count,
			    enum diag_severity severity)
{
	init(faults);
	for (size_t i = 0; i < count; i++) {
		struct status_fault *fault = diags[i]->severity == severity ? add(faults) : NULL;
		if (fault != NULL)
			*fault = (struct status_fault){diags[i]->object, diags[i]->path, span_of(diags[i]->code), diags[i]->message,
						       diags[i]->hint};
	}
}

void status_faults_of_json(struct status_faults *faults, const char *json)
{
	init(faults);
	faults->json = json == NULL ? NULL : json_loads(json, 0, NULL);
	for (size_t i = 0; i < json_array_size(faults->json); i++) {
		const json_t *one = json_array_get(faults->json, i);
		struct status_fault *fault = span_is(status_text(one, "severity"), "error") ? add(faults) : NULL;
		if (fault != NULL)
			*fault = (struct status_fault){status_text(one, "object"), status_text(one, "path"), status_text(one, "code"),
						       status_text(one, "message"), status_text(one, "hint")};
	}
}

void status_faults_done(struct status_faults *faults)
{
	free(faults->items);
	json_decref(faults->json);
}

static void print_place(struct text *out, const struct status_fault *fault)
{
	text_add(out, fault->object);
	text_adds(out, fault->object.len > 0 ? ": " : "");
	text_add(out, fault->path);
	text_adds(out, fault->path.len > 0 ? ": " : "");
}

static void print_line(struct text *out, const struct status_fault *fault)
{
	text_adds(out, "\n- ");
	print_place(out, fault);
	text_add(out, fault->message);
	if (fault->hint.len > 0)
		text_addf(out, " (%.*s)", SPAN_ARG(fault->hint));
}

static void print_only(struct text *out, const struct status_fault *fault)
{
	print_place(out, fault);
	text_add(out, fault->message);
	if (fault->hint.len > 0)
		text_addf(out, "\n%.*s", SPAN_ARG(fault->hint));
}

void status_faults_print(struct text *out, const struct status_faults *faults)
{
	if (faults->all == 1)
		print_only(out, &faults->items[0]);
	if (faults->all <= 1)
		return;
	text_addf(out, "%zu errors, the first: ", faults->all);
	print_place(out, &faults->items[0]);
	text_add(out, status_first_line(faults->items[0].message));
	for (size_t i = 0; i < faults->count; i++)
		print_line(out, &faults->items[i]);
	if (faults->all > faults->count)
		text_addf(out, "\n- and %zu more", faults->all - faults->count);
}

static void set(json_t *object, const char *name, struct span value)
{
	if (value.len > 0)
		json_object_set_new(object, name, status_string(value, STATUS_FIELD_MAX));
}

json_t *status_fault_json(const struct status_faults *faults)
{
	if (faults->count == 0)
		return NULL;
	const struct status_fault *first = &faults->items[0];
	json_t *error = status_error_json(first->object, first->message);
	set(error, "path", first->path);
	set(error, "code", first->code);
	set(error, "hint", first->hint);
	return error;
}

json_t *status_error_json(struct span object, struct span message)
{
	json_t *error = json_object();
	set(error, "object", object);
	set(error, "message", message);
	return error;
}
