#include "base/log.h"

#include "base/clock.h"
#include "base/files.h"
#include "base/text.h"
#include "base/timestamp.h"
#include "base/utf8.h"

enum { LINE_MAX_BYTES = 16 * 1024, VALUE_MAX_BYTES = 4 * 1024 };

static const char *const level_names[] = {"debug", "info", "warn", "error"};
static const char *const format_names[] = {"text", "json"};

void log_init(struct log *log, int fd, enum log_level level, enum log_format format)
{
	*log = (struct log){.fd = fd, .level = level, .format = format};
	pthread_mutex_init(&log->lock, NULL);
}

void log_done(struct log *log)
{
	pthread_mutex_destroy(&log->lock);
}

bool log_parse_level(struct span name, enum log_level *out)
{
	if (span_is(name, "warning"))
		name = SPAN("warn");
	for (size_t i = 0; i < sizeof level_names / sizeof *level_names; i++) {
		if (span_is(name, level_names[i])) {
			*out = (enum log_level)i;
			return true;
		}
	}
	return false;
}

bool log_parse_format(struct span name, enum log_format *out)
{
	for (size_t i = 0; i < sizeof format_names / sizeof *format_names; i++) {
		if (span_is(name, format_names[i])) {
			*out = (enum log_format)i;
			return true;
		}
	}
	return false;
}

static bool is_bare(struct span value)
{
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.ptr[i];
		if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7f)
			return false;
	}
	return value.len > 0 && utf8_valid_prefix(value) == value.len;
}

static struct span cut(struct span value)
{
	if (value.len <= VALUE_MAX_BYTES)
		return value;
	struct span head = {value.ptr, VALUE_MAX_BYTES};
	while (head.len > 0 && ((unsigned char)value.ptr[head.len] & 0xC0) == 0x80)
		head.len--; /* not in the middle of a character */
	return head;
}

static void add_value(struct text *line, enum log_format format, const struct log_field *field)
{
	struct span value = cut(field->span);
	switch (field->type) {
	case LOG_FIELD_NONE: text_adds(line, format == FORMAT_JSON ? "null" : ""); break;
	case LOG_FIELD_INT: text_addf(line, "%lld", (long long)field->number); break;
	case LOG_FIELD_BOOL: text_adds(line, field->number != 0 ? "true" : "false"); break;
	case LOG_FIELD_SPAN:
		if (format == FORMAT_TEXT && is_bare(value))
			text_add(line, value);
		else
			text_add_json(line, value);
	}
}

static void add_field(struct text *line, enum log_format format, const struct log_field *field)
{
	size_t before = line->len;
	if (format == FORMAT_JSON) {
		text_adds(line, before == 0 ? "{" : ",");
		text_add_json(line, span_of(field->key));
		text_addc(line, ':');
	} else {
		text_adds(line, before == 0 ? "" : " ");
		text_adds(line, field->key);
		text_addc(line, '=');
	}
	add_value(line, format, field);
	if (text_ok(line))
		return;
	line->failed = false; /* no room: leave this field out, keep the line whole */
	line->len = before;
	line->ptr[before] = '\0';
}

void log_event(struct log *log, enum log_level level, const char *component, const char *message,
	       const struct log_field *fields, size_t count)
{
	if (log == NULL || level < log->level)
		return;
	char ts[TIMESTAMP_SIZE];
	timestamp_format(clock_wall_ms(), TIMESTAMP_MILLISECONDS, ts);
	const struct log_field fixed[] = {log_string("ts", ts), log_string("level", level_names[level]),
					  log_string("component", component), log_string("msg", message)};
	struct text line;
	text_init(&line, LINE_MAX_BYTES);
	for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
		add_field(&line, log->format, &fixed[i]);
	for (size_t i = 1; i < count; i++)
		add_field(&line, log->format, &fields[i]);
	line.max += 2; /* the end always fits */
	text_adds(&line, log->format == FORMAT_JSON ? "}\n" : "\n");
	pthread_mutex_lock(&log->lock);
	bool is_written = files_write_all(log->fd, text_span(&line), "log", NULL);
	(void)is_written; /* where should that be reported? */
	pthread_mutex_unlock(&log->lock);
	text_done(&line);
}
