/* omniops approve: lets a held plan of an agent through, by an annotation in Omni. */
#include <stdio.h>
#include <string.h>

#include "agent/command.h"
#include "agent/plan/plan.h"
#include "agent/target.h"
#include "base/clock.h"

enum { CALL_MS = 30000 };

static bool is_hash(struct span hash)
{
	for (size_t i = 0; i < hash.len; i++)
		if (memchr("0123456789abcdef", hash.ptr[i], 16) == NULL)
			return false;
	return hash.len >= PLAN_HASH_SHORT && hash.len <= 64;
}

static bool annotate(struct omni_store *store, struct arena *arena, struct resource *resource, struct span hash,
		     struct fail *fail)
{
	labels_set(arena, &resource->annotations, span_of(ANNOTATION_APPROVE), hash);
	return store->ops->update(store, arena, resource, clock_monotonic_ms() + CALL_MS, NULL, fail);
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
		if (!annotate(store, arena, list.items[i], hash, fail))
			return false;
		count++;
	}
	return count > 0 || fail_set(fail, FAIL_NOT_FOUND, "%s holds no raw resource that an agent keeps", store->name);
}

static bool approve(struct omni_store *store, struct arena *arena, struct span name, struct span hash, struct fail *fail)
{
	struct resource *cluster;
	if (span_is(name, "raw"))
		return approve_raws(store, arena, hash, fail);
	return store->ops->get(store, arena, OMNI_CLUSTER, name, clock_monotonic_ms() + CALL_MS, &cluster, fail) &&
	       annotate(store, arena, cluster, hash, fail);
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
