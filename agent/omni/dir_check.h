/* Inside the checks of what Omni's server refuses: dir_validate.c has the table and what holds for every type,
 * dir_check_sets.c machine sets and their nodes, dir_check_specs.c the rest. */
#ifndef AGENT_OMNI_DIR_CHECK_H
#define AGENT_OMNI_DIR_CHECK_H

#include "agent/omni/dir_int.h"
#include "base/text.h"

struct check {
	struct dir_store *store;
	enum dir_action action;
	const struct resource *old, *new; /* NULL: see dir_validate */
	const struct resource *one;	  /* new, or old where there is no new */
	struct text faults;		  /* a line each */
	struct arena arena;
};

void refuse(struct check *check, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The good content of another resource; NULL: there is none. */
const struct resource *check_find(struct check *check, const struct omni_type *type, struct span id);
struct span check_label(const struct resource *resource, const char *key); /* empty: absent */
bool check_is_locked(const struct resource *cluster);
bool check_is_running(const struct resource *resource); /* there, and not torn down */
size_t check_list_length(const struct resource *resource, const char *key);
/* Is there a resource with this label? */
bool check_any(struct check *check, const struct omni_type *type, const char *label, struct span value);

void check_cluster(struct check *check);
void check_machine_set(struct check *check);
void check_node(struct check *check);
void check_patch(struct check *check);
void check_extensions(struct check *check);
void check_kernel_args(struct check *check);
void check_manifest(struct check *check);
void check_health(struct check *check);
void check_install_disk(struct check *check);
void check_machine_class(struct check *check);
void check_backup(struct check *check);

#endif
