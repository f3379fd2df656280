/* The specs of Cluster and MachineSet: only what is set, in the order in which Omni declares the fields. */
#include "render/translate.h"

static struct span without_v(struct span version)
{
	while (version.len > 0 && version.ptr[0] == 'v')
		version = (struct span){version.ptr + 1, version.len - 1};
	return version;
}

/* The scalar behind a key of `from`, at its place. */
static void put_field(struct node *map, const char *key, const struct node *from, const char *field)
{
	const struct node *value = node_get(from, field);
	struct span text = node_source_text(value);
	if (text.len > 0)
		node_put(map, key, node_placed(node_string(text), value));
}

static void put_version(struct node *map, const char *key, const struct node *from)
{
	const struct node *value = node_get(from, "version");
	struct span version = without_v(node_source_text(value));
	if (version.len > 0)
		node_put(map, key, node_placed(node_string(version), value));
}

static void put_number(struct arena *arena, struct node *map, const char *key, int64_t number)
{
	if (number != 0)
		node_put(map, key, node_int(arena, number));
}

struct node translate_interval(struct arena *arena, int64_t ns)
{
	enum { NS = 1000000000 };
	struct node duration = node_map(arena, 2);
	put_number(arena, &duration, "seconds", ns / NS);
	put_number(arena, &duration, "nanos", ns % NS);
	return duration;
}

struct node translate_texts(struct arena *arena, const struct node *list)
{
	struct node out = node_seq(arena, list->len);
	for (uint32_t i = 0; i < list->len; i++)
		if (node_is_scalar(&list->items[i]))
			node_push(&out, node_placed(node_string(node_source_text(&list->items[i])), &list->items[i]));
	return out;
}

/* --- Cluster ------------------------------------------------------------------------------------------------------ */

static struct node features_spec(struct arena *arena, const struct node *features)
{
	static const struct {
		const char *field, *key;
	} flags[] = {
		{"enableWorkloadProxy", "enableworkloadproxy"},
		{"diskEncryption", "diskencryption"},
		{"useEmbeddedDiscoveryService", "useembeddeddiscoveryservice"},
		{"enableNodeAuditSkip", "enablenodeauditskip"},
		{"disablePublicDiscoveryService", "disablepublicdiscoveryservice"},
	};
	enum { FLAGS = sizeof flags / sizeof *flags };
	struct node out = node_placed(node_map(arena, FLAGS), features);
	for (size_t i = 0; i < FLAGS; i++) {
		const struct node *flag = node_get(features, flags[i].field);
		if (template_bool(flag))
			node_put(&out, flags[i].key, node_placed(node_bool(true), flag));
	}
	return out;
}

struct node translate_cluster_spec(struct arena *arena, const struct node *doc)
{
	struct node spec = node_map(arena, 4);
	const struct node *features = node_get(doc, "features");
	const struct node *interval = node_path(features, "backupConfiguration.interval");
	int64_t ns = 0;
	put_version(&spec, "kubernetesversion", node_get(doc, "kubernetes"));
	put_version(&spec, "talosversion", node_get(doc, "talos"));
	node_put(&spec, "features", features_spec(arena, features));
	if (!node_is_set(interval) || !template_duration(interval, &ns) || ns <= 0)
		return spec;
	struct node backup = node_map(arena, 2);
	node_put(&backup, "interval", node_placed(translate_interval(arena, ns), interval));
	node_put(&backup, "enabled", node_bool(true));
	node_put(&spec, "backupconfiguration", backup);
	return spec;
}

/* --- MachineSet --------------------------------------------------------------------------------------------------- */

enum { STRATEGY_UNSET, STRATEGY_ROLLING };
enum { ALLOCATION_STATIC, ALLOCATION_UNLIMITED };

static int64_t strategy_type(const struct node *strategy, int64_t when_absent)
{
	struct span type = template_text(strategy, "type");
	if (type.len == 0)
		return when_absent;
	return span_is(type, "Rolling") ? STRATEGY_ROLLING : STRATEGY_UNSET;
}

static void put_strategy_config(struct arena *arena, struct node *spec, const char *key, const struct node *strategy)
{
	const struct node *rolling = node_get(strategy, "rolling");
	uint32_t parallel = 0;
	if (!node_is(rolling, NODE_MAP))
		return;
	struct node config = node_map(arena, 1), inner = node_map(arena, 1);
	if (template_uint32(node_get(rolling, "maxParallelism"), &parallel))
		put_number(arena, &inner, "maxparallelism", parallel);
	node_put(&config, "rolling", inner);
	node_put(spec, key, config);
}

static void put_bootstrap(struct arena *arena, struct node *spec, const struct node *bootstrap)
{
	if (!node_is(bootstrap, NODE_MAP))
		return;
	struct node out = node_placed(node_map(arena, 2), bootstrap);
	put_field(&out, "clusteruuid", bootstrap, "clusterUUID");
	put_field(&out, "snapshot", bootstrap, "snapshot");
	node_put(spec, "bootstrapspec", out);
}

/* "3", "003", "unlimited", "Static" */
static void put_size(struct arena *arena, struct node *out, const struct node *origin)
{
	struct span size = node_source_text(origin);
	int64_t count = 0;
	while (size.len > 1 && size.ptr[0] == '0')
		size = (struct span){size.ptr + 1, size.len - 1};
	if (size.len == 0 || span_is(size, "Static"))
		return;
	bool is_number = span_int(size, 0, UINT32_MAX, &count);
	if (!is_number)
		count = ALLOCATION_UNLIMITED;
	if (count != 0)
		node_put(out, is_number ? "machinecount" : "allocationtype", node_placed(node_int(arena, count), origin));
}

static void put_allocation(struct arena *arena, struct node *spec, const struct node *class)
{
	if (!node_is(class, NODE_MAP))
		return;
	struct node out = node_placed(node_map(arena, 3), class);
	put_field(&out, "name", class, "name");
	put_size(arena, &out, node_get(class, "size"));
	node_put(spec, "machineallocation", out);
}

struct node translate_set_spec(struct arena *arena, const struct node *doc)
{
	enum { FIELDS = 8 };
	struct node spec = node_map(arena, FIELDS);
	const struct node *update = node_get(doc, "updateStrategy"), *delete = node_get(doc, "deleteStrategy");
	const struct node *upgrade = node_get(doc, "upgradeStrategy");
	put_number(arena, &spec, "updatestrategy", strategy_type(update, STRATEGY_ROLLING));
	put_bootstrap(arena, &spec, node_get(doc, "bootstrapSpec"));
	put_number(arena, &spec, "deletestrategy", strategy_type(delete, STRATEGY_UNSET));
	put_strategy_config(arena, &spec, "updatestrategyconfig", update);
	put_strategy_config(arena, &spec, "deletestrategyconfig", delete);
	put_allocation(arena, &spec, node_get(doc, "machineClass"));
	put_number(arena, &spec, "upgradestrategy", strategy_type(upgrade, STRATEGY_UNSET));
	put_strategy_config(arena, &spec, "upgradestrategyconfig", upgrade);
	return spec;
}
