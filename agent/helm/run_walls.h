/* The walls around Helm: limits, no new privileges, no capabilities, Landlock, a list of system calls that it must not make. Each is
 * irrevocable and holds for Helm and whatever it starts. */
#ifndef AGENT_HELM_RUN_WALLS_H
#define AGENT_HELM_RUN_WALLS_H

#include <stdbool.h>
#include <stdint.h>

struct walls {
	const char *program, *run_dir, *kube_dir;
	uint16_t port; /* TCP goes there alone, and to name servers; 0: anywhere */
};

/* 0: the kernel has none. */
int walls_landlock_abi(void);

void walls_limits(void);
bool walls_privileges(void);
bool walls_landlock(const struct walls *walls);
bool walls_calls(void);

#endif
