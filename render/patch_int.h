/* Shared by the parts of the patch checks (render/patch_*.c). */
#ifndef RENDER_PATCH_INT_H
#define RENDER_PATCH_INT_H

#include "render/patch_check.h"
#include "render/talos_schema.h"

enum patch_positions {
	POSITIONS_OWN,	 /* the nodes know their place */
	POSITIONS_SHIFT, /* they lie in a literal block: add the place of the block */
	POSITIONS_FIXED, /* all that is known is the place of the scalar that holds the text */
};

#define COLUMNS_UNKNOWN UINT32_MAX
#define COLUMNS_NOT_LOOKED_FOR (UINT32_MAX - 1)

struct patch_walk {
	const struct patch_check *check;
	struct talos_version talos;
	struct arena *scratch; /* for the time of the check */
	enum patch_positions positions;
	const struct node *holder;     /* POSITIONS_SHIFT and _FIXED */
	uint32_t lines, columns;       /* POSITIONS_SHIFT: to add */
	bool is_text;		       /* scalars are read as written, not as encoded again */
	size_t errors;
};

/* --- patch_report.c: faults at the right place --------------------------------------------------------------------- */

struct diag *patch_report(struct patch_walk *walk, enum diag_severity severity, const char *code,
			  const struct node *node, const struct field_path *path, const char *format, ...)
	__attribute__((format(printf, 6, 7)));
#define patch_error(walk, ...) patch_report((walk), DIAG_ERROR, __VA_ARGS__)
void patch_hint(struct patch_walk *walk, struct diag *diag, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Faults that the YAML loader found in the text. */
void patch_take_faults(struct patch_walk *walk, const struct diag_list *list, const struct field_path *path);
/* Where the text of a scalar stands in the file. */
void patch_locate(struct patch_walk *walk, const struct node *holder);

/* --- patch_delete.c: `$patch: delete` ------------------------------------------------------------------------------ */

struct patch_deletes {
	struct node root;  /* the document without what is deleted; NODE_ABSENT: nothing is left */
	size_t selectors;
	bool is_bad;	   /* reported */
};

bool patch_has_deletes(const struct node *node);
void patch_delete(struct patch_walk *walk, const struct node *root, const struct field_path *path,
		  struct patch_deletes *out);

/* --- patch_merge.c: merge keys in text ------------------------------------------------------------------------------- */

void patch_merge_keys(struct patch_walk *walk, struct span bytes, const struct field_path *path);

/* --- patch_fields.c: names and types ------------------------------------------------------------------------------- */

/* The minor knows less than the cluster's Talos may: what is unknown is a warning then. */
enum diag_severity patch_severity(const struct patch_walk *walk);
void patch_fields(struct patch_walk *walk, unsigned structure, const struct node *root, const struct field_path *path);

/* --- patch_value.c, patch_format.c: scalars ------------------------------------------------------------------------ */

/* Does the decoder of Talos read this scalar as a value of the type? */
bool patch_value_fits(const struct patch_walk *walk, const struct talos_type *type, const struct node *node,
		      struct span text);
/* "a whole number from 0 to 65535", in a buffer. */
enum { PATCH_WORDS_MAX = 256 };
const char *patch_type_words(const struct talos_type *type, char buffer[PATCH_WORDS_MAX]);

bool patch_is_duration(struct span text);
bool patch_is_address(struct span text);
bool patch_is_prefix(struct span text);
bool patch_is_address_port(struct span text);
bool patch_is_url(struct span text);
bool patch_is_port_range(struct span text);
bool patch_is_bytes(struct span text); /* "10GiB", "1,000 MB" */
bool patch_is_size(struct span text);  /* bytes or per cent */
bool patch_is_base64(struct span text);
bool patch_is_hex(struct span text);

/* --- patch_forbidden.c: what Omni sets itself ---------------------------------------------------------------------- */

void patch_forbidden(struct patch_walk *walk, const struct node *root, const struct field_path *path);

#endif
