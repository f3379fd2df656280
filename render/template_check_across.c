/* The rules that look at several documents of one template, and the two that its translation would otherwise stumble
 * over. Machine sets and machines are joined through tables, never pair by pair. */
#include "render/template.h"

struct across {
	struct template *template;
	struct map sets;     /* raw name of workers → template_doc */
	struct map machines; /* machine ID → struct use */
	struct map named;    /* machine ID → Machine document */
};

/* Where a machine is listed first. */
struct use {
	const struct template_doc *set;
	const struct node *node;
};

static struct span set_label(const struct template_doc *doc)
{
	return doc->kind == TEMPLATE_CONTROL_PLANE ? SPAN("the control plane") : doc->document->object;
}

/* Where the name of a document is written: custom resources have a field for it, or take that of the object. */
static const char *name_path(const struct template *template, const struct template_doc *doc, const char *field)
{
	if (template->is_plain)
		return "name";
	if (template_text(node_get(&doc->document->root, "spec"), field).len == 0)
		return "metadata.name";
	return strcmp(field, "machineID") == 0 ? "spec.machineID" : "spec.workerSetName";
}

/* --- counts ------------------------------------------------------------------------------------------------------- */

static void report_second(const struct template *template, const struct template_doc *doc, const struct template_doc *first,
			  const char *code, const char *message, const char *hint)
{
	struct diag *diag = diag_error(&doc->at, code, template->is_plain ? doc->node : &doc->document->root, "",
				       "%s; the first is in %.*s:%u", message, SPAN_ARG(first->document->file),
				       first->document->root.line);
	diag_hint(&doc->at, diag, "%s", hint);
}

static const struct template_doc *check_kind_once(const struct template *template, enum template_kind kind,
						  const char *code, const char *message, const char *hint)
{
	const struct template_doc *first = NULL;
	for (size_t i = 0; i < template->count; i++) {
		const struct template_doc *doc = &template->docs[i];
		if (doc->kind != kind)
			continue;
		if (first == NULL)
			first = doc;
		else
			report_second(template, doc, first, code, message, hint);
	}
	return first;
}

static void check_counts(const struct template *template)
{
	const struct template_doc *any = &template->docs[0];
	const struct template_doc *cluster = check_kind_once(
		template, TEMPLATE_CLUSTER, "TwoClusters", "a template file describes one cluster, but this is another",
		"put every cluster and its documents into a file of its own");
	const struct template_doc *control_plane =
		check_kind_once(template, TEMPLATE_CONTROL_PLANE, "TwoControlPlanes",
				template->is_plain ? "the cluster has a second ControlPlane document"
						   : "the cluster has a second OmniControlPlane",
				"keep one of them");
	if (cluster == NULL) {
		struct diag *diag = diag_error(&any->at, "MissingCluster", any->node, "",
					       "the file has no Cluster document");
		diag_hint(&any->at, diag, "add it: omnictl reads every file as a complete template of one cluster");
	}
	if (control_plane != NULL)
		return;
	const struct template_doc *at = cluster == NULL ? any : cluster;
	struct diag *diag = diag_error(&at->at, "MissingControlPlane", template->is_plain ? at->node : &at->document->root, "",
				       "the cluster has no control plane");
	if (template->is_plain)
		diag_hint(&at->at, diag, "add a ControlPlane document to the file");
	else if (template->build->fleet->is_incomplete)
		diag_hint(&at->at, diag, "files that could not be read may hold it: correct those first");
	else
		diag_hint(&at->at, diag, "add an OmniControlPlane with clusterRef.name: %.*s",
			  SPAN_ARG(at->document->name));
}

/* --- sets and their machines -------------------------------------------------------------------------------------- */

static void check_set_name(struct across *across, const struct template_doc *doc)
{
	if (doc->kind != TEMPLATE_WORKERS)
		return;
	void **place = map_at(&across->sets, doc->set_name);
	if (*place == NULL) {
		*place = (void *)(uintptr_t)doc;
		return;
	}
	const struct template_doc *first = *place;
	const struct node *name = node_get(doc->node, "name");
	struct diag *diag = diag_error(&doc->at, "DuplicateWorkers", node_is_set(name) ? name : doc->node,
				       name_path(across->template, doc, "workerSetName"),
				       "the workers \"%.*s\" are there twice, first in %.*s:%u", SPAN_ARG(doc->set_name),
				       SPAN_ARG(first->document->file), first->document->root.line);
	diag_hint(&doc->at, diag, "give each set of workers a name of its own");
}

