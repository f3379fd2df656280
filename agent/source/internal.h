/* What the kinds of sources share inside this room. */
#ifndef AGENT_SOURCE_INTERNAL_H
#define AGENT_SOURCE_INTERNAL_H

#include <stdatomic.h>

#include "agent/source/channel.h"
#include "agent/source/config.h"
#include "agent/source/source.h"

struct source_ops {
	/* Fills verdict, revision, content_id, tree (one reference) or fail. */
	void (*poll)(struct source *source, struct patience patience, struct source_result *out);
	void (*forget)(struct source *source);
	int (*fd)(const struct source *source);
	bool (*drain)(struct source *source);
	void (*free)(struct source *source);
};

struct source {
	const struct source_ops *ops;
	struct source_config config;
	const struct source_known *known; /* during a poll; NULL: nothing */
	bool again; /* the tree is wanted, though it may be the same */
};

bool git_source_new(const struct source_config *config, struct source **out, struct fail *fail);
bool dir_source_new(const struct source_config *config, struct source **out, struct fail *fail);
bool kubernetes_source_new(const struct source_config *config, struct source **out, struct fail *fail);

/* An empty tree with one reference. */
struct source_tree *source_tree_new(const struct tree_limits *limits);

/* A finding about a file of the tree. ERROR makes the tree incomplete. */
void source_note(struct source_tree *tree, enum diag_severity severity, const char *code, struct span file,
		 const char *hint, const char *format, ...) __attribute__((format(printf, 6, 7)));

#endif
