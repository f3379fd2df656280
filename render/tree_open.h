/* Opening files below a directory so that nothing in the path or behind its links leads out of it. */
#ifndef RENDER_TREE_OPEN_H
#define RENDER_TREE_OPEN_H

#include <stdbool.h>

/* Like openat(root, path, flags): -1 and errno on failure; EXDEV when the path leaves the root, ELOOP when links go in
 * circles. */
int tree_open_beneath(int root, const char *path, int flags);

/* The same without the help of the kernel (openat2 came with Linux 5.6, and old sandboxes refuse it). */
int tree_open_walking(int root, const char *path, int flags);

#endif
