#include "render/patch_check.h"

#include "render/load.h"
#include "render/patch_int.h"

/* What documents have in common: each stands for one thing. */
struct identity {
	struct span version, kind, name;
	const struct talos_kind *known; /* NULL: not known, or the document without a kind */
	bool is_legacy;
	struct span peer; /* the other end of a VethConfig: a link like those that have a document */
	bool has_peer;
};

struct documents {
	struct patch_walk *walk;
	struct identity *items;
	size_t count, cap;
	size_t selectors, seen;
	struct identity first[4]; /* enough for nearly all patches, without asking for memory */
};

/* --- what kind of document is it --------------------------------------------------------------------------------------- */

static bool is_legacy_key(struct span text)
{
	return span_is(text, "machine") || span_is(text, "cluster") || span_is(text, "debug") || span_is(text, "persist");
}

/* The loader looks at every text on the top level, keys and values alike. */
static bool looks_legacy(const struct node *root)
{
	for (size_t i = 0; i < root->len; i++)
		if (is_legacy_key(node_source_text(&root->pairs[i].key)) ||
		    is_legacy_key(node_source_text(&root->pairs[i].value)))
			return true;
	return false;
}

/* A mapping with nothing but scalars under these names is taken for empty. */
static bool is_as_good_as_empty(const struct node *root)
{
	for (size_t i = 0; i < root->len; i++) {
		struct span key = node_source_text(&root->pairs[i].key);
		uint8_t kind = root->pairs[i].value.kind;

		if (kind == NODE_MAP || kind == NODE_SEQ)
			return false;
		if (!span_is(key, "version") && !span_is(key, "kind") && !span_is(key, "name"))
			return false;
	}
	return true;
}

static void unknown_kind(struct patch_walk *walk, const struct node *root, const struct field_path *path,
			 struct span kind)
{
	struct field_path here = path_key(path, "kind");
	struct span near = talos_kind_near(kind, walk->talos.mask);
	struct diag *diag = patch_report(walk, DIAG_WARNING, "UnknownPatchKind", node_get(root, "kind"), &here,
					 "\"%.*s\" is no kind of Talos document that is known here; its fields are not checked",
					 SPAN_ARG(kind));

	if (near.len > 0)
		patch_hint(walk, diag, "did you mean %.*s?", SPAN_ARG(near));
	else
		patch_hint(walk, diag, "the server refuses it unless its release of Omni knows the kind");
}

static void kind_of_other_minor(struct patch_walk *walk, const struct node *root, const struct field_path *path,
				const struct talos_kind *kind)
{
	struct field_path here = path_key(path, "kind");
	unsigned first = talos_first_minor(kind->minors);
	struct span name = talos_text(kind->name);
	struct diag *diag = patch_report(walk, patch_severity(walk), "PatchKindNotInTalos", node_get(root, "kind"), &here,
					 "Talos 1.%u has no %.*s documents", talos_first_minor(walk->talos.mask),
					 SPAN_ARG(name));

	patch_hint(walk, diag, first > talos_first_minor(walk->talos.mask) ? "known since Talos 1.%u" : "last known in Talos 1.%u",
		   first > talos_first_minor(walk->talos.mask) ? first : talos_last_minor(kind->minors));
}

/* Omni decodes patches with a Talos library of its own age: 1.9 with an early 1.14, which has these new kinds only. */
static bool omni_knows(const struct patch_walk *walk, const struct talos_kind *kind)
{
	static const char *const EARLY[] = {"HTTPProbeConfig", "ImageCacheConfig", "KubeControllerManagerConfig",
					    "KubeEtcdEncryptionConfig", "KubeSchedulerConfig"};

	if (walk->check->rules >= OMNI_RULES_1_10 || talos_first_minor(kind->minors) < 14)
		return true;
	for (size_t i = 0; i < sizeof EARLY / sizeof *EARLY; i++)
		if (span_is(talos_text(kind->name), EARLY[i]))
			return true;
	return false;
}

static void kind_not_in_omni(struct patch_walk *walk, const struct node *root, const struct field_path *path,
			     struct span kind)
{
	struct field_path here = path_key(path, "kind");

	patch_hint(walk,
		   patch_report(walk, DIAG_WARNING, "PatchKindNotInOmni", node_get(root, "kind"), &here,
				"Omni 1.9 does not know %.*s documents and refuses them", SPAN_ARG(kind)),
		   "update Omni, or select its rules when it is newer");
}

