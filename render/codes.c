#include "render/codes.h"

#include <string.h>

#define FILES(code, meaning, advice) {#code, "Files", meaning, advice},
#define YAML(code, meaning, advice) {#code, "YAML and JSON", meaning, advice},
#define FIELDS(code, meaning, advice) {#code, "Fields and values", meaning, advice},
#define OBJECTS(code, meaning, advice) {#code, "Objects and references", meaning, advice},
#define TEMPLATES(code, meaning, advice) {#code, "Rules of Omni", meaning, advice},
#define PATCHES(code, meaning, advice) {#code, "Talos configuration patches", meaning, advice},
#define REFUSALS(code, meaning, advice) {#code, "Refusals by Omni", meaning, advice},

static const struct diag_code codes[] = {
	DIAG_CODES_FILES(FILES) DIAG_CODES_YAML(YAML) DIAG_CODES_FIELDS(FIELDS) DIAG_CODES_OBJECTS(OBJECTS)
	DIAG_CODES_TEMPLATES(TEMPLATES) DIAG_CODES_PATCHES(PATCHES)
	DIAG_CODES_REFUSALS(REFUSALS)
};

const struct diag_code *diag_code_at(size_t index)
{
	return index < sizeof codes / sizeof *codes ? &codes[index] : NULL;
}

const struct diag_code *diag_code_find(const char *code)
{
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		if (strcmp(codes[i].code, code) == 0)
			return &codes[i];
	return NULL;
}
