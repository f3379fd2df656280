/* Events to nodes. */
#include <stdlib.h>
#include <string.h>

#include "render/load_int.h"
#include "render/load_tag.h"

void build_reset(struct loader *loader)
{
	loader->dialect = loader->asked == LOAD_KUBERNETES ? LOAD_KUBERNETES : LOAD_OMNI;
	loader->stack_count = 0;
	loader->depth = 0;
	loader->nodes = 0;
	loader->bytes = 0;
	loader->root = node_null();
	loader->first_diag = loader->at.list->count;
	if (loader->has_anchors)
		map_init(&loader->anchors, &loader->scratch);
	loader->has_anchors = false;
}

/* --- text --------------------------------------------------------------------------------------------------------- */

char *build_text(struct loader *loader, size_t size)
{
	const struct arena *arena = loader->arena;
	enum { SLACK = 64 };
	if (arena->limit_bytes - arena->used_bytes < size + SLACK || arena->used_bytes > arena->limit_bytes) {
		fault_limit(loader, "TooBig", NULL, "the documents need more memory than allowed");
		return NULL;
	}
	return loader->arena->limit_bytes == ARENA_NO_LIMIT ? arena_alloc(loader->arena, size)
							    : arena_try_alloc(loader->arena, size);
}

static struct span keep(struct loader *loader, struct span text)
{
	const struct arena *arena = loader->arena;
	if (arena->limit_bytes != ARENA_NO_LIMIT) {
		char *copy = build_text(loader, text.len + 1);
		if (copy == NULL)
			return SPAN("");
		memcpy(copy, text.ptr, text.len);
		return (struct span){copy, text.len};
	}
	return arena_copy(loader->arena, text);
}

static size_t intern_slot(struct span text)
{
	uint64_t head = 0, tail = 0, middle = 0;
	if (text.len >= 8) {
		memcpy(&head, text.ptr, 8);
		memcpy(&tail, text.ptr + text.len - 8, 8);
		memcpy(&middle, text.ptr + (text.len - 8) / 2, 8);
	} else {
		memcpy(&head, text.ptr, text.len);
	}
	uint64_t hash = (head ^ ((tail + middle * 31) * 0x9E3779B97F4A7C15u) ^ text.len) * 0xD6E8FEB86659FD93u;
	return hash >> 40 & (LOAD_TEXTS - 1);
}

/* Texts that come again and again (keys above all) are kept once, as far as the slots allow. */
struct span build_intern(struct loader *loader, struct span text)
{
	if (loader->texts == NULL)
		return keep(loader, text);
	struct span *slot = &loader->texts[intern_slot(text)];
	if (slot->ptr != NULL && span_eq(*slot, text))
		return *slot;
	*slot = keep(loader, text);
	return *slot;
}

/* --- scalars ------------------------------------------------------------------------------------------------------ */

static void set_text(struct loader *loader, struct node *node, struct span text)
{
	enum { SHORT = 36 }; /* a UUID: in the list of a set and in the machine itself */
	struct span kept = text.len <= SHORT ? build_intern(loader, text) : keep(loader, text);
	node->text = kept.ptr;
	node->len = NODE_LEN(kept.len);
}

/* Canonical text, and behind it what was written where that differs. */
static void set_texts(struct loader *loader, struct node *node, struct span canonical, struct span source)
{
	if (span_eq(canonical, source)) {
		node->has_source = 0;
		set_text(loader, node, canonical);
		return;
	}
	char *both = build_text(loader, canonical.len + source.len + 2);
	if (both == NULL)
		return;
	memcpy(both, canonical.ptr, canonical.len);
	both[canonical.len] = '\0';
	memcpy(both + canonical.len + 1, source.ptr, source.len);
	both[canonical.len + 1 + source.len] = '\0';
	node->text = both;
	node->len = NODE_LEN(canonical.len);
	node->has_source = 1;
}

/* ".inf", "-.inf", ".nan" */
static bool is_infinite(const struct node *number)
{
	return number->len >= 4 && (span_ends(node_text(number), "inf") || span_ends(node_text(number), "nan"));
}

void build_set_resolved(struct loader *loader, struct node *node, const struct resolved *resolved, struct span raw)
{
	node->kind = resolved->kind & 15;
	if (resolved->kind == NODE_STRING) {
		node->has_source = 0;
		set_text(loader, node, raw);
	} else if (resolved->kind == NODE_NULL) {
		node->text = "null";
		node->len = 4;
	} else {
		set_texts(loader, node, resolved->text, raw);
	}
}

/* A value; as a key such a number is just its text. */
void build_check_finite(struct loader *loader, const struct node *value)
{
	if (loader->dialect != LOAD_KUBERNETES || value->kind != NODE_FLOAT || !is_infinite(value))
		return;
	struct diag *diag = diag_error(&loader->at, "NotFinite", value, NULL, "%s has no form in JSON, so Kubernetes cannot "
				       "hold it", node_source_text(value).ptr);
	diag_hint(&loader->at, diag, "quote it if a text is meant");
}

