/* Reading a fleet that a child sent: nothing is believed. Lists, indexes, types and phases are checked; what a tree may
 * not declare at all (users, service accounts, other people's types) is refused here once more. */
#include "agent/source/wire.h"
#include "render/fleet.h"

static void refuse(struct wire *wire)
{
	wire->bad = true;
	wire->at = wire->end;
}

/* An array of pointers to `count` zeroed objects of `size` bytes. */
static void **get_list(struct wire *wire, size_t size, size_t *out_count)
{
	size_t count = wire_count(wire);
	void **items = wire_alloc(wire, count, sizeof *items);
	char *objects = wire_alloc(wire, count, size);
	if (items == NULL || objects == NULL)
		return NULL;
	for (size_t i = 0; i < count; i++)
		items[i] = objects + i * size;
	*out_count = count;
	return items;
}

static const struct document *get_document_ref(struct wire *wire, const struct fleet *fleet)
{
	uint64_t index = wire_int(wire, fleet->document_count);
	return index == 0 ? NULL : fleet->documents[index - 1];
}

static void get_document(struct wire *wire, struct document *document)
{
	document->file = wire_name(wire);
	document->begin = (size_t)wire_int(wire, SIZE_MAX);
	document->end = (size_t)wire_int(wire, SIZE_MAX);
	document->class = (enum document_class)wire_int(wire, DOCUMENT_OTHER);
	struct span kind = wire_name(wire);
	document->kind = kind.ptr == NULL ? NULL : kind_find(kind);
	document->ns = wire_span(wire);
	document->name = wire_span(wire);
	document->has_errors = wire_bool(wire);
	wire_node(wire, &document->root);
	if (document->class == DOCUMENT_KIND && document->kind == NULL)
		refuse(wire);
}

static void get_labels(struct wire *wire, struct labels *labels)
{
	size_t count = wire_count(wire);
	labels->items = wire_alloc(wire, count, sizeof *labels->items);
	if (labels->items == NULL)
		return;
	labels->count = labels->cap = count;
	for (size_t i = 0; i < count && !wire->bad; i++) {
		labels->items[i].key = wire_span(wire);
		labels->items[i].value = wire_span(wire);
		if (i > 0 && span_cmp(labels->items[i - 1].key, labels->items[i].key) >= 0)
			refuse(wire);
	}
}

static void get_finalizers(struct wire *wire, struct resource *resource)
{
	size_t count = wire_count(wire);
	resource->finalizers = wire_alloc(wire, count, sizeof *resource->finalizers);
	if (resource->finalizers == NULL)
		return;
	resource->finalizer_count = count;
	for (size_t i = 0; i < count; i++)
		resource->finalizers[i] = wire_span(wire);
}

static void get_content(struct wire *wire, struct resource *resource)
{
	struct node *content = wire_bool(wire) ? wire_alloc(wire, 1, sizeof *content) : NULL;
	if (content != NULL)
		wire_node(wire, content);
	resource->content = content;
}

static void get_resource(struct wire *wire, struct resource *resource, unsigned allowed)
{
	resource->type_name = wire_name(wire);
	resource->type = omni_type_find(resource->type_name);
	resource->ns = wire_name(wire);
	resource->id = wire_name(wire);
	resource->owner = wire_name(wire);
	resource->version = wire_int(wire, UINT64_MAX);
	resource->phase = (enum resource_phase)wire_int(wire, RESOURCE_TEARING_DOWN);
	resource->created = wire_name(wire);
	resource->updated = wire_name(wire);
	get_labels(wire, &resource->labels);
	get_labels(wire, &resource->annotations);
	get_finalizers(wire, resource);
	wire_node(wire, &resource->spec);
	get_content(wire, resource);
	resource->file = wire_name(wire);
	resource->line = (uint32_t)wire_int(wire, UINT32_MAX);
	resource->column = (uint32_t)wire_int(wire, UINT32_MAX);
	resource->object = wire_span(wire);
	resource->path = wire_span(wire);
	resource->content_file = wire_name(wire);
	if (resource->type == NULL || (resource->type->flags & allowed) == 0)
		refuse(wire);
}

static void get_resources(struct wire *wire, struct resource_list *list)
{
	list->items = (struct resource **)get_list(wire, sizeof(struct resource), &list->count);
	list->cap = list->count;
	for (size_t i = 0; i < list->count && !wire->bad; i++)
		get_resource(wire, list->items[i], OMNI_TEMPLATE | OMNI_RAW);
}

static void pass_on(struct wire *wire, const struct cluster *cluster, struct wire *inner, struct span packed)
{
	struct arena scratch;
	struct cluster whole = *cluster;
	arena_init(&scratch, ARENA_NO_LIMIT);
	inner->arena = &scratch;
	get_resources(inner, &whole.resources);
	if (wire_end(inner))
		wire->taker->take(wire->taker->ctx, &whole, packed);
	arena_done(&scratch);
}

