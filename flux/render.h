/* One run of the filter: what was read, what is answered. */
#ifndef FLUX_RENDER_H
#define FLUX_RENDER_H

#include "base/arena.h"
#include "base/text.h"
#include "render/objects.h"
#include "render/tree.h"

struct run {
	struct arena *arena;
	struct span input, mask_key; /* mask_key: of render/mask.h; may be empty */
	struct tree tree; /* of the working directory: files that templates name are read there */
	struct fleet fleet;
	bool warns_of_variables; /* of Flux's own substitution */
	struct text out, message; /* standard output and standard error */
};

/* Loads what run->tree holds; run->fleet was initialised by render_open. */
void render_open(struct run *run);
bool render_load(struct run *run, struct fail *fail);

/* The objects of run->fleet; false, and the faults in run->message, when there are any. */
bool render_objects(struct run *run, enum objects_mode mode, struct objects *out);

/* krm.c: run->input, a ResourceList, is answered by one. False: the exit status is 1. */
bool krm_is_list(struct arena *arena, struct span input, struct node *out_list);
bool krm_answer(struct run *run, const struct node *list, struct fail *fail);

/* stream.c: run->input, manifests, is answered by the same bytes with the ConfigMaps behind them. */
bool stream_answer(struct run *run, struct fail *fail);

#endif
