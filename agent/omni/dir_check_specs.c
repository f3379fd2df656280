/* Patches, extensions, kernel arguments, manifests, health checks, install disks, machine classes, backups. */
#include "agent/omni/dir_check.h"
#include "base/clock.h"
#include "render/load.h"
#include "render/patch_check.h"
#include "render/selector.h"

static bool is_torn_down(struct check *check, const struct omni_type *type, struct span id)
{
	const struct resource *resource = id.len == 0 ? NULL : check_find(check, type, id);
	return resource != NULL && resource->phase == RESOURCE_TEARING_DOWN;
}

static void refuse_all(struct check *check, const struct diag_list *diags)
{
	for (size_t i = 0; i < diags->count; i++)
		if (diags->items[i].severity == DIAG_ERROR)
			refuse(check, "%.*s: %.*s", SPAN_ARG(diags->items[i].path), SPAN_ARG(diags->items[i].message));
}

/* As Talos of the cluster's version would read it. */
static void check_patch_content(struct check *check, const struct resource *cluster, struct span data)
{
	struct diag_list diags;
	struct node content = node_string(data);
	struct field_path spec = path_key(NULL, "spec"), path = path_key(&spec, "data");
	diag_list_init(&diags, &check->arena);
	struct diag_at at = {&diags, check->new->id, {0}};
	struct patch_check patch = {.at = &at, .rules = OMNI_RULES_1_10};
	if (cluster != NULL)
		patch.talos_version = node_text_at(&cluster->spec, "talosversion");
	if (!patch_check_inline(&patch, &content, &path))
		refuse_all(check, &diags);
}

void check_patch(struct check *check)
{
	struct span cluster = check_label(check->new, OMNI_LABEL_CLUSTER), set = check_label(check->new, OMNI_LABEL_MACHINE_SET);
	struct span data = node_text_at(&check->new->spec, "data");
	struct node root;
	if (check->old == NULL && is_torn_down(check, OMNI_CLUSTER, cluster))
		refuse(check, "the cluster \"%.*s\" is being torn down", SPAN_ARG(cluster));
	if (check->old == NULL && is_torn_down(check, OMNI_MACHINE_SET, set))
		refuse(check, "the machine set \"%.*s\" is being torn down", SPAN_ARG(set));
	if (check->old != NULL && span_eq(data, node_text_at(&check->old->spec, "data")))
		return;
	if (span_trim(data).len == 0 || (load_one(&check->arena, data, LOAD_OMNI, &root, NULL) && !node_is_set(&root)))
		refuse(check, "the configuration patch is empty");
	else
		check_patch_content(check, check_find(check, OMNI_CLUSTER, cluster), data);
}

/* "x" is short for "siderolabs/x". */
static struct span extension_name(const struct node *item)
{
	struct span name = node_text(item);
	const char *prefix = "siderolabs/";
	return span_starts(name, prefix) ? (struct span){name.ptr + strlen(prefix), name.len - strlen(prefix)} : name;
}

void check_extensions(struct check *check)
{
	enum { EXTENSIONS_MAX = 256 };
	const struct node *list = node_get(&check->new->spec, "extensions");
	struct span cluster = check_label(check->new, OMNI_LABEL_CLUSTER);
	size_t count = check_list_length(check->new, "extensions");
	if (count == 0)
		return;
	if (cluster.len == 0)
		refuse(check, "a list of extensions needs the label %s", OMNI_LABEL_CLUSTER);
	else if (check_find(check, OMNI_CLUSTER, cluster) == NULL)
		refuse(check, "the cluster \"%.*s\" does not exist", SPAN_ARG(cluster));
	if (count > EXTENSIONS_MAX)
		refuse(check, "there are %zu extensions, more than %d", count, EXTENSIONS_MAX);
	for (size_t i = 0; i < count && count <= EXTENSIONS_MAX; i++)
		for (size_t j = 0; j < i; j++)
			if (span_eq(extension_name(&list->items[i]), extension_name(&list->items[j])))
				refuse(check, "the extension \"%.*s\" stands in the list twice",
				       SPAN_ARG(node_text(&list->items[i])));
}

static bool has_control(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] < ' ' || s.ptr[i] == 0x7f)
			return true;
	return false;
}

static void check_args(struct check *check, const struct node *list, const char *what)
{
	enum { ARGS_MAX = 64, ARG_MAX_BYTES = 256 };
	if (!node_is(list, NODE_SEQ))
		return;
	if (list->len > ARGS_MAX)
		refuse(check, "there are %u %s, more than %d", list->len, what, ARGS_MAX);
	for (size_t i = 0; i < list->len; i++) {
		struct span arg = node_text(&list->items[i]);
		if (arg.len > ARG_MAX_BYTES)
			refuse(check, "entry %zu of the %s is longer than %d bytes", i, what, ARG_MAX_BYTES);
		if (has_control(arg))
			refuse(check, "entry %zu of the %s holds a control character", i, what);
	}
}

void check_kernel_args(struct check *check)
{
	check_args(check, node_get(&check->new->spec, "args"), "kernel arguments");
}

/* Broken YAML is refused in manifests and jobs, in manifests also what is no object with a kind. */
static void check_documents(struct check *check, const char *key, bool wants_kind)
{
	struct load_limits limits = LOAD_LIMITS_DEFAULT;
	struct load_document *documents = NULL;
	struct diag_list diags;
	size_t count = 0;
	diag_list_init(&diags, &check->arena);
	struct diag_at at = {&diags, check->new->id, {0}};
	load_yaml(&check->arena, node_text_at(&check->new->spec, key), LOAD_KUBERNETES, &limits, &at, &documents, &count);
	for (size_t i = 0; i < diags.count; i++)
		if (diags.items[i].severity == DIAG_ERROR)
			refuse(check, "%s, line %u: %.*s", key, diags.items[i].line, SPAN_ARG(diags.items[i].message));
	for (size_t i = 0; wants_kind && diags.error_count == 0 && i < count; i++)
		if (node_is_set(&documents[i].root) && node_text_at(&documents[i].root, "kind").len == 0)
			refuse(check, "%s, line %u: a manifest is an object with a kind", key, documents[i].root.line);
}

