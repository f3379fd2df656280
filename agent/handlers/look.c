/* One object's turn: it is looked at by its handler, and what came of that is put into words. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/handlers/internal.h"
#include "agent/report/status_handled.h"
#include "base/clock.h"
#include "crds/kinds.h"

/* A watch that begins now may have missed what came since the look. */
enum { WATCH_SETTLES_MS = 3000 };

void look_forget(struct handled *handled)
{
	if (handled->memory != NULL)
		handled->handler->forget(handled->memory);
	handled->memory = NULL;
	handled->cut_off_since_ms = 0;
}

/* --- before ------------------------------------------------------------------------------------------------------------------- */

static json_t *parse(struct span text)
{
	json_t *value = text.len == 0 ? NULL : json_loadb(text.ptr, text.len, 0, NULL);
	return value == NULL ? json_object() : value;
}

/* False: it is gone. */
static bool begin(struct handlers *handlers, struct handled *handled, struct look *look)
{
	char *status = NULL;
	*look = (struct look){.handled = handled};
	pthread_mutex_lock(&handlers->lock);
	look->declared = handled->declared;
	if (look->declared != NULL) {
		look->declared->users++;
		status = handled->status == NULL ? NULL : strdup(handled->status);
	}
	pthread_mutex_unlock(&handlers->lock);
	if (look->declared == NULL)
		return false;
	arena_init_wiping(&look->arena, ARENA_NO_LIMIT);
	look->object = look->declared->object;
	look->object.spec = look->spec = parse(look->declared->spec);
	look->object.annotations = look->annotations = parse(look->declared->annotations);
	look->object.status = look->status = parse(span_of(status));
	free(status);
	return true;
}

static void end(struct handlers *handlers, struct look *look)
{
	json_decref(look->spec);
	json_decref(look->status);
	json_decref(look->annotations);
	arena_done(&look->arena);
	pthread_mutex_lock(&handlers->lock);
	declared_drop(look->declared);
	pthread_mutex_unlock(&handlers->lock);
}

static enum queue_result remove_it(struct handlers *handlers, struct handled *handled)
{
	look_forget(handled);
	watches_set(handled, NULL, 0);
	pthread_mutex_lock(&handlers->lock);
	bool is_back = handled->declared != NULL;
	if (!is_back)
		handled_unlink(handled);
	pthread_mutex_unlock(&handlers->lock);
	if (is_back)
		return QUEUE_SOON;
	handler_waker_detach(handled->waker); /* nobody adds it to the queue any more */
	handled->waker = NULL;
	queue_remove(handlers->queue, &handled->item);
	handled_free(handled);
	return QUEUE_GONE;
}

/* Another replica has it: what it tells is what counts, and nothing is kept for it. */
static void let_be(struct handlers *handlers, struct handled *handled)
{
	look_forget(handled);
	watches_set(handled, NULL, 0);
	pthread_mutex_lock(&handlers->lock);
	handled->is_told = false;
	pthread_mutex_unlock(&handlers->lock);
}

static bool is_suspended(const struct look *look)
{
	const char *asked = json_string_value(json_object_get(look->annotations, "omni.texashpc.com/suspend"));
	bool says_so = json_is_true(json_object_get(look->spec, "suspend")) || (asked != NULL && strcmp(asked, "true") == 0);
	return says_so && !look->object.is_deleted;
}

/* --- after -------------------------------------------------------------------------------------------------------------------- */

static const struct handler_condition *find_condition(const struct handler_outcome *outcome, const char *type)
{
	for (size_t i = 0; i < outcome->condition_count; i++)
		if (strcmp(outcome->conditions[i].type, type) == 0)
			return &outcome->conditions[i];
	return NULL;
}

