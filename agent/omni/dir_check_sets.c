/* Clusters, machine sets and their nodes: who needs whom, and what a lock forbids. */
#include "agent/omni/dir_check.h"
#include "render/semver.h"

/* --- clusters --------------------------------------------------------------------------------------------------------- */

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static void check_name(struct check *check)
{
	for (size_t i = 0; i < check->new->id.len; i++) {
		if (is_name_char(check->new->id.ptr[i]))
			continue;
		refuse(check, "the name of a cluster is made of letters, digits, dashes and underscores");
		return;
	}
}

static bool parse_version(struct check *check, const struct resource *cluster, const char *key, const char *what,
			  struct semver *out)
{
	struct span text = node_text_at(&cluster->spec, key);
	if (text.len > 0 && semver_parse(text, out, NULL))
		return true;
	refuse(check, "\"%.*s\" is no version of %s", SPAN_ARG(text), what);
	return false;
}

/* Not below the minor version that the cluster began with, where that is recorded; else not below the present one. */
static void check_downgrade(struct check *check, const struct semver *talos)
{
	const struct resource *status = check_find(check, OMNI_CLUSTER_STATUS, check->new->id);
	struct span first = status == NULL ? (struct span){"", 0} : node_text_at(&status->spec, "initialtalosversion");
	struct span floor_text = first.len > 0 ? first : node_text_at(&check->old->spec, "talosversion");
	struct semver floor;
	if (semver_parse(floor_text, &floor, NULL) &&
	    (talos->major < floor.major || (talos->major == floor.major && talos->minor < floor.minor)))
		refuse(check, "Talos cannot be taken back from %.*s to %.*s", SPAN_ARG(floor_text),
		       SPAN_ARG(node_text_at(&check->new->spec, "talosversion")));
}

static void check_versions(struct check *check)
{
	struct semver talos, kubernetes, old_kubernetes;
	bool ok = parse_version(check, check->new, "talosversion", "Talos", &talos);
	ok &= parse_version(check, check->new, "kubernetesversion", "Kubernetes", &kubernetes);
	if (!ok || check->old == NULL || !semver_parse(node_text_at(&check->old->spec, "kubernetesversion"), &old_kubernetes, NULL))
		return;
	if (!span_eq(node_text_at(&check->old->spec, "talosversion"), node_text_at(&check->new->spec, "talosversion")))
		check_downgrade(check, &talos);
	if (kubernetes.major != old_kubernetes.major || kubernetes.minor < old_kubernetes.minor ||
	    kubernetes.minor > old_kubernetes.minor + 1)
		refuse(check, "Kubernetes goes up one minor version at a time, not from %.*s to %.*s",
		       SPAN_ARG(node_text_at(&check->old->spec, "kubernetesversion")),
		       SPAN_ARG(node_text_at(&check->new->spec, "kubernetesversion")));
}

static void check_backup_interval(struct check *check)
{
	enum { MIN_S = 3600, MAX_S = 86400 };
	const struct node *backup = node_get(&check->new->spec, "backupconfiguration");
	int64_t seconds = 0;
	if (backup == NULL)
		return;
	span_int(node_text_at(backup, "interval.seconds"), INT64_MIN, INT64_MAX, &seconds);
	if (seconds < MIN_S || seconds > MAX_S)
		refuse(check, "the interval of backups is between one hour and one day, not %lld seconds", (long long)seconds);
}

void check_cluster(struct check *check)
{
	if (check->new == NULL) {
		if (check_is_locked(check->old))
			refuse(check, "the cluster \"%.*s\" is locked and cannot be deleted", SPAN_ARG(check->old->id));
		return;
	}
	if (check->action == DIR_CREATE)
		check_name(check);
	else if (check_is_locked(check->old) && check_is_locked(check->new))
		refuse(check, "the cluster \"%.*s\" is locked and cannot be changed", SPAN_ARG(check->old->id));
	check_versions(check);
	check_backup_interval(check);
	if (check->old != NULL && !span_eq(node_text_at(&check->old->spec, "features.diskencryption"),
					   node_text_at(&check->new->spec, "features.diskencryption")))
		refuse(check, "disk encryption cannot be switched for a cluster that exists");
}

/* --- machine sets ------------------------------------------------------------------------------------------------------ */

/* A label that says what belongs to what: there, and for ever the same. */
static struct span check_relation(struct check *check, const char *key)
{
	struct span value = check_label(check->new, key);
	if (labels_get(&check->new->labels, key) == NULL)
		refuse(check, "the label %s is missing", key);
	else if (value.len == 0)
		refuse(check, "the label %s is empty", key);
	else if (check->old != NULL && !span_eq(check_label(check->old, key), value))
		refuse(check, "the label %s cannot change from \"%.*s\" to \"%.*s\"", key,
		       SPAN_ARG(check_label(check->old, key)), SPAN_ARG(value));
	return value;
}

