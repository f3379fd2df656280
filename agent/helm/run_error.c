/* Of what Helm wrote, that which is worth telling: the same words for the same fault, and nothing secret. */
#include "agent/helm/run_int.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "base/utf8.h"

enum { SECRET_MIN = 8, LINES_MAX = 20, READ_MAX = 64 << 10 };

/* --- which lines ---------------------------------------------------------------------------------------------------- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Logs of the client libraries (I1121 06:57:57.856066 …) and of Helm 4 (level=WARN msg=…). */
static bool is_noise(struct span line)
{
	if (span_starts(line, "level=") || span_starts(line, "Flag --") || span_starts(line, "WARNING: "))
		return true;
	return line.len > 6 && strchr("IWE", line.ptr[0]) != NULL && is_digit(line.ptr[1]) && is_digit(line.ptr[2]) &&
	       is_digit(line.ptr[3]) && is_digit(line.ptr[4]) && line.ptr[5] == ' ';
}

static struct span from_last_error(struct span text)
{
	struct span rest = text, line, found = {NULL, 0};
	while (span_next(&rest, '\n', &line))
		if (span_starts(line, "Error: "))
			found = (struct span){line.ptr + 7, (size_t)(text.ptr + text.len - line.ptr) - 7};
	return found;
}

static struct span last_lines(struct span text)
{
	size_t lines = 0, at = text.len;
	while (at > 0 && lines < LINES_MAX)
		lines += text.ptr[--at] == '\n';
	return (struct span){text.ptr + at, text.len - at};
}

static struct span without_prefix(struct span text)
{
	static const char *const prefixes[] = {"INSTALLATION FAILED: ", "UPGRADE FAILED: "};
	for (size_t i = 0; i < COUNT_OF(prefixes); i++)
		if (span_starts(text, prefixes[i]))
			return (struct span){text.ptr + strlen(prefixes[i]), text.len - strlen(prefixes[i])};
	return text;
}

/* Without noise; when that is all there is, it has to do. */
static void add_lines(struct text *out, struct span text)
{
	struct span rest = text, line;
	while (span_next(&rest, '\n', &line)) {
		if (is_noise(line) || span_trim(line).len == 0)
			continue;
		if (out->len > 0)
			text_addc(out, '\n');
		text_add(out, line);
	}
	if (out->len == 0)
		text_add(out, span_trim(text));
}

/* --- what must not be in them --------------------------------------------------------------------------------------- */

static void replace(struct text *text, struct span from, struct span to)
{
	struct text out;
	size_t at = 0;
	if (from.len == 0 || memmem(text->ptr, text->len, from.ptr, from.len) == NULL)
		return;
	text_init(&out, TEXT_NO_LIMIT);
	while (at < text->len) {
		const char *found = memmem(text->ptr + at, text->len - at, from.ptr, from.len);
		size_t end = found == NULL ? text->len : (size_t)(found - text->ptr);
		text_add(&out, (struct span){text->ptr + at, end - at});
		if (found == NULL)
			break;
		text_add(&out, to);
		at = end + from.len;
	}
	text_done(text);
	*text = out;
}

/* What follows these is secret, up to the next blank or quote. */
static const char *const openings[] = {"Bearer ", "bearer ", "Basic ", "token: ", "token=", "password: ", "password=", "Password: "};

static void hide_behind(struct text *text, const char *opening)
{
	struct text out;
	struct span rest = text_span(text), word = span_of(opening);
	text_init(&out, TEXT_NO_LIMIT);
	for (;;) {
		const char *found = memmem(rest.ptr, rest.len, word.ptr, word.len);
		if (found == NULL)
			break;
		size_t used = (size_t)(found - rest.ptr) + word.len;
		text_add(&out, (struct span){rest.ptr, used});
		while (used < rest.len && strchr("\"'", rest.ptr[used]) != NULL)
			used++;
		while (used < rest.len && strchr(" \t\n\"',;&)", rest.ptr[used]) == NULL)
			used++;
		text_adds(&out, "***");
		rest = (struct span){rest.ptr + used, rest.len - used};
	}
	text_add(&out, rest);
	text_done(text);
	*text = out;
}

