/* Merge keys in the text of a patch: our loader merges, Talos's finds a field named "<<" and refuses it, except in
 * free-form content. Where exactly is not looked into, so it is a warning. Content that is a mapping is merged before it
 * becomes a patch. */
#include <stdlib.h>
#include <yaml.h>

#include "render/patch_int.h"

static bool is_merge_key(const yaml_event_t *event)
{
	return event->type == YAML_SCALAR_EVENT && event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       event->data.scalar.length == 2 && memcmp(event->data.scalar.value, "<<", 2) == 0;
}

static void warn(struct patch_walk *walk, const yaml_mark_t *mark, const struct field_path *path)
{
	struct node at = {.line = NODE_LINE(mark->line + 1), .column = NODE_COLUMN(mark->column + 1)};

	patch_hint(walk,
		   patch_report(walk, DIAG_WARNING, "PatchMergeKey", &at, path,
				"Talos takes the merge key << for a field that it does not know and refuses the patch"),
		   "write the fields out; a plain alias (*name) is fine");
}

void patch_merge_keys(struct patch_walk *walk, struct span bytes, const struct field_path *path)
{
	yaml_parser_t parser;
	yaml_event_t event;
	bool is_done = false;

	if (!span_contains(bytes, "<<"))
		return;
	if (!yaml_parser_initialize(&parser))
		abort();
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)bytes.ptr, bytes.len);
	/* Faults of the text were reported when it was loaded. */
	while (!is_done && yaml_parser_parse(&parser, &event)) {
		if (is_merge_key(&event))
			warn(walk, &event.start_mark, path);
		is_done = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
}