static void check_parent_cluster(struct check *check, struct span id)
{
	const struct resource *cluster = id.len == 0 ? NULL : check_find(check, OMNI_CLUSTER, id);
	if (id.len > 0 && cluster == NULL)
		refuse(check, "the cluster \"%.*s\" does not exist", SPAN_ARG(id));
	if (check->action == DIR_CREATE && cluster != NULL && !check_is_running(cluster))
		refuse(check, "the cluster \"%.*s\" is being torn down", SPAN_ARG(id));
	if (check_is_locked(cluster))
		refuse(check, "the cluster \"%.*s\" is locked", SPAN_ARG(id));
}

static bool has_role(const struct resource *resource, const char *role)
{
	return labels_get(&resource->labels, role) != NULL;
}

static void check_set_id(struct check *check, struct span cluster)
{
	struct span prefix = arena_spanf(&check->arena, "%.*s-", SPAN_ARG(cluster));
	struct span control = arena_spanf(&check->arena, "%.*s-control-planes", SPAN_ARG(cluster));
	if (!span_starts(check->new->id, prefix.ptr))
		refuse(check, "the ID of a machine set of the cluster \"%.*s\" begins with \"%.*s\"", SPAN_ARG(cluster),
		       SPAN_ARG(prefix));
	if (has_role(check->new, OMNI_LABEL_CONTROL_PLANE) && !span_eq(check->new->id, control))
		refuse(check, "the control plane machine set has the ID \"%.*s\"", SPAN_ARG(control));
	if (!has_role(check->new, OMNI_LABEL_CONTROL_PLANE) && span_eq(check->new->id, control))
		refuse(check, "the ID \"%.*s\" is kept for the control plane", SPAN_ARG(control));
}

static void check_class(struct check *check, const struct node *allocation)
{
	struct span name = node_text_at(allocation, "name");
	bool is_unlimited = span_is(node_text_at(allocation, "allocationtype"), "1");
	if (name.len == 0) {
		refuse(check, "the machine allocation names no machine class");
		return;
	}
	if (is_unlimited && node_get(allocation, "machinecount") != NULL)
		refuse(check, "an unlimited allocation has no number of machines");
	const struct resource *class = check_find(check, OMNI_MACHINE_CLASS, name);
	if (class == NULL && check->action == DIR_CREATE)
		refuse(check, "the machine class \"%.*s\" does not exist", SPAN_ARG(name));
	if (class != NULL && is_unlimited && node_get(&class->spec, "autoprovision") != NULL)
		refuse(check, "the machine class \"%.*s\" provisions machines, so their number has to be limited", SPAN_ARG(name));
}

static const struct node *allocation_of(const struct resource *set)
{
	const struct node *old_form = node_get(&set->spec, "machineclass");
	return old_form != NULL ? old_form : node_get(&set->spec, "machineallocation");
}

static void check_mode(struct check *check)
{
	bool was_automatic = allocation_of(check->old) != NULL, is_automatic = allocation_of(check->new) != NULL;
	if (was_automatic != is_automatic &&
	    check_any(check, OMNI_MACHINE_SET_NODE, OMNI_LABEL_MACHINE_SET, check->new->id))
		refuse(check, "the machine set \"%.*s\" has nodes, so it cannot change between named machines and a machine class",
		       SPAN_ARG(check->new->id));
}

/* Relative, without parent directories and without empty parts. */
static bool is_clean_path(struct span path)
{
	for (size_t begin = 0, i = 0; i <= path.len; i++) {
		if (i < path.len && path.ptr[i] != '/')
			continue;
		struct span part = {path.ptr + begin, i - begin};
		if (part.len == 0 || span_is(part, ".") || span_is(part, ".."))
			return false;
		begin = i + 1;
	}
	return true;
}

static bool is_uuid(struct span s)
{
	enum { LENGTH = 36 };
	bool ok = s.len == LENGTH;
	for (size_t i = 0; ok && i < s.len; i++)
		ok = i == 8 || i == 13 || i == 18 || i == 23 ? s.ptr[i] == '-' : strchr("0123456789abcdefABCDEF", s.ptr[i]) != NULL;
	return ok;
}

static void check_bootstrap_content(struct check *check, const struct node *bootstrap)
{
	enum { SNAPSHOT_MAX = 4096 };
	struct span snapshot = node_text_at(bootstrap, "snapshot"), uuid = node_text_at(bootstrap, "clusteruuid");
	if (snapshot.len > SNAPSHOT_MAX)
		refuse(check, "the name of the snapshot to bootstrap from is longer than %d bytes", SNAPSHOT_MAX);
	else if (!is_clean_path(snapshot))
		refuse(check, "the snapshot to bootstrap from is a relative path without parent directories");
	if (!is_uuid(uuid))
		refuse(check, "\"%.*s\" is no UUID of a cluster", SPAN_ARG(uuid));
}

