/* The verdicts of render/patch_check.h for many patches, in the record form of ../main.go, and a maker of patches.
 *
 *   ours TALOS RULES       records on standard input; a line per record: the codes of all faults, empty: accepted.
 *                          RULES 1.9 or 1.10: of Omni; loader: without what Omni forbids
 *   ours make TALOS SEED N records of N patches, right and wrong ones, made from the table of Talos's fields */
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "render/patch_check.h"
#include "tests/rig/patches/ours/make.h"

static bool read_record(struct text *out)
{
	size_t size;
	int c;

	text_reset(out);
	if (scanf("%zu", &size) != 1 || getchar() != '\n')
		return false;
	for (size_t i = 0; i < size; i++) {
		if ((c = getchar()) == EOF)
			return false;
		text_addc(out, (char)c);
	}
	return true;
}

static bool is_of_omni(const char *code)
{
	return strcmp(code, "ForbiddenPatchContent") == 0 || strcmp(code, "PatchListNotInOmni") == 0 ||
	       strcmp(code, "PatchKindNotInOmni") == 0;
}

static void judge(struct span talos, enum omni_rules rules, bool forbids)
{
	struct text record;

	text_init(&record, TEXT_NO_LIMIT);
	while (read_record(&record)) {
		struct arena arena = {0};
		struct diag_list list;
		struct diag_at at = {.list = &list};
		struct patch_check check = {.at = &at, .talos_version = talos, .rules = rules};

		arena_init(&arena, ARENA_NO_LIMIT);
		diag_list_init(&list, &arena);
		patch_check_file(&check, text_span(&record));
		for (size_t i = 0; i < list.count; i++)
			if (forbids || !is_of_omni(list.items[i].code))
				printf("%s:%.*s ", list.items[i].code, SPAN_ARG(list.items[i].path));
		putchar('\n');
		arena_done(&arena);
	}
	text_done(&record);
}

int main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "make") == 0) {
		make_patches(span_of(argv[2]), strtoul(argv[3], NULL, 10), strtoul(argv[4], NULL, 10));
		return 0;
	}
	if (argc != 3) {
		fprintf(stderr, "usage: ours TALOS 1.9|1.10|loader; ours make TALOS SEED COUNT\n");
		return 2;
	}
	judge(span_of(argv[1]), strcmp(argv[2], "1.10") == 0 ? OMNI_RULES_1_10 : OMNI_RULES_1_9,
	      strcmp(argv[2], "loader") != 0);
	return 0;
}
