/* omniops snapshot: a copy of an Omni, for plans without it. */
#include <stdio.h>

#include "agent/commands/command.h"
#include "agent/omni/snapshot.h"
#include "agent/settings/target.h"
#include "base/clock.h"

struct copying {
	struct omni_store *from;
	struct snapshot *to;
	size_t count;
};

/* Types that only exist in other releases, that the account may not see, or whose service the server does not have, are
 * left out; a plan never needs them. */
static bool may_be_missing(const struct omni_type *type, const struct fail *fail)
{
	bool is_needed = (type->flags & (OMNI_TEMPLATE | OMNI_RAW)) != 0 && type != OMNI_INSTALL_DISK;
	return !is_needed && (fail->code == FAIL_UNSUPPORTED || fail->code == FAIL_NOT_FOUND || fail->code == FAIL_DENIED ||
			      fail->code == FAIL_INVALID);
}

static bool copy_type(struct copying *copying, const struct omni_type *type, struct fail *fail)
{
	enum { LIST_MS = 120000 };
	struct arena arena;
	struct resource_list list = {0};
	arena_init(&arena, ARENA_NO_LIMIT);
	bool ok = copying->from->ops->list(copying->from, &arena, type, NULL, clock_monotonic_ms() + LIST_MS, &list, fail);
	if (!ok && may_be_missing(type, fail)) {
		fprintf(stderr, "%s left out: %s\n", type->name, fail->text);
		ok = true;
	}
	for (size_t i = 0; ok && i < list.count; i++)
		ok = snapshot_add(copying->to, list.items[i], fail);
	if (ok && list.count > 0)
		fprintf(stderr, "%7zu %s\n", list.count, type->name);
	copying->count += list.count;
	arena_done(&arena);
	return ok;
}

static int run_snapshot(struct call *call)
{
	struct targets targets;
	struct target *target;
	struct fail fail = {0};
	struct copying copying = {0};
	const char *dir = call->words[0];
	bool hides = !call->settings.keep_secrets;
	targets_init(&targets, call->arena, &call->settings);
	bool ok = targets_find(&targets, NULL, (struct span){"", 0}, &target, &fail);
	if (ok) {
		copying.from = target->store;
		ok = snapshot_begin(dir, span_of(target->url), hides, target->store->hidden_key, &copying.to, &fail);
	}
	for (size_t i = 0; ok && omni_type_at(i) != NULL; i++)
		ok = copy_type(&copying, omni_type_at(i), &fail);
	ok = ok && snapshot_finish(copying.to, &fail);
	snapshot_close(copying.to);
	targets_done(&targets);
	if (!ok)
		return command_error(&fail);
	fprintf(stderr, "%zu resources saved in %s%s. Plan against them with: omniops plan --omni dir:%s\n", copying.count, dir,
		hides ? ", secrets as marks" : ", with their secrets", dir);
	return EXIT_OK;
}

static const char *const snapshot_settings[] = {OMNI_SETTINGS, "keep-secrets", "help", NULL};

const struct command cmd_snapshot = {
	"snapshot", "DIR", "Save the resources of an Omni in a directory, for offline plans",
	"DIR must be empty, or not be there. Versions, phases, owners, dates and finalizers are kept. Values that look secret\n"
	"become marks that say nothing but can be compared, so a plan finds the same changes and has the same hash: what was\n"
	"approved by the one is approved by the other. A snapshot is read, never written: apply refuses it.",
	"  $ omniops snapshot /tmp/omni-today\n  $ omniops plan --omni dir:/tmp/omni-today clusters/", snapshot_settings, 1, 1,
	run_snapshot,
};