/* Kubernetes objects are JSON: their keys are strings, whatever they were in YAML. */
void build_string_key(struct loader *loader, struct node *key)
{
	char space[RESOLVE_TEXT_MAX];
	struct span text = node_text(key), source = node_source_text(key);
	if (key->kind == NODE_NULL) {
		struct diag *diag = diag_error(&loader->at, "NullKey", key, NULL, "a key is null");
		diag_hint(&loader->at, diag, "write the key, or \"\" for the empty text");
		key->kind = NODE_STRING;
		return;
	}
	if (key->kind == NODE_FLOAT && !is_infinite(key)) {
		double value = strtod(text.ptr, NULL);
		if (value == 0 && source.ptr[0] == '-') /* the one place where the sign of zero survives */
			value = -0.0;
		text = resolve_print_float((float)value, space);
	}
	if (key->kind != NODE_STRING)
		set_texts(loader, key, text, source);
	key->kind = NODE_STRING;
}

static bool is_key_position(const struct loader *loader)
{
	if (loader->depth == 0)
		return false;
	const struct level *level = &loader->levels[loader->depth - 1];
	return level->node.kind == NODE_MAP && (loader->stack_count - level->first) % 2 == 0;
}

static bool is_merge_key(const struct node *key)
{
	return key->len == 2 && key->kind == NODE_STRING && key->style == NODE_PLAIN && memcmp(key->text, "<<", 2) == 0;
}

/* --- the stack ---------------------------------------------------------------------------------------------------- */

static void grow_stack(struct loader *loader)
{
	loader->stack_cap = loader->stack_cap == 0 ? 256 : loader->stack_cap * 2;
	loader->stack = realloc(loader->stack, loader->stack_cap * sizeof *loader->stack);
	if (loader->stack == NULL)
		abort();
}

/* Where the next node will lie: it is made there, and then it is on the stack. */
static struct node *next_node(struct loader *loader)
{
	if (loader->depth == 0)
		return &loader->root;
	if (loader->stack_count == loader->stack_cap)
		grow_stack(loader);
	return &loader->stack[loader->stack_count];
}

static void push_made(struct loader *loader)
{
	loader->stack_count += loader->depth > 0;
}

static void push(struct loader *loader, const struct node *node)
{
	*next_node(loader) = *node;
	push_made(loader);
}

static bool count(struct loader *loader, const struct node *node, size_t nodes, size_t bytes)
{
	loader->nodes += nodes;
	loader->bytes += bytes;
	if (loader->nodes > loader->limits.max_nodes)
		return fault_limit(loader, "TooManyNodes", node, "the document is too big, counting what its aliases stand "
				   "for");
	if (loader->bytes > loader->limits.max_bytes)
		return fault_limit(loader, "TooBig", node, "the document holds too much text, counting what its aliases "
				   "stand for");
	return true;
}

/* Omni templates that turn out to be Kubernetes objects are converted at their end; nearly always the first key tells. */
static void guess_dialect(struct loader *loader, const struct node *key)
{
	if (loader->asked == LOAD_AUTO && loader->depth == 1 && loader->stack_count == 0 && key->len == 10 &&
	    memcmp(key->text, "apiVersion", 10) == 0)
		loader->dialect = LOAD_KUBERNETES;
}

static struct anchor *new_anchor(struct loader *loader, const char *name)
{
	struct anchor *anchor = ARENA_NEW(&loader->scratch, struct anchor);
	*map_at(&loader->anchors, arena_copy(&loader->scratch, span_of(name))) = anchor;
	loader->has_anchors = true;
	return anchor;
}

static void set_plain(struct loader *loader, struct node *node, struct span raw)
{
	struct resolved resolved;
	resolve_plain(loader_rules(loader), raw, &resolved);
	build_set_resolved(loader, node, &resolved, raw);
}

static bool add_scalar(struct loader *loader, const struct event *event)
{
	struct span raw = event->value;
	struct node *node = next_node(loader);
	bool is_key = is_key_position(loader);
	*node = (struct node){.kind = NODE_STRING, .style = (unsigned)(event->style - 1) & 7};
	if (node->style == NODE_DOUBLE)
		loader->last_quoted = event->start;
	loader_place(loader, node, &event->start);
	if (raw.len > NODE_LEN_MAX)
		return fault_limit(loader, "TooBig", node, "a text is longer than 16 MiB");
	if (event->tag != NULL) {
		tag_scalar(loader, node, event->tag, raw);
	} else if (node->style == NODE_PLAIN && !resolve_is_text(raw)) {
		set_plain(loader, node, raw);
	} else {
		set_text(loader, node, raw);
	}
	if (is_key) {
		guess_dialect(loader, node);
		if (loader->dialect == LOAD_KUBERNETES && node->kind != NODE_STRING)
			build_string_key(loader, node);
		if (is_merge_key(node))
			loader->levels[loader->depth - 1].has_merge = true;
	} else if (node->kind == NODE_FLOAT) {
		build_check_finite(loader, node);
	}
	if (event->anchor != NULL)
		*new_anchor(loader, event->anchor) = (struct anchor){*node, 1, raw.len, 0, false};
	push_made(loader);
	return count(loader, node, 1, raw.len) && !loader->is_failed;
}

