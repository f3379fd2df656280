/* The documents of one cluster: control plane, workers and machines behind it, in the order in which they are rendered. The
 * fields are those of the tables (crds/, render/template_schema.h); what a table does not have is left out and told. */
#include "agent/export/internal.h"

#include <string.h>

enum { SPEC_FIELDS = 20, DOCUMENT_FIELDS = 24 };

/* A document before it has its form. */
struct draft {
	enum template_kind kind;
	const char *object_kind;
	struct span object_name;
	const char *name_field; /* of a custom resource whose name in Omni is another one; NULL: it has none */
	struct span name;	/* in Omni; of a template, too */
	const struct resource *resource; /* that remarks are about */
	struct node spec;
};

/* --- what the form cannot say ----------------------------------------------------------------------------------------- */

static bool is_known(struct exporter *x, const struct field *field)
{
	return field != NULL && (x->options->form == EXPORT_OBJECTS || template_field_is_known(field, x->options->rules));
}

/* An empty list says nothing in a custom resource. */
static bool is_unsaid_list(struct exporter *x, const struct field *field, const struct node *value)
{
	return x->options->form == EXPORT_OBJECTS && field->type == FIELD_LIST && field->item == FIELD_STRING && value->len == 0;
}

static void remark_unsaid(struct exporter *x, const struct draft *draft, const char *above, struct span key, bool is_list)
{
	const char *what = x->options->form == EXPORT_OBJECTS ? draft->object_kind : "a template for this release";
	export_remark(x, EXPORT_NOTE, draft->resource->type, draft->resource->id, is_list ? "%s takes no empty %s%s%.*s" : "%s has no field %s%s%.*s",
		      what, above, *above == '\0' ? "" : ".", SPAN_ARG(key));
}

/* As deep as the table is. */
static void trim(struct exporter *x, const struct draft *draft, struct node *map, const struct schema *schema, const char *above)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < map->len; i++) {
		struct pair pair = map->pairs[i];
		struct span key = node_text(&pair.key);
		const struct field *field = schema_field(schema, key);
		if (!is_known(x, field) || is_unsaid_list(x, field, &pair.value)) {
			remark_unsaid(x, draft, above, key, is_known(x, field));
			continue;
		}
		if (field->type == FIELD_OBJECT && pair.value.kind == NODE_MAP)
			trim(x, draft, &pair.value, field->sub, field->name);
		for (uint32_t j = 0; field->type == FIELD_LIST && field->item == FIELD_OBJECT && j < pair.value.len; j++)
			trim(x, draft, &pair.value.items[j], field->sub, field->name);
		map->pairs[kept++] = pair;
	}
	map->len = NODE_LEN(kept);
}

/* --- forms ------------------------------------------------------------------------------------------------------------ */

static void push_all(struct node *map, const struct node *from)
{
	for (uint32_t i = 0; i < from->len; i++)
		map->pairs[map->len++] = from->pairs[i];
}

static struct node reference(struct arena *arena, struct span name)
{
	struct node map = node_map(arena, 1);
	node_put(&map, "name", node_string(name));
	return map;
}

static struct node object_of(struct exporter *x, const struct draft *draft)
{
	struct node root = node_map(x->arena, DOCUMENT_FIELDS), metadata = node_map(x->arena, 2), spec = node_map(x->arena, DOCUMENT_FIELDS);
	bool is_cluster = draft->kind == TEMPLATE_CLUSTER;
	node_put(&metadata, "name", node_string(draft->object_name));
	if (x->options->ns.len > 0)
		node_put(&metadata, "namespace", node_string(x->options->ns));
	node_put(&spec, is_cluster ? "connectionRef" : "clusterRef",
		 reference(x->arena, is_cluster ? x->options->connection : export_object_name(x->arena, x->cluster)));
	if (draft->name_field != NULL && (draft->kind == TEMPLATE_WORKERS || !span_eq(draft->name, draft->object_name)))
		node_put(&spec, draft->name_field, node_string(draft->name));
	push_all(&spec, &draft->spec);
	node_put(&root, "apiVersion", node_string(SPAN(GROUP_VERSION)));
	node_put(&root, "kind", node_string(span_of(draft->object_kind)));
	node_put(&root, "metadata", metadata);
	node_put(&root, "spec", spec);
	return root;
}

