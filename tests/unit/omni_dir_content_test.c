/* What files of the directory store may hold: compressed content in every form, hand edits, odd clocks; and the marks that
 * stand for secrets in snapshots. */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zdict.h>
#include <zstd.h>

#include "tests/unit/test.h"

#include "agent/omni/hide.h"
#include "agent/omni/store.h"
#include "base/cleanup.h"
#include "base/files.h"
#include "render/load.h"

static char place[64];

static int remove_item(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
	(void)info, (void)kind, (void)walk;
	return remove(path);
}

static struct omni_store *new_store(struct span dictionary)
{
	struct omni_store *store = NULL;
	struct fail fail;
	char path[128];
	snprintf(place, sizeof place, "/tmp/omni-content-XXXXXX");
	assert_non_null(mkdtemp(place));
	snprintf(path, sizeof path, "%s/zstd.dict", place);
	if ((dictionary.len > 0 && !files_write(path, dictionary, 0644, &fail)) || !dir_store_open(place, &store, &fail))
		fail_msg("%s", fail.text);
	return store;
}

static void end(struct omni_store *store)
{
	omni_store_close(store);
	nftw(place, remove_item, 16, FTW_DEPTH | FTW_PHYS);
}

static void write_patch(const char *id, struct span spec)
{
	char path[256];
	struct text text;
	struct fail fail;
	snprintf(path, sizeof path, "%s/ConfigPatches.omni.sidero.dev", place);
	assert_true(files_make_dirs(path, 0755, &fail));
	snprintf(path, sizeof path, "%s/ConfigPatches.omni.sidero.dev/%s.yaml", place, id);
	text_init(&text, TEXT_NO_LIMIT);
	text_addf(&text, "metadata:\n    type: ConfigPatches.omni.sidero.dev\n    id: %s\nspec:\n", id);
	text_add(&text, spec);
	assert_true(files_write(path, text_span(&text), 0644, &fail));
	text_done(&text);
}

static struct resource *get(struct omni_store *store, struct arena *arena, const char *id, struct fail *fail)
{
	struct resource *held = NULL;
	return store->ops->get(store, arena, OMNI_CONFIG_PATCH, span_of(id), 0, &held, fail) ? held : NULL;
}

/* --- compressed content ----------------------------------------------------------------------------------------------- */

static struct span compress(struct arena *arena, struct span text, struct span dictionary)
{
	size_t cap = ZSTD_compressBound(text.len);
	char *space = arena_alloc(arena, cap);
	ZSTD_CCtx *context = ZSTD_createCCtx();
	size_t len = dictionary.len == 0
			     ? ZSTD_compressCCtx(context, space, cap, text.ptr, text.len, 3)
			     : ZSTD_compress_usingDict(context, space, cap, text.ptr, text.len, dictionary.ptr, dictionary.len, 3);
	ZSTD_freeCCtx(context);
	assert_false(ZSTD_isError(len));
	return (struct span){space, len};
}

/* As Go writes a list of octets in YAML. */
static struct span as_numbers(struct arena *arena, struct span bytes)
{
	struct text text;
	text_init(&text, TEXT_NO_LIMIT);
	text_adds(&text, "    compresseddata:\n");
	for (size_t i = 0; i < bytes.len; i++)
		text_addf(&text, "        - %u\n", (unsigned char)bytes.ptr[i]);
	struct span copy = arena_copy(arena, text_span(&text));
	text_done(&text);
	return copy;
}

static struct span as_binary(struct arena *arena, struct span bytes)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	struct text text;
	text_init(&text, TEXT_NO_LIMIT);
	text_adds(&text, "    compresseddata: !!binary ");
	for (size_t i = 0; i < bytes.len; i += 3) {
		uint32_t group = 0;
		for (size_t j = 0; j < 3; j++)
			group = group << 8 | (i + j < bytes.len ? (unsigned char)bytes.ptr[i + j] : 0);
		for (size_t j = 0; j < 4; j++)
			text_addc(&text, i + j > bytes.len ? '=' : digits[group >> (18 - 6 * j) & 63]);
	}
	text_addc(&text, '\n');
	struct span copy = arena_copy(arena, text_span(&text));
	text_done(&text);
	return copy;
}

/* A dictionary as the clients of Omni have one, with the id 1. */
static struct span make_dictionary(struct arena *arena)
{
	enum { SAMPLES = 400, SAMPLE = 120, DICTIONARY = 8192 };
	char *samples = arena_alloc(arena, (size_t)SAMPLES * SAMPLE), *space = arena_alloc(arena, DICTIONARY);
	size_t sizes[SAMPLES];
	size_t len = 0;
	for (size_t i = 0; i < SAMPLES; i++) {
		int put = snprintf(samples + len, SAMPLE,
				   "machine:\n  network:\n    hostname: host-%zu\n  sysctls:\n    net.core.somaxconn: \"%zu\"\n", i, i * 31);
		sizes[i] = (size_t)put;
		len += sizes[i];
	}
	ZDICT_params_t params = {.dictID = 1};
	size_t made = ZDICT_finalizeDictionary(space, DICTIONARY, samples, 4096, samples, sizes, SAMPLES, params);
	assert_false(ZDICT_isError(made));
	assert_int_equal(ZSTD_getDictID_fromDict(space, made), 1);
	return (struct span){space, made};
}

