/* Runs Helm as the agent does, for scripts:
 *
 *   drive CACHE PROGRAM WALLS version
 *   drive CACHE PROGRAM WALLS lock CLUSTER NAMESPACE RELEASE       "free" or "held"
 *   drive CACHE PROGRAM WALLS VERB KEY=VALUE…                      install, upgrade, uninstall, rollback, preview-install, preview-upgrade
 *
 * KEYs: those of struct helm_action (wait=1), and kubeconfig, values, chart (files), cluster, server, limit (ms), secret, label
 * (NAME=VALUE). Prints "END STATUS", then what is told; of a preview its output goes to the file that `output` names. SIGTERM is
 * the end of the agent. Exit status 3: nothing was started. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "agent/helm/run.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/files.h"

struct drive {
	struct arena arena;
	struct fail fail;
	struct helm *helm;
	struct helm_run run;
	struct helm_lock lock;
	struct helm_label label;
	struct span secret;
	const char *output;
};

static const char *const verbs[] = {"install", "upgrade", "uninstall", "rollback", "preview-install", "preview-upgrade"};

static const struct {
	const char *name;
	size_t at;
} flags[] = {
	{"create_namespace", offsetof(struct helm_action, create_namespace)}, {"wait", offsetof(struct helm_action, wait)},
	{"wait_for_jobs", offsetof(struct helm_action, wait_for_jobs)}, {"atomic", offsetof(struct helm_action, atomic)},
	{"disable_hooks", offsetof(struct helm_action, disable_hooks)}, {"skip_crds", offsetof(struct helm_action, skip_crds)},
	{"replace", offsetof(struct helm_action, replace)}, {"force_conflicts", offsetof(struct helm_action, force_conflicts)},
	{"take_ownership", offsetof(struct helm_action, take_ownership)},
};

static int give_up(const struct drive *drive)
{
	printf("FAIL %s %s\n", fail_name(drive->fail.code), drive->fail.text);
	return 3;
}

static struct span content(struct drive *drive, const char *path)
{
	struct span out;
	if (!files_read(&drive->arena, path, 1 << 24, &out, &drive->fail))
		exit(give_up(drive));
	return out;
}

static bool take_flag(struct helm_action *action, struct span key, const char *value)
{
	for (size_t i = 0; i < COUNT_OF(flags); i++)
		if (span_is(key, flags[i].name)) {
			*(bool *)((char *)action + flags[i].at) = strcmp(value, "0") != 0;
			return true;
		}
	return false;
}

static bool take_text(struct drive *drive, struct span key, const char *value)
{
	struct helm_run *run = &drive->run;
	if (span_is(key, "release"))
		run->action.release = value;
	else if (span_is(key, "namespace"))
		run->action.ns = value;
	else if (span_is(key, "description"))
		run->action.description = value;
	else if (span_is(key, "cluster"))
		run->cluster = span_of(value);
	else if (span_is(key, "server"))
		run->server = span_of(value);
	else if (span_is(key, "output"))
		drive->output = value;
	else if (span_is(key, "kubeconfig"))
		run->kubeconfig = content(drive, value);
	else if (span_is(key, "values"))
		run->values = content(drive, value);
	else if (span_is(key, "chart"))
		run->chart_fd = open(value, O_RDONLY | O_CLOEXEC);
	else if (span_is(key, "secret"))
		drive->secret = span_of(value);
	else
		return false;
	return true;
}

static bool take_number(struct helm_run *run, struct span key, const char *value)
{
	long long number = strtoll(value, NULL, 10);
	if (span_is(key, "timeout_ms"))
		run->action.timeout_ns = number * 1000000;
	else if (span_is(key, "max_history"))
		run->action.max_history = number;
	else if (span_is(key, "revision"))
		run->action.revision = number;
	else if (span_is(key, "apply"))
		run->action.apply = (enum helm_apply)number;
	else if (span_is(key, "limit"))
		run->limit_ms = number;
	else
		return false;
	return true;
}

static void take_label(struct drive *drive, const char *pair)
{
	struct span text = span_of(pair);
	drive->label = (struct helm_label){arena_string(&drive->arena, span_before(text, '=')), arena_string(&drive->arena, span_behind(text, '='))};
	drive->run.action.labels = &drive->label;
	drive->run.action.label_count = 1;
}

static void take(struct drive *drive, const char *word)
{
	struct span key = span_before(span_of(word), '=');
	const char *value = strchr(word, '=');
	if (value == NULL)
		return;
	value++;
	if (span_is(key, "label"))
		take_label(drive, value);
	else if (!take_flag(&drive->run.action, key, value) && !take_text(drive, key, value) && !take_number(&drive->run, key, value))
		exit((fprintf(stderr, "what is %s?\n", word), 2));
}

static int act(struct drive *drive)
{
	static const char *const ends[] = {"EXITED", "KILLED", "TIMED_OUT", "CANCELLED", "LEFT"};
	struct helm_run *run = &drive->run;
	struct helm_result result;
	sigset_t ends_us;
	sigemptyset(&ends_us);
	sigaddset(&ends_us, SIGTERM);
	sigprocmask(SIG_BLOCK, &ends_us, NULL);
	run->cancel_fd = signalfd(-1, &ends_us, SFD_CLOEXEC);
	run->begin_by_ms = clock_monotonic_ms() + 10000;
	run->secrets = &drive->secret;
	run->secret_count = drive->secret.len > 0;
	if (run->action.verb < HELM_PREVIEW_INSTALL) {
		if (!helm_lock(drive->helm, run->cluster, span_of(run->action.ns), span_of(run->action.release), &drive->lock, &drive->fail))
			return give_up(drive);
		run->lock = &drive->lock;
	}
	if (!helm_run(drive->helm, run, &drive->arena, &result, &drive->fail))
		return give_up(drive);
	printf("%s %d\n%.*s\n", ends[result.end], result.status, SPAN_ARG(result.error));
	if (drive->output != NULL && !files_write(drive->output, result.output, 0600, &drive->fail))
		return give_up(drive);
	return 0;
}

static int tell_version(struct drive *drive)
{
	struct helm_version version;
	for (unsigned i = 0; i < 2; i++)
		if (!helm_version(drive->helm, &version, &drive->fail))
			return give_up(drive);
	printf("%u.%u %s\n", version.major, version.minor, version.path);
	return 0;
}

static int tell_lock(struct drive *drive, char **words)
{
	bool is_free = helm_lock(drive->helm, span_of(words[0]), span_of(words[1]), span_of(words[2]), &drive->lock, &drive->fail);
	printf("%s\n", is_free ? "free" : "held");
	return 0;
}

int main(int argc, char **argv)
{
	static const char *const walls[] = {"auto", "require", "off"};
	struct drive drive = {.run = {.chart_fd = -1, .cancel_fd = -1, .limit_ms = 60000, .cluster = SPAN("one")}, .lock = HELM_LOCK_NONE};
	int child = helm_child_main(argc, argv);
	if (child >= 0)
		return child;
	if (argc < 5)
		return 2;
	arena_init(&drive.arena, ARENA_NO_LIMIT);
	struct helm_options options = {.cache_dir = argv[1], .program = *argv[2] == '\0' ? NULL : argv[2]};
	for (unsigned i = 0; i < COUNT_OF(walls); i++)
		if (strcmp(argv[3], walls[i]) == 0)
			options.walls = (enum helm_walls)i;
	if (!helm_new(&options, &drive.helm, &drive.fail))
		return give_up(&drive);
	int status = 2;
	if (strcmp(argv[4], "version") == 0)
		status = tell_version(&drive);
	else if (strcmp(argv[4], "lock") == 0 && argc == 8)
		status = tell_lock(&drive, argv + 5);
	for (unsigned i = 0; i < COUNT_OF(verbs); i++) {
		if (strcmp(argv[4], verbs[i]) != 0)
			continue;
		drive.run.action = (struct helm_action){.verb = (enum helm_verb)i, .release = "web", .ns = "default"};
		for (int word = 5; word < argc; word++)
			take(&drive, argv[word]);
		status = act(&drive);
	}
	helm_unlock(&drive.lock);
	helm_free(drive.helm);
	arena_done(&drive.arena);
	return status;
}
