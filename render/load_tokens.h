/* libyaml's tokens, one ahead, without libyaml's copy of the text. */
#ifndef RENDER_LOAD_TOKENS_H
#define RENDER_LOAD_TOKENS_H

#include <stdbool.h>
#include <stdint.h>

#include <yaml.h>

#include "base/span.h"

struct tokens {
	yaml_parser_t yaml;
	yaml_token_t *token;		  /* in libyaml's queue, where it stays until the next is asked for; or `scanned` */
	yaml_token_t scanned;
	bool has_token;			  /* `token` is the next one */
	bool owns_value;		  /* `token` is a scalar whose text is in use */
	yaml_char_t *buffer, *buffer_end; /* libyaml's own, while it reads ours: only of a known version */
};

/* The text must be UTF-8 that YAML allows, checked before, `chars` characters, and have that many NUL bytes behind it. */
enum { TOKENS_PADDING = 16 };

void tokens_open(struct tokens *tokens, struct span text, size_t chars);
void tokens_close(struct tokens *tokens);

yaml_token_type_t tokens_scan(struct tokens *tokens);

/* The type of the next token, which stays the next; YAML_NO_TOKEN after a fault: tokens->yaml says which. */
static inline yaml_token_type_t tokens_peek(struct tokens *tokens)
{
	return tokens->has_token ? tokens->token->type : tokens_scan(tokens);
}

/* Over a token that holds no text; over a scalar whose text is used until the next one; over one with texts. */
static inline void tokens_skip(struct tokens *tokens)
{
	tokens->has_token = false;
}

static inline void tokens_skip_scalar(struct tokens *tokens)
{
	tokens->has_token = false;
	tokens->owns_value = true;
}

void tokens_skip_texts(struct tokens *tokens);

#endif