static struct node template_of(struct exporter *x, const struct draft *draft)
{
	struct node root = node_map(x->arena, DOCUMENT_FIELDS);
	node_put(&root, "kind", node_string(span_of(template_kind_name(draft->kind))));
	if (draft->kind != TEMPLATE_CONTROL_PLANE)
		node_put(&root, "name", node_string(draft->name));
	push_all(&root, &draft->spec);
	return root;
}

static void finish(struct exporter *x, struct draft *draft)
{
	bool is_object = x->options->form == EXPORT_OBJECTS;
	const struct schema *schema = is_object ? kind_find(span_of(draft->object_kind))->spec : template_schema_of(draft->kind);
	trim(x, draft, &draft->spec, schema, "");
	ARENA_PUSH(x->arena, x->docs, x->doc_count, x->doc_cap) = is_object ? object_of(x, draft) : template_of(x, draft);
}

/* --- parts of specs --------------------------------------------------------------------------------------------------- */

static void put_texts(struct node *map, const char *key, const struct resource *resource, const char *field)
{
	const struct node *list = resource == NULL ? NULL : node_get(&resource->spec, field);
	if (resource != NULL)
		node_put(map, key, list == NULL ? (struct node){.kind = NODE_SEQ} : *list);
}

static struct span version(struct exporter *x, const char *key)
{
	struct span text = node_text(node_get(&x->head->spec, key));
	return arena_spanf(x->arena, "%s%.*s", span_starts(text, "v") ? "" : "v", SPAN_ARG(text));
}

static void put_features(struct exporter *x, struct node *map)
{
	static const struct {
		const char *field, *key;
	} flags[] = {
		{"enableWorkloadProxy", "enableworkloadproxy"},
		{"useEmbeddedDiscoveryService", "useembeddeddiscoveryservice"},
		{"diskEncryption", "diskencryption"},
		{"disablePublicDiscoveryService", "disablepublicdiscoveryservice"},
		{"enableNodeAuditSkip", "enablenodeauditskip"},
	};
	enum { FLAGS = sizeof flags / sizeof *flags };
	const struct node *held = node_get(&x->head->spec, "features"), *backup = node_get(&x->head->spec, "backupconfiguration");
	struct node features = node_map(x->arena, FLAGS + 1);
	struct span interval;
	for (size_t i = 0; i < FLAGS; i++)
		if (span_is(node_text(node_get(held, flags[i].key)), "true"))
			node_put(&features, flags[i].field, node_bool(true));
	if (span_is(node_text(node_get(backup, "enabled")), "true") && export_duration(x->arena, node_get(backup, "interval"), &interval)) {
		struct node configuration = node_map(x->arena, 1);
		node_put(&configuration, "interval", node_string(interval));
		node_put(&features, "backupConfiguration", configuration);
	}
	if (features.len > 0)
		node_put(map, "features", features);
}

static bool has_checks(struct exporter *x)
{
	if (x->checks.count == 0 || x->options->form == EXPORT_TEMPLATE)
		return true;
	const struct field *kubernetes = schema_field(kind_find(SPAN("OmniCluster"))->spec, SPAN("kubernetes"));
	if (schema_field(kubernetes->sub, SPAN("healthchecks")) != NULL)
		return true;
	for (size_t i = 0; i < x->checks.count; i++)
		export_remark(x, EXPORT_NOTE, OMNI_HEALTH_CHECK, x->checks.items[i]->id, "OmniCluster has no field for health checks; a template has");
	return false;
}

