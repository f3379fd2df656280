#include <string.h>

#include "render/load_events_int.h"

static bool whole_tag(struct events *events, struct properties *properties)
{
	if (properties->handle == NULL || properties->handle[0] == '\0')
		return true;
	for (size_t i = 0; i < events->tag_count; i++) {
		if (strcmp(events->tags[i].handle, properties->handle) != 0)
			continue;
		properties->tag =
			arena_spanf(events->scratch, "%s%s", events->tags[i].prefix, properties->tag).ptr;
		return true;
	}
	events->fault = (struct events_fault){"found undefined tag handle", "while parsing a node", properties->tag_mark,
					      properties->start};
	return false;
}

bool events_properties(struct events *events, struct properties *properties)
{
	yaml_token_type_t type = events->tokens.token->type;
	while ((type == YAML_ANCHOR_TOKEN && properties->anchor == NULL) ||
	       (type == YAML_TAG_TOKEN && properties->tag == NULL)) {
		const yaml_token_t *token = events->tokens.token;
		if (!properties->has_start)
			properties->start = token->start_mark;
		properties->has_start = true;
		if (type == YAML_ANCHOR_TOKEN) {
			properties->anchor = take_text(events, token->data.anchor.value);
		} else {
			properties->handle = take_text(events, token->data.tag.handle);
			properties->tag = take_text(events, token->data.tag.suffix);
			properties->tag_mark = token->start_mark;
		}
		tokens_skip_texts(&events->tokens);
		type = peek(events);
		if (type == YAML_NO_TOKEN)
			return false;
	}
	return whole_tag(events, properties);
}

static bool add_tag(struct events *events, const char *handle, const char *prefix, bool is_default)
{
	for (size_t i = 0; i < events->tag_count; i++)
		if (strcmp(events->tags[i].handle, handle) == 0)
			return is_default || fault(events, "found duplicate %TAG directive");
	ARENA_PUSH(events->scratch, events->tags, events->tag_count, events->tag_cap) =
		(struct tag_handle){handle, prefix};
	return true;
}

static bool version_directive(struct events *events, bool *has_version)
{
	const yaml_token_t *token = events->tokens.token;
	int major = token->data.version_directive.major, minor = token->data.version_directive.minor;
	if (*has_version)
		return fault(events, "found duplicate %YAML directive");
	if (major != 1 || (minor != 1 && minor != 2))
		return fault(events, "found incompatible YAML document");
	*has_version = true;
	return true;
}

bool events_directives(struct events *events)
{
	bool has_version = false;
	for (;;) {
		yaml_token_type_t type = peek(events);
		const yaml_token_t *token = events->tokens.token;
		if (type == YAML_NO_TOKEN)
			return false;
		if (type == YAML_VERSION_DIRECTIVE_TOKEN) {
			if (!version_directive(events, &has_version))
				return false;
		} else if (type == YAML_TAG_DIRECTIVE_TOKEN) {
			if (!add_tag(events, take_text(events, token->data.tag_directive.handle),
				     take_text(events, token->data.tag_directive.prefix), false))
				return false;
		} else {
			break;
		}
		tokens_skip_texts(&events->tokens);
	}
	return add_tag(events, "!", "!", true) && add_tag(events, "!!", "tag:yaml.org,2002:", true);
}
