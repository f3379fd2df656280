/* One object as the cache keeps it: what is asked often as plain values, the rest packed, all of it in one piece of memory.
 * Never changed once it is made; a change of the object is another entry. */
#ifndef AGENT_KUBE_ENTRY_H
#define AGENT_KUBE_ENTRY_H

#include "agent/kube/cache.h"
#include "agent/kube/pack.h"

struct entry {
	unsigned char content_id[KUBE_CONTENT_ID], status_id[KUBE_CONTENT_ID], annotations_id[KUBE_CONTENT_ID];
	int64_t generation, created_s, deleted_s, first_seen_ms;
	uint32_t round;		/* of the list that named it last */
	uint32_t size;		/* of all of it */
	uint16_t ns_len, name_len, reference_len, version_len; /* texts[], in this order, then the uid */
	uint8_t uid_len;
	bool has_finalizer, has_legacy_finalizer, has_foreign_finalizers;
	uint16_t packed_at;	/* bytes from the beginning: a struct kube_packed */
	char texts[];
};

/* What the packed text is made of: document, status, annotations, finalizers, with a NUL between them. */
struct kube_packed {
	struct packer *packer;
	uint32_t len, packed_len;
	unsigned char bytes[];
};

/* free() ends it. PROTOCOL: it is no object of an API server. */
bool entry_make(struct packer *packer, const struct kind *kind, const json_t *object, struct entry **out, struct fail *fail)
	__attribute__((warn_unused_result));
void entry_view(const struct entry *entry, const struct kind *kind, struct kube_object *out);
struct span entry_ns(const struct entry *entry);
struct span entry_name(const struct entry *entry);
/* By namespace, then name. */
int entry_compare(const struct entry *entry, struct span ns, struct span name);

#endif
