/* Logs are events: one line each, written with one call, as key=value text or as JSON. Every line has ts, level, component
 * and msg, then the event's own typed fields. Messages are fixed sentences; what varies goes into fields. There is no
 * field type for secrets. Lines of several threads never mix.
 *
 *   log_info(log, "source", "new revision", log_span("revision", revision), log_int("files", count));
 *
 * Only commands and the agent's loop log; functions below them report a failure instead, never both. A NULL log is silent. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/fail.h"
#include "base/span.h"

enum log_level { LEVEL_DEBUG, LEVEL_INFO, LEVEL_WARN, LEVEL_ERROR };
enum log_format { FORMAT_TEXT, FORMAT_JSON };

struct log {
	int fd;
	enum log_level level; /* events below are dropped */
	enum log_format format;
	pthread_mutex_t lock;
};

enum log_field_type { LOG_FIELD_NONE, LOG_FIELD_SPAN, LOG_FIELD_INT, LOG_FIELD_BOOL };

struct log_field {
	const char *key;
	enum log_field_type type;
	struct span span;
	int64_t number;
};

void log_init(struct log *log, int fd, enum log_level level, enum log_format format);
void log_done(struct log *log); /* the descriptor stays open */

/* "debug", "info", "warn" ("warning"), "error"; "text", "json". */
bool log_parse_level(struct span name, enum log_level *out);
bool log_parse_format(struct span name, enum log_format *out);

/* fields[0] is a placeholder of the macros below; `count` includes it. Long lines are cut at 16 KiB, long values at 4. */
void log_event(struct log *log, enum log_level level, const char *component, const char *message,
	       const struct log_field *fields, size_t count);

#define LOG_FIELDS(...) ((const struct log_field[]){{0}, ##__VA_ARGS__})
#define log_at(log, level, component, message, ...)                                                                    \
	log_event((log), (level), (component), (message), LOG_FIELDS(__VA_ARGS__),                                     \
		  sizeof LOG_FIELDS(__VA_ARGS__) / sizeof(struct log_field))
#define log_debug(log, component, message, ...) log_at(log, LEVEL_DEBUG, component, message, ##__VA_ARGS__)
#define log_info(log, component, message, ...) log_at(log, LEVEL_INFO, component, message, ##__VA_ARGS__)
#define log_warn(log, component, message, ...) log_at(log, LEVEL_WARN, component, message, ##__VA_ARGS__)
#define log_error(log, component, message, ...) log_at(log, LEVEL_ERROR, component, message, ##__VA_ARGS__)

static inline struct log_field log_span(const char *key, struct span value)
{
	return (struct log_field){.key = key, .type = LOG_FIELD_SPAN, .span = value};
}

static inline struct log_field log_string(const char *key, const char *value)
{
	return log_span(key, span_of(value));
}

static inline struct log_field log_int(const char *key, int64_t value)
{
	return (struct log_field){.key = key, .type = LOG_FIELD_INT, .number = value};
}

static inline struct log_field log_bool(const char *key, bool value)
{
	return (struct log_field){.key = key, .type = LOG_FIELD_BOOL, .number = value};
}

/* The two fields of a failure. */
#define log_fail(failure) log_string("reason", fail_name((failure)->code)), log_string("error", (failure)->text)

#endif