/* Only as long as the message is there. */
static struct span get_borrowed(struct wire *wire)
{
	bool copies = wire->copies;
	wire->copies = false;
	struct span text = wire_span(wire);
	wire->copies = copies;
	return text;
}

static void get_packed(struct wire *wire, struct cluster *cluster)
{
	struct wire inner;
	const struct fleet_taker *taker = wire->taker;
	struct span packed = get_borrowed(wire);
	if (taker != NULL && taker->knows != NULL && !wire->bad && taker->knows(taker->ctx, cluster, packed))
		return;
	wire_init(&inner, wire->arena, packed, wire->budget);
	if (taker == NULL)
		get_resources(&inner, &cluster->resources);
	else
		pass_on(wire, cluster, &inner, packed);
	wire->budget = inner.budget;
	if (!wire_end(&inner))
		refuse(wire);
}

bool wire_resources(struct wire *wire, struct resource_list *out, struct fail *fail)
{
	*out = (struct resource_list){0};
	get_resources(wire, out);
	return wire_end(wire) || fail_set(fail, FAIL_BUG, "resources that were kept cannot be read any more");
}

static void get_hash(struct wire *wire, char out_hex[DIGEST_HEX_SIZE])
{
	struct span hash = wire_name(wire);
	if (hash.len == DIGEST_HEX_SIZE - 1)
		memcpy(out_hex, hash.ptr, hash.len);
	else if (hash.len != 0)
		refuse(wire);
}

static const struct document *keep_document(struct wire *wire, const struct document *document)
{
	if (document == NULL || wire->passing == NULL)
		return document;
	struct document *kept = arena_dup(wire->arena, document, sizeof *document);
	kept->file = wire_keep(wire, document->file);
	kept->ns = wire_keep(wire, document->ns);
	kept->name = wire_keep(wire, document->name);
	kept->root = node_copy(wire->arena, &document->root);
	return kept;
}

static void get_cluster_documents(struct wire *wire, const struct fleet *fleet, struct cluster *cluster)
{
	cluster->head = get_document_ref(wire, fleet);
	size_t count = wire_count(wire);
	struct arena *arena = wire->arena;
	wire->arena = wire->passing != NULL ? wire->passing : arena;
	cluster->documents = wire_alloc(wire, count, sizeof *cluster->documents);
	wire->arena = arena;
	if (cluster->documents == NULL)
		return;
	for (size_t i = 0; i < count && !wire->bad; i++) {
		const struct document *document = get_document_ref(wire, fleet);
		if (document != NULL)
			cluster->documents[cluster->document_count++] = document;
	}
	cluster->document_cap = count;
}

static void get_cluster(struct wire *wire, const struct fleet *fleet, struct cluster *cluster)
{
	cluster->name = wire_name(wire);
	cluster->object = wire_span(wire);
	cluster->ns = wire_span(wire);
	cluster->connection = wire_span(wire);
	cluster->is_template = wire_bool(wire);
	cluster->has_errors = wire_bool(wire);
	get_cluster_documents(wire, fleet, cluster);
	cluster->suspend = wire_bool(wire);
	cluster->orphan = wire_bool(wire);
	cluster->destroy_machines = wire_bool(wire);
	cluster->sync_interval_s = (uint32_t)wire_int(wire, UINT32_MAX);
	cluster->approve = wire_span(wire);
	cluster->allow_destroy = wire_span(wire);
	cluster->template_text = get_borrowed(wire);
	get_hash(wire, cluster->template_hash);
	get_packed(wire, cluster);
	if (wire->copies)
		cluster->template_text = (struct span){NULL, 0};
	if (wire->passing == NULL)
		return;
	cluster->head = keep_document(wire, cluster->head);
	cluster->documents = NULL;
	cluster->document_count = cluster->document_cap = 0;
}

static void get_raw(struct wire *wire, const struct fleet *fleet, struct raw_resource *raw)
{
	raw->connection = wire_span(wire);
	raw->ns = wire_span(wire);
	raw->document = keep_document(wire, get_document_ref(wire, fleet));
	raw->has_errors = wire_bool(wire);
	raw->resource = wire_bool(wire) ? wire_alloc(wire, 1, sizeof *raw->resource) : NULL;
	if (raw->resource != NULL)
		get_resource(wire, raw->resource, OMNI_RAW);
	else if (!raw->has_errors)
		refuse(wire);
}

static void get_connection(struct wire *wire, const struct fleet *fleet, struct connection *connection)
{
	connection->ns = wire_span(wire);
	connection->name = wire_span(wire);
	connection->endpoint = wire_span(wire);
	connection->secret_name = wire_span(wire);
	connection->secret_key = wire_span(wire);
	connection->insecure_skip_tls_verify = wire_bool(wire);
	connection->document = keep_document(wire, get_document_ref(wire, fleet));
	connection->has_errors = wire_bool(wire);
}

