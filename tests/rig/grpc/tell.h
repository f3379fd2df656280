/* Results as TAP, and where the server listens; for one program. */
#ifndef TESTS_RIG_GRPC_TELL_H
#define TESTS_RIG_GRPC_TELL_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *rig_dir;
static int count, failed;

static void tell(bool is_fine, const char *text, const char *found)
{
	count++;
	failed += !is_fine;
	printf("%s %d - %s\n", is_fine ? "ok" : "not ok", count, text);
	if (!is_fine)
		printf("# found: %s\n", found);
	fflush(stdout);
}

static unsigned port_of(const char *name)
{
	char path[4096], found[64];
	unsigned port;
	snprintf(path, sizeof path, "%s/ports", rig_dir);
	FILE *file = fopen(path, "r");
	while (file != NULL && fscanf(file, "%63s %u", found, &port) == 2)
		if (strcmp(found, name) == 0) {
			fclose(file);
			return port;
		}
	fprintf(stderr, "no port of %s\n", name);
	exit(1);
}

#endif