void check_manifest(struct check *check)
{
	if (node_get(&check->new->spec, "mode") == NULL)
		refuse(check, "the manifests need a mode");
	if (check_label(check->new, OMNI_LABEL_CLUSTER).len == 0)
		refuse(check, "the manifests need the label %s", OMNI_LABEL_CLUSTER);
	if (labels_get(&check->new->labels, "omni.sidero.dev/system-manifest") != NULL)
		refuse(check, "manifests of the system are made by Omni only");
	check_documents(check, "data", true);
}

/* Behind "omni-healthcheck-" a DNS name: labels of lower-case letters, digits and dashes, joined by dots. */
static bool is_dns_name(struct span s)
{
	char before = '-';
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		bool is_word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
		if (!is_word && c != '-' && c != '.')
			return false;
		if ((c == '.' && (before == '.' || before == '-')) || (c == '-' && before == '.'))
			return false;
		before = c;
	}
	return s.len > 0 && before != '.' && before != '-';
}

void check_health(struct check *check)
{
	enum { RUNNER_MAX = 253, RUNNER_PREFIX = 17, MIN_S = 5 };
	const struct node *interval = node_get(&check->new->spec, "interval");
	int64_t seconds = 0;
	if (span_trim(node_text_at(&check->new->spec, "job")).len == 0)
		refuse(check, "the health check has no job");
	else
		check_documents(check, "job", false);
	if (!is_dns_name(check->new->id) || check->new->id.len + RUNNER_PREFIX > RUNNER_MAX)
		refuse(check, "the ID \"%.*s\" cannot be part of the name of a job: lower case, digits and dashes are",
		       SPAN_ARG(check->new->id));
	span_int(node_text_at(interval, "seconds"), INT64_MIN, INT64_MAX, &seconds);
	if (interval != NULL && seconds < MIN_S)
		refuse(check, "the interval of a health check is at least %d seconds", MIN_S);
}

void check_install_disk(struct check *check)
{
	bool has_disk = node_text_at(&check->new->spec, "disk").len > 0;
	bool has_selector = node_text_at(&check->new->spec, "diskselector").len > 0;
	if (has_disk == has_selector)
		refuse(check, has_disk ? "a disk and a disk selector exclude each other" : "a disk or a disk selector is needed");
}

/* --- machine classes ---------------------------------------------------------------------------------------------------- */

static void check_in_use(struct check *check)
{
	struct dir_table *sets = dir_table_of(check->store, OMNI_MACHINE_SET);
	struct text users;
	text_init(&users, TEXT_NO_LIMIT);
	dir_refresh(check->store, sets);
	for (size_t i = 0; i < sets->count; i++) {
		const struct dir_kept *kept = sets->slots[i].entry->kept;
		if (kept == NULL)
			continue;
		const struct resource *set = dir_open(sets, kept, &check->arena);
		if (span_eq(node_text_at(&set->spec, "machineallocation.name"), check->old->id) ||
		    span_eq(node_text_at(&set->spec, "machineclass.name"), check->old->id))
			text_addf(&users, "%s%.*s", users.len > 0 ? ", " : "", SPAN_ARG(set->id));
	}
	if (users.len > 0)
		refuse(check, "the machine class \"%.*s\" is in use by the machine sets %s", SPAN_ARG(check->old->id), users.ptr);
	text_done(&users);
}

static void check_selectors(struct check *check, const struct node *list)
{
	for (size_t i = 0; i < list->len; i++) {
		struct fail fail = {0};
		struct span text = node_text(&list->items[i]);
		if (!selector_check(text, &fail))
			refuse(check, "\"%.*s\" is no label selector: %s", SPAN_ARG(text), fail.text);
		if (span_contains(text, "omni.sidero.dev/no-manual-allocation"))
			refuse(check, "selectors cannot use the label omni.sidero.dev/no-manual-allocation");
	}
}

void check_machine_class(struct check *check)
{
	if (check->new == NULL) {
		check_in_use(check);
		return;
	}
	const struct node *provision = node_get(&check->new->spec, "autoprovision");
	const struct node *list = node_get(&check->new->spec, "matchlabels");
	if (list != NULL && provision != NULL)
		refuse(check, "a machine class has either matchlabels or autoprovision, not both");
	if (list == NULL && provision == NULL)
		refuse(check, "a machine class needs matchlabels or autoprovision");
	if (list != NULL)
		check_selectors(check, list);
	if (provision == NULL)
		return;
	if (node_text_at(provision, "providerid").len == 0)
		refuse(check, "autoprovision needs a providerid");
	check_args(check, node_get(provision, "kernelargs"), "kernel arguments");
}

/* --- backups ------------------------------------------------------------------------------------------------------------ */

void check_backup(struct check *check)
{
	enum { WINDOW_S = 60, MS = 1000 };
	int64_t at = 0, now = clock_wall_ms() / MS;
	span_int(node_text_at(&check->new->spec, "backupat.seconds"), 0, INT64_MAX, &at);
	if (at < now - WINDOW_S || at > now + WINDOW_S)
		refuse(check, "the time of a backup is within one minute of now");
}
