#include "render/load_events_int.h"

/* What is expected next. */
enum state {
	STATE_STREAM_START,
	STATE_FIRST_DOCUMENT, /* may do without "---" */
	STATE_DOCUMENT,
	STATE_CONTENT,
	STATE_DOCUMENT_END,
	STATE_BLOCK_NODE,
	STATE_SEQ,
	STATE_PLAIN_SEQ, /* a list that is not indented more than its key */
	STATE_MAP,
	STATE_MAP_VALUE,
	STATE_FLOW_SEQ_FIRST,
	STATE_FLOW_SEQ,
	STATE_PAIR, /* a map of one pair in a list: [a: b] */
	STATE_PAIR_VALUE,
	STATE_PAIR_END,
	STATE_FLOW_MAP_FIRST,
	STATE_FLOW_MAP,
	STATE_FLOW_VALUE,
	STATE_FLOW_NO_VALUE,
	STATE_END,
};

enum node_form { FORM_FLOW, FORM_BLOCK, FORM_BLOCK_OR_PLAIN_SEQ };

/* --- parts of the states ------------------------------------------------------------------------------------------ */

static void push_state(struct events *events, enum state state)
{
	ARENA_PUSH(events->scratch, events->states, events->state_count, events->state_cap) = (uint8_t)state;
}

static void pop_state(struct events *events)
{
	events->state = events->states[--events->state_count];
}

static bool make(struct event *out, enum event_kind kind, yaml_mark_t start)
{
	out->kind = kind;
	out->start = start;
	out->anchor = out->tag = NULL;
	return true;
}

static bool empty_scalar(struct event *out, yaml_mark_t mark)
{
	out->style = YAML_PLAIN_SCALAR_STYLE;
	out->value = SPAN("");
	return make(out, EVENT_SCALAR, mark);
}

/* The end of a list or map, by a token or (in a list without one) in front of it. */
static bool collection_end(struct events *events, struct event *out, enum event_kind kind, bool has_token)
{
	pop_state(events);
	if (has_token) {
		events->mark_count--;
		skip(events);
	}
	return make(out, kind, events->tokens.token->start_mark);
}

/* --- nodes -------------------------------------------------------------------------------------------------------- */

static bool scalar(struct events *events, struct event *out)
{
	const yaml_token_t *token = events->tokens.token;
	out->style = token->data.scalar.style;
	out->value = (struct span){(const char *)token->data.scalar.value, token->data.scalar.length};
	tokens_skip_scalar(&events->tokens);
	return make(out, EVENT_SCALAR, token->start_mark);
}

static bool collection(struct events *events, struct event *out, enum event_kind kind, enum state state)
{
	events->state = (uint8_t)state;
	yaml_mark_t start = events->tokens.token->start_mark;
	ARENA_PUSH(events->scratch, events->marks, events->mark_count, events->mark_cap) = start;
	skip(events);
	return make(out, kind, start);
}

static bool no_content(struct events *events, struct event *out, enum node_form form, const struct properties *properties)
{
	if (!properties->has_start)
		return fault_inside(events,
				    form == FORM_FLOW ? "while parsing a flow node" : "while parsing a block node",
				    events->tokens.token->start_mark, "did not find expected node content");
	pop_state(events);
	return empty_scalar(out, properties->start);
}

static bool content(struct events *events, struct event *out, enum node_form form, const struct properties *properties)
{
	switch (events->tokens.token->type) {
	case YAML_SCALAR_TOKEN: pop_state(events); return scalar(events, out);
	case YAML_FLOW_SEQUENCE_START_TOKEN: return collection(events, out, EVENT_SEQ_START, STATE_FLOW_SEQ_FIRST);
	case YAML_FLOW_MAPPING_START_TOKEN: return collection(events, out, EVENT_MAP_START, STATE_FLOW_MAP_FIRST);
	case YAML_BLOCK_SEQUENCE_START_TOKEN:
		if (form != FORM_FLOW)
			return collection(events, out, EVENT_SEQ_START, STATE_SEQ);
		break;
	case YAML_BLOCK_MAPPING_START_TOKEN:
		if (form != FORM_FLOW)
			return collection(events, out, EVENT_MAP_START, STATE_MAP);
		break;
	case YAML_BLOCK_ENTRY_TOKEN:
		if (form != FORM_BLOCK_OR_PLAIN_SEQ)
			break;
		events->state = STATE_PLAIN_SEQ;
		return make(out, EVENT_SEQ_START, events->tokens.token->start_mark);
	default: break;
	}
	return no_content(events, out, form, properties);
}

