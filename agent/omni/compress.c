#include "agent/omni/compress.h"

#include <stdlib.h>
#include <zstd.h>

#include "base/cleanup.h"

static void free_context(ZSTD_DCtx **context)
{
	ZSTD_freeDCtx(*context);
}

static bool expand_into(struct arena *arena, ZSTD_DCtx *context, struct span compressed, size_t *cap, struct span *out,
			struct fail *fail)
{
	char *space = arena_try_alloc(arena, *cap + 1);
	ZSTD_inBuffer in = {compressed.ptr, compressed.len, 0};
	ZSTD_outBuffer made = {space, *cap, 0};
	if (space == NULL)
		return fail_set(fail, FAIL_TOO_BIG, "the content does not fit into the memory limit");
	size_t left = 1;
	while (left > 0 && made.pos < made.size) {
		size_t before = in.pos + made.pos;
		left = ZSTD_decompressStream(context, &made, &in);
		if (ZSTD_isError(left))
			return fail_set(fail, FAIL_INVALID, "the zstd frame is damaged (%s)", ZSTD_getErrorName(left));
		if (left > 0 && in.pos + made.pos == before)
			return fail_set(fail, FAIL_INVALID, "the zstd frame is incomplete");
	}
	*out = (struct span){left == 0 ? space : NULL, made.pos}; /* not all of it: again, with more room */
	*cap *= 4;
	if (left > 0 && *cap > EXPANDED_MAX)
		return fail_set(fail, FAIL_TOO_BIG, "the content is larger than %d bytes", EXPANDED_MAX);
	return true;
}

bool content_expand(struct arena *arena, struct span compressed, struct span dictionary, struct span *out_text,
		    struct fail *fail)
{
	enum { FIRST = 64 * 1024 };
	unsigned wanted = ZSTD_getDictID_fromFrame(compressed.ptr, compressed.len);
	if (wanted != 0 && (dictionary.len == 0 || ZSTD_getDictID_fromDict(dictionary.ptr, dictionary.len) != wanted))
		return fail_set(fail, FAIL_UNSUPPORTED, "it is compressed with the zstd dictionary %u, which is not there", wanted);
	CLEANUP(free_context) ZSTD_DCtx *context = ZSTD_createDCtx();
	struct span text = {0};
	for (size_t cap = FIRST; text.ptr == NULL;) {
		ZSTD_DCtx_reset(context, ZSTD_reset_session_and_parameters);
		if (wanted != 0 && ZSTD_isError(ZSTD_DCtx_loadDictionary(context, dictionary.ptr, dictionary.len)))
			return fail_set(fail, FAIL_INVALID, "the zstd dictionary cannot be used");
		if (!expand_into(arena, context, compressed, &cap, &text, fail))
			return false;
	}
	*out_text = text;
	return true;
}

struct compressor {
	ZSTD_CCtx *context;
	char *space;
	size_t size;
};

struct compressor *compressor_new(void)
{
	struct compressor *compressor = calloc(1, sizeof *compressor);
	if (compressor == NULL || (compressor->context = ZSTD_createCCtx()) == NULL)
		abort();
	return compressor;
}

void compressor_free(struct compressor *compressor)
{
	if (compressor == NULL)
		return;
	ZSTD_freeCCtx(compressor->context);
	free(compressor->space);
	free(compressor);
}

struct span content_compress(struct compressor *compressor, struct arena *arena, struct span text)
{
	enum { FASTEST = 1 };
	size_t need = ZSTD_compressBound(text.len);
	if (need > compressor->size) {
		free(compressor->space);
		compressor->size = need;
		if ((compressor->space = malloc(need)) == NULL)
			abort();
	}
	size_t size = ZSTD_compressCCtx(compressor->context, compressor->space, need, text.ptr, text.len, FASTEST);
	if (ZSTD_isError(size))
		abort(); /* there is room for anything: only memory can be missing */
	return arena_copy(arena, (struct span){compressor->space, size});
}