static void get_broken(struct wire *wire, struct fleet *fleet)
{
	fleet->is_incomplete = wire_bool(wire);
	size_t count = wire_count(wire);
	fleet->broken_files = wire_alloc(wire, count, sizeof *fleet->broken_files);
	if (fleet->broken_files == NULL)
		return;
	for (size_t i = 0; i < count; i++)
		fleet->broken_files[i] = wire_name(wire);
	fleet->broken_count = fleet->broken_cap = count;
}

static void get_reads(struct wire *wire, struct fleet *fleet)
{
	const struct fleet_taker *taker = wire->taker;
	bool is_seen = taker != NULL && taker->see_read != NULL;
	size_t count = wire_count(wire);
	fleet->reads = is_seen ? NULL : wire_alloc(wire, count, sizeof *fleet->reads);
	for (size_t i = 0; i < count && !wire->bad; i++) {
		struct fleet_read read = {.reader = wire_name(wire)};
		read.path = wire_name(wire);
		if (wire->bad)
			return;
		if (is_seen)
			taker->see_read(taker->ctx, read.reader, read.path);
		else
			fleet->reads[fleet->read_count++] = read;
	}
	fleet->read_cap = fleet->read_count;
}

static void get_documents(struct wire *wire, struct fleet *fleet)
{
	fleet->documents = (struct document **)get_list(wire, sizeof(struct document), &fleet->document_count);
	fleet->document_cap = fleet->document_count;
	for (size_t i = 0; i < fleet->document_count && !wire->bad; i++)
		get_document(wire, fleet->documents[i]);
}

/* Thousands that are looked at once: beside the message, and as borrowed as that. */
static void pass_documents(struct wire *wire, struct fleet *fleet)
{
	struct arena *arena = wire->arena;
	wire->arena = wire->passing;
	wire->copies = false;
	get_documents(wire, fleet);
	wire->arena = arena;
	wire->copies = true;
	for (size_t i = 0; i < fleet->document_count && !wire->bad; i++)
		wire->taker->see_document(wire->taker->ctx, fleet->documents[i]);
}

/* The others go with the message. */
static void keep_faulty(struct wire *wire, struct fleet *fleet)
{
	size_t count = fleet->document_count;
	struct document **all = fleet->documents;
	fleet->documents = NULL;
	fleet->document_count = fleet->document_cap = 0;
	for (size_t i = 0; i < count; i++)
		if (all[i]->has_errors)
			ARENA_PUSH(wire->arena, fleet->documents, fleet->document_count, fleet->document_cap) =
				(struct document *)(uintptr_t)keep_document(wire, all[i]);
}

static void get_lists(struct wire *wire, struct fleet *fleet)
{
	if (wire->passing != NULL)
		pass_documents(wire, fleet);
	else
		get_documents(wire, fleet);
	fleet->clusters = (struct cluster **)get_list(wire, sizeof(struct cluster), &fleet->cluster_count);
	fleet->cluster_cap = fleet->cluster_count;
	for (size_t i = 0; i < fleet->cluster_count && !wire->bad; i++)
		get_cluster(wire, fleet, fleet->clusters[i]);
	fleet->raws = (struct raw_resource **)get_list(wire, sizeof(struct raw_resource), &fleet->raw_count);
	fleet->raw_cap = fleet->raw_count;
	for (size_t i = 0; i < fleet->raw_count && !wire->bad; i++)
		get_raw(wire, fleet, fleet->raws[i]);
	fleet->connections = (struct connection **)get_list(wire, sizeof(struct connection), &fleet->connection_count);
	fleet->connection_cap = fleet->connection_count;
	for (size_t i = 0; i < fleet->connection_count && !wire->bad; i++)
		get_connection(wire, fleet, fleet->connections[i]);
}

static void get_fleet(struct wire *wire, struct fleet *fleet)
{
	struct arena passing;
	bool is_passing = wire->taker != NULL && wire->taker->see_document != NULL;
	arena_init(&passing, ARENA_NO_LIMIT);
	wire->copies = wire->taker != NULL;
	wire->passing = is_passing ? &passing : NULL;
	get_broken(wire, fleet);
	wire_diags(wire, &fleet->diags);
	get_reads(wire, fleet);
	get_lists(wire, fleet);
	if (is_passing && !wire->bad)
		keep_faulty(wire, fleet);
	wire->passing = NULL;
	arena_done(&passing);
}

bool wire_fleet(struct wire *wire, const struct fleet_options *options, struct fleet **out, struct fail *fail)
{
	struct fleet *fleet = wire_alloc(wire, 1, sizeof *fleet);
	if (fleet == NULL)
		return fail_set(fail, FAIL_TOO_BIG, "the answer of the renderer is too big");
	fleet->arena = wire->arena;
	fleet->options = *options;
	diag_list_init(&fleet->diags, wire->arena);
	get_fleet(wire, fleet);
	if (!wire_end(wire))
		return fail_set(fail, FAIL_PROTOCOL, "the answer of the renderer is malformed or too big");
	*out = fleet;
	return true;
}