static bool alias(struct events *events, struct event *out)
{
	pop_state(events);
	make(out, EVENT_ALIAS, events->tokens.token->start_mark);
	out->anchor = take_text(events, events->tokens.token->data.alias.value);
	tokens_skip_texts(&events->tokens);
	return true;
}

static bool decorated_node(struct events *events, struct event *out, enum node_form form)
{
	struct properties properties = {0};
	if (!events_properties(events, &properties) || !content(events, out, form, &properties))
		return false;
	out->start = properties.start;
	out->anchor = properties.anchor;
	out->tag = properties.tag;
	return true;
}

static bool node(struct events *events, struct event *out, enum node_form form)
{
	static const struct properties none = {0};
	yaml_token_type_t type = peek(events);
	if (type == YAML_NO_TOKEN)
		return false;
	if (type == YAML_ALIAS_TOKEN)
		return alias(events, out);
	if (is_in(type, ONE_OF(ANCHOR) | ONE_OF(TAG)))
		return decorated_node(events, out, form);
	return content(events, out, form, &none);
}

/* --- items, keys and values: an indicator, and behind it a node or nothing ---------------------------------------- */

struct slot {
	unsigned nothing; /* tokens that say that no node is there */
	enum node_form form;
	enum state next;
};

static const struct slot seq_item = {ONE_OF(BLOCK_ENTRY) | ONE_OF(BLOCK_END), FORM_BLOCK, STATE_SEQ};
static const struct slot plain_seq_item = {ONE_OF(BLOCK_ENTRY) | ONE_OF(KEY) | ONE_OF(VALUE) | ONE_OF(BLOCK_END), FORM_BLOCK,
					   STATE_PLAIN_SEQ};
static const struct slot map_key = {ONE_OF(KEY) | ONE_OF(VALUE) | ONE_OF(BLOCK_END), FORM_BLOCK_OR_PLAIN_SEQ,
				    STATE_MAP_VALUE};
static const struct slot map_value = {ONE_OF(KEY) | ONE_OF(VALUE) | ONE_OF(BLOCK_END), FORM_BLOCK_OR_PLAIN_SEQ, STATE_MAP};
static const struct slot pair_value = {ONE_OF(FLOW_ENTRY) | ONE_OF(FLOW_SEQUENCE_END), FORM_FLOW, STATE_PAIR_END};
static const struct slot flow_key = {ONE_OF(VALUE) | ONE_OF(FLOW_ENTRY) | ONE_OF(FLOW_MAPPING_END), FORM_FLOW,
				     STATE_FLOW_VALUE};
static const struct slot flow_value = {ONE_OF(FLOW_ENTRY) | ONE_OF(FLOW_MAPPING_END), FORM_FLOW, STATE_FLOW_MAP};

static bool fill(struct events *events, struct event *out, const struct slot *slot)
{
	yaml_mark_t behind = events->tokens.token->end_mark;
	skip(events);
	yaml_token_type_t type = peek(events);
	if (type == YAML_NO_TOKEN)
		return false;
	if (is_in(type, slot->nothing)) {
		events->state = (uint8_t)slot->next;
		return empty_scalar(out, slot->form == FORM_FLOW ? events->tokens.token->start_mark : behind);
	}
	if (type == YAML_SCALAR_TOKEN) { /* what most nodes are, without the way through the stack */
		events->state = (uint8_t)slot->next;
		return scalar(events, out);
	}
	push_state(events, slot->next);
	return node(events, out, slot->form);
}

static bool nothing(struct events *events, struct event *out, enum state next)
{
	events->state = (uint8_t)next;
	return empty_scalar(out, events->tokens.token->start_mark);
}

static yaml_mark_t last_mark(const struct events *events)
{
	return events->marks[events->mark_count - 1];
}

static bool seq(struct events *events, struct event *out)
{
	switch (peek(events)) {
	case YAML_NO_TOKEN: return false;
	case YAML_BLOCK_ENTRY_TOKEN: return fill(events, out, &seq_item);
	case YAML_BLOCK_END_TOKEN: return collection_end(events, out, EVENT_SEQ_END, true);
	default:
		return fault_inside(events, "while parsing a block collection", last_mark(events),
				    "did not find expected '-' indicator");
	}
}

