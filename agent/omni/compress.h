/* Compressed content of config patches and manifests: one zstd frame, perhaps with the dictionary 1 of Omni's clients. */
#ifndef AGENT_OMNI_COMPRESS_H
#define AGENT_OMNI_COMPRESS_H

#include "base/arena.h"
#include "base/fail.h"
#include "base/span.h"

enum { EXPANDED_MAX = 16 << 20 };

/* `dictionary` may be empty. UNSUPPORTED when the frame needs one that is not there, INVALID when it is damaged. */
bool content_expand(struct arena *arena, struct span compressed, struct span dictionary, struct span *out_text,
		    struct fail *fail);

/* For much that is kept in memory: one frame for each text, which content_expand reads without a dictionary. */
struct compressor;
struct compressor *compressor_new(void);
void compressor_free(struct compressor *compressor); /* NULL is fine */
struct span content_compress(struct compressor *compressor, struct arena *arena, struct span text);

#endif
