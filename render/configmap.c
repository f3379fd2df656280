#include "render/configmap.h"

#include <ctype.h>
#include <string.h>

#include "render/emit.h"
#include "render/mask.h"

enum { PART_BYTES = 900 * 1024, NAME_MAX_BYTES = 253, LABEL_MAX_BYTES = 63, HASH_BYTES = 9, NUMBER_BYTES = 4 };

/* --- names ----------------------------------------------------------------------------------------------------------- */

static bool is_alnum(char c)
{
	return isalnum((unsigned char)c) != 0;
}

static bool is_object_name(struct span name)
{
	struct span rest = name, part;
	if (name.len == 0)
		return false;
	while (span_next(&rest, '.', &part)) {
		if (part.len == 0 || !is_alnum(part.ptr[0]) || !is_alnum(part.ptr[part.len - 1]))
			return false;
		for (size_t i = 0; i < part.len; i++)
			if ((!is_alnum(part.ptr[i]) && part.ptr[i] != '-') || isupper((unsigned char)part.ptr[i]))
				return false;
	}
	return true;
}

static bool is_label_value(struct span text)
{
	if (text.len > LABEL_MAX_BYTES || (text.len > 0 && (!is_alnum(text.ptr[0]) || !is_alnum(text.ptr[text.len - 1]))))
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (!is_alnum(text.ptr[i]) && strchr("-_.", text.ptr[i]) == NULL)
			return false;
	return true;
}

/* Lower-case letters, digits and '-' in at most `max` bytes, with a piece of the hash of the whole. */
static struct span fitted(struct arena *arena, struct span text, size_t max)
{
	char hex[DIGEST_HEX_SIZE];
	char *fit = arena_alloc(arena, max + 1);
	size_t len = 0;
	for (size_t i = 0; i < text.len && len < max - HASH_BYTES; i++) {
		char c = is_alnum(text.ptr[i]) ? (char)tolower((unsigned char)text.ptr[i]) : '-';
		if (len > 0 || c != '-')
			fit[len++] = c;
	}
	while (len > 0 && fit[len - 1] == '-')
		len--;
	digest_hex(text, hex);
	return arena_spanf(arena, "%.*s%s%.8s", (int)len, fit, len > 0 ? "-" : "", hex);
}

struct span configmap_name(struct arena *arena, struct span base, const char *suffix)
{
	size_t room = NAME_MAX_BYTES - NUMBER_BYTES - strlen(suffix);
	struct span fit = is_object_name(base) && base.len <= room ? base : fitted(arena, base, room);
	return arena_spanf(arena, "%.*s%s", SPAN_ARG(fit), suffix);
}

struct span configmap_label_value(struct arena *arena, struct span text)
{
	return is_label_value(text) ? text : fitted(arena, text, LABEL_MAX_BYTES);
}

static bool is_described(struct span piece)
{
	struct span commit = span_behind(piece, '-');
	int64_t commits;
	return commit.len > 1 && commit.ptr[0] == 'g' && span_int(span_before(piece, '-'), 0, INT32_MAX, &commits);
}

struct span configmap_release(const char *version)
{
	struct span release = span_of(version);
	size_t start = release.len > 0 && release.ptr[0] == 'v';
	if (release.len <= start || !isdigit((unsigned char)release.ptr[start]) || memchr(release.ptr, '.', release.len) == NULL)
		return SPAN("dev");
	if (span_ends(release, "-dirty"))
		release.len -= strlen("-dirty");
	for (size_t i = 0; i < release.len; i++)
		if (release.ptr[i] == '-' && is_described((struct span){release.ptr + i + 1, release.len - i - 1}))
			release.len = i;
	return release;
}

/* --- the object ------------------------------------------------------------------------------------------------------ */

struct artifact {
	struct span name, ns, version;
	const char *artifact;	   /* value of its label */
	const char *label;	   /* what it is of: label, and annotation where the label cannot say it */
	struct span of, hash, wave; /* hash and wave may be empty */
};

static void put(struct node *map, const char *key, struct span value)
{
	if (value.len > 0)
		node_put(map, key, node_string(value));
}

static struct node labels(struct arena *arena, const struct artifact *artifact)
{
	struct node map = node_map(arena, 2);
	put(&map, LABEL_ARTIFACT, span_of(artifact->artifact));
	put(&map, artifact->label, configmap_label_value(arena, artifact->of));
	return map;
}

