/* Writing a fleet: in the child. References between objects become indexes into the list of documents. */
#include "agent/source/wire.h"

#include <stdlib.h>

#include "render/fleet.h"

struct numbered {
	const struct document *document;
	size_t number; /* from 1 */
};

struct putter {
	struct text *out;
	const struct fleet *fleet;
	struct numbered *numbers; /* sorted by address: several documents may share a position */
};

static int by_address(const void *a, const void *b)
{
	uintptr_t left = (uintptr_t)((const struct numbered *)a)->document;
	uintptr_t right = (uintptr_t)((const struct numbered *)b)->document;
	return left < right ? -1 : left > right;
}

static struct numbered *number_documents(const struct fleet *fleet)
{
	struct numbered *numbers = ARENA_ARRAY(fleet->arena, struct numbered, fleet->document_count + 1);
	for (size_t i = 0; i < fleet->document_count; i++)
		numbers[i] = (struct numbered){fleet->documents[i], i + 1};
	qsort(numbers, fleet->document_count, sizeof *numbers, by_address);
	return numbers;
}

static void put_document_ref(struct putter *put, const struct document *document)
{
	struct numbered key = {document, 0};
	const struct numbered *found = document == NULL ? NULL
							: bsearch(&key, put->numbers, put->fleet->document_count,
								  sizeof key, by_address);
	wire_put_int(put->out, found == NULL ? 0 : found->number);
}

/* The handlers read these kinds, and who a faulty document was meant for matters; else the translated form is enough. */
static bool needs_root(const struct document *document)
{
	return document->class == DOCUMENT_KIND && document->kind != NULL &&
	       (document->kind->template_kind == NULL || document->has_errors);
}

static void put_document(struct putter *put, const struct document *document)
{
	struct node position = {.kind = NODE_NULL, .line = document->root.line, .column = document->root.column};
	wire_put_span(put->out, document->file);
	wire_put_int(put->out, document->begin);
	wire_put_int(put->out, document->end);
	wire_put_int(put->out, document->class);
	wire_put_string(put->out, document->kind == NULL ? NULL : document->kind->name);
	wire_put_span(put->out, document->ns);
	wire_put_span(put->out, document->name);
	wire_put_bool(put->out, document->has_errors);
	wire_put_node(put->out, needs_root(document) ? &document->root : &position);
}

static void put_labels(struct text *out, const struct labels *labels)
{
	wire_put_int(out, labels->count);
	for (size_t i = 0; i < labels->count; i++) {
		wire_put_span(out, labels->items[i].key);
		wire_put_span(out, labels->items[i].value);
	}
}

static void put_resource(struct text *out, const struct resource *resource)
{
	wire_put_span(out, resource->type_name);
	wire_put_span(out, resource->ns);
	wire_put_span(out, resource->id);
	wire_put_span(out, resource->owner);
	wire_put_int(out, resource->version);
	wire_put_int(out, resource->phase);
	wire_put_span(out, resource->created);
	wire_put_span(out, resource->updated);
	put_labels(out, &resource->labels);
	put_labels(out, &resource->annotations);
	wire_put_int(out, resource->finalizer_count);
	for (size_t i = 0; i < resource->finalizer_count; i++)
		wire_put_span(out, resource->finalizers[i]);
	wire_put_node(out, &resource->spec);
	wire_put_bool(out, resource->content != NULL);
	if (resource->content != NULL)
		wire_put_node(out, resource->content);
	wire_put_span(out, resource->file);
	wire_put_int(out, resource->line);
	wire_put_int(out, resource->column);
	wire_put_span(out, resource->object);
	wire_put_span(out, resource->path);
	wire_put_span(out, resource->content_file);
}

/* In one piece, so that the reader can keep it as it is. */
static void put_resources(struct text *out, const struct resource_list *list)
{
	struct text packed;
	text_init(&packed, TEXT_NO_LIMIT);
	wire_put_int(&packed, list->count);
	for (size_t i = 0; i < list->count; i++)
		put_resource(&packed, list->items[i]);
	out->failed = out->failed || packed.failed;
	wire_put_span(out, text_span(&packed));
	text_done(&packed);
}

static void put_cluster(struct putter *put, const struct cluster *cluster)
{
	struct text *out = put->out;
	wire_put_span(out, cluster->name);
	wire_put_span(out, cluster->object);
	wire_put_span(out, cluster->ns);
	wire_put_span(out, cluster->connection);
	wire_put_bool(out, cluster->is_template);
	wire_put_bool(out, cluster->has_errors);
	put_document_ref(put, cluster->head);
	wire_put_int(out, cluster->document_count);
	for (size_t i = 0; i < cluster->document_count; i++)
		put_document_ref(put, cluster->documents[i]);
	wire_put_bool(out, cluster->suspend);
	wire_put_bool(out, cluster->orphan);
	wire_put_bool(out, cluster->destroy_machines);
	wire_put_int(out, cluster->sync_interval_s);
	wire_put_span(out, cluster->approve);
	wire_put_span(out, cluster->allow_destroy);
	wire_put_span(out, cluster->template_text);
	wire_put_string(out, cluster->template_hash);
	put_resources(out, &cluster->resources);
}

static void put_raw(struct putter *put, const struct raw_resource *raw)
{
	wire_put_span(put->out, raw->connection);
	wire_put_span(put->out, raw->ns);
	put_document_ref(put, raw->document);
	wire_put_bool(put->out, raw->has_errors);
	wire_put_bool(put->out, raw->resource != NULL);
	if (raw->resource != NULL)
		put_resource(put->out, raw->resource);
}

static void put_connection(struct putter *put, const struct connection *connection)
{
	wire_put_span(put->out, connection->ns);
	wire_put_span(put->out, connection->name);
	wire_put_span(put->out, connection->endpoint);
	wire_put_span(put->out, connection->secret_name);
	wire_put_span(put->out, connection->secret_key);
	wire_put_bool(put->out, connection->insecure_skip_tls_verify);
	put_document_ref(put, connection->document);
	wire_put_bool(put->out, connection->has_errors);
}

void wire_put_fleet(struct text *out, const struct fleet *fleet)
{
	struct putter put = {out, fleet, number_documents(fleet)};
	wire_put_bool(out, fleet->is_incomplete);
	wire_put_int(out, fleet->broken_count);
	for (size_t i = 0; i < fleet->broken_count; i++)
		wire_put_span(out, fleet->broken_files[i]);
	wire_put_diags(out, &fleet->diags);
	wire_put_int(out, fleet->read_count);
	for (size_t i = 0; i < fleet->read_count; i++) {
		wire_put_span(out, fleet->reads[i].reader);
		wire_put_span(out, fleet->reads[i].path);
	}
	wire_put_int(out, fleet->document_count);
	for (size_t i = 0; i < fleet->document_count; i++)
		put_document(&put, fleet->documents[i]);
	wire_put_int(out, fleet->cluster_count);
	for (size_t i = 0; i < fleet->cluster_count; i++)
		put_cluster(&put, fleet->clusters[i]);
	wire_put_int(out, fleet->raw_count);
	for (size_t i = 0; i < fleet->raw_count; i++)
		put_raw(&put, fleet->raws[i]);
	wire_put_int(out, fleet->connection_count);
	for (size_t i = 0; i < fleet->connection_count; i++)
		put_connection(&put, fleet->connections[i]);
}
