/* What stands alone beside the clusters: connections, machine classes, other resources in Omni's own form. */
#include "render/fleet_build.h"

#include "render/emit.h"
#include "render/labels_merge.h"
#include "render/selector.h"

static struct map *claims_of(struct build *build, const struct resource *resource)
{
	return build_ids(build, resource->type_name);
}

static void add_raw(struct build *build, const struct document *document, struct resource *resource,
		    struct span connection, bool has_errors)
{
	struct fleet *fleet = build->fleet;
	struct raw_resource *raw = ARENA_NEW(fleet->arena, struct raw_resource);
	*raw = (struct raw_resource){connection, document->ns, document, resource, has_errors || document->has_errors};
	resource->file = document->file;
	resource->line = document->root.line;
	resource->column = document->root.column;
	resource->object = document->object;
	ARENA_PUSH(fleet->arena, fleet->raws, fleet->raw_count, fleet->raw_cap) = raw;
	struct claim wanted = {.omni = build_omni(build, document->ns, connection), .raw = raw, .resource = resource,
			       .document = document};
	const struct claim *first = build_claim(build, claims_of(build, resource), resource->id, &wanted);
	if (first == NULL)
		return;
	struct diag_at at = build_at(build, document);
	struct diag *diag = diag_error(&at, "DuplicateResource", &document->root, "",
				       "the resource %.*s(%.*s) is declared twice, first in %.*s:%u",
				       SPAN_ARG(resource->type_name), SPAN_ARG(resource->id),
				       SPAN_ARG(first->document->file), first->document->root.line);
	diag_hint(&at, diag, "remove one of them");
	build_taint(first);
	build_taint(&wanted);
}

/* --- OmniConnection ----------------------------------------------------------------------------------------------- */

static void add_connection(struct build *build, const struct document *document)
{
	struct fleet *fleet = build->fleet;
	const struct node *spec = node_get(&document->root, "spec"), *tls = node_get(spec, "insecureSkipTLSVerify");
	const struct node *ref = node_path(spec, "auth.serviceAccountSecretRef");
	struct connection *connection = ARENA_NEW(fleet->arena, struct connection);
	struct span key = node_text_at(ref, "key");
	*connection = (struct connection){
		.ns = document->ns,
		.name = document->name,
		.endpoint = node_text_at(spec, "endpoint"),
		.secret_name = node_text_at(ref, "name"),
		.secret_key = key.len > 0 ? key : SPAN("serviceAccountKey"),
		.insecure_skip_tls_verify = node_is(tls, NODE_BOOL) && span_is(node_text(tls), "true"),
		.document = document,
		.has_errors = document->has_errors,
	};
	ARENA_PUSH(fleet->arena, fleet->connections, fleet->connection_count, fleet->connection_cap) = connection;
	struct span full = arena_spanf(&build->joins, "%.*s/%.*s", SPAN_ARG(document->ns), SPAN_ARG(document->name));
	*map_at(&build->connections, full) = connection;
	*map_at(&build->connection_ns, document->ns) = connection;
}

/* --- machine classes ---------------------------------------------------------------------------------------------- */

static void check_selectors(const struct diag_at *at, const struct node *list, const char *path)
{
	for (uint32_t i = 0; node_is(list, NODE_SEQ) && i < list->len; i++) {
		struct fail fail = {0};
		char item[64];
		if (!node_is_scalar(&list->items[i]) || selector_check(node_source_text(&list->items[i]), &fail))
			continue;
		snprintf(item, sizeof item, "%s[%u]", path, i);
		struct diag *diag = diag_error(at, "InvalidSelector", &list->items[i], item, "\"%.*s\" is no label selector: %s",
					       SPAN_ARG(node_source_text(&list->items[i])), fail.text);
		diag_hint(at, diag, "for example: omni.sidero.dev/arch = amd64, omni.sidero.dev/cores >= 8");
	}
}

static void check_provider(const struct diag_at *at, const struct node *provider, const char *path)
{
	struct span id = node_text(provider);
	for (size_t i = 0; i < id.len; i++) {
		if (id.ptr[i] < 'A' || id.ptr[i] > 'Z')
			continue;
		struct diag *diag = diag_warn(at, "ProviderName", provider, path,
					      "\"%.*s\" has capital letters: newer releases of Omni take only lower case "
					      "in names of infrastructure providers", SPAN_ARG(id));
		diag_hint(at, diag, "use the name under which the provider is registered");
		return;
	}
}

