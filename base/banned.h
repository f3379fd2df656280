/* Included before every shipped file by the build: functions that are too easy to get wrong are refused by name. What
 * takes their place: struct text and struct span for strings, span_int for numbers, base/clock.h for the time. Only gcc
 * can mark functions that the C library defines inline, and every check compiles with gcc. */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifdef __clang__
#define BANNED(name, instead) extern __typeof__(name) name
#else
#define BANNED(name, instead) extern __typeof__(name) name __attribute__((deprecated("not in this project: use " instead)))
#endif

BANNED(strcpy, "struct text");
BANNED(strcat, "struct text");
BANNED(strncpy, "struct text");
BANNED(strncat, "struct text");
BANNED(stpcpy, "struct text");
BANNED(sprintf, "struct text or snprintf");
BANNED(vsprintf, "struct text or vsnprintf");
BANNED(strtok, "span_next");
BANNED(strtok_r, "span_next");
BANNED(atoi, "span_int");
BANNED(atol, "span_int");
BANNED(atoll, "span_int");
BANNED(gmtime, "timestamp_format");
BANNED(localtime, "timestamp_format");
BANNED(ctime, "timestamp_format");
BANNED(asctime, "timestamp_format");
BANNED(tmpnam, "files_write or mkdtemp");
BANNED(mktemp, "files_write or mkdtemp");
BANNED(system, "fork and exec with an argument list");
BANNED(popen, "fork and exec with an argument list");
BANNED(rand, "getrandom");
BANNED(setlocale, "nothing: the locale never changes");
BANNED(time, "clock_wall_ms");
BANNED(sleep, "clock_sleep_ms or a timer");
BANNED(usleep, "clock_sleep_ms or a timer");
BANNED(nanosleep, "clock_sleep_ms or a timer");

#undef BANNED
#undef alloca
#define alloca(size) no_alloca_use_an_arena(size)

#endif
