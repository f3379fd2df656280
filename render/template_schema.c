#include "render/template_schema.h"

#include "base/cleanup.h"

/* Flags of our own on top of crds/schema.h's, in a range that it does not use. */
enum {
	SINCE_1_10 = 1 << 16,
	UNSIGNED = 1 << 17, /* INT32 holds 0 … 4294967295 */
};

#define STRING(n, text) {.name = n, .type = FIELD_STRING, .doc = text}
#define BOOL(n, text) {.name = n, .type = FIELD_BOOL, .doc = text}
#define MAP(n) {.name = n, .type = FIELD_MAP, .doc = "Text to text."}
#define STRINGS(n, text) {.name = n, .type = FIELD_LIST, .item = FIELD_STRING, .doc = text}
#define OBJECT(n, s) {.name = n, .type = FIELD_OBJECT, .sub = &(s), .doc = ""}
#define OBJECTS(n, s) {.name = n, .type = FIELD_LIST, .item = FIELD_OBJECT, .sub = &(s), .doc = ""}
#define ANY(n) {.name = n, .type = FIELD_ANY, .doc = "A document as text, a mapping, or a list of mappings."}
#define CHOICE(n, list) {.name = n, .type = FIELD_STRING, .choices = list, .doc = ""}
#define SCHEMA(id) static const struct schema id = {.fields = id##_fields, .count = COUNT_OF(id##_fields)}

static const char *const strategy_types[] = {"Rolling", "Unset", NULL};
static const char *const manifest_modes[] = {"full", "one-time", NULL};

static const struct field patch_fields[] = {
	STRING("name", "Part of the resource ID."),
	STRING("idOverride", "The resource ID."),
	MAP("labels"),
	MAP("annotations"),
	STRING("file", "Path of the patch."),
	ANY("inline"),
};
SCHEMA(patch);

static const struct field manifest_fields[] = {
	STRING("name", "Part of the resource ID."), CHOICE("mode", manifest_modes), STRING("file", "Path of the manifest."),
	ANY("inline"),				    MAP("labels"),		    MAP("annotations"),
};
SCHEMA(manifest);

static const struct field healthcheck_fields[] = {
	STRING("name", "Part of the resource ID."),
	STRING("idOverride", "The resource ID."),
	ANY("job"),
	STRING("file", "Path of the job."),
	{.name = "interval", .type = FIELD_DURATION, .doc = "Time between two runs."},
	MAP("labels"),
	MAP("annotations"),
};
SCHEMA(healthcheck);

static const struct field backup_fields[] = {
	{.name = "interval", .type = FIELD_DURATION, .doc = "Time between two backups of etcd."},
};
SCHEMA(backup);

static const struct field features_fields[] = {
	BOOL("enableWorkloadProxy", ""),
	BOOL("diskEncryption", ""),
	BOOL("useEmbeddedDiscoveryService", ""),
	{.name = "disablePublicDiscoveryService", .type = FIELD_BOOL, .flags = SINCE_1_10, .doc = ""},
	{.name = "enableNodeAuditSkip", .type = FIELD_BOOL, .flags = SINCE_1_10, .doc = ""},
	OBJECT("backupConfiguration", backup),
};
SCHEMA(features);

static const struct field kubernetes_fields[] = {
	STRING("version", "Kubernetes version."),
	OBJECTS("manifests", manifest),
	OBJECTS("healthchecks", healthcheck),
};
SCHEMA(kubernetes);

static const struct field talos_fields[] = {STRING("version", "Talos version, with its v.")};
SCHEMA(talos);

static const struct field cluster_fields[] = {
	STRING("kind", ""),
	STRING("name", "The cluster."),
	MAP("labels"),
	MAP("annotations"),
	OBJECT("kubernetes", kubernetes),
	OBJECT("talos", talos),
	OBJECT("features", features),
	OBJECTS("patches", patch),
	STRINGS("systemExtensions", ""),
	STRINGS("kernelArgs", ""),
};
SCHEMA(cluster);

static const struct field class_fields[] = {
	STRING("name", "The machine class."),
	{.name = "size", .type = FIELD_INT_OR_STRING, .doc = "A number, or unlimited."},
};
SCHEMA(class);

static const struct field bootstrap_fields[] = {STRING("clusterUUID", ""), STRING("snapshot", "")};
SCHEMA(bootstrap);

static const struct field rolling_fields[] = {
	{.name = "maxParallelism", .type = FIELD_INT32, .flags = UNSIGNED, .doc = "Machines at a time."},
};
SCHEMA(rolling);

static const struct field strategy_fields[] = {CHOICE("type", strategy_types), OBJECT("rolling", rolling)};
SCHEMA(strategy);

static const struct field set_fields[] = {
	STRING("kind", ""),
	STRING("name", "The set of workers."),
	MAP("labels"),
	MAP("annotations"),
	STRINGS("machines", "UUIDs of machines."),
	OBJECT("machineClass", class),
	OBJECT("bootstrapSpec", bootstrap),
	OBJECT("updateStrategy", strategy),
	OBJECT("upgradeStrategy", strategy),
	OBJECT("deleteStrategy", strategy),
	OBJECTS("patches", patch),
	STRINGS("systemExtensions", ""),
	STRINGS("kernelArgs", ""),
};
SCHEMA(set);

static const struct field install_fields[] = {STRING("disk", "The device to install on.")};
SCHEMA(install);

static const struct field machine_fields[] = {
	STRING("kind", ""),
	STRING("name", "UUID of the machine."),
	MAP("labels"),
	MAP("annotations"),
	BOOL("locked", ""),
	OBJECT("install", install),
	OBJECTS("patches", patch),
	STRINGS("systemExtensions", ""),
	STRINGS("kernelArgs", ""),
};
SCHEMA(machine);

static const struct {
	const char *name;
	const struct schema *schema;
} kinds[TEMPLATE_KINDS] = {
	[TEMPLATE_CLUSTER] = {"Cluster", &cluster},
	[TEMPLATE_CONTROL_PLANE] = {"ControlPlane", &set},
	[TEMPLATE_WORKERS] = {"Workers", &set},
	[TEMPLATE_MACHINE] = {"Machine", &machine},
};

enum template_kind template_kind_find(struct span name)
{
	enum template_kind kind = TEMPLATE_CLUSTER;
	while (kind < TEMPLATE_KINDS && !span_is(name, kinds[kind].name))
		kind++;
	return kind;
}

const char *template_kind_name(enum template_kind kind)
{
	return kind < TEMPLATE_KINDS ? kinds[kind].name : "";
}

const struct schema *template_schema_of(enum template_kind kind)
{
	return kinds[kind].schema;
}

bool template_field_is_known(const struct field *field, enum omni_rules rules)
{
	return (field->flags & SINCE_1_10) == 0 || rules >= OMNI_RULES_1_10;
}
