/* What Omni's server refuses to write, as far as the resources themselves tell: every reason is given, not only the
 * first. What needs more than the store (catalogues of versions and extensions, providers, backups) is not asked. */
#include "agent/omni/dir_check.h"
#include "base/cleanup.h"
#include "base/utf8.h"

void refuse(struct check *check, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	if (check->faults.len > 0)
		text_addc(&check->faults, '\n');
	text_addv(&check->faults, format, args);
	va_end(args);
}

const struct resource *check_find(struct check *check, const struct omni_type *type, struct span id)
{
	struct dir_table *table = dir_table_of(check->store, type);
	dir_refresh(check->store, table);
	const struct dir_entry *entry = dir_find(table, id);
	return entry == NULL || entry->kept == NULL ? NULL : dir_open(table, entry->kept, &check->arena);
}

bool check_any(struct check *check, const struct omni_type *type, const char *label, struct span value)
{
	struct dir_table *table = dir_table_of(check->store, type);
	dir_refresh(check->store, table);
	for (size_t i = 0; i < table->count; i++) {
		const struct dir_kept *kept = table->slots[i].entry->kept;
		struct span found;
		if (kept != NULL && dir_kept_label(table, kept, label, &found) && span_eq(found, value))
			return true;
	}
	return false;
}

struct span check_label(const struct resource *resource, const char *key)
{
	const struct label *label = labels_get(&resource->labels, key);
	return label == NULL ? (struct span){"", 0} : label->value;
}

bool check_is_locked(const struct resource *cluster)
{
	return cluster != NULL && labels_get(&cluster->annotations, OMNI_ANNOTATION_CLUSTER_LOCKED) != NULL;
}

bool check_is_running(const struct resource *resource)
{
	return resource != NULL && resource->phase == RESOURCE_RUNNING;
}

size_t check_list_length(const struct resource *resource, const char *key)
{
	const struct node *list = node_get(&resource->spec, key);
	return node_is(list, NODE_SEQ) ? list->len : 0;
}

/* --- every type ------------------------------------------------------------------------------------------------------- */

enum { ID_MAX = 1024, KEY_MAX = 1024, VALUE_MAX = 16384, LABELS_MAX = 256 };

static void check_id(struct check *check)
{
	struct span id = check->new->id;
	if (id.len == 0)
		refuse(check, "the ID is empty");
	if (id.len > ID_MAX)
		refuse(check, "the ID is longer than %d bytes", ID_MAX);
	if (!utf8_is_clean(id))
		refuse(check, "the ID holds control characters, or is not UTF-8");
}

static bool is_unchanged(const struct labels *old, const struct label *label)
{
	for (size_t i = 0; old != NULL && i < old->count; i++)
		if (span_eq(old->items[i].key, label->key))
			return span_eq(old->items[i].value, label->value);
	return false;
}

static void check_labels(struct check *check, const struct labels *labels, const struct labels *old, const char *what)
{
	if (labels->count > LABELS_MAX)
		refuse(check, "there are %zu %ss, more than %d", labels->count, what, LABELS_MAX);
	for (size_t i = 0; i < labels->count; i++) {
		const struct label *label = &labels->items[i];
		if (is_unchanged(old, label))
			continue;
		if (label->key.len == 0)
			refuse(check, "a %s has an empty key", what);
		else if (label->key.len > KEY_MAX || label->value.len > VALUE_MAX)
			refuse(check, "the %s \"%.*s\" is too long: keys have up to %d bytes, values up to %d", what,
			       (int)(label->key.len > KEY_MAX ? 80 : label->key.len), label->key.ptr, KEY_MAX, VALUE_MAX);
		else if (!utf8_is_clean(label->key) || !utf8_is_clean(label->value))
			refuse(check, "the %s \"%.*s\" holds control characters, or is not UTF-8", what, SPAN_ARG(label->key));
	}
}

static void check_all_types(struct check *check)
{
	if (check->new == NULL)
		return;
	if (check->action == DIR_CREATE)
		check_id(check);
	check_labels(check, &check->new->labels, check->old == NULL ? NULL : &check->old->labels, "label");
	check_labels(check, &check->new->annotations, check->old == NULL ? NULL : &check->old->annotations, "annotation");
}

/* --- the table -------------------------------------------------------------------------------------------------------- */

bool dir_validate(struct dir_store *store, enum dir_action action, const struct resource *old,
		  const struct resource *new, struct fail *fail)
{
	enum { WRITES = DIR_CREATE | DIR_UPDATE, ENDS = DIR_TEARDOWN | DIR_DESTROY, ALL = WRITES | ENDS };
	const struct {
		const struct omni_type *type; /* NULL: every type */
		int actions;
		void (*run)(struct check *check);
	} checks[] = {
		{NULL, WRITES, check_all_types},
		{OMNI_CLUSTER, ALL, check_cluster},
		{OMNI_MACHINE_SET, ALL, check_machine_set},
		{OMNI_MACHINE_SET_NODE, ALL, check_node},
		{OMNI_CONFIG_PATCH, WRITES, check_patch},
		{OMNI_EXTENSIONS, WRITES, check_extensions},
		{OMNI_KERNEL_ARGS, WRITES, check_kernel_args},
		{OMNI_MANIFEST_GROUP, WRITES, check_manifest},
		{OMNI_HEALTH_CHECK, WRITES, check_health},
		{OMNI_INSTALL_DISK, WRITES, check_install_disk},
		{OMNI_MACHINE_CLASS, ALL, check_machine_class},
		{omni_type_find(SPAN("EtcdManualBackups.omni.sidero.dev")), WRITES, check_backup},
	};
	enum { FAULTS_MAX = 64 * 1024 };
	struct check check = {store, action, old, new, new == NULL ? old : new, {0}, {0}};
	text_init(&check.faults, FAULTS_MAX);
	arena_init(&check.arena, ARENA_NO_LIMIT);
	for (size_t i = 0; i < COUNT_OF(checks); i++)
		if ((checks[i].actions & (int)action) != 0 &&
		    (checks[i].type == NULL || checks[i].type == check.one->type))
			checks[i].run(&check);
	bool ok = check.faults.len == 0;
	if (!ok)
		fail_set(fail, FAIL_INVALID, "%s", check.faults.ptr);
	text_done(&check.faults);
	arena_done(&check.arena);
	return ok;
}