static void add_cluster(struct exporter *x)
{
	struct draft draft = {TEMPLATE_CLUSTER, "OmniCluster", export_object_name(x->arena, x->cluster), "clusterName", x->cluster, x->head,
			      node_map(x->arena, SPEC_FIELDS)};
	struct node kubernetes = node_map(x->arena, 3), talos = node_map(x->arena, 1);
	node_put(&kubernetes, "version", node_string(version(x, "kubernetesversion")));
	node_put(&talos, "version", node_string(version(x, "talosversion")));
	export_put_manifests(x, &kubernetes);
	if (has_checks(x))
		export_put_checks(x, &kubernetes);
	export_put_descriptors(x->arena, &draft.spec, x->head);
	node_put(&draft.spec, "kubernetes", kubernetes);
	node_put(&draft.spec, "talos", talos);
	put_features(x, &draft.spec);
	export_put_patches(x, &draft.spec, &x->below);
	put_texts(&draft.spec, "systemExtensions", x->below.extensions, "extensions");
	put_texts(&draft.spec, "kernelArgs", x->args, "args");
	finish(x, &draft);
}

/* --- machine sets ----------------------------------------------------------------------------------------------------- */

enum { UNLIMITED = 1, ROLLING = 1 };

static int64_t number(const struct node *map, const char *key)
{
	int64_t value = 0;
	span_int(node_text(node_get(map, key)), INT64_MIN, INT64_MAX, &value);
	return value;
}

static bool put_machines(struct exporter *x, struct node *map, const struct set *set)
{
	const struct node *spec = &set->resource->spec, *class = node_get(spec, "machineclass");
	if (class == NULL) /* the older field goes first in Omni, too */
		class = node_get(spec, "machineallocation");
	if (node_is(class, NODE_MAP)) {
		struct node out = node_map(x->arena, 2);
		bool is_unlimited = number(class, "allocationtype") == UNLIMITED;
		node_put(&out, "name", node_string(node_text(node_get(class, "name"))));
		node_put(&out, "size", is_unlimited ? node_string(SPAN("unlimited")) : node_int(x->arena, number(class, "machinecount")));
		node_put(map, "machineClass", out);
		return is_unlimited || number(class, "machinecount") > 0;
	}
	struct node machines = node_seq(x->arena, set->count);
	for (size_t i = 0; i < set->count; i++)
		node_push(&machines, node_string(set->machines[i]->node->id));
	if (machines.len > 0 || x->options->form == EXPORT_TEMPLATE)
		node_put(map, "machines", machines);
	return machines.len > 0;
}

/* `when_absent`: what a document means that has no such field. */
static void put_strategy(struct exporter *x, struct node *map, const struct set *set, const char *field, const char *key, int64_t when_absent)
{
	const struct node *spec = &set->resource->spec, *config = node_get(spec, arena_spanf(x->arena, "%sconfig", key).ptr);
	const struct node *rolling = node_get(config, "rolling");
	int64_t type = number(spec, key), parallel = number(rolling, "maxparallelism");
	struct node out = node_map(x->arena, 2), inner = node_map(x->arena, 1);
	if (type != when_absent)
		node_put(&out, "type", node_string(type == ROLLING ? SPAN("Rolling") : SPAN("Unset")));
	if (parallel > 0)
		node_put(&inner, "maxParallelism", node_int(x->arena, parallel));
	if (node_is(rolling, NODE_MAP))
		node_put(&out, "rolling", inner);
	/* Of a control plane only the upgrade can be said, and not in every form: trim() tells. */
	bool is_fixed = set->is_control_plane && strcmp(key, "upgradestrategy") != 0;
	if (out.len > 0 && is_fixed)
		export_remark(x, EXPORT_NOTE, set->resource->type, set->resource->id, "the documents of a control plane have no %s", field);
	else if (out.len > 0)
		node_put(map, field, out);
}

static void put_bootstrap(struct exporter *x, struct node *map, const struct set *set)
{
	const struct node *held = node_get(&set->resource->spec, "bootstrapspec");
	struct node out = node_map(x->arena, 2);
	if (!node_is(held, NODE_MAP) || !set->is_control_plane)
		return;
	node_put(&out, "clusterUUID", node_string(node_text(node_get(held, "clusteruuid"))));
	node_put(&out, "snapshot", node_string(node_text(node_get(held, "snapshot"))));
	node_put(map, "bootstrapSpec", out);
}