/* ServerSideApply: on the client's side the content would be stored once more, in an annotation of at most 256 KiB. */
static struct node annotations(struct arena *arena, const struct artifact *artifact)
{
	struct node map = node_map(arena, 5);
	put(&map, "argocd.argoproj.io/sync-options", SPAN("ServerSideApply=true"));
	put(&map, "argocd.argoproj.io/sync-wave", artifact->wave);
	if (!span_eq(artifact->of, configmap_label_value(arena, artifact->of)))
		put(&map, artifact->label, artifact->of);
	put(&map, ANNOTATION_RENDERER, arena_spanf(arena, "omniops/%.*s", SPAN_ARG(artifact->version)));
	put(&map, "omni.texashpc.com/template-hash", artifact->hash);
	return map;
}

static struct node object(struct arena *arena, const struct artifact *artifact, struct span name, struct node data)
{
	struct node document = node_map(arena, 4), metadata = node_map(arena, 4);
	put(&metadata, "name", name);
	put(&metadata, "namespace", artifact->ns);
	node_put(&metadata, "labels", labels(arena, artifact));
	node_put(&metadata, "annotations", annotations(arena, artifact));
	node_put(&document, "apiVersion", node_string(SPAN("v1")));
	node_put(&document, "kind", node_string(SPAN("ConfigMap")));
	node_put(&document, "metadata", metadata);
	node_put(&document, "data", data);
	return document;
}

/* Pieces end at line ends where there are any. */
static size_t piece_length(struct span rest)
{
	if (rest.len <= PART_BYTES)
		return rest.len;
	size_t len = PART_BYTES;
	while (len > 0 && rest.ptr[len - 1] != '\n')
		len--;
	if (len > 0)
		return len;
	for (len = PART_BYTES; (rest.ptr[len] & '\xC0') == '\x80'; len--)
		continue;
	return len;
}

static void add_parts(struct arena *arena, const struct artifact *artifact, const char *key, struct span content,
		      struct node_list *list)
{
	for (unsigned part = 0; part == 0 || content.len > 0; part++) {
		size_t len = piece_length(content);
		struct span name = artifact->name, file = arena_spanf(arena, "%s.yaml", key);
		if (part > 0) {
			name = arena_spanf(arena, "%.*s-%03u", SPAN_ARG(artifact->name), part);
			file = arena_spanf(arena, "%s-%03u.yaml", key, part);
		}
		struct node data = node_map(arena, 1);
		node_put_span(&data, file, node_string((struct span){content.ptr, len}));
		ARENA_PUSH(arena, list->items, list->count, list->cap) = object(arena, artifact, name, data);
		content.ptr += len;
		content.len -= len;
	}
}

/* --- files ------------------------------------------------------------------------------------------------------------ */

/* An entry is named after its file as far as that can be: letters, digits, "-", "_", ".", and no other file's. */
static struct span entry_of(struct arena *arena, struct span path, const struct node *data)
{
	char hex[DIGEST_HEX_SIZE];
	enum { ENTRY_MAX = 253 };
	struct span whole = arena_copy(arena, path);
	digest_hex(path, hex);
	for (char *c = (char *)whole.ptr; c < whole.ptr + whole.len; c++)
		if (!is_alnum(*c) && strchr("-_.", *c) == NULL)
			*c = '_';
	if (whole.len <= ENTRY_MAX && node_get_span(data, whole) == NULL)
		return whole;
	size_t kept = whole.len < ENTRY_MAX - HASH_BYTES ? whole.len : ENTRY_MAX - HASH_BYTES;
	return arena_spanf(arena, "%.8s-%.*s", hex, (int)kept, whole.ptr + whole.len - kept);
}

static struct span shown_file(struct arena *arena, const struct cluster_file *file, struct span key)
{
	char hex[DIGEST_HEX_SIZE];
	if (file->bytes.len <= PART_BYTES)
		return mask_text(arena, file->bytes, key);
	digest_hex(file->bytes, hex);
	return arena_spanf(arena, "%zu bytes, too many to show; SHA-256 %s\n", file->bytes.len, hex);
}

