/* Rendering of untrusted bytes: a child process (this program again) without network, files, secrets, environment and
 * new processes, with bounded memory, processor time and wall time, parses and renders one tree and sends back what the
 * agent needs. The parent believes nothing that comes back: agent/source/wire.h checks every byte.
 *
 * The child gets the inputs of the tree; other files (patches) are asked for one by one and read by the parent through
 * tree->read, so only inside of the tree. A crash, a limit, a violation are failures of this one rendering.
 *
 * One process per rendering by exec, not a fork server: starting ourselves costs a few milliseconds, where a fork out of
 * the grown, threaded agent costs more and would copy its secrets, and a fork server would sit there all day. */
#ifndef AGENT_SOURCE_SANDBOX_H
#define AGENT_SOURCE_SANDBOX_H

#include <stdint.h>

#include "agent/source/source.h"
#include "render/fleet.h"

enum sandbox_mode {
	SANDBOX_AUTO,	 /* every layer that the kernel has */
	SANDBOX_REQUIRE, /* fail unless landlock and seccomp are there */
	SANDBOX_OFF,	 /* a child without landlock and seccomp, limits only */
};

enum sandbox_layer { SANDBOX_PROCESS = 1, SANDBOX_LIMITS = 2, SANDBOX_NO_NEW_PRIVS = 4, SANDBOX_LANDLOCK = 8, SANDBOX_SECCOMP = 16 };

struct sandbox {
	enum sandbox_mode mode;
	size_t max_memory_bytes; /* address space of the child; 1 GiB */
	size_t max_result_bytes; /* what it may send back; 256 MiB */
	int64_t timeout_ms;	 /* when no deadline is given; 60 s */
	unsigned layers;	 /* enum sandbox_layer: what this machine gives; found by sandbox_init */
	char layers_text[96];	 /* "process, limits, no-new-privs, landlock (ABI 7), seccomp": for one line of log */
};

bool sandbox_mode_parse(struct span text, enum sandbox_mode *out); /* auto, require, off */

/* Finds out what the kernel offers, by trying in a child. False only with SANDBOX_REQUIRE. */
bool sandbox_init(struct sandbox *sandbox, enum sandbox_mode mode, struct fail *fail);

struct fleet_taker; /* agent/source/wire.h */

/* fleet_load of the tree in the child. The fleet lives in `arena` and points nowhere else, so the tree may go away. Its
 * documents carry class, kind, names and position; the content of `root` only for kinds that are not part of a template
 * and are not raw resources (the handlers need it). template_docs is NULL. With a taker (NULL: none) the resources of
 * clusters are handed to it and not kept.
 * deadline_ms: CLOCK_MONOTONIC, 0: the default. May be called from several threads. */
bool sandbox_render(struct sandbox *sandbox, struct tree *tree, const struct fleet_options *options, const struct fleet_taker *taker,
		    struct arena *arena, struct fleet **out, int64_t deadline_ms, struct fail *fail);

/* A renderer that was started and waits, while it is still worked out what it shall render: starting takes longer than a small
 * rendering. It has been given nothing so far. NULL: none could be started, sandbox_render_by starts its own. */
struct sandbox_child *sandbox_child_start(void);
void sandbox_child_stop(struct sandbox_child *child); /* NULL is fine */
/* Takes *child, which is NULL afterwards. */
bool sandbox_render_by(struct sandbox *sandbox, struct sandbox_child **child, struct tree *tree, const struct fleet_options *options,
		       const struct fleet_taker *taker, struct arena *arena, struct fleet **out, int64_t deadline_ms, struct fail *fail);

/* The same for the tree of a source, with its own findings among the diagnostics. */
bool source_tree_render(struct sandbox *sandbox, struct source_tree *tree, const struct fleet_options *options,
			const struct fleet_taker *taker, struct arena *arena, struct fleet **out, int64_t deadline_ms,
			struct fail *fail);

/* What the source itself found, for a fleet that was rendered without it. */
void source_tree_add_notes(const struct source_tree *tree, struct fleet *fleet);

#endif
