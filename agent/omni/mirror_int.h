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
	uint32_t number; /* of all owners */
	uint64_t sum; /* of the meanings that count */
	uint64_t changes;
	struct said *said; /* NULL: nothing yet */
	struct marks marks[MARKS];
};

enum { STAMP_BITS = 20 };
#define OWNERS_MAX ((1u << 26) - 1)
#define TYPE_MAX (MIRROR_TYPES - 1u)
#define STAMP_MAX ((1u << STAMP_BITS) - 1)
#define ROUND_MAX ((1u << 12) - 1)

/* 40 bytes, of which there are tens of thousands. */
struct record {
	uint64_t key;
	uint64_t seen; /* digest of all that is worth a look */
	struct mirror_meaning meaning;
	uint32_t owner : 26; /* its number */
	uint32_t type : 6;
	uint32_t stamp : STAMP_BITS; /* of version and date */
	uint32_t round : 12; /* of its type, when it was seen last */
};

struct type_state {
	const struct omni_type *type;
	enum said_kind said; /* a status: no record is made of it, and no plan depends on it */
	uint16_t round; /* up to ROUND_MAX, and from the beginning again */
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
	struct record *records; /* in no order */
	size_t count, cap;
	uint32_t *slots; /* open addressing: numbers of records, from 1 on */
	size_t slot_count;
	struct raw_name *raws;
	size_t raw_count, raw_cap;
};

/* Of everything that is worth a look; of version and date. */
uint64_t mirror_seen(struct mirror *mirror, const struct resource *resource);
uint32_t mirror_stamp(const struct resource *resource);

/* NULL: there is none. Good until the next one is added or erased. */
struct record *mirror_find(const struct mirror *mirror, uint64_t key);
struct record *mirror_add(struct mirror *mirror, uint64_t key); /* of which there is none; zero but for its key */
struct owner *mirror_owner(const struct mirror *mirror, const struct record *record); /* of NULL: NULL */
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