static void test_compressed(void **state)
{
	struct arena arena;
	struct fail fail = {0};
	(void)state;
	arena_init(&arena, ARENA_NO_LIMIT);
	struct span dictionary = make_dictionary(&arena), none = {0};
	struct span text = SPAN("machine:\n  network:\n    hostname: host-7\n  # ü\n");
	struct span plain = compress(&arena, text, none), with = compress(&arena, text, dictionary);
	assert_int_equal(ZSTD_getDictID_fromFrame(with.ptr, with.len), 1);
	struct omni_store *store = new_store(dictionary);
	write_patch("a", as_numbers(&arena, plain));
	write_patch("b", as_binary(&arena, plain));
	write_patch("c", as_numbers(&arena, with));
	write_patch("d", as_binary(&arena, with));
	write_patch("e", as_numbers(&arena, (struct span){plain.ptr, 0}));
	static const char *const ids[] = {"a", "b", "c", "d"};
	for (size_t i = 0; i < COUNT_OF(ids); i++) {
		const struct resource *held = get(store, &arena, ids[i], &fail);
		if (held == NULL)
			fail_msg("%s: %s", ids[i], fail.text);
		assert_span(node_text_at(&held->spec, "data"), text.ptr);
		assert_null(node_get(&held->spec, "compresseddata"));
	}
	/* damaged, cut short, another dictionary */
	char *bad = arena_dup(&arena, plain.ptr, plain.len);
	bad[0] ^= 1;
	write_patch("f", as_numbers(&arena, (struct span){bad, plain.len}));
	assert_null(get(store, &arena, "f", &fail));
	write_patch("f", as_numbers(&arena, (struct span){plain.ptr, plain.len - 4}));
	assert_null(get(store, &arena, "f", &fail));
	write_patch("f", SPAN("    compresseddata: [1, 2, 300]\n"));
	assert_null(get(store, &arena, "f", &fail));
	assert_true(span_contains(span_of(fail.text), "f.yaml"));
	end(store);
	store = new_store(none);
	write_patch("c", as_numbers(&arena, with));
	assert_null(get(store, &arena, "c", &fail));
	assert_true(span_contains(span_of(fail.text), "dictionary 1"));
	end(store);
	arena_done(&arena);
}

/* --- clocks and hands --------------------------------------------------------------------------------------------------- */

/* A file put back with an old date, of the same size, is a change all the same; so is one from the future. */
static void test_clock_goes_backwards(void **state)
{
	static const time_t dates[] = {0, 86400, 4000000000, 1};
	struct omni_store *store = new_store((struct span){0});
	struct arena arena;
	struct fail fail;
	char path[256], spec[64];
	uint64_t version = 0;
	(void)state;
	arena_init(&arena, ARENA_NO_LIMIT);
	snprintf(path, sizeof path, "%s/ConfigPatches.omni.sidero.dev/p.yaml", place);
	for (size_t i = 0; i < COUNT_OF(dates); i++) {
		const struct timespec times[2] = {{dates[i], 0}, {dates[i], 0}};
		snprintf(spec, sizeof spec, "    data: 'machine: {env: {N: v%zu}}'\n", i);
		write_patch("p", span_of(spec));
		assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
		const struct resource *held = get(store, &arena, "p", &fail);
		assert_non_null(held);
		assert_true(span_contains(node_text_at(&held->spec, "data"), spec + sizeof "    data: 'machine: {env: {N:" - 1) ||
			    span_contains(span_of(spec), node_text_at(&held->spec, "data").ptr));
		assert_true(held->version > version);
		version = held->version;
	}
	/* what is written next does not go back behind it */
	struct resource *held = get(store, &arena, "p", &fail), *now = NULL;
	labels_set(&arena, &held->labels, SPAN("a"), SPAN("b"));
	assert_true(store->ops->update(store, &arena, held, 0, &now, &fail));
	assert_int_equal(now->version, version + 1);
	end(store);
	arena_done(&arena);
}

/* Swap files of editors, other names and directories are nobody's resources. */
static void test_other_files(void **state)
{
	static const char *const names[] = {".p.yaml.swp", "p.yaml~", "README", "4913", ".git", "p.yml"};
	struct omni_store *store = new_store((struct span){0});
	struct arena arena;
	struct resource_list list;
	struct fail fail;
	char path[256];
	(void)state;
	arena_init(&arena, ARENA_NO_LIMIT);
	write_patch("p", SPAN("    data: 'machine: {}'\n"));
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		snprintf(path, sizeof path, "%s/ConfigPatches.omni.sidero.dev/%s", place, names[i]);
		assert_true(files_write(path, SPAN("no: [resource"), 0644, &fail));
	}
	assert_true(store->ops->list(store, &arena, OMNI_CONFIG_PATCH, NULL, 0, &list, &fail));
	assert_int_equal(list.count, 1);
	snprintf(path, sizeof path, "%s/ConfigPatches.omni.sidero.dev/d.yaml", place);
	assert_int_equal(mkdir(path, 0755), 0);
	omni_store_close(store);
	assert_true(dir_store_open(place, &store, &fail));
	assert_false(store->ops->list(store, &arena, OMNI_CONFIG_PATCH, NULL, 0, &list, &fail)); /* no file: said, not skipped */
	assert_true(span_contains(span_of(fail.text), "d.yaml"));
	assert_int_equal(rmdir(path), 0);
	assert_true(store->ops->list(store, &arena, OMNI_CONFIG_PATCH, NULL, 0, &list, &fail));
	end(store);
	arena_done(&arena);
}

