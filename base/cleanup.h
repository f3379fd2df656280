/* Handles that clean themselves up, and the one word that moves ownership out of them. */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

/* Declare and initialise on one line: CLEANUP(close_fd) int fd = open(…); */
#define CLEANUP(fn) __attribute__((cleanup(fn)))

/* The value of p, which becomes NULL: `return TAKE(p);` is how an owned pointer leaves a function. */
#define TAKE(p)                                                                                                        \
	__extension__({                                                                                                \
		__typeof__(p) *take_from = &(p);                                                                       \
		__typeof__(p) taken = *take_from;                                                                      \
		*take_from = NULL;                                                                                     \
		taken;                                                                                                 \
	})

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static inline void free_ptr(void *ptr)
{
	free(*(void **)ptr);
}

static inline void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#endif