static bool plain_seq(struct events *events, struct event *out)
{
	switch (peek(events)) {
	case YAML_NO_TOKEN: return false;
	case YAML_BLOCK_ENTRY_TOKEN: return fill(events, out, &plain_seq_item);
	default: return collection_end(events, out, EVENT_SEQ_END, false);
	}
}

static bool map(struct events *events, struct event *out)
{
	switch (peek(events)) {
	case YAML_NO_TOKEN: return false;
	case YAML_KEY_TOKEN: return fill(events, out, &map_key);
	case YAML_BLOCK_END_TOKEN: return collection_end(events, out, EVENT_MAP_END, true);
	default:
		return fault_inside(events, "while parsing a block mapping", last_mark(events),
				    "did not find expected key");
	}
}

static bool value(struct events *events, struct event *out, const struct slot *slot)
{
	yaml_token_type_t type = peek(events);
	if (type == YAML_NO_TOKEN)
		return false;
	return type == YAML_VALUE_TOKEN ? fill(events, out, slot) : nothing(events, out, slot->next);
}

/* The comma between two entries; false only after a fault. */
static bool separator(struct events *events, bool is_first, unsigned end, const char *context, const char *problem)
{
	yaml_token_type_t type = peek(events);
	if (type == YAML_NO_TOKEN)
		return false;
	if (is_first || is_in(type, end))
		return true;
	if (type != YAML_FLOW_ENTRY_TOKEN)
		return fault_inside(events, context, last_mark(events), problem);
	skip(events);
	return peek(events) != YAML_NO_TOKEN;
}

static bool flow_seq(struct events *events, struct event *out, bool is_first)
{
	if (!separator(events, is_first, ONE_OF(FLOW_SEQUENCE_END), "while parsing a flow sequence",
		       "did not find expected ',' or ']'"))
		return false;
	switch (events->tokens.token->type) {
	case YAML_FLOW_SEQUENCE_END_TOKEN: return collection_end(events, out, EVENT_SEQ_END, true);
	case YAML_KEY_TOKEN:
		events->state = STATE_PAIR;
		skip(events);
		return make(out, EVENT_MAP_START, events->tokens.token->start_mark);
	default: push_state(events, STATE_FLOW_SEQ); return node(events, out, FORM_FLOW);
	}
}

static bool pair(struct events *events, struct event *out)
{
	yaml_token_type_t type = peek(events);
	if (type == YAML_NO_TOKEN)
		return false;
	if (is_in(type, ONE_OF(VALUE) | ONE_OF(FLOW_ENTRY) | ONE_OF(FLOW_SEQUENCE_END))) {
		skip(events);
		events->state = STATE_PAIR_VALUE;
		return empty_scalar(out, events->tokens.token->end_mark);
	}
	push_state(events, STATE_PAIR_VALUE);
	return node(events, out, FORM_FLOW);
}

static bool pair_end(struct events *events, struct event *out)
{
	if (peek(events) == YAML_NO_TOKEN)
		return false;
	events->state = STATE_FLOW_SEQ;
	return make(out, EVENT_MAP_END, events->tokens.token->start_mark);
}

static bool flow_map(struct events *events, struct event *out, bool is_first)
{
	if (!separator(events, is_first, ONE_OF(FLOW_MAPPING_END), "while parsing a flow mapping",
		       "did not find expected ',' or '}'"))
		return false;
	switch (events->tokens.token->type) {
	case YAML_FLOW_MAPPING_END_TOKEN: return collection_end(events, out, EVENT_MAP_END, true);
	case YAML_KEY_TOKEN: return fill(events, out, &flow_key);
	default: push_state(events, STATE_FLOW_NO_VALUE); return node(events, out, FORM_FLOW);
	}
}

static bool flow_no_value(struct events *events, struct event *out)
{
	return peek(events) != YAML_NO_TOKEN && nothing(events, out, STATE_FLOW_MAP);
}

/* --- documents ---------------------------------------------------------------------------------------------------- */

static bool implicit_document(struct events *events, struct event *out)
{
	if (!events_directives(events))
		return false;
	push_state(events, STATE_DOCUMENT_END);
	events->state = STATE_BLOCK_NODE;
	out->is_implicit = true;
	out->end = events->tokens.token->start_mark;
	return make(out, EVENT_DOCUMENT_START, events->tokens.token->start_mark);
}

