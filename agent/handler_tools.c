#include "agent/handler_tools.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/handlers/handlers.h"
#include "agent/helm/chart.h"
#include "agent/helm/run.h"
#include "agent/report/handlers_report.h"
#include "agent/source/source.h"

static enum helm_walls walls_of(const char *sandbox)
{
	if (sandbox != NULL && strcmp(sandbox, "off") == 0)
		return HELM_WALLS_OFF;
	return sandbox != NULL && strcmp(sandbox, "require") == 0 ? HELM_WALLS_REQUIRE : HELM_WALLS_AUTO;
}

static bool open_both(struct handler_tools *tools, const struct settings *settings, struct log *log, const char *dir, struct fail *fail)
{
	const struct charts_options charts = {.dir = arena_spanf(&tools->arena, "%s/charts", dir).ptr, .ca_file = settings->ca_file,
					      .log = log};
	const struct helm_options helm = {.program = settings->helm, .cache_dir = arena_spanf(&tools->arena, "%s/helm", dir).ptr,
					  .walls = walls_of(settings->sandbox), .log = log};
	return charts_new(&charts, &tools->charts, fail) && helm_new(&helm, &tools->helm, fail);
}

void handler_tools_open(struct handler_tools *tools, const struct settings *settings, struct log *log, struct handler_env *env)
{
	struct fail fail;
	*tools = (struct handler_tools){0};
	arena_init(&tools->arena, ARENA_NO_LIMIT);
	const char *dir = settings->cache_dir != NULL && settings->cache_dir[0] != '\0' ? settings->cache_dir : source_cache_dir(&tools->arena);
	if (!open_both(tools, settings, log, dir, &fail)) {
		log_warn(log, "helm", "releases are not looked after: there is nowhere to keep charts (--cache-dir)", log_fail(&fail));
		charts_free(tools->charts);
		tools->charts = NULL;
		return;
	}
	env->cache_dir = dir;
	env->helm = settings->helm;
	env->ca_file = settings->ca_file;
	env->charts = tools->charts;
	env->programs = tools->helm;
}

void handler_tools_close(struct handler_tools *tools)
{
	charts_free(tools->charts);
	helm_free(tools->helm);
	arena_done(&tools->arena);
	*tools = (struct handler_tools){0};
}

/* --- for metrics -------------------------------------------------------------------------------------------------------------- */

static void note_expiry(void *ctx, struct span ns, struct span name, int64_t expires_s)
{
	struct handlers_report *report = ctx;
	if (report->export_count >= report->export_room)
		return;
	struct export_report *one = &report->exports[report->export_count++];
	snprintf(one->ns, sizeof one->ns, "%.*s", SPAN_ARG(ns));
	snprintf(one->name, sizeof one->name, "%.*s", SPAN_ARG(name));
	one->expires_s = expires_s;
}

struct handlers_report *handler_tools_report(struct handlers *handlers)
{
	struct handlers_counts counts;
	struct handlers_report *out = calloc(1, sizeof *out);
	if (out == NULL)
		abort();
	handlers_counts(handlers, &counts);
	for (size_t i = 0; i < HANDLERS_REPORTED; i++) {
		out->kinds[i].objects = counts.objects[i];
		out->kinds[i].ready = counts.ready[i];
		out->kinds[i].looks = counts.looks[i];
		out->kinds[i].failures = counts.failures[i];
	}
	out->queued = counts.queued;
	out->running = counts.running;
	out->export_room = counts.objects[0];
	out->exports = calloc(out->export_room + 1, sizeof *out->exports);
	if (out->exports == NULL)
		abort();
	handlers_expiries(handlers, note_expiry, out);
	return out;
}
