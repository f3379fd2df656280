/* A Helm that does what the test says to the records of release_world.h, and counts how often it was started. */
#ifndef TESTS_UNIT_RELEASE_HELM_H
#define TESTS_UNIT_RELEASE_HELM_H

#include "tests/unit/release_world.h"

/* --- charts and Helm ------------------------------------------------------------------------------------------------------------ */

bool charts_find(struct charts *charts, const struct chart_request *request, struct arena *arena, struct chart *out, struct fail *fail)
{
	(void)charts, (void)request, (void)arena;
	world.finds++;
	if (world.chart_fault.code != FAIL_NONE) {
		*fail = world.chart_fault;
		return false;
	}
	*out = (struct chart){.name = SPAN("greeting"), .version = span_of(world.chart_version)};
	snprintf(out->digest, sizeof out->digest, "%s", world.chart_digest);
	return true;
}

bool charts_open(struct charts *charts, const struct chart_request *request, const struct chart *chart, int *out_fd, struct fail *fail)
{
	(void)charts, (void)request, (void)chart, (void)fail;
	*out_fd = -1;
	return true;
}

bool helm_lock(struct helm *helm, struct span cluster, struct span ns, struct span release, struct helm_lock *out, struct fail *fail)
{
	(void)helm, (void)cluster, (void)ns, (void)release;
	if (world.is_locked)
		return fail_set(fail, FAIL_CONFLICT, "an action is under way");
	*out = (struct helm_lock){.fd = 99};
	return true;
}

void helm_unlock(struct helm_lock *lock)
{
	lock->fd = -1;
}

int64_t helm_limit_ms(const struct helm_action *action, size_t hooks)
{
	(void)action, (void)hooks;
	return 1000;
}

static struct kept_record *add_record(enum release_status status)
{
	assert_in_range(world.count, 0, RECORDS - 1);
	struct kept_record *record = &world.records[world.count++];
	*record = (struct kept_record){.status = status, .began_s = world.now_s};
	return record;
}

static void supersede(void)
{
	for (size_t i = 0; i < world.count; i++)
		if (world.records[i].status == RELEASE_DEPLOYED || world.records[i].status == RELEASE_UNINSTALLED)
			world.records[i].status = RELEASE_SUPERSEDED;
}

static void write_record(const struct helm_run *run, enum release_status status)
{
	struct kept_record *record = add_record(status);
	snprintf(record->hash, sizeof record->hash, "%s", run->action.labels[0].value);
	snprintf(record->action, sizeof record->action, "%s", run->action.labels[1].value);
	snprintf(record->values, sizeof record->values, "%.*s", SPAN_ARG(run->values));
	snprintf(record->version, sizeof record->version, "%s", world.chart_version);
}

static void change(const struct helm_run *run, struct helm_result *out)
{
	struct kept_record before = world.count > 0 ? world.records[world.count - 1] : (struct kept_record){0};
	switch (world.deed) {
	case HELM_SUCCEEDS: supersede(), write_record(run, RELEASE_DEPLOYED); return;
	case HELM_FAILS: write_record(run, RELEASE_FAILED); break;
	case HELM_FAILS_UNSEEN: break;
	case HELM_DIES: write_record(run, RELEASE_PENDING_UPGRADE), out->end = HELM_KILLED; return;
	case HELM_ROLLS_BACK:
		write_record(run, RELEASE_FAILED);
		supersede();
		world.records[world.count++] = before; /* with the labels of what it goes back to */
		break;
	case HELM_LIES: write_record(run, RELEASE_PENDING_INSTALL); return;
	}
	out->status = 1;
	out->error = SPAN("the hook failed");
}

bool helm_run(struct helm *helm, const struct helm_run *run, struct arena *arena, struct helm_result *out, struct fail *fail)
{
	(void)helm, (void)arena, (void)fail;
	world.runs++;
	world.last_action = run->action;
	snprintf(world.last_values, sizeof world.last_values, "%.*s", SPAN_ARG(run->values));
	*out = (struct helm_result){0};
	if (run->action.verb == HELM_UNINSTALL && world.deed == HELM_SUCCEEDS)
		world.count = 0;
	else if (run->action.verb == HELM_UNINSTALL)
		*out = (struct helm_result){.status = 1, .error = SPAN("the hook failed")};
	else
		change(run, out);
	say_changed();
	return true;
}

#endif
