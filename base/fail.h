/* A failure: why an operation could not continue. A plain value without allocation, filled in by the function that
 * found the trouble and handed up; every layer may put context in front. Faults in the user's documents are not
 * failures, they are collected as diagnostics (render/diag.h).
 *
 * A fallible function returns bool, takes `struct fail *` last and leaves its outputs untouched when it returns false.
 * NULL means that the caller only wants the verdict. */
#ifndef BASE_FAIL_H
#define BASE_FAIL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

/* id, name in conditions, JSON and logs, worth retrying */
#define FAIL_CODES(X)                                                                                                  \
	X(NONE, "None", false)                                                                                         \
	X(INVALID, "Invalid", false)                                                                                   \
	X(NOT_FOUND, "NotFound", false)                                                                                \
	X(EXISTS, "AlreadyExists", false)                                                                              \
	X(CONFLICT, "Conflict", true)                                                                                  \
	X(DENIED, "PermissionDenied", false)                                                                           \
	X(UNAUTHENTICATED, "Unauthenticated", false)                                                                   \
	X(UNAVAILABLE, "Unavailable", true)                                                                            \
	X(TIMEOUT, "Timeout", true)                                                                                    \
	X(CANCELLED, "Cancelled", true)                                                                                \
	X(TOO_BIG, "TooBig", false)                                                                                    \
	X(UNSUPPORTED, "Unsupported", false)                                                                           \
	X(PROTOCOL, "Protocol", true)                                                                                  \
	X(PRECONDITION, "FailedPrecondition", true)                                                                    \
	X(IO, "IO", true)                                                                                              \
	X(BUG, "Bug", false)

enum fail_code {
#define FAIL_ENUM(id, name, retry) FAIL_##id,
	FAIL_CODES(FAIL_ENUM)
#undef FAIL_ENUM
};

#define FAIL_TEXT_MAX 4096 /* servers answer with lists of faults */

struct fail {
	enum fail_code code;
	char text[FAIL_TEXT_MAX]; /* UTF-8 without a trailing newline; cut from the right with "..." */
};

/* Record a failure; always returns false so that `return fail_set(…)` is the whole error path. */
bool fail_set(struct fail *fail, enum fail_code code, const char *format, ...) __attribute__((format(printf, 3, 4)));
bool fail_setv(struct fail *fail, enum fail_code code, const char *format, va_list args)
	__attribute__((format(printf, 3, 0)));

/* As fail_set, with ": <text of errnum>" behind and the code derived from errnum (ENOENT: NOT_FOUND, …). */
bool fail_errno(struct fail *fail, int errnum, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Put "context: " in front of the text; keeps the code; returns false. */
bool fail_wrap(struct fail *fail, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The analyzer sees one file at a time: tell it what these return. */
#if defined(__clang_analyzer__) && !defined(BASE_FAIL_IMPLEMENTATION)
#define fail_set(...) ((void)fail_set(__VA_ARGS__), false)
#define fail_setv(...) ((void)fail_setv(__VA_ARGS__), false)
#define fail_errno(...) ((void)fail_errno(__VA_ARGS__), false)
#define fail_wrap(...) ((void)fail_wrap(__VA_ARGS__), false)
#endif

/* The name of a code ("NotFound"), and whether trying again later may help. */
const char *fail_name(enum fail_code code);
bool fail_is_retryable(enum fail_code code);

#endif
