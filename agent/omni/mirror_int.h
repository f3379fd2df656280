/* Inside of the mirror: mirror.c has events and questions, mirror_table.c the table. The lock is held by whoever calls. */
#ifndef AGENT_OMNI_MIRROR_INT_H
#define AGENT_OMNI_MIRROR_INT_H

#include <pthread.h>

#include "agent/omni/mirror.h"
#include "agent/omni/mirror_said.h"
#include "base/map.h"

enum { MIRROR_TYPES = 64 };

/* Annotations of ours: "KEY\0VALUE\0…". */
struct marks {
	char *packed;
	size_t len;
};

enum { ON_CLUSTER, IN_RECORD, MARKS };

struct owner {
	struct span name;
	uint64_t sum; /* of the meanings that count */
	uint64_t changes;
	struct said *said; /* NULL: nothing yet */
	struct marks marks[MARKS];
};

/* 48 bytes; `owner` NULL: the place is free. */
struct record {
	uint64_t key;
	uint64_t seen; /* digest of all that is worth a look */
	struct mirror_meaning meaning;
	struct owner *owner;
	uint32_t stamp; /* of version and date */
	uint16_t round; /* of its type, when it was seen last */
	uint16_t type;
};

struct type_state {
	const struct omni_type *type;
	enum said_kind said; /* a status: no record is made of it, and no plan depends on it */
	uint16_t round;
	bool is_live;
};

/* A raw resource: the key of its record, and who keeps it (NULL: nobody). */
struct raw_name {
	uint64_t key;
	const struct omni_type *type;
	char *id, *kept_by;
};

struct mirror {
	pthread_mutex_t lock;
	mirror_mean *mean;
	struct arena arena; /* names of clusters */
	struct map owners;
	struct text scratch;
	struct type_state types[MIRROR_TYPES];
	size_t type_count;
	struct record *records; /* open addressing */
	size_t count, size;
	struct raw_name *raws;
	size_t raw_count, raw_cap;
};

/* Of everything that is worth a look; of version and date. */
uint64_t mirror_seen(struct mirror *mirror, const struct resource *resource);
uint32_t mirror_stamp(const struct resource *resource);

/* Where the record is, or would be. */
struct record *mirror_place(const struct mirror *mirror, uint64_t key);
void mirror_grow(struct mirror *mirror);
/* Its owner changed: the record comes, or goes. */
bool mirror_counts(const struct mirror *mirror, const struct record *record); /* in the sum of its owner */
void mirror_count_in(const struct mirror *mirror, const struct record *record, bool comes);
/* The marks of a Cluster, or of the record of one; of nothing else. */
void mirror_take_marks(const struct mirror *mirror, const struct record *record, const struct labels *annotations);
void mirror_show_marks(struct arena *arena, const struct marks *marks, struct resource *cluster);
void mirror_erase(struct mirror *mirror, struct record *record);

/* mirror_raws.c: of a record that was just made, or goes */
void mirror_name_raw(struct mirror *mirror, const struct record *record, const struct resource *resource);
void mirror_forget_raw(struct mirror *mirror, uint64_t key);
void mirror_free_raws(struct mirror *mirror);

#endif