/* https://user:password@host */
static void hide_users(struct text *text)
{
	struct text out;
	struct span rest = text_span(text);
	text_init(&out, TEXT_NO_LIMIT);
	const char *found;
	while ((found = memmem(rest.ptr, rest.len, "://", 3)) != NULL) {
		size_t begin = (size_t)(found - rest.ptr) + 3, at = begin;
		while (at < rest.len && strchr("@/ \t\n\"'?#", rest.ptr[at]) == NULL)
			at++;
		text_add(&out, (struct span){rest.ptr, begin});
		bool has_user = at < rest.len && rest.ptr[at] == '@';
		text_adds(&out, has_user ? "***" : "");
		begin = has_user ? at : begin;
		rest = (struct span){rest.ptr + begin, rest.len - begin};
	}
	text_add(&out, rest);
	text_done(text);
	*text = out;
}

/* Longer ones first, so that one that is part of another leaves nothing of it. */
static void hide_secrets(struct text *text, const struct span *secrets, size_t count)
{
	size_t below = (size_t)-1;
	for (size_t round = 0; round < count; round++) {
		size_t longest = 0;
		for (size_t i = 0; i < count; i++)
			if (secrets[i].len < below && secrets[i].len > longest)
				longest = secrets[i].len;
		if (longest < SECRET_MIN)
			return;
		for (size_t i = 0; i < count; i++)
			if (secrets[i].len == longest)
				replace(text, secrets[i], SPAN("***"));
		below = longest;
	}
}

/* --- one text ------------------------------------------------------------------------------------------------------- */

static struct span clean(struct span text, struct arena *arena)
{
	char *out = arena_bytes(arena, HELM_ERROR_MAX + 1);
	size_t len = 0, at = 0;
	while (at < text.len) {
		uint32_t c;
		size_t used = utf8_decode((struct span){text.ptr + at, text.len - at}, &c);
		bool is_plain = c != UTF8_BAD && (c >= 0x20 || c == '\n' || c == '\t') && c != 0x7F;
		size_t wanted = is_plain ? used : 1;
		if (len + wanted > HELM_ERROR_MAX - 3) {
			memcpy(out + len, "...", 3);
			len += 3;
			break;
		}
		if (is_plain)
			memcpy(out + len, text.ptr + at, used);
		else
			out[len] = ' ';
		len += wanted;
		at += used;
	}
	out[len] = '\0';
	return span_trim((struct span){out, len});
}

struct span run_error_text(struct span written, const struct span *secrets, size_t secret_count, struct span dir, struct arena *arena)
{
	static const char *const files[][2] = {
		{HELM_FD_PATH(HELM_FD_KUBECONFIG), "the kubeconfig"},
		{HELM_FD_PATH(HELM_FD_VALUES), "the values"},
		{HELM_FD_PATH(HELM_FD_CHART), "the chart"},
	};
	struct text text;
	if (written.len > READ_MAX)
		written = (struct span){written.ptr + written.len - READ_MAX, READ_MAX};
	struct span error = from_last_error(written);
	text_init(&text, TEXT_NO_LIMIT);
	add_lines(&text, error.ptr != NULL ? without_prefix(error) : last_lines(span_trim(written)));
	hide_secrets(&text, secrets, secret_count);
	for (size_t i = 0; i < COUNT_OF(openings); i++)
		hide_behind(&text, openings[i]);
	hide_users(&text);
	for (size_t i = 0; i < COUNT_OF(files); i++)
		replace(&text, span_of(files[i][0]), span_of(files[i][1]));
	replace(&text, dir, SPAN("(directory of Helm)"));
	struct span out = clean(text_span(&text), arena);
	explicit_bzero(text.ptr, text.len);
	text_done(&text);
	return out;
}

struct span helm_error_text(struct span written, const struct span *secrets, size_t secret_count, struct arena *arena)
{
	return run_error_text(written, secrets, secret_count, SPAN(""), arena);
}
