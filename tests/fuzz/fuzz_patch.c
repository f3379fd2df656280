/* Configuration patches: any bytes, as a file and as text inside a document, for every rule set and minor. The verdict does
 * not depend on where the text stands, and faults never stand outside of it. */
#include <assert.h>
#include <stdint.h>

#include "render/load.h"
#include "render/patch_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inline(const struct patch_check *check, struct span text)
{
	struct field_path field = path_key(NULL, "inline");
	struct load_document *documents = NULL;
	struct diag_list faults;
	struct diag_at at = {.list = &faults};
	size_t count = 0;

	diag_list_init(&faults, check->at->list->arena);
	load_yaml(check->at->list->arena, text, LOAD_AUTO, NULL, &at, &documents, &count);
	for (size_t i = 0; i < count && i < 4; i++)
		patch_check_inline(check, &documents[i].root, &field);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const VERSIONS[] = {"v1.9.0", "v1.12.3", "v1.14.0", "v9.9.9", ""};
	/* The first byte chooses; printable so that seeds can be read. */
	unsigned choice = size > 0 ? data[0] : 0;
	struct span text = {(const char *)data + (size > 0), size > 0 ? size - 1 : 0};
	struct arena arena = {0};
	struct diag_list list;
	struct diag_at at = {.list = &list, .file = SPAN("patch.yaml")};
	struct patch_check check = {.at = &at, .talos_version = span_of(VERSIONS[choice % 5]), .rules = (choice / 5) % 2};
	struct node holder = node_string(text);
	bool is_good;

	arena_init(&arena, (size_t)1 << 30);
	diag_list_init(&list, &arena);
	is_good = patch_check_file(&check, text);
	assert(is_good == (list.error_count == 0));
	for (size_t i = 0; i < list.count; i++)
		assert(list.items[i].line <= size + 1 && list.items[i].message.len > 0);
	holder.line = 7;
	holder.style = choice % 2 ? NODE_LITERAL : NODE_DOUBLE;
	assert(patch_check_inline(&check, &holder, NULL) == is_good);
	check_inline(&check, text);
	arena_done(&arena);
	return 0;
}
