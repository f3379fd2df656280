#include "agent/status_files.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "agent/link.h"
#include "agent/report/state.h"
#include "agent/told.h"
#include "base/cleanup.h"
#include "base/files.h"
#include "base/map.h"

enum { STATUS_NAME_MAX = 600, STATUS_MAX = 4 << 20 };

/* <connection or "default">.<cluster>.json; names come from outside, so nothing in them may lead elsewhere. */
static void status_name(const char *connection, const char *cluster, char out[STATUS_NAME_MAX])
{
	snprintf(out, STATUS_NAME_MAX, "%s.%s.json", connection[0] == '\0' ? "default" : connection, cluster);
	for (char *c = out; *c != '\0'; c++)
		if (*c == '/' || (c == out && *c == '.'))
			*c = '_';
}

static const char *cluster_of(const struct unit *unit)
{
	return unit->link->raws == unit ? "_raw" : unit->name;
}

static void trouble(const struct agent *agent, const char *name, const struct fail *fail)
{
	log_warn(agent->log, "report", "status file cannot be written", log_string("dir", agent->settings->status_dir),
		 log_string("name", name), log_fail(fail));
}

static bool put(int dir_fd, const char *name, const struct unit_report *report, bool is_retired, struct fail *fail)
{
	struct text json;
	if (is_retired)
		return files_remove_at(dir_fd, name, fail);
	text_init(&json, TEXT_NO_LIMIT);
	report_unit_json(&json, report);
	bool ok = files_write_at(dir_fd, name, text_span(&json), 0644, fail);
	text_done(&json);
	return ok;
}

void status_file_write(struct unit *unit)
{
	struct agent *agent = unit->agent;
	CLEANUP(close_fd) int dir_fd = -1;
	char name[STATUS_NAME_MAX];
	struct unit_report report;
	struct fail fail;
	if (agent->settings->status_dir == NULL)
		return;
	pthread_mutex_lock(&agent->lock);
	told_copy(unit, &report);
	status_name(unit->link->connection, cluster_of(unit), name);
	bool is_retired = unit->is_retired;
	pthread_mutex_unlock(&agent->lock);
	if (!files_open_dir(AT_FDCWD, agent->settings->status_dir, &dir_fd, &fail) || !put(dir_fd, name, &report, is_retired, &fail))
		trouble(agent, name, &fail);
	told_copy_done(&report);
	status_files_sweep(agent);
}

void status_file_move(struct unit *unit, const char *before)
{
	struct agent *agent = unit->agent;
	CLEANUP(close_fd) int dir_fd = -1;
	char name[STATUS_NAME_MAX];
	struct fail fail;
	if (agent->settings->status_dir == NULL)
		return;
	pthread_mutex_lock(&agent->lock);
	status_name(before, cluster_of(unit), name);
	bool has_file = unit->state.changed_wall_ms != 0 && !unit->is_retired;
	pthread_mutex_unlock(&agent->lock);
	if (!files_open_dir(AT_FDCWD, agent->settings->status_dir, &dir_fd, &fail) || !files_remove_at(dir_fd, name, &fail))
		trouble(agent, name, &fail);
	if (has_file)
		status_file_write(unit);
}

/* --- what was left --------------------------------------------------------------------------------------------------- */

/* Under the lock, once. */
static bool takes_turn(struct agent *agent)
{
	bool all = agent->is_complete && !agent->has_swept;
	for (size_t i = 0; i < agent->link_count; i++)
		all = all && agent->links[i]->is_scanned;
	agent->has_swept |= all;
	return all;
}

/* Whatever else people keep in the directory stays. */
static bool is_status(int dir_fd, struct arena *arena, const char *name)
{
	struct span content;
	return span_ends(span_of(name), ".json") && files_read_at(arena, dir_fd, name, STATUS_MAX, &content, NULL) &&
	       (span_starts(content, "{\"kind\": \"Cluster\", ") || span_starts(content, "{\"kind\": \"RawResources\", "));
}

/* Under the lock: no unit comes up meanwhile whose file this could be. */
static void sweep(const struct agent *agent, DIR *dir, struct arena *arena)
{
	struct map known = {0};
	struct fail fail;
	map_init(&known, arena);
	for (size_t i = 0; i < agent->unit_count; i++) {
		char name[STATUS_NAME_MAX];
		status_name(agent->units[i]->link->connection, cluster_of(agent->units[i]), name);
		*map_at(&known, arena_copy(arena, span_of(name))) = agent->units[i];
	}
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
		if (map_get(&known, span_of(entry->d_name)) == NULL && is_status(dirfd(dir), arena, entry->d_name) &&
		    !files_remove_at(dirfd(dir), entry->d_name, &fail))
			trouble(agent, entry->d_name, &fail);
}

void status_files_sweep(struct agent *agent)
{
	if (agent->settings->status_dir == NULL)
		return;
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	pthread_mutex_lock(&agent->lock);
	DIR *dir = takes_turn(agent) ? opendir(agent->settings->status_dir) : NULL;
	if (dir != NULL)
		sweep(agent, dir, &arena);
	pthread_mutex_unlock(&agent->lock);
	if (dir != NULL)
		closedir(dir);
	arena_done(&arena);
}
