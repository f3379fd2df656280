#include "plugin-argocd/job.h"

#include "base/cleanup.h"
#include "render/emit.h"
#include "render/load.h"
#include "render/tree.h"

enum { SECRET_BYTES = 900 * 1024 };

#define DECLARATIONS "/omniops/declarations"
#define KEY "/omniops/key"

/* A file as it lies before the Job: where it lies in the repository, so that templates find what they name. */
struct entry {
	struct span path, bytes;
	bool is_argument; /* of omniops apply */
};

/* One Omni. */
struct target {
	struct span ns, connection;
	struct span endpoint, secret, key;
	bool insecure;
	struct entry *entries;
	size_t count, cap;
	int64_t wave; /* of the last of its clusters */
};

struct making {
	struct arena *arena;
	const struct fleet *fleet;
	const struct parameters *parameters;
	struct span application, ns;
	struct target *targets;
	size_t count, cap;
};

/* --- which Omni ------------------------------------------------------------------------------------------------------- */

static const struct connection *find_connection(const struct fleet *fleet, struct span ns, struct span name)
{
	for (size_t i = 0; i < fleet->connection_count; i++) {
		const struct connection *connection = fleet->connections[i];
		if (name.len == 0 ? fleet->connection_count == 1 : span_eq(connection->name, name) && span_eq(connection->ns, ns))
			return connection;
	}
	return NULL;
}

/* What parameters say goes for all of them. */
static bool address(const struct making *making, struct target *target, struct span object, struct fail *fail)
{
	const struct parameters *parameters = making->parameters;
	const struct connection *connection = find_connection(making->fleet, target->ns, target->connection);
	target->endpoint = parameters->job_endpoint;
	target->secret = parameters->job_secret;
	target->key = SPAN("serviceAccountKey");
	if (target->endpoint.len == 0 && connection != NULL) {
		target->endpoint = connection->endpoint;
		target->insecure = connection->insecure_skip_tls_verify;
	}
	if (target->secret.len == 0 && connection != NULL) {
		target->secret = connection->secret_name;
		target->key = connection->secret_key;
	}
	if (target->endpoint.len > 0 && target->secret.len > 0)
		return true;
	return fail_set(fail, FAIL_INVALID, "%.*s: mode job has to know which Omni it belongs to: declare the OmniConnection that it "
			"names, or give the parameters job-endpoint and job-secret", SPAN_ARG(object));
}

static struct target *target_of(struct making *making, struct span ns, struct span connection, struct span object, struct fail *fail)
{
	bool is_one = making->parameters->job_endpoint.len > 0 && making->parameters->job_secret.len > 0;
	struct target target = {.ns = is_one ? SPAN("") : ns, .connection = is_one ? SPAN("") : connection};
	for (size_t i = 0; i < making->count; i++)
		if (span_eq(making->targets[i].ns, target.ns) && span_eq(making->targets[i].connection, target.connection))
			return &making->targets[i];
	if (!address(making, &target, object, fail))
		return NULL;
	ARENA_PUSH(making->arena, making->targets, making->count, making->cap) = target;
	return &making->targets[making->count - 1];
}

/* --- what it applies -------------------------------------------------------------------------------------------------- */

static void add_entry(struct making *making, struct target *target, struct span path, struct span bytes, bool is_argument)
{
	for (size_t i = 0; i < target->count; i++)
		if (span_eq(target->entries[i].path, path))
			return; /* a file that several clusters name */
	ARENA_PUSH(making->arena, target->entries, target->count, target->cap) = (struct entry){path, bytes, is_argument};
}

static struct span directory_of(struct span path)
{
	while (path.len > 0 && path.ptr[path.len - 1] != '/')
		path.len--;
	return (struct span){path.ptr, path.len > 0 ? path.len - 1 : 0};
}

/* Beside the files that it names, or where it looks for them. */
static bool add_cluster(struct making *making, const struct cluster *cluster, struct fail *fail)
{
	const struct node *root = &cluster->head->root;
	struct span base = cluster->is_template ? directory_of(cluster->head->file) : node_text_at(root, "spec.templateRoot"), path;
	struct span name = arena_spanf(making->arena, "%.*s.omni.yaml", SPAN_ARG(cluster->name));
	struct target *target = target_of(making, cluster->ns, cluster->connection, cluster->object, fail);
	struct text text;
	int64_t wave = 0;
	if (target == NULL)
		return false;
	if (!tree_resolve(making->arena, base, name, &path))
		return fail_set(fail, FAIL_INVALID, "%.*s: no path for its template", SPAN_ARG(cluster->object));
	text_init(&text, TEXT_NO_LIMIT);
	for (size_t i = 0; i < cluster->document_count; i++) {
		text_adds(&text, i > 0 ? "---\n" : "");
		emit_template_document(&text, &cluster->template_docs[i]);
	}
	add_entry(making, target, path, arena_copy(making->arena, text_span(&text)), true);
	text_done(&text);
	for (size_t i = 0; i < cluster->file_count; i++)
		add_entry(making, target, cluster->files[i].path, cluster->files[i].bytes, false);
	const struct node *annotations = node_path(root, "metadata.annotations");
	if (!cluster->is_template &&
	    span_int(node_text(node_get(annotations, "argocd.argoproj.io/sync-wave")), -100000, 100000, &wave) && wave > target->wave)
		target->wave = wave;
	return true;
}