/* --- marks --------------------------------------------------------------------------------------------------------------- */

static struct resource *patch_of(struct arena *arena, const char *data)
{
	struct resource *patch = resource_new(arena, OMNI_CONFIG_PATCH, SPAN("p"));
	patch->spec = node_map(arena, 1);
	node_put(&patch->spec, "data", node_string(span_of(data)));
	return patch;
}

static struct span hidden(struct arena *arena, const char *key, const char *data)
{
	return node_text_at(&hide_resource(arena, span_of(key), patch_of(arena, data), NULL)->spec, "data");
}

static void test_marks(void **state)
{
	struct arena arena;
	(void)state;
	arena_init(&arena, ARENA_NO_LIMIT);
	const char *harmless = "machine:   # as it is\n    network: {hostname: a}\n";
	const char *secret = "machine:\n  env: {API_TOKEN: hunter2, PLACE: here}\n";
	assert_span(hidden(&arena, "k", harmless), harmless);
	struct span marked = hidden(&arena, "k", secret);
	assert_false(span_contains(marked, "hunter2"));
	assert_true(span_contains(marked, "PLACE: here"));
	assert_span(hidden(&arena, "k", secret), marked.ptr);
	assert_false(span_eq(hidden(&arena, "other key", secret), marked));
	assert_false(span_eq(hidden(&arena, "k", "machine:\n  env: {API_TOKEN: hunter3, PLACE: here}\n"), marked));
	/* the same meaning written in another way: another text, with the same marks in it */
	struct span other = hidden(&arena, "k", "machine: {env: {PLACE: here, API_TOKEN: \"hunter2\"}}\n");
	struct node a, b;
	assert_false(span_eq(other, marked));
	assert_true(load_one(&arena, marked, LOAD_OMNI, &a, NULL) && load_one(&arena, other, LOAD_OMNI, &b, NULL));
	assert_true(node_equal(&a, &b));
	/* in names and values, in comments, in what is no YAML, in several documents */
	static const char *const others[] = {
		"env:\n- name: DB_PASSWORD\n  value: hunter2\n",
		"# password: hunter2\na: b\n",
		"a: [\npassword: hunter2\n",
		"a: b\n---\nclientSecret: hunter2\n",
		"data:\n  x: |\n    [main]\n    token=hunter2\n",
		"url: https://me:hunter2@example.com/\n",
	};
	for (size_t i = 0; i < COUNT_OF(others); i++) {
		marked = hidden(&arena, "k", others[i]);
		if (span_contains(marked, "hunter2") || !span_contains(marked, "(secret "))
			fail_msg("case %zu: %.*s", i, SPAN_ARG(marked));
	}
	arena_done(&arena);
}

/* The content by meaning is hidden like the text; numbers and switches of Omni's own fields stay readable. */
static void test_marks_of_resources(void **state)
{
	struct arena arena;
	struct node root;
	(void)state;
	arena_init(&arena, ARENA_NO_LIMIT);
	struct resource *patch = patch_of(&arena, "token: 77\nplain: 1\n");
	assert_true(load_one(&arena, SPAN("token: 77\nplain: 1\n"), LOAD_OMNI, &root, NULL));
	patch->content = &root;
	labels_set(&arena, &patch->annotations, SPAN("api-token"), SPAN("hunter2"));
	labels_set(&arena, &patch->labels, SPAN("rack"), SPAN("7"));
	struct resource *marked = hide_resource(&arena, SPAN("k"), patch, NULL);
	struct node text;
	assert_true(load_one(&arena, node_text_at(&marked->spec, "data"), LOAD_OMNI, &text, NULL));
	assert_true(node_equal(&text, marked->content));
	assert_true(span_starts(labels_get(&marked->annotations, "api-token")->value, "(secret "));
	assert_span(labels_get(&marked->labels, "rack")->value, "7");
	assert_span(node_text_at(&root, "token"), "77"); /* the original is left alone */
	for (size_t i = 0; omni_type_at(i) != NULL; i++) {
		struct resource *empty = resource_new(&arena, omni_type_at(i), SPAN("x"));
		assert_true(node_equal(&hide_resource(&arena, SPAN("k"), empty, NULL)->spec, &empty->spec));
	}
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compressed),	cmocka_unit_test(test_clock_goes_backwards),
		cmocka_unit_test(test_other_files),	cmocka_unit_test(test_marks),
		cmocka_unit_test(test_marks_of_resources),
	};
	return RUN_TESTS(tests);
}