static struct node meta_values(struct arena *arena, const struct node *list)
{
	struct node out = node_seq(arena, list->len);
	for (uint32_t i = 0; i < list->len; i++) {
		const struct node *key = node_get(&list->items[i], "key"), *value = node_get(&list->items[i], "value");
		struct node item = node_map(arena, 2);
		if (node_is(key, NODE_INT) && !span_is(node_text(key), "0"))
			node_put(&item, "key", *key);
		if (node_text(value).len > 0)
			node_put(&item, "value", node_string(node_text(value)));
		node_push(&out, item);
	}
	return out;
}

static struct node texts(struct arena *arena, const struct node *list)
{
	struct node out = node_seq(arena, list->len);
	for (uint32_t i = 0; i < list->len; i++)
		if (node_is_scalar(&list->items[i]))
			node_push(&out, node_placed(node_string(node_text(&list->items[i])), &list->items[i]));
	return out;
}

static void put_list(struct arena *arena, struct node *map, const char *key, const struct node *list,
		     struct node (*convert)(struct arena *, const struct node *))
{
	if (node_is(list, NODE_SEQ) && list->len > 0)
		node_put(map, key, node_placed(convert(arena, list), list));
}

static struct span provider_data(struct build *build, const struct node *data)
{
	if (!node_is(data, NODE_MAP))
		return node_text(data);
	text_reset(&build->scratch);
	emit_document(&build->scratch, data, EMIT_CONTENT, true);
	return arena_copy(build->arena, text_span(&build->scratch));
}

static struct node provision_spec(struct build *build, const struct node *provision)
{
	static const char *const tunnels[] = {"unset", "enabled", "disabled"};
	enum { FIELDS = 5 };
	struct arena *arena = build->arena;
	struct node out = node_placed(node_map(arena, FIELDS), provision);
	const struct node *provider = node_get(provision, "providerID"), *written = node_get(provision, "providerData");
	struct span tunnel = node_text_at(provision, "grpcTunnel"), data = provider_data(build, written);
	if (node_text(provider).len > 0)
		node_put(&out, "providerid", node_placed(node_string(node_text(provider)), provider));
	put_list(arena, &out, "kernelargs", node_get(provision, "kernelArgs"), texts);
	put_list(arena, &out, "metavalues", node_get(provision, "metaValues"), meta_values);
	if (data.len > 0)
		node_put(&out, "providerdata", node_placed(node_string(data), written));
	for (int mode = 1; mode < 3; mode++)
		if (span_is(tunnel, tunnels[mode]))
			node_put(&out, "grpctunnel", node_int(arena, mode));
	return out;
}

static void check_labels(const struct diag_at *at, const struct node *map, const char *path, const char *what)
{
	for (uint32_t i = 0; node_is(map, NODE_MAP) && i < map->len; i++) {
		struct span key = node_text(&map->pairs[i].key);
		if (!span_starts(key, "omni.sidero.dev/"))
			continue;
		struct diag *diag = diag_error(at, "ReservedPrefix", &map->pairs[i].key, path,
					       "the %s \"%.*s\" uses a prefix that Omni keeps for itself", what, SPAN_ARG(key));
		diag_hint(at, diag, "choose a name that does not start with omni.sidero.dev/");
	}
}

static void add_class(struct build *build, const struct document *document)
{
	const struct node *spec = node_get(&document->root, "spec"), *provision = node_get(spec, "autoProvision");
	struct diag_at at = build_at(build, document);
	size_t before = at.list->error_count;
	if (document->name.len == 0) {
		build_mark_incomplete(build, document->file);
		return;
	}
	struct resource *resource = resource_new(build->arena, OMNI_MACHINE_CLASS, document->name);
	const struct node *labels = node_get(spec, "labels"), *annotations = node_get(spec, "annotations");
	check_labels(&at, labels, "spec.labels", "label");
	check_labels(&at, annotations, "spec.annotations", "annotation");
	labels_merge(build->arena, &resource->labels, labels);
	labels_merge(build->arena, &resource->annotations, annotations);
	check_selectors(&at, node_get(spec, "matchLabels"), "spec.matchLabels");
	check_provider(&at, node_get(provision, "providerID"), "spec.autoProvision.providerID");
	resource->spec = node_map(build->arena, 2);
	put_list(build->arena, &resource->spec, "matchlabels", node_get(spec, "matchLabels"), texts);
	if (node_is(provision, NODE_MAP))
		node_put(&resource->spec, "autoprovision", provision_spec(build, provision));
	add_raw(build, document, resource, node_text_at(spec, "connectionRef.name"), at.list->error_count > before);
}