/* NULL: no fields to check. */
static const struct talos_kind *select_kind(struct patch_walk *walk, const struct node *root,
					    const struct field_path *path, struct identity *identity)
{
	bool is_v1alpha1 = looks_legacy(root) || span_is(identity->version, "v1alpha1");
	const struct talos_kind *kind;

	if (identity->kind.len == 0) {
		identity->is_legacy = is_v1alpha1;
		if (is_v1alpha1)
			return talos_kind_find(SPAN("v1alpha1"));
		patch_hint(walk,
			   patch_error(walk, "PatchMissingKind", root, path, "this document does not say what it is"),
			   "start it with machine: or cluster:, or give its apiVersion and kind");
		return NULL;
	}
	if (identity->version.len == 0 && !is_v1alpha1) {
		patch_hint(walk,
			   patch_error(walk, "PatchMissingApiVersion", root, path, "the %.*s document has no apiVersion",
				       SPAN_ARG(identity->kind)),
			   "add apiVersion: v1alpha1");
		return NULL;
	}
	kind = talos_kind_find(identity->kind);
	identity->is_legacy = span_is(identity->kind, "v1alpha1");
	if (kind == NULL) {
		unknown_kind(walk, root, path, identity->kind);
		return NULL;
	}
	if (!is_v1alpha1 && !identity->is_legacy) {
		struct field_path here = path_key(path, "apiVersion");

		patch_hint(walk,
			   patch_error(walk, "UnknownPatchVersion", node_get(root, "apiVersion"), &here,
				       "there is no version \"%.*s\" of %.*s", SPAN_ARG(identity->version),
				       SPAN_ARG(identity->kind)),
			   "write apiVersion: v1alpha1");
		return NULL;
	}
	identity->known = identity->is_legacy ? NULL : kind;
	if (!(kind->minors & walk->talos.mask)) {
		kind_of_other_minor(walk, root, path, kind);
		return NULL;
	}
	if (!omni_knows(walk, kind))
		kind_not_in_omni(walk, root, path, identity->kind);
	return kind;
}

/* --- one document next to the others ----------------------------------------------------------------------------------- */

static bool conflict(const struct identity *a, const struct identity *b)
{
	if (a->known == NULL || b->known == NULL || !span_eq(a->name, b->name))
		return false;
	for (size_t i = 0; i < a->known->conflicts.count; i++)
		if (talos_conflicts[a->known->conflicts.first + i] == b->known->name)
			return true;
	return false;
}

/* The network links that both configure; ptr NULL: none. */
static struct span same_link(const struct identity *a, const struct identity *b)
{
	bool are_links = a->known != NULL && b->known != NULL && a->known->conflicts.count > 2 &&
			 b->known->conflicts.count > 2;

	if (are_links && a->has_peer && (span_eq(a->peer, b->name) || (b->has_peer && span_eq(a->peer, b->peer))))
		return a->peer.ptr == NULL ? SPAN("") : a->peer;
	return are_links && b->has_peer && span_eq(b->peer, a->name) ? a->name : (struct span){0};
}

static bool same_document(const struct identity *a, const struct identity *b)
{
	if (a->is_legacy && b->is_legacy)
		return true;
	return a->kind.len > 0 && span_eq(a->kind, b->kind) && span_eq(a->name, b->name);
}

static void check_others(struct documents *documents, const struct identity *identity, const struct node *root,
			 const struct field_path *path)
{
	struct patch_walk *walk = documents->walk;
	struct span kind = identity->kind.len > 0 ? identity->kind : SPAN("machine configuration");

	for (size_t i = 0; i < documents->count; i++) {
		const struct identity *other = &documents->items[i];

		if (same_document(identity, other)) {
			patch_hint(walk,
				   patch_error(walk, "DuplicatePatchDocument", root, path,
					       "a %.*s document%s%.*s stands in this patch already", SPAN_ARG(kind),
					       identity->name.len > 0 ? " named " : "", SPAN_ARG(identity->name)),
				   "join them into one document, or use several patches");
			return;
		}
		if (conflict(identity, other) || conflict(other, identity) || same_link(identity, other).ptr != NULL) {
			patch_hint(walk,
				   patch_error(walk, "ConflictingPatchDocuments", root, path,
					       "this %.*s configures the same thing as the %.*s named \"%.*s\"",
					       SPAN_ARG(kind), SPAN_ARG(other->kind), SPAN_ARG(other->name)),
				   "keep one of them");
			return;
		}
	}
	if (identity->has_peer && span_eq(identity->peer, identity->name))
		patch_hint(walk,
			   patch_error(walk, "ConflictingPatchDocuments", root, path,
				       "both ends of this %.*s have the same name", SPAN_ARG(kind)),
			   "give each a name of its own: name and peer.name");
}

static void not_a_mapping(struct patch_walk *walk, const struct node *root, const struct field_path *path)
{
	bool is_json_patch = node_is(root, NODE_SEQ) && root->len > 0 && node_get(&root->items[0], "op") != NULL;

	if (is_json_patch)
		patch_hint(walk,
			   patch_error(walk, "PatchIsJsonPatch", root, path, "JSON patches (a list of op, path, value) are not accepted"),
			   "write the part of the configuration that changes, as a mapping: machine: ...");
	else
		patch_hint(walk, patch_error(walk, "PatchNotMapping", root, path, "a patch document must be a mapping"),
			   "start it with machine: or cluster:, or with apiVersion and kind");
}