static void note_complex_key(struct loader *loader, const struct node *node)
{
	loader->levels[loader->depth - 1].has_complex_key = true;
	struct diag *diag = diag_error(&loader->at, "ComplexKey", node, NULL, "a %s cannot be a key",
				       node->kind == NODE_MAP ? "mapping" : "list");
	diag_hint(&loader->at, diag, "quote it if a text is meant, such as \"{{ name }}\"");
}

static bool open_level(struct loader *loader, const struct event *event, enum node_kind kind)
{
	struct node node = {.kind = kind & 15};
	loader_place(loader, &node, &event->start);
	if (loader->depth >= loader->limits.max_depth)
		return fault_limit(loader, "TooDeep", &node, "mappings and lists are nested too deep");
	if (event->tag != NULL)
		tag_collection(loader, &node, event->tag);
	if (is_key_position(loader))
		note_complex_key(loader, &node);
	struct level *level = &loader->levels[loader->depth];
	*level = (struct level){loader->stack_count, loader->nodes, loader->bytes, NULL, node, 0, false, false};
	if (event->anchor != NULL) {
		level->anchor = new_anchor(loader, event->anchor);
		level->anchor->is_open = true;
	}
	loader->depth++;
	return count(loader, &node, 1, 0);
}

static bool keep_children(struct loader *loader, struct level *level)
{
	size_t items = loader->stack_count - level->first;
	if (items == 0)
		return true;
	if (items > NODE_LEN_MAX)
		return fault_limit(loader, "TooManyNodes", &level->node, "the list or mapping has too many entries");
	struct node *children = loader->stack + level->first;
	struct pair *pairs = (struct pair *)children;
	if (level->node.kind == NODE_MAP)
		items = 2 * map_finish(loader, level, &pairs, items / 2);
	if (loader->is_failed)
		return false;
	level->node.len = NODE_LEN(level->node.kind == NODE_MAP ? items / 2 : items);
	if (items == 0)
		return true;
	children = (struct node *)pairs;
	struct node *kept = arena_dup(loader->arena, children, items * sizeof *kept);
	if (kept == NULL)
		return fault_limit(loader, "TooBig", &level->node, "the documents need more memory than allowed");
	level->node.items = kept;
	return true;
}

static void raise_parent(struct loader *loader, size_t height)
{
	if (loader->depth == 0)
		return;
	struct level *parent = &loader->levels[loader->depth - 1];
	if (parent->height < height)
		parent->height = (uint16_t)height;
}

static bool close_level(struct loader *loader)
{
	struct level *level = &loader->levels[loader->depth - 1];
	if (!keep_children(loader, level))
		return false;
	loader->stack_count = level->first;
	loader->depth--;
	if (level->anchor != NULL)
		*level->anchor = (struct anchor){level->node, loader->nodes - level->nodes_before,
						 loader->bytes - level->bytes_before, (uint16_t)(level->height + 1),
						 false};
	raise_parent(loader, level->height + 1u);
	push(loader, &level->node);
	return true;
}

static bool add_alias(struct loader *loader, const struct event *event)
{
	const char *name = event->anchor;
	struct node here = node_null();
	loader_place(loader, &here, &event->start);
	const struct anchor *anchor = map_get(&loader->anchors, span_of(name));
	if (anchor == NULL || anchor->is_open) {
		struct diag *diag = diag_error(&loader->at, "UnknownAlias", &here, NULL,
					       anchor == NULL ? "nothing above is named &%.80s"
							      : "*%.80s stands inside of what it stands for",
					       name);
		if (anchor == NULL)
			diag_hint(&loader->at, diag, "anchors hold for one document; quote a text that starts with \"*\"");
		push(loader, &here);
		return true;
	}
	if (loader->depth + anchor->height > loader->limits.max_depth)
		return fault_limit(loader, "TooDeep", &here, "mappings and lists are nested too deep");
	struct node node = anchor->node;
	node.line = here.line;
	node.column = here.column;
	if (is_key_position(loader)) {
		if (anchor->height > 0)
			note_complex_key(loader, &node);
		else if (loader->dialect == LOAD_KUBERNETES)
			build_string_key(loader, &node);
	}
	raise_parent(loader, anchor->height);
	push(loader, &node);
	return count(loader, &here, anchor->nodes, anchor->bytes);
}

bool build_event(struct loader *loader, const struct event *event)
{
	switch (event->kind) {
	case EVENT_SCALAR: return add_scalar(loader, event);
	case EVENT_ALIAS: return add_alias(loader, event);
	case EVENT_SEQ_START: return open_level(loader, event, NODE_SEQ);
	case EVENT_MAP_START: return open_level(loader, event, NODE_MAP);
	default: return close_level(loader);
	}
}