/* As many files to a ConfigMap as it takes. */
static void add_files(struct arena *arena, const struct artifact *artifact, const struct cluster *cluster, struct span key,
		      struct node_list *list)
{
	const struct span base = artifact->name;
	size_t at = 0;
	for (unsigned part = 0; at < cluster->file_count; part++) {
		struct node data = node_map(arena, (uint32_t)(cluster->file_count - at));
		size_t sum = 0;
		for (; at < cluster->file_count; at++) {
			struct span content = shown_file(arena, &cluster->files[at], key);
			sum += content.len;
			if (sum > PART_BYTES && data.len > 0)
				break;
			node_put_span(&data, entry_of(arena, cluster->files[at].path, &data), node_string(content));
		}
		struct span name = part == 0 ? base : arena_spanf(arena, "%.*s-%03u", SPAN_ARG(base), part);
		ARENA_PUSH(arena, list->items, list->count, list->cap) = object(arena, artifact, name, data);
	}
}

/* Of the wave that its cluster is in: there, built-in kinds come first. */
static struct span wave_of(const struct cluster *cluster)
{
	const struct node *map = node_path(&cluster->head->root, "metadata.annotations");
	return cluster->is_template ? SPAN("") : node_text(node_get(map, "argocd.argoproj.io/sync-wave"));
}

void configmap_add_cluster(struct arena *arena, const struct cluster *cluster, const struct configmap_options *options,
			   struct node_list *list)
{
	struct span base = cluster->is_template ? cluster->name : cluster->head->name;
	struct artifact artifact = {
		.name = configmap_name(arena, base, "-omni-template"),
		.ns = cluster->ns.len > 0 ? cluster->ns : options->ns,
		.version = configmap_release(options->version),
		.artifact = "template",
		.label = "omni.texashpc.com/cluster",
		.of = cluster->name,
		.hash = span_of(cluster->template_hash),
		.wave = wave_of(cluster),
	};
	add_parts(arena, &artifact, "template", mask_template(arena, cluster, options->mask_key), list);
	artifact.name = configmap_name(arena, base, "-omni-files");
	artifact.artifact = "files";
	artifact.hash = SPAN("");
	add_files(arena, &artifact, cluster, options->mask_key, list);
}

void configmap_add_raw(struct arena *arena, const struct raw_resource *raw, const struct configmap_options *options,
		       struct node_list *list)
{
	const struct resource *resource = raw->resource;
	struct span type = span_before(resource->type_name, '.');
	struct span base = arena_spanf(arena, "%.*s-%.*s", SPAN_ARG(resource->id), SPAN_ARG(type));
	for (char *c = (char *)base.ptr + resource->id.len; c < base.ptr + base.len; c++)
		*c = (char)tolower((unsigned char)*c);
	struct artifact artifact = {
		.name = configmap_name(arena, base, "-omni-resource"),
		.ns = raw->document->class == DOCUMENT_KIND && raw->document->ns.len > 0 ? raw->document->ns : options->ns,
		.version = configmap_release(options->version),
		.artifact = "resource",
		.label = "omni.texashpc.com/resource",
		.of = arena_spanf(arena, "%.*s.%.*s", SPAN_ARG(type), SPAN_ARG(resource->id)),
	};
	add_parts(arena, &artifact, "resource", mask_resource(arena, resource, options->mask_key), list);
}

bool configmap_is_ours(const struct node *node)
{
	const struct node *metadata = node_get(node, "metadata");
	struct span renderer = node_text(node_get(node_get(metadata, "annotations"), ANNOTATION_RENDERER));
	return span_is(node_text_at(node, "apiVersion"), "v1") && span_is(node_text_at(node, "kind"), "ConfigMap") &&
	       node_get(node_get(metadata, "labels"), LABEL_ARTIFACT) != NULL && span_starts(renderer, "omniops/");
}

void configmap_print(struct text *out, struct arena *arena, const struct cluster *cluster, const char *version)
{
	const struct configmap_options options = {.version = version};
	struct node_list list = {0};
	configmap_add_cluster(arena, cluster, &options, &list);
	for (size_t i = 0; i < list.count; i++) {
		text_adds(out, i > 0 ? "---\n" : "");
		emit_document(out, &list.items[i], EMIT_RESOURCE, false);
	}
}
