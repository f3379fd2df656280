/* omniops adopt and release: whose a cluster is, and nothing else. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/commands/command.h"
#include "agent/commands/input.h"
#include "agent/omni/records.h"
#include "agent/commands/pass.h"
#include "agent/settings/rules.h"
#include "base/clock.h"

enum { CALL_MS = 30000, TRIES = 5, PAUSE_MS = 100 };

struct adoption {
	struct call *call;
	struct call reading; /* with the paths alone */
	const char **names;
	size_t name_count;
	struct pass pass;
	struct input input;
	bool has_input;
	struct span owner;
	int code; /* the worst so far */
};

static int64_t deadline(void)
{
	return clock_monotonic_ms() + CALL_MS;
}

/* 1 is worse than 3, 3 than 2. */
static void note_code(struct adoption *a, int code)
{
	bool is_error = a->code == EXIT_ERROR || code == EXIT_ERROR;
	a->code = is_error ? EXIT_ERROR : code > a->code ? code : a->code;
}

static bool refuse(struct adoption *a, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
static bool refuse(struct adoption *a, int code, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fputs("omniops: error: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	note_code(a, code);
	return false;
}

static bool fails(struct adoption *a, const struct fail *fail)
{
	note_code(a, command_error(fail));
	return false;
}

static struct span mark(const struct resource *resource, const char *key)
{
	const struct label *label = resource == NULL ? NULL : labels_get(&resource->annotations, key);
	return label == NULL ? SPAN("") : label->value;
}

/* --- words -------------------------------------------------------------------------------------------------------------- */

/* No cluster has such a name. */
static bool is_path(const char *word)
{
	return strcmp(word, "-") == 0 || strpbrk(word, "/.") != NULL;
}

static void split_words(struct adoption *a)
{
	struct call *call = a->call;
	char **paths = ARENA_ARRAY(call->arena, char *, call->word_count + 1);
	a->names = ARENA_ARRAY(call->arena, const char *, call->word_count + 1);
	a->reading = *call;
	a->reading.words = paths;
	a->reading.word_count = 0;
	for (size_t i = 0; i < call->word_count; i++) {
		if (is_path(call->words[i]))
			paths[a->reading.word_count++] = call->words[i];
		else
			a->names[a->name_count++] = call->words[i];
	}
}

/* --- writing marks ------------------------------------------------------------------------------------------------------ */

/* One step; a CONFLICT is no failure, but nothing is known then. */
static bool write_marks(struct adoption *a, struct omni_store *store, const struct plan *plan, const struct cluster *cluster, struct fail *fail)
{
	struct apply_options options = {.call_timeout_ms = CALL_MS};
	struct apply_result result;
	if (cluster != NULL) {
		options.owner = a->owner;
		options.template_hash = span_of(cluster->template_hash);
	}
	apply_step(store, a->pass.arena, plan, &options, &result);
	if (result.state != APPLY_FAILED)
		return true;
	*fail = result.fail;
	if (fail->code == FAIL_CONFLICT)
		clock_sleep_ms(PAUSE_MS);
	return fail->code == FAIL_CONFLICT;
}

/* --- adopting ----------------------------------------------------------------------------------------------------------- */

static void show_plan(struct adoption *a, struct pass_unit *unit)
{
	struct pass one = a->pass;
	struct text out;
	one.units = &unit;
	one.count = 1;
	text_init(&out, TEXT_NO_LIMIT);
	pass_print(&one, &out, PLAN_TEXT, a->call->color);
	note_code(a, command_print(&out, pass_exit_code(&one)));
}

static bool may_adopt(struct adoption *a, struct pass_unit *unit)
{
	const struct resource *held = unit->plan.actual_cluster;
	struct span name = unit->cluster->name, owner = mark(held, ANNOTATION_OWNER);
	if (held == NULL)
		return refuse(a, EXIT_ERROR, "there is no cluster \"%.*s\" at %s to adopt: omniops apply makes it", SPAN_ARG(name), unit->target->url);
	if (owner.len > 0 && !span_eq(owner, a->owner))
		return refuse(a, EXIT_HELD,
			      "cluster \"%.*s\" is managed by \"%.*s\", not by \"%.*s\": take it out of what \"%.*s\" reads, then "
			      "omniops release --owner %.*s %.*s", SPAN_ARG(name), SPAN_ARG(owner), SPAN_ARG(a->owner), SPAN_ARG(owner),
			      SPAN_ARG(owner), SPAN_ARG(name));
	if (!plan_is_formal(&unit->plan)) {
		show_plan(a, unit);
		fprintf(stderr, "omniops: cluster %.*s is not adopted: Omni holds it otherwise than it is declared. Change the declaration "
			"until nothing is left (omniops export prints one that fits), or apply it\n", SPAN_ARG(name));
		return false;
	}
	if (labels_get(&held->annotations, OMNI_ANNOTATION_CLUSTER_LOCKED) != NULL)
		return refuse(a, EXIT_HELD, "cluster \"%.*s\" is locked in Omni: unlock it there first", SPAN_ARG(name));
	return true;
}

static bool is_recorded(const struct adoption *a, const struct pass_unit *unit)
{
	const struct resource *held = unit->plan.actual_cluster;
	return span_eq(mark(held, ANNOTATION_OWNER), a->owner) && span_is(mark(held, ANNOTATION_APPLIED_HASH), unit->cluster->template_hash);
}

static void tell_adopted(const struct adoption *a, const struct pass_unit *unit, bool was_ours)
{
	const struct resource_list *unmanaged = &unit->plan.unmanaged;
	bool is_rehearsed = a->call->settings.dry_run;
	fprintf(stderr, "cluster %.*s %s managed by %.*s%s\n", SPAN_ARG(unit->cluster->name),
		was_ours ? "is already" : is_rehearsed ? "would be" : "is now", SPAN_ARG(a->owner),
		was_ours ? "" : is_rehearsed ? " (dry run)" : "; nothing else was changed");
	for (size_t i = 0; i < unmanaged->count; i++)
		fprintf(stderr, "  %s(%.*s) is not declared: it stays as it is, and is not managed\n", unmanaged->items[i]->type->name,
			SPAN_ARG(unmanaged->items[i]->id));
}

/* What the marks say is read again after every step: that they are there is what counts. */
static bool adopt_unit(struct adoption *a, struct pass_unit *unit)
{
	struct fail fail = {0};
	for (unsigned try = 0; try < TRIES; try++) {
		struct plan marks;
		if (!may_adopt(a, unit))
			return false;
		plan_adopt(a->pass.arena, unit->cluster, &unit->actual, &marks);
		bool is_done = marks.count == 0 && is_recorded(a, unit);
		if (is_done || a->call->settings.dry_run) {
			tell_adopted(a, unit, is_done && try == 0);
			return true;
		}
		if (!write_marks(a, unit->target->store, &marks, unit->cluster, &fail) || !pass_replan(&a->pass, unit, &a->input.fleet, &fail)) {
			fail_wrap(&fail, "cluster %.*s", SPAN_ARG(unit->cluster->name));
			return fails(a, &fail);
		}
	}
	return refuse(a, EXIT_ERROR, "cluster \"%.*s\" changes in Omni all the time: try again later", SPAN_ARG(unit->cluster->name));
}

static void adopt_cluster(struct adoption *a, const struct cluster *cluster)
{
	struct fail fail;
	if (pass_plan_cluster(&a->pass, &a->input.fleet, cluster, &fail))
		adopt_unit(a, a->pass.units[a->pass.count - 1]);
	else
		fails(a, &fail);
}

static void adopt_raw_unit(struct adoption *a, struct pass_unit *unit)
{
	struct plan marks;
	struct fail fail = {0};
	if (unit->plan.count + unit->plan.conflict_count > 0) {
		show_plan(a, unit);
		return;
	}
	plan_adopt_raws(a->pass.arena, &unit->actual.resources, a->owner, &marks);
	if (!a->call->settings.dry_run && (!write_marks(a, unit->target->store, &marks, NULL, &fail) || fail.code == FAIL_CONFLICT)) {
		fails(a, &fail);
		return;
	}
	fprintf(stderr, "%zu raw resources at %s %s managed by %.*s\n", marks.count, unit->target->url,
		a->call->settings.dry_run ? "would be" : "are now", SPAN_ARG(a->owner));
}

static void adopt_raws(struct adoption *a)
{
	struct fail fail;
	size_t before = a->pass.count;
	if (a->input.fleet.raw_count == 0)
		refuse(a, EXIT_ERROR, "no raw resource is declared");
	else if (!pass_plan_raws(&a->pass, &a->input.fleet, &fail))
		fails(a, &fail);
	for (size_t i = before; i < a->pass.count; i++)
		adopt_raw_unit(a, a->pass.units[i]);
}

static void adopt_name(struct adoption *a, const char *name)
{
	const struct cluster *cluster = fleet_find(&a->input.fleet, span_of(name));
	if (cluster != NULL)
		adopt_cluster(a, cluster);
	else if (strcmp(name, "raw") == 0)
		adopt_raws(a);
	else
		refuse(a, EXIT_ERROR, "cluster \"%s\" is not declared%s%s%s", name, access(name, F_OK) == 0 ? "; if the file is meant, write ./" : "",
		       access(name, F_OK) == 0 ? name : "", a->reading.word_count == 0 ? " in the working directory" : "");
}

static void begin(struct adoption *a, struct call *call)
{
	*a = (struct adoption){.call = call, .owner = span_of(call->settings.owner)};
	split_words(a);
	pass_init(&a->pass, call->arena, &call->settings);
	rules_settle(&call->settings, &a->pass.targets, a->pass.arena);
	a->reading.settings = call->settings;
}

static int run_adopt(struct call *call)
{
	struct adoption a;
	begin(&a, call);
	if (call->settings.all == (a.name_count > 0)) {
		pass_done(&a.pass);
		return command_usage_error(call->command, "adopt wants the names of clusters, or --all; a word with / or . in it is a path");
	}
	a.has_input = input_read_good(&a.reading, &a.input);
	if (!a.has_input)
		a.code = EXIT_ERROR;
	for (size_t i = 0; a.has_input && i < a.name_count; i++)
		adopt_name(&a, a.names[i]);
	for (size_t i = 0; a.has_input && call->settings.all && i < a.input.fleet.cluster_count; i++)
		adopt_cluster(&a, a.input.fleet.clusters[i]);
	pass_done(&a.pass);
	return a.code;
}

static const char *const adopt_settings[] = {OMNI_SETTINGS, "all", "owner", "dry-run", "timeout", "rules", "no-schema", "root", "color", "help", NULL};

const struct command cmd_adopt = {
	"adopt", "CLUSTER… [PATH…]", "Take over live clusters that are as declared, without changing them",
	"Records in Omni that the cluster is managed by --owner, and which machine locks and resources with an ID of their own\n"
	"came from its declaration. Only when the plan is empty: otherwise the plan is shown, and nothing is written. A cluster\n"
	"of another owner has to be released first. A word with / or . in it is a path. CLUSTER raw takes over the machine\n"
	"classes and other raw resources that are declared.\n"
	"Exit status: 0 taken over, 2 Omni holds something else, 3 that, and it would be held, or another owner, 1 error.",
	"  $ omniops export talos-prod-01 > clusters/talos-prod-01.yaml\n  $ omniops adopt talos-prod-01 ./clusters\n"
	"  $ omniops adopt --all ./clusters",
	adopt_settings, 0, 1000000, run_adopt,
};

/* --- releasing ---------------------------------------------------------------------------------------------------------- */

static const struct resource *find_cluster(const struct plan_actual *actual)
{
	for (size_t i = 0; i < actual->resources.count; i++)
		if (actual->resources.items[i]->type == OMNI_CLUSTER)
			return actual->resources.items[i];
	return NULL;
}

/* Raw resources that carry our mark. */
static bool read_raws(struct adoption *a, struct omni_store *store, struct plan_actual *out, struct fail *fail)
{
	*out = (struct plan_actual){0};
	for (size_t i = 0; omni_type_at(i) != NULL; i++) {
		struct resource_list list = {0};
		if ((omni_type_at(i)->flags & OMNI_RAW) == 0)
			continue;
		if (!store->ops->list(store, a->pass.arena, omni_type_at(i), NULL, deadline(), &list, fail)) {
			if (fail->code != FAIL_UNSUPPORTED && fail->code != FAIL_NOT_FOUND)
				return false;
			continue; /* another release */
		}
		for (size_t j = 0; j < list.count; j++)
			if (span_eq(mark(list.items[j], ANNOTATION_OWNER), a->owner))
				resource_push(a->pass.arena, &out->resources, list.items[j]);
	}
	return true;
}

static bool may_release(struct adoption *a, struct span name, const struct plan_actual *actual, const char *url)
{
	const struct resource *held = find_cluster(actual);
	struct span owner = mark(held, ANNOTATION_OWNER);
	if (held == NULL)
		return refuse(a, EXIT_ERROR, "there is no cluster \"%.*s\" at %s", SPAN_ARG(name), url);
	if (owner.len > 0 && !span_eq(owner, a->owner))
		return refuse(a, EXIT_ERROR, "cluster \"%.*s\" is managed by \"%.*s\", not by \"%.*s\": give --owner %.*s if that is meant",
			      SPAN_ARG(name), SPAN_ARG(owner), SPAN_ARG(a->owner), SPAN_ARG(owner));
	return true;
}

static void tell_released(const struct adoption *a, struct span name, bool was_ours)
{
	bool is_rehearsed = a->call->settings.dry_run;
	const struct cluster *declared = a->has_input ? fleet_find(&a->input.fleet, name) : NULL;
	if (!was_ours) {
		fprintf(stderr, "%.*s is managed by nobody\n", SPAN_ARG(name));
		return;
	}
	fprintf(stderr, "%.*s %s released%s\n", SPAN_ARG(name), is_rehearsed ? "would be" : "is",
		is_rehearsed ? " (dry run)" : ": the marks are gone, nothing else was changed");
	if (declared != NULL)
		fprintf(stderr, "omniops: warning: it is still declared in %.*s: an agent that reads this takes it up again\n",
			SPAN_ARG(declared->head->file));
	else
		fputs("  An agent whose sources still declare it takes it up again.\n", stderr);
}

/* What is left in it is about resources that are gone. */
static void drop_record(struct adoption *a, struct omni_store *store, struct span cluster)
{
	struct omni_store *inner = records_inner(store);
	const struct omni_type *type = omni_type_find(SPAN("MachineLabels.omni.sidero.dev"));
	struct span id = arena_spanf(a->pass.arena, RECORDS_ID "%.*s", SPAN_ARG(cluster));
	struct resource *record;
	bool is_ready = false;
	if (inner == store || !inner->ops->get(inner, a->pass.arena, type, id, deadline(), &record, NULL))
		return;
	if (inner->ops->teardown(inner, type, id, deadline(), &is_ready, NULL) && is_ready)
		(void)inner->ops->destroy(inner, type, id, deadline(), NULL); /* the server may have been quicker */
}

/* `name` empty: raw resources. */
static bool release(struct adoption *a, struct target *target, struct span name)
{
	struct fail fail = {0};
	for (unsigned try = 0; try < TRIES; try++) {
		struct plan_actual actual;
		struct plan marks;
		bool is_read = name.len == 0 ? read_raws(a, target->store, &actual, &fail)
					     : plan_read_held(target->store, a->pass.arena, name, deadline(), &actual, &fail);
		if (!is_read)
			return fails(a, &fail);
		if (name.len > 0 && !may_release(a, name, &actual, target->url))
			return false;
		plan_release(a->pass.arena, name, &actual, &marks);
		if (marks.count == 0 || a->call->settings.dry_run) {
			if (name.len > 0 && !a->call->settings.dry_run)
				drop_record(a, target->store, name);
			tell_released(a, name.len > 0 ? name : SPAN("raw"), try > 0 || marks.count > 0);
			return true;
		}
		if (!write_marks(a, target->store, &marks, NULL, &fail))
			return fails(a, &fail);
	}
	return refuse(a, EXIT_ERROR, "\"%.*s\" changes in Omni all the time: try again later", SPAN_ARG(name));
}

static void release_name(struct adoption *a, const char *word)
{
	struct span name = span_of(word);
	const struct cluster *declared = a->has_input ? fleet_find(&a->input.fleet, name) : NULL;
	struct target *target;
	struct fail fail;
	if (!targets_find(&a->pass.targets, a->has_input ? &a->input.fleet : NULL, declared == NULL ? SPAN("") : declared->connection, &target, &fail))
		fails(a, &fail);
	else
		release(a, target, declared == NULL && strcmp(word, "raw") == 0 ? SPAN("") : name);
}

static int run_release(struct call *call)
{
	struct adoption a;
	begin(&a, call);
	if (a.name_count == 0) {
		pass_done(&a.pass);
		return command_usage_error(call->command, "release wants the names of clusters; a word with / or . in it is a path");
	}
	a.has_input = a.reading.word_count > 0 && input_read_good(&a.reading, &a.input);
	if (a.reading.word_count > 0 && !a.has_input)
		a.code = EXIT_ERROR;
	bool is_usable = a.code == EXIT_OK;
	for (size_t i = 0; is_usable && i < a.name_count; i++)
		release_name(&a, a.names[i]);
	pass_done(&a.pass);
	return a.code;
}

static const char *const release_settings[] = {OMNI_SETTINGS, "owner", "dry-run", "timeout", "rules", "no-schema", "root", "color", "help", NULL};

const struct command cmd_release = {
	"release", "CLUSTER… [PATH…]", "Give clusters up: they stay in Omni as they are",
	"Takes the marks of --owner away from the cluster and its resources, and changes nothing else. An agent leaves alone\n"
	"what is not declared and not marked; what is still declared it takes up again, so take it out of the sources first,\n"
	"or release it when the agent says that it would destroy it. With PATH it is said whether it is still declared there.\n"
	"CLUSTER raw releases machine classes and other raw resources. Exit status: 0 done, 1 error.",
	"  $ omniops release talos-prod-01\n  $ omniops release --owner other-agent talos-prod-01 ./clusters", release_settings, 0, 1000000,
	run_release,
};
