/* The rules of the tables, for files: one function per enum rule_check, saying what the API server's CEL would, with the
 * very item at fault. A rule whose fields are malformed says nothing: the form was reported already. */
#include <ctype.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/duration.h"
#include "base/utf8.h"
#include "render/kind_internal.h"

struct check {
	const struct kind_walk *walk;
	const struct field_path *path;
	const struct rule *rule;
	const struct node *node; /* what carries the rule */
};

static struct diag *refuse(const struct check *check, const struct node *node, const struct field_path *path,
			   const char *code)
{
	return diag_error(check->walk->at, code, node, PATH_TEXT(path), "%s", check->rule->message);
}

/* --- white space, as Unicode has it ------------------------------------------------------------------------------- */

static bool is_space(uint32_t c)
{
	return (c >= 0x09 && c <= 0x0d) || c == ' ' || c == 0x85 || c == 0xa0 || c == 0x1680 ||
	       (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

static struct span trim(struct span s)
{
	uint32_t c;
	while (s.len > 0) {
		size_t used = utf8_decode(s, &c);
		if (!is_space(c))
			break;
		s.ptr += used;
		s.len -= used;
	}
	size_t end = 0;
	for (size_t i = 0; i < s.len;) {
		i += utf8_decode((struct span){s.ptr + i, s.len - i}, &c);
		if (!is_space(c))
			end = i;
	}
	return (struct span){s.ptr, end};
}

/* Most texts begin and end with a letter. */
static bool has_edge_space(struct span s)
{
	if (s.len > 0 && isalnum((unsigned char)s.ptr[0]) && isalnum((unsigned char)s.ptr[s.len - 1]))
		return false;
	return trim(s).len != s.len;
}

static bool is_blank(struct span s)
{
	return (s.len == 0 || has_edge_space(s)) && trim(s).len == 0;
}

static void check_not_blank(const struct check *check)
{
	/* The empty text was reported with its length. */
	if (check->node->len > 0 && is_blank(node_text(check->node)))
		refuse(check, check->node, check->path, "BlankValue");
}

static void check_trimmed(const struct check *check)
{
	if (has_edge_space(node_text(check->node)))
		refuse(check, check->node, check->path, "SurroundingSpace");
}

/* --- addresses, durations ----------------------------------------------------------------------------------------- */

static bool is_scheme(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!isalnum((unsigned char)s.ptr[i]) && s.ptr[i] != '+' && s.ptr[i] != '-' && s.ptr[i] != '.')
			return false;
	return s.len > 0 && isalpha((unsigned char)s.ptr[0]);
}

static bool has_bad_byte(struct span s, const char *bad)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		if (c < 0x20 || c == 0x7f || strchr(bad, c) != NULL)
			return true;
		bool is_escape = c == '%' && s.len - i > 2 && isxdigit((unsigned char)s.ptr[i + 1]) &&
				 isxdigit((unsigned char)s.ptr[i + 2]);
		if (c == '%' && !is_escape)
			return true;
	}
	return false;
}

static bool is_port(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!isdigit((unsigned char)s.ptr[i]))
			return false;
	return true;
}

/* "host", "host:8080", "[::1]:8080" */
static bool is_host(struct span s)
{
	if (s.len == 0 || has_bad_byte(s, " \"<>\\^`{}|#"))
		return false;
	if (s.ptr[0] == '[') {
		struct span behind = span_behind(s, ']');
		return behind.ptr != NULL && (behind.len == 0 || (behind.ptr[0] == ':' && is_port(span_behind(behind, ':'))));
	}
	struct span port = span_behind(s, ':');
	return port.ptr == NULL || is_port(port);
}