/* Nothing leads to what it made in the cluster, and perhaps never will again. An export has nothing there. */
static bool is_cut_off(const struct look *look)
{
	static const char *const reasons[] = {"MissingCluster", "MissingConnection", "MissingSecret"};
	const struct handler_outcome *outcome = look->outcome;
	const struct handler_condition *ready = find_condition(outcome, "Ready");
	if (!look->object.is_deleted || outcome->is_gone || look->object.kind == &KIND_KUBECONFIG_EXPORT)
		return false;
	for (size_t i = 0; ready != NULL && i < sizeof reasons / sizeof *reasons; i++)
		if (strcmp(ready->reason, reasons[i]) == 0)
			return true;
	return outcome->has_failed && !look->object.cluster.exists;
}

/* Its deletion must not wait for ever for what is gone for good. Returns when to look again; 0: no need to. */
static int64_t give_grace(struct handlers *handlers, struct look *look)
{
	struct handled *handled = look->handled;
	struct handler_outcome *outcome = look->outcome;
	int64_t now_ms = clock_monotonic_ms(), grace_ms = handlers->options.grace_ms;
	const struct handler_condition *ready = find_condition(outcome, "Ready");
	if (!is_cut_off(look)) {
		handled->cut_off_since_ms = 0;
		return 0;
	}
	if (handled->cut_off_since_ms == 0)
		handled->cut_off_since_ms = now_ms;
	int64_t left_ms = handled->cut_off_since_ms + grace_ms - now_ms;
	const char *why = ready == NULL ? "its OmniCluster does not exist any more" : ready->message;
	if (left_ms <= 0) {
		outcome->is_gone = true;
		outcome_event(outcome, "Warning", "Orphaned", "Delete",
			      "what it made may be left in cluster \"%.*s\": the object went without a way to look there: %s",
			      SPAN_ARG(look->object.cluster.object), why);
		return 0;
	}
	if (ready != NULL) {
		char message[HANDLER_MESSAGE];
		snprintf(message, sizeof message, "%s", ready->message);
		outcome_condition(outcome, "Ready", false, ready->reason,
				  "%.1800s; unless that changes, this object goes in %lld s, and leaves what it made in the cluster as it is",
				  message, (long long)(grace_ms / 1000));
	}
	return left_ms;
}

static const char *value_name(const struct handler_condition *condition)
{
	return condition->value == CONDITION_TRUE ? "True" : condition->value == CONDITION_FALSE ? "False" : "Unknown";
}

static json_t *compose(struct handlers *handlers, struct look *look, bool suspends)
{
	static const struct handler_outcome nothing;
	const struct handler_outcome *outcome = look->outcome == NULL ? &nothing : look->outcome;
	const struct handler_object *object = &look->object;
	struct status_handled_condition conditions[HANDLER_CONDITIONS];
	for (size_t i = 0; i < outcome->condition_count; i++) {
		const struct handler_condition *one = &outcome->conditions[i];
		conditions[i] = (struct status_handled_condition){one->type, value_name(one), one->reason, span_of(one->message)};
	}
	const struct status_handled facts = {
		.object = {.ns = object->ns, .name = object->name, .generation = object->generation, .observed = object->status,
			   .now_s = handlers->env.now_s(handlers->env.ctx),
			   .requested = status_requested(object->annotations, object->status, look->handled->tokens)},
		.fields = outcome->fields, .conditions = conditions, .count = outcome->condition_count,
		.is_progressing = outcome->is_progressing, .has_failed = outcome->has_failed, .is_suspended = suspends};
	return status_of_handled(&facts);
}

/* What is told is from now on what is known, unless it is another object meanwhile. */
static void keep(struct handlers *handlers, struct look *look, const json_t *status)
{
	struct handled *handled = look->handled;
	int number = handler_number(handled->handler->kind);
	char *text = json_dumps(status, JSON_SORT_KEYS | JSON_COMPACT);
	pthread_mutex_lock(&handlers->lock);
	bool is_same = handled->declared != NULL && span_eq(handled->declared->object.uid, look->object.uid);
	if (is_same) {
		handled->is_told = true;
		handled_set_status(handled, text);
	} else {
		free(text);
	}
	memcpy(handled->asked_for, look->asked_for, sizeof handled->asked_for);
	handled->asked_count = look->asked_count;
	if (number >= 0 && look->outcome != NULL) {
		handlers->looks[number]++;
		handlers->failures[number] += look->outcome->has_failed;
	}
	pthread_mutex_unlock(&handlers->lock);
}

