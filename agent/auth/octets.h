/* Reading bytes in order. Running short sticks: what is taken afterwards is empty or zero, and the caller asks once. */
#ifndef AGENT_AUTH_OCTETS_H
#define AGENT_AUTH_OCTETS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

struct octets {
	struct span rest;
	bool is_short;
};

static inline struct span octets_take(struct octets *octets, size_t count)
{
	octets->is_short = octets->is_short || count > octets->rest.len;
	if (octets->is_short)
		return (struct span){0};
	struct span taken = {octets->rest.ptr, count};
	octets->rest = (struct span){octets->rest.ptr + count, octets->rest.len - count};
	return taken;
}

/* Of 1 to 4 octets, the most significant one first. */
static inline uint32_t octets_number(struct octets *octets, size_t count)
{
	struct span taken = octets_take(octets, count);
	uint32_t number = 0;
	for (size_t i = 0; i < taken.len; i++)
		number = number << 8 | (unsigned char)taken.ptr[i];
	return number;
}

/* OpenPGP's integers: their bits are counted in 16 bits. */
static inline struct span octets_mpi(struct octets *octets)
{
	return octets_take(octets, (octets_number(octets, 2) + 7) / 8);
}

#endif