static bool is_absolute_url(struct span s)
{
	struct span rest = span_behind(s, ':');
	if (rest.ptr == NULL || !is_scheme(span_before(s, ':')) || !span_starts(rest, "//"))
		return false;
	rest = (struct span){rest.ptr + 2, rest.len - 2};
	size_t end = 0;
	while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?')
		end++;
	struct span authority = {rest.ptr, end}, behind = {rest.ptr + end, rest.len - end};
	const char *at = end == 0 ? NULL : memrchr(authority.ptr, '@', authority.len);
	if (at != NULL)
		authority = (struct span){at + 1, (size_t)(authority.ptr + authority.len - at - 1)};
	return is_host(authority) && !has_bad_byte(span_before(behind, '?'), "");
}

static void check_absolute_url(const struct check *check)
{
	struct span text = node_text(check->node);
	if (is_blank(text) || is_absolute_url(text))
		return;
	struct diag *diag = refuse(check, check->node, check->path, "InvalidURL");
	diag_hint(check->walk->at, diag, "such as https://charts.example.com or oci://registry.example.com/charts");
}

static bool duration_of(const struct node *node, int64_t *out_ns)
{
	return node_is(node, NODE_STRING) && duration_parse(node_text(node), out_ns, NULL);
}

static void check_duration_positive(const struct check *check)
{
	int64_t ns;
	if (duration_of(check->node, &ns) && ns <= 0)
		refuse(check, check->node, check->path, "InvalidDuration");
}

static void check_duration_not_negative(const struct check *check)
{
	int64_t ns;
	if (duration_of(check->node, &ns) && ns < 0)
		refuse(check, check->node, check->path, "InvalidDuration");
}

static void check_renew_before(const struct check *check)
{
	const struct node *renew = kind_value(check->node, "renewBefore");
	struct field_path path = path_key(check->path, "renewBefore");
	int64_t ttl_ns, renew_ns;
	if (!duration_of(kind_value(check->node, "ttl"), &ttl_ns) || !duration_of(renew, &renew_ns))
		return;
	if (ttl_ns > 0 && renew_ns >= ttl_ns)
		refuse(check, renew, &path, "InvalidDuration");
}

/* --- sources of patches and manifests ----------------------------------------------------------------------------- */

static void check_source(const struct check *check, const char *code, bool has_inline)
{
	bool has_file = node_text(kind_value(check->node, "file")).len > 0;
	if (has_file != has_inline)
		return;
	struct diag *diag = refuse(check, check->node, check->path, code);
	diag_hint(check->walk->at, diag, has_file ? "remove one of file and inline" : "add file or inline");
}

static void check_patch_source(const struct check *check)
{
	check_source(check, "PatchSource", kind_value(check->node, "inline") != NULL);
}

static void check_manifest_source(const struct check *check)
{
	const struct node *list = kind_value(check->node, "inline");
	check_source(check, "ManifestSource", list != NULL && list->len > 0);
}

/* --- the cluster -------------------------------------------------------------------------------------------------- */

static bool is_true(const struct node *node)
{
	return node_is(node, NODE_BOOL) && span_is(node_text(node), "true");
}

static void check_delete_policy(const struct check *check)
{
	if (is_true(kind_value(check->node, "orphan")) && is_true(kind_value(check->node, "destroyMachines")))
		refuse(check, check->node, check->path, "DeletePolicyConflict");
}

/* --- machine sets ------------------------------------------------------------------------------------------------- */

static void check_machines_or_class(const struct check *check)
{
	const struct node *machines = kind_value(check->node, "machines"), *class = kind_value(check->node, "machineClass");
	if ((machines != NULL) != (class != NULL))
		return;
	struct diag *diag = refuse(check, check->node, check->path, "MachinesOrClass");
	diag_hint(check->walk->at, diag,
		  machines != NULL ? "remove one of them" : "list machine UUIDs under machines, or name a machineClass");
}

static void check_class_kernel_args(const struct check *check)
{
	const struct node *args = kind_value(check->node, "kernelArgs");
	struct field_path path = path_key(check->path, "kernelArgs");
	if (args == NULL || args->len == 0 || kind_value(check->node, "machineClass") == NULL)
		return;
	struct diag *diag = refuse(check, args, &path, "KernelArgsWithClass");
	diag_hint(check->walk->at, diag, "put kernel arguments into the machine class instead");
}

