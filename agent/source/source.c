#include "agent/source/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/source/internal.h"
#include "base/clock.h"

struct source_tree *source_tree_new(const struct tree_limits *limits)
{
	struct source_tree *tree = calloc(1, sizeof *tree);
	if (tree == NULL)
		abort();
	arena_init(&tree->arena, ARENA_NO_LIMIT);
	tree_init(&tree->tree, &tree->arena);
	tree->tree.limits = *limits;
	diag_list_init(&tree->diags, &tree->arena);
	tree->references = 1;
	return tree;
}

struct source_tree *source_tree_ref(struct source_tree *tree)
{
	__atomic_add_fetch(&tree->references, 1, __ATOMIC_RELAXED);
	return tree;
}

void source_tree_unref(struct source_tree *tree)
{
	if (tree == NULL || __atomic_sub_fetch(&tree->references, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	arena_done(&tree->arena);
	free(tree);
}

void source_tree_rest(struct source_tree *tree)
{
	if (tree->rest != NULL)
		tree->rest(tree);
}

void source_note(struct source_tree *tree, enum diag_severity severity, const char *code, struct span file,
		 const char *hint, const char *format, ...)
{
	char message[512];
	va_list args;
	va_start(args, format);
	vsnprintf(message, sizeof message, format, args);
	va_end(args);
	struct diag_at at = {&tree->diags, arena_copy(&tree->arena, file), {NULL, 0}};
	struct diag *diag = diag_add(&at, severity, code, NULL, "", "%s", message);
	if (hint != NULL)
		diag_hint(&at, diag, "%s", hint);
	if (severity == DIAG_ERROR)
		tree->is_incomplete = true;
}

bool source_open(const char *url, const struct source_options *options, struct source **out, struct fail *fail)
{
	struct source_config config;
	if (!config_parse(&config, url, options, fail)) {
		config_done(&config);
		return false;
	}
	bool ok = config.scheme == SCHEME_KUBERNETES ? kubernetes_source_new(&config, out, fail)
		  : config.scheme == SCHEME_DIR	      ? dir_source_new(&config, out, fail)
						      : git_source_new(&config, out, fail);
	if (!ok)
		config_done(&config);
	return ok;
}

void source_free(struct source *source)
{
	if (source == NULL)
		return;
	struct source_config config = source->config;
	source->ops->free(source);
	config_done(&config);
}

enum source_kind source_kind(const struct source *source)
{
	return source->config.scheme == SCHEME_KUBERNETES ? SOURCE_KUBERNETES
	       : source->config.scheme == SCHEME_DIR	   ? SOURCE_DIRECTORY
							   : SOURCE_GIT;
}

bool source_scope(const char *url, struct arena *arena, struct source_scope *out, struct fail *fail)
{
	struct source_config config;
	fail->code = FAIL_NONE;
	if (!span_starts(span_of(url), "kubernetes:"))
		return false;
	bool ok = config_parse(&config, url, NULL, fail);
	*out = config.scope;
	if (ok && out->ns != NULL)
		out->ns = arena_string(arena, span_of(out->ns));
	if (ok && out->selector != NULL)
		out->selector = arena_string(arena, span_of(out->selector));
	config_done(&config);
	return ok;
}

const char *source_name(const struct source *source)
{
	return source->config.name;
}

int64_t source_interval_ms(const struct source *source)
{
	return source->config.interval_ms;
}

void source_poll_with(struct source *source, const struct source_known *known, int64_t deadline_ms, int cancel_fd,
		      struct source_result *out)
{
	struct patience patience = {deadline_ms, cancel_fd};
	if (deadline_ms == 0)
		patience.deadline_ms = clock_monotonic_ms() + source->config.timeout_ms;
	memset(out, 0, sizeof *out);
	source->known = known;
	source->ops->poll(source, patience, out);
	source->known = NULL;
	source->again = source->again && out->verdict == SOURCE_FAILED;
}

void source_poll(struct source *source, int64_t deadline_ms, int cancel_fd, struct source_result *out)
{
	source_poll_with(source, NULL, deadline_ms, cancel_fd, out);
}

void source_forget(struct source *source)
{
	source->ops->forget(source);
}

void source_again(struct source *source)
{
	source->again = true;
}

int source_fd(const struct source *source)
{
	return source->ops->fd == NULL ? -1 : source->ops->fd(source);
}

bool source_drain(struct source *source)
{
	return source->ops->drain != NULL && source->ops->drain(source);
}

bool source_matches_url(const struct source *source, struct span url)
{
	if (source->config.scheme > SCHEME_SSH)
		return false;
	struct arena arena;
	arena_init(&arena, 1 << 20);
	bool matches = url.len < 4096 && span_eq(config_normal_url(&arena, url),
						 config_normal_url(&arena, span_of(source->config.place)));
	arena_done(&arena);
	return matches;
}