static void add_set(struct exporter *x, const struct set *set)
{
	struct draft draft = {.kind = set->is_control_plane ? TEMPLATE_CONTROL_PLANE : TEMPLATE_WORKERS, .name = set->name,
			      .object_kind = set->is_control_plane ? "OmniControlPlane" : "OmniWorkers",
			      .name_field = set->is_control_plane ? NULL : "workerSetName", .resource = set->resource,
			      .spec = node_map(x->arena, SPEC_FIELDS)};
	draft.object_name = export_object_name(x->arena, set->is_control_plane ? x->cluster : set->resource->id);
	export_put_descriptors(x->arena, &draft.spec, set->resource);
	if (!put_machines(x, &draft.spec, set) && x->options->form == EXPORT_OBJECTS) {
		export_remark(x, EXPORT_NOTE, set->resource->type, set->resource->id,
			      "has no machines, and %s cannot say that; a template can", draft.object_kind);
		return;
	}
	put_bootstrap(x, &draft.spec, set);
	put_strategy(x, &draft.spec, set, "updateStrategy", "updatestrategy", ROLLING);
	put_strategy(x, &draft.spec, set, "upgradeStrategy", "upgradestrategy", 0);
	put_strategy(x, &draft.spec, set, "deleteStrategy", "deletestrategy", 0);
	export_put_patches(x, &draft.spec, &set->below);
	put_texts(&draft.spec, "systemExtensions", set->below.extensions, "extensions");
	if (x->args == NULL)
		put_texts(&draft.spec, "kernelArgs", set->args, "args");
	finish(x, &draft);
}

/* --- machines --------------------------------------------------------------------------------------------------------- */

static void add_machine(struct exporter *x, const struct set *set, const struct machine *machine)
{
	struct draft draft = {TEMPLATE_MACHINE, "OmniMachine", export_object_name(x->arena, machine->node->id), "machineID", machine->node->id,
			      machine->node, node_map(x->arena, SPEC_FIELDS)};
	const struct label *lock = labels_get(&machine->node->annotations, OMNI_ANNOTATION_LOCKED);
	export_put_descriptors(x->arena, &draft.spec, machine->node);
	/* A lock with a text is of another make: it stays, as every lock that a person set. */
	if (lock != NULL && lock->value.len == 0 && !set->is_control_plane)
		node_put(&draft.spec, "locked", node_bool(true));
	else if (lock != NULL)
		export_remark(x, EXPORT_NOTE, machine->node->type, machine->node->id, "is locked in Omni, and stays so");
	if (machine->disk.len > 0) {
		struct node install = node_map(x->arena, 1);
		node_put(&install, "disk", node_string(machine->disk));
		node_put(&draft.spec, "install", install);
	}
	export_put_patches(x, &draft.spec, &machine->below);
	put_texts(&draft.spec, "systemExtensions", machine->below.extensions, "extensions");
	if (x->args == NULL && set->args == NULL)
		put_texts(&draft.spec, "kernelArgs", machine->args, "args");
	if (draft.spec.len > 0)
		finish(x, &draft);
}

static void remark_locked_cluster(struct exporter *x)
{
	if (labels_get(&x->head->annotations, OMNI_ANNOTATION_CLUSTER_LOCKED) != NULL)
		export_remark(x, EXPORT_NOTE, OMNI_CLUSTER, x->cluster, "is locked in Omni, and stays so");
}

void export_documents(struct exporter *x)
{
	remark_locked_cluster(x);
	add_cluster(x);
	for (size_t i = 0; i < x->set_count; i++)
		add_set(x, x->sets[i]);
	for (size_t i = 0; i < x->set_count; i++)
		for (size_t j = 0; j < x->sets[i]->count; j++)
			add_machine(x, x->sets[i], x->sets[i]->machines[j]);
}