static void tell(struct handlers *handlers, struct look *look, bool suspends)
{
	const struct handlers_options *options = &handlers->options;
	static const struct status_event no_events[1];
	json_t *status = compose(handlers, look, suspends);
	const struct handler_outcome *outcome = look->outcome;
	keep(handlers, look, status);
	options->told(options->ctx, &look->object, status, outcome == NULL ? no_events : outcome->events,
		      outcome == NULL ? 0 : outcome->event_count, outcome != NULL && outcome->is_gone);
	json_decref(status);
}

/* --- the turn ------------------------------------------------------------------------------------------------------------------- */

static void call_handler(struct handlers *handlers, struct look *look)
{
	struct handled *handled = look->handled;
	const struct handler *handler = handled->handler;
	const struct handler_call call = {.env = &handlers->env, .object = &look->object, .memory = &handled->memory,
					  .waker = handled->waker, .arena = &look->arena,
					  .deadline_ms = clock_monotonic_ms() + handler->deadline_ms};
	if (!span_is(look->object.uid, handled->uid)) {
		look_forget(handled);
		snprintf(handled->uid, sizeof handled->uid, "%.*s", SPAN_ARG(look->object.uid));
		handled->tokens[0] = handled->tokens[1] = 0;
	}
	handler->look(&call, look->outcome);
}

static enum queue_result look_with(struct handlers *handlers, struct look *look)
{
	struct handled *handled = look->handled;
	struct handler_outcome *outcome = look->outcome;
	enum queue_result result = QUEUE_DONE;
	call_handler(handlers, look);
	/* What was broken off by the end of the process is no failure of anything. */
	if (handlers->env.is_stopping && outcome->has_failed)
		return QUEUE_DONE;
	int64_t grace_ms = give_grace(handlers, look);
	bool is_news = watches_set(handled, outcome->watches, outcome->watch_count);
	tell(handlers, look, false);
	handled->item.again_ms = grace_ms > 0 ? grace_ms : outcome->again_ms;
	if (is_news && (handled->item.again_ms == 0 || handled->item.again_ms > WATCH_SETTLES_MS))
		handled->item.again_ms = WATCH_SETTLES_MS;
	if (outcome->is_gone)
		result = QUEUE_DONE;
	else if (outcome->has_failed && grace_ms == 0)
		result = QUEUE_RETRY;
	else if (handled->item.again_ms > 0)
		result = QUEUE_WAIT;
	return result;
}

static void drop_outcome(struct handler_outcome *outcome)
{
	json_decref(outcome->fields);
	free(outcome);
}

static enum queue_result look_at(struct handlers *handlers, struct look *look)
{
	struct handled *handled = look->handled;
	if (!handlers->env.may_act(handlers->env.ctx, &look->object)) {
		let_be(handlers, handled);
		return QUEUE_DONE;
	}
	if (is_suspended(look)) {
		tell(handlers, look, true);
		return QUEUE_DONE;
	}
	look->outcome = calloc(1, sizeof *look->outcome);
	if (look->outcome == NULL)
		abort();
	enum queue_result result = look_with(handlers, look);
	drop_outcome(look->outcome);
	return result;
}

enum queue_result look_run(void *ctx, struct queue_item *item)
{
	struct handlers *handlers = ctx;
	struct handled *handled = (struct handled *)item;
	struct look look;
	if (!begin(handlers, handled, &look))
		return remove_it(handlers, handled);
	enum queue_result result = look_at(handlers, &look);
	end(handlers, &look);
	return result;
}