static void check_use(struct across *across, const struct template_doc *doc, const struct node *node,
		      const struct field_path *path)
{
	struct span id = node_source_text(node);
	struct use *use = ARENA_NEW(&across->template->build->temporary, struct use);
	void **place = map_at(&across->machines, id);
	*use = (struct use){doc, node};
	if (*place == NULL) {
		*place = use;
		return;
	}
	const struct use *first = *place;
	if (first->set == doc && !across->template->is_plain)
		return; /* the rules of the kind know this one */
	bool mixed = first->set->kind != doc->kind;
	struct diag *diag = diag_error(&doc->at, "DuplicateMachine", node, PATH_TEXT(path),
				       first->set == doc ? "machine %.*s is listed twice, first in line %u"
				       : mixed ? "machine %.*s is in the control plane and in workers, the other is line %u"
					       : "machine %.*s is in two sets, the other is line %u",
				       SPAN_ARG(id), first->node->line);
	if (first->set != doc)
		diag_hint(&doc->at, diag, "a machine belongs to one set; it is also in %.*s (%.*s:%u)",
			  SPAN_ARG(set_label(first->set)), SPAN_ARG(first->set->document->file), first->node->line);
}

static void collect_set(struct across *across, const struct template_doc *doc)
{
	const struct node *machines = template_list(doc->node, "machines");
	struct field_path up = path_key(doc->root, "machines");
	check_set_name(across, doc);
	for (uint32_t i = 0; machines != NULL && i < machines->len; i++) {
		struct field_path path = path_index(&up, i);
		if (node_is_scalar(&machines->items[i]))
			check_use(across, doc, &machines->items[i], &path);
	}
}

/* --- Machine documents -------------------------------------------------------------------------------------------- */

static void check_machine_once(struct across *across, const struct template_doc *doc, struct span id)
{
	void **place = map_at(&across->named, id);
	if (*place == NULL) {
		*place = (void *)(uintptr_t)doc;
		return;
	}
	/* Omni's client takes the last one when nothing else clashes: hence no error for plain templates here. */
	const struct template_doc *first = *place;
	diag_add(&doc->at, across->template->is_plain ? DIAG_WARNING : DIAG_ERROR, "DuplicateMachine",
		 node_get(doc->node, "name"), name_path(across->template, doc, "machineID"),
		 "machine %.*s is described twice, first in %.*s:%u", SPAN_ARG(id), SPAN_ARG(first->document->file),
		 first->document->root.line);
}

static void check_machine_use(struct across *across, const struct template_doc *doc)
{
	const struct node *name = node_get(doc->node, "name"), *locked = node_get(doc->node, "locked");
	struct span id = node_source_text(name);
	struct field_path path = path_key(doc->root, "locked");
	if (id.len == 0)
		return;
	check_machine_once(across, doc, id);
	const struct use *use = map_get(&across->machines, id);
	if (use == NULL) {
		struct diag *diag = diag_error(&doc->at, "UnusedMachine", name, name_path(across->template, doc, "machineID"),
					       "machine %.*s is in no set of the cluster", SPAN_ARG(id));
		diag_hint(&doc->at, diag, "list it below machines of the control plane or of workers, or remove it here");
	} else if (use->set->kind == TEMPLATE_CONTROL_PLANE && template_bool(locked)) {
		struct diag *diag = diag_error(&doc->at, "LockedControlPlane", locked, PATH_TEXT(&path),
					       "machines of the control plane cannot be locked");
		diag_hint(&doc->at, diag, "remove locked");
	}
}

/* --- translation -------------------------------------------------------------------------------------------------- */

static void check_kernel_args(const struct template *template)
{
	const struct node *args = template->head == NULL ? NULL : template_list(template->head->node, "kernelArgs");
	if (args == NULL)
		return;
	for (size_t i = 0; i < template->count; i++) {
		const struct template_doc *doc = &template->docs[i];
		bool is_set = doc->kind == TEMPLATE_CONTROL_PLANE || doc->kind == TEMPLATE_WORKERS;
		if (!is_set || !node_is(node_get(doc->node, "machineClass"), NODE_MAP))
			continue;
		struct field_path path = path_key(template->head->root, "kernelArgs");
		struct diag *diag = diag_error(&template->head->at, "KernelArgsWithClass", args, PATH_TEXT(&path),
					       "kernel arguments of the whole cluster do not go with machine classes, and %.*s uses one",
					       SPAN_ARG(set_label(doc)));
		diag_hint(&template->head->at, diag, "set them in the machine class, and on the sets that list machines");
		return;
	}
}

void template_check_across(struct template *template)
{
	struct across across = {.template = template};
	struct arena *arena = &template->build->temporary;
	map_init(&across.sets, arena);
	map_init(&across.machines, arena);
	map_init(&across.named, arena);
	if (template->count == 0)
		return;
	check_counts(template);
	for (size_t i = 0; i < template->count; i++)
		if (template->docs[i].kind == TEMPLATE_CONTROL_PLANE || template->docs[i].kind == TEMPLATE_WORKERS)
			collect_set(&across, &template->docs[i]);
	for (size_t i = 0; i < template->count; i++)
		if (template->docs[i].kind == TEMPLATE_MACHINE)
			check_machine_use(&across, &template->docs[i]);
	check_kernel_args(template);
}
