#include "render/flux_variables.h"

#include <ctype.h>

#include "base/map.h"
#include "render/field_path.h"

enum { MAX_DEPTH = 100, SHOWN = 60 };

static bool is_name(char c)
{
	return isalnum((unsigned char)c) || c == '_' || (c & '\x80') != 0; /* letters of any script */
}

enum flux_text flux_text_read(struct span text, struct span *out_name)
{
	size_t at = 2;
	if (text.len < 2 || (text.ptr[1] != '{' && text.ptr[1] != '$'))
		return FLUX_PLAIN;
	if (text.ptr[1] == '$')
		return FLUX_ESCAPE;
	bool is_length = at < text.len && text.ptr[at] == '#';
	size_t begin = at += is_length;
	while (at < text.len && is_name(text.ptr[at]))
		at++;
	*out_name = (struct span){text.ptr + begin, at - begin};
	bool has_end = at < text.len && strchr(is_length ? "}" : "}:=,^/#%", text.ptr[at]) != NULL;
	return at > begin && has_end && memchr(text.ptr + at, '}', text.len - at) != NULL ? FLUX_VARIABLE : FLUX_MALFORMED;
}

struct check {
	struct diag_at at;
	const struct map *meant; /* names that a Kustomization sets */
	bool has_any;		 /* an object with none is left alone as a whole */
};

/* The first that counts: what breaks, before what is replaced, before what is only shortened. */
static enum flux_text first_of(const struct check *check, struct span text, struct span *out_at)
{
	enum flux_text worst = FLUX_PLAIN;
	for (size_t i = 0; i < text.len; i++) {
		struct span rest = {text.ptr + i, text.len - i}, name;
		enum flux_text kind = rest.ptr[0] == '$' ? flux_text_read(rest, &name) : FLUX_PLAIN;
		i += kind == FLUX_ESCAPE;
		if (kind == FLUX_VARIABLE && map_get(check->meant, name) != NULL)
			continue;
		if (kind == FLUX_ESCAPE && rest.len > 2 && rest.ptr[2] == '{')
			continue; /* as Flux wants it */
		if (kind <= worst)
			continue;
		worst = kind;
		*out_at = rest;
	}
	return worst;
}

/* Up to its end, in one line. */
static struct span shown(struct span text)
{
	size_t len = 0;
	while (len < text.len && len < SHOWN && text.ptr[len] != '\n' && text.ptr[len] != '}')
		len++;
	while (len > 0 && len < text.len && (text.ptr[len] & '\xC0') == '\x80')
		len--;
	return (struct span){text.ptr, len + (len < text.len && text.ptr[len] == '}')};
}

static void check_text(const struct check *check, const struct node *node, const struct field_path *path)
{
	static const char *const happens[] = {
		[FLUX_ESCAPE] = "Flux's variable substitution makes one $ of this $$",
		[FLUX_VARIABLE] = "Flux's variable substitution replaces this",
		[FLUX_MALFORMED] = "Flux's variable substitution fails here",
	};
	struct span found = {0};
	enum flux_text kind = first_of(check, node_text(node), &found);
	if (kind == FLUX_PLAIN || (kind == FLUX_ESCAPE && !check->has_any))
		return;
	found = kind == FLUX_ESCAPE ? SPAN("$$") : shown(found);
	struct diag *diag = diag_warn(&check->at, "FluxVariable", node, PATH_TEXT(path), "%s: %.*s", happens[kind], SPAN_ARG(found));
	diag_hint(&check->at, diag, "write $%.*s if it is not meant for Flux, or put the annotation "
		  "kustomize.toolkit.fluxcd.io/substitute: disabled on the object", SPAN_ARG(found));
}

/* Texts below keys whose content is somebody else's language. */
static void walk(const struct check *check, const struct node *node, const struct field_path *path, bool is_inside, unsigned depth)
{
	static const char *const contents[] = {"inline", "job", "values"};
	if (depth > MAX_DEPTH)
		return;
	if (node_is(node, NODE_STRING) && is_inside)
		check_text(check, node, path);
	for (uint32_t i = 0; node_is(node, NODE_SEQ) && i < node->len; i++) {
		struct field_path item = path_index(path, i);
		walk(check, &node->items[i], &item, is_inside, depth + 1);
	}
	for (uint32_t i = 0; node_is(node, NODE_MAP) && i < node->len; i++) {
		struct span key = node_text(&node->pairs[i].key);
		struct field_path member = path_span(path, key);
		bool is_content = is_inside;
		for (size_t j = 0; j < sizeof contents / sizeof *contents; j++)
			is_content |= span_is(key, contents[j]);
		walk(check, &node->pairs[i].value, &member, is_content, depth + 1);
	}
}

/* Flux does not touch objects without any variable: then "$$" stays. */
static bool has_variable(const struct node *node, unsigned depth)
{
	bool has = false;
	struct span text = node_text(node);
	for (size_t i = 0; i + 1 < text.len && !has; i++)
		has = text.ptr[i] == '$' && text.ptr[i + 1] == '{';
	for (uint32_t i = 0; depth < MAX_DEPTH && node_is(node, NODE_SEQ) && i < node->len && !has; i++)
		has = has_variable(&node->items[i], depth + 1);
	for (uint32_t i = 0; depth < MAX_DEPTH && node_is(node, NODE_MAP) && i < node->len && !has; i++)
		has = has_variable(&node->pairs[i].value, depth + 1);
	return has;
}

static bool is_exempt(const struct node *root)
{
	static const char *const places[] = {"metadata.annotations", "metadata.labels"};
	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		if (span_is(node_text(node_get(node_path(root, places[i]), "kustomize.toolkit.fluxcd.io/substitute")), "disabled"))
			return true;
	return false;
}

/* Does a Kustomization here substitute, and which names? */
static bool find_substitutions(const struct fleet *fleet, struct map *meant)
{
	bool is_found = false;
	for (size_t i = 0; i < fleet->document_count; i++) {
		const struct node *root = &fleet->documents[i]->root, *names = node_path(root, "spec.postBuild.substitute");
		if (!span_starts(node_text_at(root, "apiVersion"), "kustomize.toolkit.fluxcd.io/") ||
		    !node_is_set(node_path(root, "spec.postBuild")))
			continue;
		is_found = true;
		for (uint32_t j = 0; node_is(names, NODE_MAP) && j < names->len; j++)
			*map_at(meant, node_text(&names->pairs[j].key)) = (void *)names;
	}
	return is_found;
}

void flux_variables_check(struct fleet *fleet, bool is_flux)
{
	struct map meant;
	map_init(&meant, fleet->arena);
	if (!find_substitutions(fleet, &meant) && !is_flux)
		return;
	for (size_t i = 0; i < fleet->document_count; i++) {
		const struct document *document = fleet->documents[i];
		struct check check = {{&fleet->diags, document->file, document->object}, &meant, has_variable(&document->root, 0)};
		struct field_path spec = path_key(NULL, "spec");
		if (document->class == DOCUMENT_KIND && !is_exempt(&document->root))
			walk(&check, node_get(&document->root, "spec"), &spec, false, 0);
	}
}
