/* The rules for one document of a template. */
#include "render/template.h"

#include "base/utf8.h"
#include "render/emit_int.h"

static void required(const struct template_doc *doc, const struct node *node, const struct field_path *path,
		     const char *what)
{
	diag_error(&doc->at, "MissingField", node == NULL || node->line == 0 ? doc->node : node, PATH_TEXT(path),
		   "%s is missing", what);
}

/* --- Cluster ------------------------------------------------------------------------------------------------------ */

static bool is_word_character(uint32_t c)
{
	return c == '-' || c == '_' || unicode_is_letter(c) || unicode_is_digit(c);
}

static void check_cluster_name(struct template_doc *doc)
{
	struct field_path path = path_key(doc->root, "name");
	const struct node *node = node_get(doc->node, "name");
	struct span rest = template_text(doc->node, "name");
	if (rest.len == 0) {
		if (!node_is(node, NODE_SEQ) && !node_is(node, NODE_MAP))
			required(doc, node, &path, "the name of the cluster");
		return;
	}
	while (rest.len > 0) {
		uint32_t c;
		size_t step = utf8_decode(rest, &c);
		if (!is_word_character(c))
			break;
		rest = (struct span){rest.ptr + step, rest.len - step};
	}
	if (rest.len > 0)
		diag_error(&doc->at, "InvalidName", node, PATH_TEXT(&path),
			   "the name of a cluster is made of letters, digits, dashes and underscores");
}

static void check_version(const struct template_doc *doc, const char *owner, const char *product)
{
	struct field_path up = path_key(doc->root, owner), path = path_key(&up, "version");
	const struct node *map = node_get(doc->node, owner), *node = node_get(map, "version");
	struct span text = template_text(map, "version");
	struct semver version;
	struct fail fail = {0};
	if (text.len == 0) {
		char what[48];
		snprintf(what, sizeof what, "the %s version", product);
		if (!node_is_set(map) || (node_is(map, NODE_MAP) && (!node_is_set(node) || node_is_scalar(node))))
			required(doc, map, &path, what);
		return;
	}
	if (semver_parse(text, &version, &fail))
		return;
	struct diag *diag = diag_error(&doc->at, "InvalidVersion", node, PATH_TEXT(&path), "\"%.*s\" is no %s version: %s",
				       SPAN_ARG(text), product, fail.text);
	diag_hint(&doc->at, diag, "write three numbers such as %s", product[0] == 'T' ? "v1.13.5" : "v1.36.1");
}

static void check_talos_v(const struct template_doc *doc)
{
	struct field_path up = path_key(doc->root, "talos"), path = path_key(&up, "version");
	const struct node *map = node_get(doc->node, "talos");
	struct span text = template_text(map, "version");
	if (text.len == 0 || span_starts(text, "v"))
		return;
	struct diag *diag = diag_error(&doc->at, "InvalidVersion", node_get(map, "version"), PATH_TEXT(&path),
				       "a Talos version starts with v");
	diag_hint(&doc->at, diag, "write v%.*s", SPAN_ARG(text));
}

static void check_features(const struct template *template, const struct template_doc *doc)
{
	const struct node *features = node_get(doc->node, "features"), *backup = node_get(features, "backupConfiguration");
	struct field_path up = path_key(doc->root, "features"), encryption = path_key(&up, "diskEncryption");
	if (template->has_talos && template_bool(node_get(features, "diskEncryption")) &&
	    semver_is_below(&template->talos, 1, 5))
		diag_error(&doc->at, "UnsupportedFeature", node_get(features, "diskEncryption"), PATH_TEXT(&encryption),
			   "disk encryption needs Talos 1.5.0 or newer");
	const struct node *interval = node_get(backup, "interval");
	int64_t ns;
	if (template->is_plain || !node_is_set(interval) || node_text(interval).len == 0 || template_duration(interval, &ns))
		return; /* the decoder of plain templates has looked, and the schema of custom resources for none */
	struct field_path of = path_key(&up, "backupConfiguration"), path = path_key(&of, "interval");
	struct diag *diag = diag_error(&doc->at, "InvalidDuration", interval, PATH_TEXT(&path), "\"%.*s\" is no duration",
				       SPAN_ARG(node_text(interval)));
	diag_hint(&doc->at, diag, "write a number and a unit, such as 30s, 1h or 1h30m");
}

void template_check_cluster(struct template *template, struct template_doc *doc)
{
	if (template->is_plain) {
		check_cluster_name(doc);
		check_version(doc, "kubernetes", "Kubernetes");
		check_version(doc, "talos", "Talos");
		check_talos_v(doc);
	}
	check_features(template, doc);
	template_check_descriptors(doc, doc->node, doc->root);
	template_check_manifests(template, doc);
	template_check_healthchecks(template, doc);
}

/* --- machine sets ------------------------------------------------------------------------------------------------- */

static void not_allowed(const struct template_doc *doc, const char *key, const char *message, const char *hint)
{
	const struct node *node = node_get(doc->node, key);
	struct field_path path = path_key(doc->root, key);
	if (!node_is_set(node) || (node->kind == NODE_STRING && node->len == 0))
		return;
	struct diag *diag = diag_error(&doc->at, "NotAllowed", node, PATH_TEXT(&path), "%s", message);
	diag_hint(&doc->at, diag, "%s", hint);
}