static bool add_raw(struct making *making, const struct raw_resource *raw, struct fail *fail)
{
	const struct document *document = raw->document;
	struct target *target = target_of(making, document->class == DOCUMENT_KIND ? document->ns : SPAN(""), raw->connection,
					  document->object.len > 0 ? document->object : document->file, fail);
	char hex[DIGEST_HEX_SIZE];
	struct text text;
	if (target == NULL)
		return false;
	text_init(&text, TEXT_NO_LIMIT);
	resource_print(&text, raw->resource, false);
	digest_hex(raw->resource->id, hex); /* an ID may be no name of a file */
	add_entry(making, target, arena_spanf(making->arena, "%s-%.16s.omni.yaml", raw->resource->type->name, hex),
		  arena_copy(making->arena, text_span(&text)), true);
	text_done(&text);
	return true;
}

/* --- objects ---------------------------------------------------------------------------------------------------------- */

static void json(struct text *out, struct span value)
{
	text_addc(out, '"');
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.ptr[i];
		if (c < ' ' || c == '"' || c == '\\')
			text_addf(out, "\\u%04x", c);
		else
			text_addc(out, (char)c);
	}
	text_addc(out, '"');
}

static struct span name_of(const struct making *making, const struct target *target, const char *suffix)
{
	struct span base = target->connection.len == 0 ? making->application
						       : arena_spanf(making->arena, "%.*s-%.*s", SPAN_ARG(making->application),
								     SPAN_ARG(target->connection));
	return configmap_name(making->arena, base, suffix);
}

static struct span key_of(const struct making *making, struct span path)
{
	char hex[DIGEST_HEX_SIZE];
	digest_hex(path, hex);
	return arena_spanf(making->arena, "%.16s", hex);
}

static bool push(const struct making *making, const struct text *text, struct node data, struct node_list *list, struct fail *fail)
{
	struct node node;
	if (!load_one(making->arena, arena_copy(making->arena, text_span(text)), LOAD_KUBERNETES, &node, fail))
		return false;
	struct node whole = node_map(making->arena, node.len + 1);
	for (uint32_t i = 0; i < node.len; i++)
		node_put_span(&whole, node_text(&node.pairs[i].key), node.pairs[i].value);
	if (data.len > 0)
		node_put(&whole, "stringData", data);
	ARENA_PUSH(making->arena, list->items, list->count, list->cap) = whole;
	return true;
}

static void add_metadata(const struct making *making, struct text *out, const char *api_version, const char *kind, struct span name)
{
	text_addf(out, "{\"apiVersion\":\"%s\",\"kind\":\"%s\",\"metadata\":{\"name\":", api_version, kind);
	json(out, name);
	if (making->ns.len > 0) {
		text_adds(out, ",\"namespace\":");
		json(out, making->ns);
	}
}

/* Secrets with the entries, and, in `sources`, how the Job's volume puts them where they belong. */
static bool add_secrets(const struct making *making, const struct target *target, struct text *sources, struct node_list *list,
			struct fail *fail)
{
	size_t at = 0;
	for (unsigned part = 0; at < target->count; part++) {
		struct span name = name_of(making, target, "-omni-input");
		struct node data = node_map(making->arena, (uint32_t)(target->count - at));
		struct text text;
		size_t sum = 0;
		if (part > 0)
			name = arena_spanf(making->arena, "%.*s-%03u", SPAN_ARG(name), part);
		text_addf(sources, "%s{\"secret\":{\"name\":", part > 0 ? "," : "");
		json(sources, name);
		text_adds(sources, ",\"items\":[");
		for (; at < target->count; at++) {
			const struct entry *entry = &target->entries[at];
			sum += entry->bytes.len;
			if (sum > SECRET_BYTES && data.len > 0)
				break;
			if (entry->bytes.len > SECRET_BYTES)
				return fail_set(fail, FAIL_TOO_BIG, "%.*s is larger than a Secret, so mode job cannot take it",
						SPAN_ARG(entry->path));
			struct span key = key_of(making, entry->path);
			text_addf(sources, "%s{\"key\":\"%.*s\",\"path\":", data.len > 0 ? "," : "", SPAN_ARG(key));
			json(sources, entry->path);
			text_addc(sources, '}');
			node_put_span(&data, key, node_string(entry->bytes));
		}
		text_adds(sources, "]}}");
		text_init(&text, TEXT_NO_LIMIT);
		add_metadata(making, &text, "v1", "Secret", name);
		text_adds(&text, ",\"annotations\":{\"argocd.argoproj.io/sync-options\":\"ServerSideApply=true\"}},\"type\":\"Opaque\"}");
		bool ok = push(making, &text, data, list, fail);
		text_done(&text);
		if (!ok)
			return false;
	}
	return true;
}

