/* Signs for a program that verifies: one request a line on standard input, one answer a line on standard output.
 *
 *   KEY <tab> SECONDS <tab> METHOD [<tab> NAME=VALUE]…   →   TIMESTAMP <tab> PAYLOAD <tab> SIGNATURE, or "!" and why not */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/auth/sign.h"
#include "base/arena.h"

enum { HEADERS_MAX = 64 };

static struct span take_field(struct span *rest)
{
	struct span field = {0};
	(void)span_next(rest, '\t', &field);
	return field;
}

static bool sign_line(struct arena *arena, struct span line, struct signature *out, struct fail *fail)
{
	struct sign_header headers[HEADERS_MAX];
	struct span text = take_field(&line), seconds = take_field(&line), method = take_field(&line), field;
	struct service_key *key = NULL;
	size_t count = 0;
	int64_t now_s;
	if (!span_int(seconds, 0, INT64_MAX / 4096, &now_s))
		return fail_set(fail, FAIL_INVALID, "the second field is no time");
	while (count < HEADERS_MAX && span_next(&line, '\t', &field))
		headers[count++] = (struct sign_header){span_before(field, '='), span_behind(field, '=')};
	bool good = service_key_read(text, &key, fail) && sign_request(key, arena, method, headers, count, now_s, out, fail);
	service_key_free(key);
	return good;
}

int main(void)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t length;
	while ((length = getline(&line, &size, stdin)) > 0) {
		struct arena arena;
		struct signature made = {0};
		struct fail fail = {0};
		arena_init(&arena, ARENA_NO_LIMIT);
		struct span text = {line, (size_t)length - (line[length - 1] == '\n')};
		if (sign_line(&arena, text, &made, &fail))
			printf("%.*s\t%.*s\t%.*s\n", SPAN_ARG(made.timestamp), SPAN_ARG(made.payload), SPAN_ARG(made.signature));
		else
			printf("! %s\n", fail.text);
		fflush(stdout);
		arena_done(&arena);
	}
	free(line);
	return 0;
}