static void check_bootstrap(const struct template_doc *doc)
{
	const struct node *bootstrap = node_get(doc->node, "bootstrapSpec");
	static const char *const fields[] = {"clusterUUID", "snapshot"};
	struct field_path up = path_key(doc->root, "bootstrapSpec");
	for (size_t i = 0; node_is(bootstrap, NODE_MAP) && i < 2; i++) {
		struct field_path path = path_key(&up, fields[i]);
		if (template_text(bootstrap, fields[i]).len == 0)
			required(doc, bootstrap, &path, i == 0 ? "the UUID of the cluster to restore" : "the name of the snapshot");
	}
}

static void check_role(const struct template_doc *doc)
{
	if (doc->kind == TEMPLATE_CONTROL_PLANE) {
		not_allowed(doc, "name", "the control plane has no name of its own", "remove the name");
		check_bootstrap(doc);
		not_allowed(doc, "updateStrategy", "the control plane is always updated one machine at a time",
			    "remove updateStrategy");
		not_allowed(doc, "deleteStrategy", "the control plane has no delete strategy", "remove deleteStrategy");
		return;
	}
	not_allowed(doc, "bootstrapSpec", "only the control plane can be restored from a backup",
		    "move bootstrapSpec to the ControlPlane document");
}

static void check_reserved_name(const struct template_doc *doc)
{
	const struct node *node = node_get(doc->node, "name");
	if (doc->kind != TEMPLATE_WORKERS || !span_is(node_source_text(node), "control-planes"))
		return;
	struct diag *diag = diag_error(&doc->at, "ReservedName", node, "name",
				       "workers cannot be named \"control-planes\": that is the set of the control plane");
	diag_hint(&doc->at, diag, "choose another name for the workers");
}

static void check_machine_id(const struct template *template, const struct template_doc *doc, const struct node *node,
			     const struct field_path *path)
{
	struct span id = node_source_text(node);
	if (uuid_is_valid(id)) {
		bool is_canonical = id.len == 36;
		for (size_t i = 0; i < id.len; i++)
			is_canonical &= !(id.ptr[i] >= 'A' && id.ptr[i] <= 'F');
		if (!is_canonical)
			diag_warn(&doc->at, "MachineIdForm", node, PATH_TEXT(path),
				  "\"%.*s\" is not how Omni writes the ID of a machine: 36 characters, in lower case", SPAN_ARG(id));
		return;
	}
	if (!template->is_plain)
		return;
	struct diag *diag = diag_error(&doc->at, "InvalidMachineId", node, PATH_TEXT(path), "\"%.*s\" is no machine ID",
				       SPAN_ARG(id));
	diag_hint(&doc->at, diag, "a machine ID is a UUID such as 11111111-2222-4333-8444-555555555555");
}

static void check_machines(const struct template *template, const struct template_doc *doc)
{
	const struct node *machines = template_list(doc->node, "machines");
	struct field_path up = path_key(doc->root, "machines");
	for (uint32_t i = 0; machines != NULL && i < machines->len; i++) {
		struct field_path path = path_index(&up, i);
		if (node_is_scalar(&machines->items[i]))
			check_machine_id(template, doc, &machines->items[i], &path);
	}
}

static void check_class(const struct template *template, const struct template_doc *doc)
{
	const struct node *class = node_get(doc->node, "machineClass"), *machines = template_list(doc->node, "machines");
	const struct node *args = template_list(doc->node, "kernelArgs");
	struct field_path path = path_key(doc->root, "machineClass");
	if (!node_is(class, NODE_MAP) || !template->is_plain)
		return;
	if (machines != NULL && machines->len > 0)
		diag_error(&doc->at, "MachinesOrClass", class, PATH_TEXT(&path),
			   "a set has either machines or a machine class, not both");
	path = path_key(doc->root, "kernelArgs");
	if (args == NULL)
		return;
	struct diag *diag = diag_error(&doc->at, "KernelArgsWithClass", args, PATH_TEXT(&path),
				       "kernel arguments cannot be set for machines of a machine class");
	diag_hint(&doc->at, diag, "set them in the machine class, or list the machines");
}

void template_check_set(struct template *template, struct template_doc *doc)
{
	if (template->is_plain) {
		check_role(doc);
		check_reserved_name(doc);
	}
	template_check_descriptors(doc, doc->node, doc->root);
	check_class(template, doc);
	check_machines(template, doc);
}

/* --- machines ----------------------------------------------------------------------------------------------------- */

void template_check_machine(struct template *template, struct template_doc *doc)
{
	const struct node *name = node_get(doc->node, "name");
	struct field_path path = path_key(doc->root, "name");
	template_check_descriptors(doc, doc->node, doc->root);
	if (!template->is_plain)
		path = path_key(doc->root, "machineID");
	if (node_source_text(name).len == 0)
		required(doc, name, &path, "the ID of the machine");
	else
		check_machine_id(template, doc, name, &path);
}