static void check_class_size(const struct check *check)
{
	static const char *const words[] = {"unlimited", "infinity", "\xe2\x88\x9e"};
	struct span text = node_text(check->node);
	int64_t size;
	if (kind_integer(check->node, &size) ? size > 0 && size <= INT32_MAX : false)
		return;
	for (size_t i = 0; i < COUNT_OF(words); i++)
		if (check->node->kind == NODE_STRING && span_is(text, words[i]))
			return;
	struct diag *diag = refuse(check, check->node, check->path, "InvalidClassSize");
	if (check->node->kind == NODE_STRING && span_int(text, 1, INT32_MAX, &size))
		diag_hint(check->walk->at, diag, "write the number without quotes: %lld", (long long)size);
}

static void check_reserved_name(const struct check *check)
{
	if (span_is(node_text(check->node), "control-planes"))
		refuse(check, check->node, check->path, "ReservedName");
}

/* On the whole document: its own name counts where workerSetName is absent. */
static void check_reserved_object(const struct check *check)
{
	const struct node *name = node_path(check->node, "metadata.name");
	struct field_path metadata = path_key(NULL, "metadata"), path = path_key(&metadata, "name");
	if (kind_value(kind_value(check->node, "spec"), "workerSetName") == NULL &&
	    span_is(node_text(name), "control-planes"))
		refuse(check, name, &path, "ReservedName");
}

static void check_machine_id(const struct check *check)
{
	const struct node *name = node_path(check->node, "metadata.name");
	struct field_path metadata = path_key(NULL, "metadata"), path = path_key(&metadata, "name");
	if (kind_value(check->node, "spec") == NULL || node_text(name).len == 0 ||
	    node_text(node_path(check->node, "spec.machineID")).len > 0 || uuid_is_valid(node_text(name)))
		return;
	refuse(check, name, &path, "InvalidMachineID");
}

static int by_text(const void *a, const void *b)
{
	const struct node *const *one = a, *const *two = b;
	int order = span_cmp(node_text(*one), node_text(*two));
	return order != 0 ? order : (*one > *two) - (*one < *two);
}

/* Reports every item that an earlier one equals. Sorted, because a list may be long. */
static void report_repeated(const struct check *check, const struct node **items, size_t count)
{
	qsort(items, count, sizeof *items, by_text);
	for (size_t i = 1, first = 0; i < count; i++) {
		if (!span_eq(node_text(items[i]), node_text(items[first]))) {
			first = i;
			continue;
		}
		struct field_path path = path_index(check->path, (size_t)(items[i] - check->node->items));
		struct diag *diag = refuse(check, items[i], &path, "DuplicateItem");
		diag_hint(check->walk->at, diag, "it is already item %zu, in line %u",
			  (size_t)(items[first] - check->node->items), items[first]->line);
	}
}

static void check_unique_items(const struct check *check)
{
	size_t count = 0;
	if (!node_is(check->node, NODE_SEQ) || check->node->len < 2)
		return;
	CLEANUP(free_ptr) const struct node **items = calloc(check->node->len, sizeof *items);
	if (items == NULL)
		abort();
	for (size_t i = 0; i < check->node->len; i++)
		if (check->node->items[i].kind == NODE_STRING)
			items[count++] = &check->node->items[i];
	report_repeated(check, items, count);
}

/* --- kubeconfig exports ------------------------------------------------------------------------------------------- */

static void check_groups_not_blank(const struct check *check)
{
	for (size_t i = 0; node_is(check->node, NODE_SEQ) && i < check->node->len; i++) {
		const struct node *group = &check->node->items[i];
		struct field_path path = path_index(check->path, i);
		if (group->kind == NODE_STRING && is_blank(node_text(group)))
			refuse(check, group, &path, "BlankValue");
	}
}

