/* Inside load_events.c: the token at hand, faults, and (load_property.c) what stands in front of nodes and documents. */
#ifndef RENDER_LOAD_EVENTS_INT_H
#define RENDER_LOAD_EVENTS_INT_H

#include "render/load_events.h"

#define ONE_OF(type) (1u << YAML_##type##_TOKEN)

static inline bool is_in(yaml_token_type_t type, unsigned set)
{
	return (1u << type & set) != 0;
}

/* The next token, which stays the next; YAML_NO_TOKEN after a fault. */
static inline yaml_token_type_t peek(struct events *events)
{
	yaml_token_type_t type = tokens_peek(&events->tokens);
	if (type == YAML_NO_TOKEN) {
		const yaml_parser_t *yaml = &events->tokens.yaml;
		events->fault =
			(struct events_fault){yaml->problem, yaml->context, yaml->problem_mark, yaml->context_mark};
	}
	return type;
}

static inline void skip(struct events *events)
{
	tokens_skip(&events->tokens);
}

/* A text of the token at hand, which ends with it. */
static inline const char *take_text(struct events *events, const yaml_char_t *text)
{
	return arena_string(events->scratch, span_of((const char *)text));
}

static inline bool fault(struct events *events, const char *problem)
{
	events->fault = (struct events_fault){.problem = problem, .problem_mark = events->tokens.token->start_mark};
	return false;
}

static inline bool fault_inside(struct events *events, const char *context, yaml_mark_t context_mark, const char *problem)
{
	events->fault = (struct events_fault){problem, context, events->tokens.token->start_mark, context_mark};
	return false;
}

/* The anchor and the tag of a node. */
struct properties {
	const char *anchor, *tag;
	const char *handle; /* of a tag that is not whole yet */
	yaml_mark_t start, tag_mark;
	bool has_start;
};

/* At most one anchor and one tag, in any order. */
bool events_properties(struct events *events, struct properties *properties);
/* The %YAML and %TAG lines in front of a document. */
bool events_directives(struct events *events);

#endif
