/* The generator: writes what is made from the tables below a directory, as it is checked in.
 *
 *   crds-gen DIR        DIR/crds/yaml/…, DIR/docs/reference/…
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/files.h"
#include "crds/crd.h"

struct product {
	const char *folder, *suffix;
	void (*print)(struct text *out, const struct kind *kind);
};

static const struct product products[] = {
	{"crds/yaml", "yaml", crd_print},
	{"crds/json", "json", schema_json_print},
	{"docs/reference", "md", reference_print},
};

static bool write_product(const char *root, const struct product *product, const struct kind *kind, struct fail *fail)
{
	char path[4096];
	struct text text;
	text_init(&text, TEXT_NO_LIMIT);
	product->print(&text, kind);
	snprintf(path, sizeof path, "%s/%s/%s.%s", root, product->folder, kind->singular, product->suffix);
	bool ok = files_write(path, text_span(&text), 0644, fail);
	text_done(&text);
	return ok;
}

static bool write_all(const char *root, struct fail *fail)
{
	for (size_t p = 0; p < sizeof products / sizeof *products; p++) {
		char folder[4096];
		snprintf(folder, sizeof folder, "%s/%s", root, products[p].folder);
		if (!files_make_dirs(folder, 0755, fail))
			return false;
		for (size_t i = 0; kind_at(i) != NULL; i++)
			if (!write_product(root, &products[p], kind_at(i), fail))
				return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	struct fail fail = {0};
	if (argc != 2) {
		fprintf(stderr, "usage: crds-gen DIR\n");
		return EXIT_FAILURE;
	}
	if (!write_all(argv[1], &fail)) {
		fprintf(stderr, "crds-gen: %s\n", fail.text);
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