/* " a" and "a" are the same group. Few items: the length of the list is limited. */
static void check_groups_unique(const struct check *check)
{
	const struct node *groups = check->node;
	for (size_t i = 1; node_is(groups, NODE_SEQ) && i < groups->len && i < 256; i++) {
		struct span group = trim(node_text(&groups->items[i]));
		size_t j = 0;
		while (j < i && !span_eq(trim(node_text(&groups->items[j])), group))
			j++;
		struct field_path path = path_index(check->path, i);
		if (j < i && group.len > 0)
			refuse(check, &groups->items[i], &path, "DuplicateItem");
	}
}

static const struct node *find_masters(const struct node *groups, size_t *out_index)
{
	for (size_t i = 0; node_is(groups, NODE_SEQ) && i < groups->len; i++) {
		*out_index = i;
		if (span_is(trim(node_text(&groups->items[i])), "system:masters"))
			return &groups->items[i];
	}
	return NULL;
}

static void check_cluster_admin(const struct check *check)
{
	size_t index = 0;
	const struct node *group = find_masters(kind_value(check->node, "groups"), &index);
	struct field_path groups = path_key(check->path, "groups"), path = path_index(&groups, index);
	if (group != NULL && !is_true(kind_value(check->node, "allowClusterAdmin")))
		refuse(check, group, &path, "ClusterAdminNotAllowed");
}

/* --- machine classes ---------------------------------------------------------------------------------------------- */

static void check_class_selection(const struct check *check)
{
	const struct node *labels = kind_value(check->node, "matchLabels");
	bool has_labels = labels != NULL && labels->len > 0;
	if (has_labels == (kind_value(check->node, "autoProvision") != NULL))
		refuse(check, check->node, check->path, "MachineClassSelection");
}

static void check_provider_data(const struct check *check)
{
	if (check->node->kind != NODE_STRING && check->node->kind != NODE_MAP)
		kind_wrong_type(check->walk, check->path, check->node, "an object or text", false);
}

/* --- the table ---------------------------------------------------------------------------------------------------- */

static void (*const checks[CHECK_COUNT])(const struct check *check) = {
	[CHECK_NOT_BLANK] = check_not_blank,
	[CHECK_NOT_SPACES] = check_not_blank,
	[CHECK_TRIMMED] = check_trimmed,
	[CHECK_ABSOLUTE_URL] = check_absolute_url,
	[CHECK_DURATION_POSITIVE] = check_duration_positive,
	[CHECK_DURATION_NOT_NEGATIVE] = check_duration_not_negative,
	[CHECK_PATCH_SOURCE] = check_patch_source,
	[CHECK_MANIFEST_SOURCE] = check_manifest_source,
	[CHECK_DELETE_POLICY] = check_delete_policy,
	[CHECK_MACHINES_OR_CLASS] = check_machines_or_class,
	[CHECK_UNIQUE_ITEMS] = check_unique_items,
	[CHECK_CLASS_SIZE] = check_class_size,
	[CHECK_CLASS_KERNEL_ARGS] = check_class_kernel_args,
	[CHECK_RESERVED_NAME] = check_reserved_name,
	[CHECK_RESERVED_OBJECT] = check_reserved_object,
	[CHECK_MACHINE_ID] = check_machine_id,
	[CHECK_GROUPS_NOT_BLANK] = check_groups_not_blank,
	[CHECK_GROUPS_UNIQUE] = check_groups_unique,
	[CHECK_CLUSTER_ADMIN] = check_cluster_admin,
	[CHECK_RENEW_BEFORE] = check_renew_before,
	[CHECK_CLASS_SELECTION] = check_class_selection,
	[CHECK_PROVIDER_DATA] = check_provider_data,
};

void kind_check_rules(const struct kind_walk *walk, const struct field_path *path, const struct rule *rules,
		      const struct node *node)
{
	for (const struct rule *rule = rules; rule != NULL && rule->message != NULL; rule++)
		if (checks[rule->check] != NULL)
			checks[rule->check](&(struct check){walk, path, rule, node});
}
