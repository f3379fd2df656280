/* Between the files that join client configurations: what has to change, and the two ways to do it. */
#ifndef AGENT_KUBE_CLIENT_INT_H
#define AGENT_KUBE_CLIENT_INT_H

#include "agent/kube/client_config.h"

/* One entry below a key of the file: of a list {name: …}, or a pair of a map. */
struct client_change {
	const char *list;	 /* "clusters" */
	struct span name;
	const struct node *held; /* what is replaced: the item, or the value of the pair; NULL: it is appended */
	struct node value;	 /* the whole item, or the value of the pair */
};

struct client_changes {
	struct client_change *items;
	size_t count, cap;
	const char *current_key; /* NULL: the current context stays */
	struct span current;
};

/* client_join.c: the tree with the changes. */
struct node client_apply(struct arena *arena, const struct node *root, const struct client_changes *changes);

/* client_edit.c: the text with the changes; false when its lines are not of the kind that can be edited. Whoever calls
 * looks whether it reads back as the tree. */
bool client_edit(struct arena *arena, struct span text, const struct node *root, const struct client_changes *changes,
		 struct span *out);

/* The cluster that the token of a user is for, as it says itself: all clusters of an Omni have one server, and names made of
 * parts can be those of another cluster. Empty: it does not say. */
struct span client_token_cluster(struct arena *arena, const struct node *user);

/* The item of this name in a list; NULL: there is none. */
const struct node *client_item(const struct node *list, struct span name);

#endif
