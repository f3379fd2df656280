/* omniops approve: lets a held plan of an agent through, by an annotation in Omni. */
#include <stdio.h>
#include <string.h>

#include "agent/commands/command.h"
#include "agent/plan/plan.h"
#include "agent/settings/target.h"
#include "base/clock.h"

enum { CALL_MS = 30000, TRIES = 8, PAUSE_MS = 50 };

static bool is_hash(struct span hash)
{
	for (size_t i = 0; i < hash.len; i++)
		if (memchr("0123456789abcdef", hash.ptr[i], 16) == NULL)
			return false;
	return hash.len >= PLAN_HASH_SHORT && hash.len <= 64;
}

/* An agent that tells that it waits writes at the same place. */
static bool annotate(struct omni_store *store, struct arena *arena, const struct omni_type *type, struct span id, struct span hash,
		     struct fail *fail)
{
	struct fail local = {0};
	for (int try = 0; try < TRIES; try++) {
		struct resource *resource;
		int64_t deadline_ms = clock_monotonic_ms() + CALL_MS;
		if (!store->ops->get(store, arena, type, id, deadline_ms, &resource, fail))
			return false;
		labels_set(arena, &resource->annotations, span_of(ANNOTATION_APPROVE), hash);
		if (store->ops->update(store, arena, resource, deadline_ms, NULL, &local))
			return true;
		if (local.code != FAIL_CONFLICT)
			break;
		clock_sleep_ms(PAUSE_MS);
	}
	return fail_set(fail, local.code, "%s", local.text);
}

/* A plan of raw resources has no cluster to stand on: every machine class of ours carries the approval. */
static bool approve_raws(struct omni_store *store, struct arena *arena, struct span hash, struct fail *fail)
{
	struct resource_list list = {0};
	size_t count = 0;
	if (!store->ops->list(store, arena, OMNI_MACHINE_CLASS, NULL, clock_monotonic_ms() + CALL_MS, &list, fail))
		return false;
	for (size_t i = 0; i < list.count; i++) {
		if (labels_get(&list.items[i]->annotations, ANNOTATION_OWNER) == NULL)
			continue;
		if (!annotate(store, arena, OMNI_MACHINE_CLASS, list.items[i]->id, hash, fail))
			return false;
		count++;
	}
	return count > 0 || fail_set(fail, FAIL_NOT_FOUND, "%s holds no raw resource that an agent keeps", store->name);
}

static bool approve(struct omni_store *store, struct arena *arena, struct span name, struct span hash, struct fail *fail)
{
	return span_is(name, "raw") ? approve_raws(store, arena, hash, fail)
				    : annotate(store, arena, OMNI_CLUSTER, name, hash, fail);
}

static int run_approve(struct call *call)
{
	struct span name = span_of(call->words[0]), hash = span_of(call->words[1]);
	if (!is_hash(hash))
		return command_usage_error(call->command, "\"%s\" is not the hash of a plan: 16 to 64 digits of 0-9a-f", call->words[1]);
	struct targets targets;
	struct target *target;
	struct fail fail;
	targets_init(&targets, call->arena, &call->settings);
	bool ok = targets_find(&targets, NULL, (struct span){"", 0}, &target, &fail) &&
		  approve(target->store, call->arena, name, hash, &fail);
	targets_done(&targets);
	if (!ok)
		return command_error(&fail);
	fprintf(stderr, "Plan %.*s of %s is approved. An agent carries it out if it is still the plan.\n", SPAN_ARG(hash),
		call->words[0]);
	return EXIT_OK;
}

static const char *const settings[] = {OMNI_SETTINGS, "help", NULL};

const struct command cmd_approve = {
	"approve", "CLUSTER HASH", "Approve a plan that an agent holds",
	"The hash names one plan exactly: when something changes in between, the approval does not count. The approval is an\n"
	"annotation of the cluster in Omni; the same annotation may stand in Git instead. CLUSTER raw approves the plan of the\n"
	"raw resources.",
	"  $ omniops approve talos-prod-01 1a2b3c4d5e6f7a8b", settings, 2, 2, run_approve,
};
