#define BASE_FAIL_IMPLEMENTATION
#include "base/fail.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	bool retry;
} codes[] = {
#define FAIL_ROW(id, name, retry) {name, retry},
	FAIL_CODES(FAIL_ROW)
#undef FAIL_ROW
};

static const struct {
	int errnum;
	enum fail_code code;
} errno_codes[] = {
	{ENOENT, FAIL_NOT_FOUND},   {ENOTDIR, FAIL_NOT_FOUND}, {EEXIST, FAIL_EXISTS},	   {EACCES, FAIL_DENIED},
	{EPERM, FAIL_DENIED},	    {EROFS, FAIL_DENIED},      {EFBIG, FAIL_TOO_BIG},	   {ENOSPC, FAIL_IO},
	{ETIMEDOUT, FAIL_TIMEOUT},  {EAGAIN, FAIL_UNAVAILABLE}, {ECONNREFUSED, FAIL_UNAVAILABLE}, {ELOOP, FAIL_INVALID},
	{EXDEV, FAIL_DENIED},
};

static void mark_cut(char *text, size_t size, int written)
{
	if (written >= 0 && (size_t)written >= size)
		memcpy(text + size - 4, "...", 4);
}

bool fail_setv(struct fail *fail, enum fail_code code, const char *format, va_list args)
{
	if (fail == NULL)
		return false;
	fail->code = code;
	mark_cut(fail->text, sizeof fail->text, vsnprintf(fail->text, sizeof fail->text, format, args));
	return false;
}

bool fail_set(struct fail *fail, enum fail_code code, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fail_setv(fail, code, format, args);
	va_end(args);
	return false;
}

static enum fail_code code_of_errno(int errnum)
{
	for (size_t i = 0; i < sizeof errno_codes / sizeof *errno_codes; i++)
		if (errno_codes[i].errnum == errnum)
			return errno_codes[i].code;
	return FAIL_IO;
}

bool fail_errno(struct fail *fail, int errnum, const char *format, ...)
{
	if (fail == NULL)
		return false;
	va_list args;
	va_start(args, format);
	fail_setv(fail, code_of_errno(errnum), format, args);
	va_end(args);
	size_t used = strlen(fail->text);
	char buffer[128];
	const char *words = strerror_r(errnum, buffer, sizeof buffer);
	mark_cut(fail->text, sizeof fail->text,
		 (int)used + snprintf(fail->text + used, sizeof fail->text - used, ": %s", words));
	return false;
}

bool fail_wrap(struct fail *fail, const char *format, ...)
{
	if (fail == NULL)
		return false;
	struct fail inner = *fail;
	va_list args;
	va_start(args, format);
	fail_setv(fail, inner.code, format, args);
	va_end(args);
	size_t used = strlen(fail->text);
	mark_cut(fail->text, sizeof fail->text,
		 (int)used + snprintf(fail->text + used, sizeof fail->text - used, ": %s", inner.text));
	return false;
}

const char *fail_name(enum fail_code code)
{
	return codes[code].name;
}

bool fail_is_retryable(enum fail_code code)
{
	return codes[code].retry;
}