static bool explicit_document(struct events *events, struct event *out)
{
	yaml_mark_t start = events->tokens.token->start_mark;
	if (!events_directives(events))
		return false;
	if (events->tokens.token->type != YAML_DOCUMENT_START_TOKEN)
		return fault(events, "did not find expected <document start>");
	push_state(events, STATE_DOCUMENT_END);
	events->state = STATE_CONTENT;
	out->is_implicit = false;
	out->end = events->tokens.token->end_mark;
	skip(events);
	return make(out, EVENT_DOCUMENT_START, start);
}

static bool document(struct events *events, struct event *out, bool is_first)
{
	yaml_token_type_t type = peek(events);
	while (!is_first && type == YAML_DOCUMENT_END_TOKEN) {
		skip(events);
		type = peek(events);
	}
	if (type == YAML_NO_TOKEN)
		return false;
	if (type == YAML_STREAM_END_TOKEN) {
		events->state = STATE_END;
		skip(events);
		return make(out, EVENT_STREAM_END, events->tokens.token->start_mark);
	}
	bool is_next_json = events->is_json && is_in(type, ONE_OF(FLOW_MAPPING_START) | ONE_OF(FLOW_SEQUENCE_START));
	bool is_marked = is_in(type, ONE_OF(VERSION_DIRECTIVE) | ONE_OF(TAG_DIRECTIVE) | ONE_OF(DOCUMENT_START));
	if (is_next_json || (is_first && !is_marked))
		return implicit_document(events, out);
	return explicit_document(events, out);
}

static bool document_content(struct events *events, struct event *out)
{
	yaml_token_type_t type = peek(events);
	if (type == YAML_NO_TOKEN)
		return false;
	if (!is_in(type, ONE_OF(VERSION_DIRECTIVE) | ONE_OF(TAG_DIRECTIVE) | ONE_OF(DOCUMENT_START) | ONE_OF(DOCUMENT_END) |
				 ONE_OF(STREAM_END)))
		return node(events, out, FORM_BLOCK);
	pop_state(events);
	return empty_scalar(out, events->tokens.token->start_mark);
}

static bool document_end(struct events *events, struct event *out)
{
	yaml_token_type_t type = peek(events);
	if (type == YAML_NO_TOKEN)
		return false;
	make(out, EVENT_DOCUMENT_END, events->tokens.token->start_mark);
	if (type == YAML_DOCUMENT_END_TOKEN)
		skip(events);
	events->tag_count = 0;
	events->state = STATE_DOCUMENT;
	return true;
}

static bool stream_start(struct events *events, struct event *out)
{
	if (peek(events) == YAML_NO_TOKEN)
		return false;
	skip(events);
	events->state = STATE_FIRST_DOCUMENT;
	return document(events, out, true);
}

bool events_next(struct events *events, struct event *out)
{
	switch ((enum state)events->state) {
	case STATE_STREAM_START: return stream_start(events, out);
	case STATE_FIRST_DOCUMENT: return document(events, out, true);
	case STATE_DOCUMENT: return document(events, out, false);
	case STATE_CONTENT: return document_content(events, out);
	case STATE_DOCUMENT_END: return document_end(events, out);
	case STATE_BLOCK_NODE: return node(events, out, FORM_BLOCK);
	case STATE_SEQ: return seq(events, out);
	case STATE_PLAIN_SEQ: return plain_seq(events, out);
	case STATE_MAP: return map(events, out);
	case STATE_MAP_VALUE: return value(events, out, &map_value);
	case STATE_FLOW_SEQ_FIRST: return flow_seq(events, out, true);
	case STATE_FLOW_SEQ: return flow_seq(events, out, false);
	case STATE_PAIR: return pair(events, out);
	case STATE_PAIR_VALUE: return value(events, out, &pair_value);
	case STATE_PAIR_END: return pair_end(events, out);
	case STATE_FLOW_MAP_FIRST: return flow_map(events, out, true);
	case STATE_FLOW_MAP: return flow_map(events, out, false);
	case STATE_FLOW_VALUE: return value(events, out, &flow_value);
	case STATE_FLOW_NO_VALUE: return flow_no_value(events, out);
	case STATE_END: break;
	}
	return make(out, EVENT_STREAM_END, events->tokens.token->start_mark);
}

void events_open(struct events *events, struct arena *scratch, struct span text, size_t chars)
{
	*events = (struct events){.scratch = scratch};
	tokens_open(&events->tokens, text, chars);
}

void events_close(struct events *events)
{
	tokens_close(&events->tokens);
}
