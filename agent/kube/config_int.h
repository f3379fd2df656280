/* Between the files that find out how to reach an API server. */
#ifndef AGENT_KUBE_CONFIG_INT_H
#define AGENT_KUBE_CONFIG_INT_H

#include "agent/kube/config.h"
#include "render/node.h"

enum { KUBE_FILE_MAX = 4 << 20, KUBE_TOKEN_MAX = 64 << 10 };

/* One file that was read. Its bytes and nodes are given back once the configuration has been taken from it. */
struct kube_file {
	const char *path, *dir; /* NULL: it came from somebody else, and no file may be read for it */
	struct node root;
};

/* What a context of these files leads to; of entries with one name the first counts. */
bool kube_files_read(struct arena *arena, const struct kube_file *files, size_t count, const struct kube_config_from *from,
		     struct kube_config *out, struct fail *fail) __attribute__((warn_unused_result));

/* config_exec.c: the program of a user. */
bool kube_exec_read(struct arena *arena, const struct node *node, const char *dir, const char *who, const struct kube_exec **out,
		    struct fail *fail) __attribute__((warn_unused_result));

/* config_foreign.c: of a file that came from somebody else. `who` names the entry. */
bool kube_foreign_cluster(const struct node *cluster, const char *who, struct fail *fail) __attribute__((warn_unused_result));
bool kube_foreign_user(const struct node *user, const char *who, struct fail *fail) __attribute__((warn_unused_result));

/* config_url.c: checked, without a slash at the end. `what` names it in failures. */
bool kube_url_read(struct arena *arena, struct span url, const char *const *schemes, const char *what, const char **out,
		   struct fail *fail) __attribute__((warn_unused_result));

/* A copy in memory that the arena wipes in the end, with a NUL behind. */
struct span kube_hide(struct arena *arena, struct span bytes);
/* The file's absolute name, when the configuration's folder is `dir`. */
const char *kube_path(struct arena *arena, const char *dir, struct span name);

#endif