static void check_bootstrap(struct check *check)
{
	const struct node *new = node_get(&check->new->spec, "bootstrapspec");
	if (check->old == NULL && new != NULL)
		check_bootstrap_content(check, new);
	if (new != NULL && has_role(check->new, OMNI_LABEL_WORKER))
		refuse(check, "only the control plane can be bootstrapped from a backup");
	if (check->old != NULL && new != NULL && !node_equal(new, node_get(&check->old->spec, "bootstrapspec")))
		refuse(check, "the bootstrap settings cannot change");
}

void check_machine_set(struct check *check)
{
	const struct resource *cluster;
	if (check->new == NULL) {
		cluster = check_find(check, OMNI_CLUSTER, check_label(check->old, OMNI_LABEL_CLUSTER));
		if (check_is_running(cluster) && check_is_locked(cluster))
			refuse(check, "the machine set \"%.*s\" cannot be removed: its cluster is locked",
			       SPAN_ARG(check->old->id));
		return;
	}
	struct span name = check_relation(check, OMNI_LABEL_CLUSTER);
	check_parent_cluster(check, name);
	if (!has_role(check->new, OMNI_LABEL_CONTROL_PLANE) && !has_role(check->new, OMNI_LABEL_WORKER))
		refuse(check, "a machine set has one of the labels %s and %s", OMNI_LABEL_CONTROL_PLANE, OMNI_LABEL_WORKER);
	if (check->action == DIR_CREATE && name.len > 0)
		check_set_id(check, name);
	if (allocation_of(check->new) != NULL)
		check_class(check, allocation_of(check->new));
	check_bootstrap(check);
	if (check->old != NULL)
		check_mode(check);
}

/* --- nodes ------------------------------------------------------------------------------------------------------------- */

static void check_node_end(struct check *check)
{
	const struct resource *cluster = check_find(check, OMNI_CLUSTER, check_label(check->old, OMNI_LABEL_CLUSTER));
	const struct resource *set = check_find(check, OMNI_MACHINE_SET, check_label(check->old, OMNI_LABEL_MACHINE_SET));
	if (!check_is_running(cluster) || !check_is_running(set))
		return;
	if (labels_get(&check->old->annotations, OMNI_ANNOTATION_LOCKED) != NULL)
		refuse(check, "the machine %.*s is locked and cannot be removed", SPAN_ARG(check->old->id));
	if (check_is_locked(cluster))
		refuse(check, "the machine %.*s cannot be removed: its cluster is locked", SPAN_ARG(check->old->id));
}

/* A machine that runs a newer Talos than its cluster would be downgraded by joining. */
static void check_node_version(struct check *check, const struct resource *cluster)
{
	const struct resource *machine = check_find(check, OMNI_MACHINE_STATUS, check->new->id);
	struct semver has, wanted;
	if (machine == NULL || cluster == NULL || !semver_parse(node_text_at(&machine->spec, "talosversion"), &has, NULL) ||
	    !semver_parse(node_text_at(&cluster->spec, "talosversion"), &wanted, NULL))
		return;
	if (has.major > wanted.major || (has.major == wanted.major && has.minor > wanted.minor))
		refuse(check, "the machine %.*s runs Talos %.*s, which is newer than %.*s of its cluster", SPAN_ARG(check->new->id),
		       SPAN_ARG(node_text_at(&machine->spec, "talosversion")),
		       SPAN_ARG(node_text_at(&cluster->spec, "talosversion")));
}

void check_node(struct check *check)
{
	if (check->new == NULL) {
		check_node_end(check);
		return;
	}
	struct span cluster = check_relation(check, OMNI_LABEL_CLUSTER);
	check_parent_cluster(check, cluster);
	if (check->action == DIR_CREATE && cluster.len > 0)
		check_node_version(check, check_find(check, OMNI_CLUSTER, cluster));
	struct span name = check_relation(check, OMNI_LABEL_MACHINE_SET);
	const struct resource *set = name.len == 0 ? NULL : check_find(check, OMNI_MACHINE_SET, name);
	if (name.len > 0 && set == NULL)
		refuse(check, "the machine set \"%.*s\" does not exist", SPAN_ARG(name));
	if (set != NULL && check->action == DIR_CREATE && !check_is_running(set))
		refuse(check, "the machine set \"%.*s\" is being torn down", SPAN_ARG(name));
	if (set != NULL && allocation_of(set) != NULL)
		refuse(check, "the machine set \"%.*s\" gets its machines from a machine class", SPAN_ARG(name));
	if (has_role(check->new, OMNI_LABEL_CONTROL_PLANE) &&
	    labels_get(&check->new->annotations, OMNI_ANNOTATION_LOCKED) != NULL)
		refuse(check, "machines of the control plane cannot be locked");
}