/* --- resources in Omni's own form --------------------------------------------------------------------------------- */

static void check_class_resource(const struct diag_at *at, const struct resource *resource, const struct document *document)
{
	const struct node *spec = node_get(&document->root, "spec");
	const struct node *labels = node_get(&resource->spec, "matchlabels");
	const struct node *provision = node_get(&resource->spec, "autoprovision");
	bool has_labels = node_is(labels, NODE_SEQ) && labels->len > 0;
	if (has_labels == node_is_set(provision)) {
		struct diag *diag = diag_error(at, "MachineClassSelection", spec, "spec",
					       has_labels ? "a machine class has either matchlabels or autoprovision, not both"
							  : "a machine class needs matchlabels or autoprovision");
		diag_hint(at, diag, "matchlabels picks machines by their labels, autoprovision has them made by a provider");
	}
	check_selectors(at, node_get(spec, "matchlabels"), "spec.matchlabels");
	check_provider(at, node_path(spec, "autoprovision.providerid"), "spec.autoprovision.providerid");
}

static void check_metadata(const struct diag_at *at, const struct resource *resource, const struct document *document)
{
	const struct node *metadata = node_get(&document->root, "metadata");
	if (resource->id.len == 0)
		diag_error(at, "MissingField", metadata, "metadata.id", "the ID of the resource is missing");
	if (resource->owner.len > 0) {
		struct diag *diag = diag_error(at, "NotAllowed", node_get(metadata, "owner"), "metadata.owner",
					       "a resource with an owner is written by Omni itself");
		diag_hint(at, diag, "remove owner, or the whole document");
	}
	if (resource->phase != RESOURCE_RUNNING)
		diag_error(at, "NotAllowed", node_get(metadata, "phase"), "metadata.phase",
			   "a resource that is being torn down cannot be declared");
}

static bool is_allowed(const struct diag_at *at, const struct resource *resource, const struct document *document)
{
	if (resource->type != NULL && (resource->type->flags & OMNI_RAW) != 0)
		return true;
	struct diag *diag = diag_error(at, "ResourceType", node_path(&document->root, "metadata.type"), "metadata.type",
				       "resources of the type %.*s are not declared in files",
				       SPAN_ARG(resource->type_name));
	if (resource->type != NULL && (resource->type->flags & OMNI_TEMPLATE) != 0)
		diag_hint(at, diag, "they are made from cluster templates: write a Cluster, ControlPlane, Workers or Machine");
	return false;
}

static void add_resource(struct build *build, struct document *document)
{
	struct diag_at at = build_at(build, document);
	size_t before = at.list->error_count;
	struct resource *resource = resource_read(build->arena, &document->root, &at);
	if (resource != NULL && is_allowed(&at, resource, document)) {
		check_metadata(&at, resource, document);
		if (resource->type == OMNI_MACHINE_CLASS)
			check_class_resource(&at, resource, document);
	}
	document->has_errors = at.list->error_count > before;
	if (resource == NULL || resource->id.len == 0)
		build_mark_incomplete(build, document->file); /* some resource was meant */
	else
		add_raw(build, document, resource, SPAN(""), document->has_errors);
}

void raw_collect(struct build *build)
{
	struct fleet *fleet = build->fleet;
	for (size_t i = 0; i < fleet->document_count; i++) {
		const struct document *document = fleet->documents[i];
		if (document->class == DOCUMENT_KIND && span_is(span_of(document->kind->name), "OmniConnection"))
			add_connection(build, document);
	}
	for (size_t i = 0; i < fleet->document_count; i++) {
		struct document *document = fleet->documents[i];
		if (document->class == DOCUMENT_RESOURCE)
			add_resource(build, document);
		else if (document->class == DOCUMENT_KIND && span_is(span_of(document->kind->name), "OmniMachineClass"))
			add_class(build, document);
	}
}
