/* The walls around a child that works on untrusted bytes: resource limits, no new privileges, landlock without any
 * file right, a seccomp allow-list. In this order, each irrevocable; seccomp last. */
#ifndef AGENT_SOURCE_CONFINE_H
#define AGENT_SOURCE_CONFINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct confinement {
	size_t max_memory_bytes; /* 0: no limit */
	unsigned cpu_seconds;	 /* 0: no limit */
	bool kernel_layers;	 /* landlock and seccomp too */
	bool may_write_files;
};

int confine_landlock_abi(void); /* 0: the kernel has none */

/* Returns the layers that are in force (enum sandbox_layer of agent/source/sandbox.h). */
unsigned confine_self(const struct confinement *confinement);

#endif
