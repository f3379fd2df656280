#include "render/patch_int.h"

enum { SINCE_1_9 = 1, SINCE_1_10 = 2 };

#define FORBIDDEN(top, key, rest, since) {IN_##top, {key, sizeof key - 1}, #top "." key rest, since}

enum { IN_cluster, IN_machine };

static const struct {
	uint8_t top;
	struct span key; /* below the top; most patches have none of them, which this tells quickly */
	const char *path;
	int since;
} FIELDS[] = {
	FORBIDDEN(cluster, "clusterName", "", SINCE_1_9),
	FORBIDDEN(cluster, "id", "", SINCE_1_9),
	FORBIDDEN(cluster, "controlPlane", ".endpoint", SINCE_1_9),
	FORBIDDEN(cluster, "token", "", SINCE_1_9),
	FORBIDDEN(cluster, "secret", "", SINCE_1_9),
	FORBIDDEN(cluster, "aescbcEncryptionSecret", "", SINCE_1_9),
	FORBIDDEN(cluster, "secretboxEncryptionSecret", "", SINCE_1_9),
	FORBIDDEN(cluster, "ca", "", SINCE_1_10),
	FORBIDDEN(cluster, "acceptedCAs", "", SINCE_1_9),
	FORBIDDEN(cluster, "serviceAccount", "", SINCE_1_10),
	FORBIDDEN(machine, "token", "", SINCE_1_9),
	FORBIDDEN(machine, "ca", "", SINCE_1_9),
	FORBIDDEN(machine, "type", "", SINCE_1_9),
	FORBIDDEN(machine, "install", ".extensions", SINCE_1_9),
	FORBIDDEN(machine, "acceptedCAs", "", SINCE_1_9),
};

/* Of documents with a kind, from Omni 1.10 on. A path NULL: the whole document. */
static const struct {
	const char *kind, *path;
} KINDS[] = {
	{"UnattendedInstallConfig", NULL}, {"DiscoveryIdentityConfig", NULL},
	{"KubeClusterConfig", NULL},	   {"KubeEtcdEncryptionConfig", NULL},
	{"KubeAPIServerCAConfig", NULL},   {"KubeAggregatorCAConfig", NULL},
	{"KubeServiceAccountConfig", "issuer.privateKey"},
};

#define ROLES_PATH "machine.features.kubernetesTalosAPIAccess.allowedRoles"

enum { STEPS_MAX = 6 };

struct found {
	const struct pair *pair; /* NULL: not there */
	struct field_path steps[STEPS_MAX];
	const struct field_path *path;
};

/* The pair at a dotted path below a mapping: null values count. */
static void find(const struct node *map, const struct field_path *path, const char *dotted_path, struct found *found)
{
	struct span rest = span_of(dotted_path), name;

	*found = (struct found){.path = path};
	for (size_t depth = 0; depth < STEPS_MAX && span_next(&rest, '.', &name); depth++) {
		found->pair = NULL;
		for (size_t i = 0; node_is(map, NODE_MAP) && i < map->len; i++)
			if (span_eq(node_text(&map->pairs[i].key), name))
				found->pair = &map->pairs[i];
		if (found->pair == NULL)
			return;
		map = &found->pair->value;
		found->steps[depth] = path_span(found->path, name);
		found->path = &found->steps[depth];
	}
}

static void forbid_field(struct patch_walk *walk, const struct node *root, const struct field_path *path,
			 const char *dotted_path)
{
	struct found found;
	struct diag *diag;

	find(root, path, dotted_path, &found);
	if (found.pair == NULL)
		return;
	diag = patch_error(walk, "ForbiddenPatchContent", &found.pair->key, found.path,
			   "%s is set by Omni itself and may not be in a patch", dotted_path);
	if (strcmp(dotted_path, "machine.install.extensions") == 0)
		patch_hint(walk, diag, "list them in systemExtensions of the cluster, machine set or machine");
	else
		patch_hint(walk, diag, "remove the field");
}

static void forbid_admin(struct patch_walk *walk, const struct node *root, const struct field_path *path,
			 const char *dotted_path)
{
	struct found found;

	find(root, path, dotted_path, &found);
	if (found.pair == NULL || !node_is(&found.pair->value, NODE_SEQ))
		return;
	for (size_t i = 0; i < found.pair->value.len; i++) {
		struct field_path here = path_index(found.path, i);
		const struct node *item = &found.pair->value.items[i];

		if (node_is(item, NODE_STRING) && span_is(node_text(item), "os:admin"))
			patch_hint(walk,
				   patch_error(walk, "ForbiddenPatchContent", item, &here,
					       "Omni does not allow the role os:admin for access to the Talos API from workloads"),
				   "use a lesser role such as os:reader");
	}
}

static void forbid_in_kind(struct patch_walk *walk, const struct node *root, const struct field_path *path,
			   struct span kind)
{
	for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++) {
		if (!span_is(kind, KINDS[i].kind))
			continue;
		if (KINDS[i].path != NULL) {
			forbid_field(walk, root, path, KINDS[i].path);
			continue;
		}
		patch_hint(walk,
			   patch_error(walk, "ForbiddenPatchContent", root, path,
				       "%s documents are made by Omni itself and may not be in a patch", KINDS[i].kind),
			   "remove the document");
	}
	if (span_is(kind, "KubeTalosAPIAccessConfig"))
		forbid_admin(walk, root, path, "allowedRoles");
}

void patch_forbidden(struct patch_walk *walk, const struct node *root, const struct field_path *path)
{
	const struct node *kind = node_get(root, "kind");
	const struct node *tops[2];
	bool is_newer = walk->check->rules >= OMNI_RULES_1_10;

	if (!node_is(root, NODE_MAP))
		return;
	if (is_newer && node_is(kind, NODE_STRING)) {
		forbid_in_kind(walk, root, path, node_text(kind));
		return;
	}
	tops[IN_cluster] = node_get_span(root, SPAN("cluster"));
	tops[IN_machine] = node_get_span(root, SPAN("machine"));
	for (size_t i = 0; i < sizeof FIELDS / sizeof *FIELDS; i++)
		if ((is_newer || FIELDS[i].since == SINCE_1_9) && node_is(tops[FIELDS[i].top], NODE_MAP) &&
		    node_get_span(tops[FIELDS[i].top], FIELDS[i].key) != NULL)
			forbid_field(walk, root, path, FIELDS[i].path);
	if (node_is(tops[IN_machine], NODE_MAP) && node_get_span(tops[IN_machine], SPAN("features")) != NULL)
		forbid_admin(walk, root, path, ROLES_PATH);
}