static void check_document(struct documents *documents, const struct node *root, const struct field_path *path,
			   bool is_forbidden_checked)
{
	struct patch_walk *walk = documents->walk;
	struct patch_deletes deletes = {.root = *root};
	const struct talos_kind *kind;
	struct identity identity;

	if (root->kind == NODE_NULL || root->kind == NODE_ABSENT)
		return;
	if (root->kind != NODE_MAP) {
		documents->seen++;
		not_a_mapping(walk, root, path);
		return;
	}
	if (is_forbidden_checked)
		patch_forbidden(walk, root, path);
	if (patch_has_deletes(root))
		patch_delete(walk, root, path, &deletes);
	documents->selectors += deletes.selectors;
	if (deletes.root.kind == NODE_ABSENT || is_as_good_as_empty(&deletes.root) || deletes.is_bad)
		return;
	root = &deletes.root;
	documents->seen++;
	identity = (struct identity){.version = node_source_text(node_get(root, "apiVersion")),
				     .kind = node_source_text(node_get(root, "kind")),
				     .name = node_source_text(node_get(root, "name"))};
	kind = select_kind(walk, root, path, &identity);
	identity.has_peer = kind != NULL && span_is(identity.kind, "VethConfig");
	identity.peer = node_text_at(root, "peer.name");
	check_others(documents, &identity, root, path);
	ARENA_PUSH(walk->scratch, documents->items, documents->count, documents->cap) = identity;
	if (kind != NULL && !walk->check->skip_schema)
		patch_fields(walk, kind->structure, root, path);
}

/* --- entry points ------------------------------------------------------------------------------------------------------ */

static void begin(struct documents *documents, struct patch_walk *walk, const struct patch_check *check,
		  struct arena *scratch)
{
	documents->walk = walk;
	documents->count = documents->selectors = documents->seen = 0;
	documents->items = documents->first;
	documents->cap = sizeof documents->first / sizeof *documents->first;
	*walk = (struct patch_walk){.check = check, .scratch = scratch, .talos = talos_version_of(check->talos_version)};
	arena_init(scratch, ARENA_NO_LIMIT);
}

static bool end(struct documents *documents, const struct node *holder, const struct field_path *path)
{
	struct patch_walk *walk = documents->walk;

	if (documents->seen == 0 && documents->selectors == 0 && walk->errors == 0)
		patch_hint(walk, patch_error(walk, "EmptyPatch", holder, path, "this patch holds no configuration"),
			   "write what it shall change, or remove it");
	arena_done(walk->scratch);
	return walk->errors == 0;
}

/* Omni 1.9 looks at the first document only. */
static bool forbidden_looks_at(const struct patch_check *check, size_t index)
{
	return index == 0 || check->rules >= OMNI_RULES_1_10;
}

static void check_text(struct documents *documents, struct span bytes, const struct field_path *path)
{
	struct patch_walk *walk = documents->walk;
	struct load_document *items = NULL;
	struct diag_list faults;
	struct diag_at at = {.list = &faults};
	size_t count = 0;

	walk->is_text = true;
	diag_list_init(&faults, walk->scratch);
	load_yaml(walk->scratch, bytes, LOAD_OMNI, NULL, &at, &items, &count);
	patch_take_faults(walk, &faults, path);
	if (!walk->check->skip_schema)
		patch_merge_keys(walk, bytes, path);
	for (size_t i = 0; i < count; i++) {
		struct field_path here = path_index(path, i);

		check_document(documents, &items[i].root, count > 1 ? &here : path,
			       forbidden_looks_at(walk->check, i));
	}
}

bool patch_check_file(const struct patch_check *check, struct span bytes)
{
	struct arena scratch;
	struct patch_walk walk;
	struct documents documents;

	begin(&documents, &walk, check, &scratch);
	patch_locate(&walk, NULL);
	check_text(&documents, bytes, NULL);
	return end(&documents, NULL, NULL);
}

bool patch_check_inline(const struct patch_check *check, const struct node *content, const struct field_path *path)
{
	struct arena scratch;
	struct patch_walk walk;
	struct documents documents;

	begin(&documents, &walk, check, &scratch);
	if (node_is(content, NODE_STRING)) {
		patch_locate(&walk, content);
		check_text(&documents, node_text(content), path);
	} else if (node_is(content, NODE_SEQ)) {
		for (size_t i = 0; i < content->len; i++) {
			struct field_path here = path_index(path, i);

			check_document(&documents, &content->items[i], &here, forbidden_looks_at(check, i));
		}
	} else if (content != NULL) {
		check_document(&documents, content, path, true);
	}
	return end(&documents, content, path);
}