static void add_arguments(const struct making *making, const struct target *target, struct text *out)
{
	text_adds(out, "\"args\":[\"apply\",\"--yes\",\"--root\",\"" DECLARATIONS "\",\"--omni-key-file\",\"" KEY "/key\",\"--gate\",");
	json(out, making->parameters->job_gate);
	text_adds(out, ",\"--omni\",");
	json(out, target->endpoint);
	if (target->insecure)
		text_adds(out, ",\"--insecure-skip-tls-verify\"");
	for (size_t i = 0; i < target->count; i++) {
		if (!target->entries[i].is_argument)
			continue;
		text_addc(out, ',');
		json(out, arena_spanf(making->arena, DECLARATIONS "/%.*s", SPAN_ARG(target->entries[i].path)));
	}
	text_adds(out, "],");
}

static bool add_job(const struct making *making, const struct target *target, struct span sources, struct node_list *list,
		    struct fail *fail)
{
	struct text text;
	struct span name = configmap_label_value(making->arena, name_of(making, target, "-omni-apply")); /* its Pods have it as label */
	text_init(&text, TEXT_NO_LIMIT);
	add_metadata(making, &text, "batch/v1", "Job", name);
	text_addf(&text, ",\"annotations\":{\"argocd.argoproj.io/hook\":\"Sync\",\"argocd.argoproj.io/hook-delete-policy\":"
		  "\"BeforeHookCreation\",\"argocd.argoproj.io/sync-wave\":\"%d\"}},\"spec\":{\"backoffLimit\":2,"
		  "\"activeDeadlineSeconds\":1800,\"template\":{\"spec\":{\"restartPolicy\":\"Never\","
		  "\"automountServiceAccountToken\":false,\"securityContext\":{\"runAsNonRoot\":true,\"runAsUser\":65532,"
		  "\"runAsGroup\":65532,\"fsGroup\":65532,\"seccompProfile\":{\"type\":\"RuntimeDefault\"}},"
		  "\"containers\":[{\"name\":\"apply\",\"image\":", (int)target->wave + 1);
	json(&text, making->parameters->job_image);
	text_addc(&text, ',');
	add_arguments(making, target, &text);
	text_adds(&text, "\"securityContext\":{\"readOnlyRootFilesystem\":true,\"allowPrivilegeEscalation\":false,"
		  "\"capabilities\":{\"drop\":[\"ALL\"]}},\"volumeMounts\":[{\"name\":\"declarations\",\"mountPath\":\"" DECLARATIONS
		  "\",\"readOnly\":true},{\"name\":\"key\",\"mountPath\":\"" KEY "\",\"readOnly\":true}]}],\"volumes\":["
		  "{\"name\":\"declarations\",\"projected\":{\"sources\":[");
	text_add(&text, sources);
	text_adds(&text, "]}},{\"name\":\"key\",\"secret\":{\"secretName\":");
	json(&text, target->secret);
	text_adds(&text, ",\"items\":[{\"key\":");
	json(&text, target->key);
	text_adds(&text, ",\"path\":\"key\"}]}}]}}}}");
	bool ok = push(making, &text, node_map(making->arena, 0), list, fail);
	text_done(&text);
	return ok;
}

static bool add_target(const struct making *making, const struct target *target, struct node_list *list, struct fail *fail)
{
	struct text sources;
	text_init(&sources, TEXT_NO_LIMIT);
	bool ok = add_secrets(making, target, &sources, list, fail) && add_job(making, target, text_span(&sources), list, fail);
	text_done(&sources);
	return ok;
}

bool job_add(struct arena *arena, const struct fleet *fleet, const struct parameters *parameters, struct span application,
	     struct span ns, struct node_list *list, struct fail *fail)
{
	struct making making = {.arena = arena, .fleet = fleet, .parameters = parameters, .application = application, .ns = ns};
	if (parameters->job_image.len == 0)
		return fail_set(fail, FAIL_INVALID, "mode job needs the parameter job-image: the image of omniops");
	if (application.len == 0)
		making.application = SPAN("omniops");
	for (size_t i = 0; i < fleet->raw_count; i++)
		if (!add_raw(&making, fleet->raws[i], fail))
			return false;
	for (size_t i = 0; i < fleet->cluster_count; i++)
		if (!fleet->clusters[i]->suspend && !add_cluster(&making, fleet->clusters[i], fail))
			return false;
	for (size_t i = 0; i < making.count; i++)
		if (!add_target(&making, &making.targets[i], list, fail))
			return false;
	return true;
}
