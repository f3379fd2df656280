#include "render/load_tokens.h"

#include <stdlib.h>
#include <string.h>

/* libyaml copies and checks its input byte by byte, which ours has been already. This version is known to leave it at
 * that when its buffer holds everything; others are fed in the usual way. */
static bool is_known_version(void)
{
	int major, minor, patch;
	yaml_get_version(&major, &minor, &patch);
	return major == 0 && minor == 2 && patch == 5;
}

static void lend_buffer(struct tokens *tokens, struct span text, size_t chars)
{
	yaml_parser_t *yaml = &tokens->yaml;
	tokens->buffer = yaml->buffer.start;
	tokens->buffer_end = yaml->buffer.end;
	yaml->buffer.start = yaml->buffer.pointer = (yaml_char_t *)(uintptr_t)text.ptr;
	yaml->buffer.last = yaml->buffer.end = yaml->buffer.start + text.len + 1; /* with a NUL: the end of the stream */
	yaml->unread = chars + 1;
	yaml->eof = 1;
}

void tokens_open(struct tokens *tokens, struct span text, size_t chars)
{
	*tokens = (struct tokens){0};
	tokens->token = &tokens->scanned;
	if (!yaml_parser_initialize(&tokens->yaml))
		abort();
	yaml_parser_set_encoding(&tokens->yaml, YAML_UTF8_ENCODING);
	if (is_known_version()) {
		yaml_parser_set_input_string(&tokens->yaml, (const unsigned char *)"", 0);
		lend_buffer(tokens, text, chars);
	} else {
		yaml_parser_set_input_string(&tokens->yaml, (const unsigned char *)text.ptr, text.len);
	}
}

/* libyaml scans ahead, because a colon may still make a key of what stands in front of it; so most tokens are in its
 * queue already. This takes the next as yaml_parser_scan does, unless it may become a key; false: ask libyaml. */
static bool take_queued(struct tokens *tokens)
{
	yaml_parser_t *yaml = &tokens->yaml;
	if (tokens->buffer == NULL || yaml->tokens.head == yaml->tokens.tail || yaml->error != YAML_NO_ERROR ||
	    yaml->stream_end_produced)
		return false;
	for (const yaml_simple_key_t *key = yaml->simple_keys.start; key != yaml->simple_keys.top; key++)
		if (key->possible && key->token_number == yaml->tokens_parsed)
			return false;
	tokens->token = yaml->tokens.head++;
	yaml->tokens_parsed++;
	yaml->token_available = 0;
	yaml->stream_end_produced = tokens->token->type == YAML_STREAM_END_TOKEN;
	return true;
}

yaml_token_type_t tokens_scan(struct tokens *tokens)
{
	if (tokens->owns_value)
		yaml_token_delete(tokens->token);
	tokens->owns_value = false;
	if (!take_queued(tokens)) {
		tokens->token = &tokens->scanned;
		if (!yaml_parser_scan(&tokens->yaml, &tokens->scanned))
			return YAML_NO_TOKEN;
	}
	tokens->has_token = true;
	return tokens->token->type;
}

void tokens_skip_texts(struct tokens *tokens)
{
	yaml_token_delete(tokens->token);
	tokens->has_token = false;
}

void tokens_close(struct tokens *tokens)
{
	if (tokens->owns_value || tokens->has_token)
		yaml_token_delete(tokens->token);
	if (tokens->buffer != NULL) {
		tokens->yaml.buffer.start = tokens->buffer;
		tokens->yaml.buffer.end = tokens->buffer_end;
	}
	yaml_parser_delete(&tokens->yaml);
}
