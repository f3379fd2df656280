/* Texts of custom resources kept in few bytes: zstd with a dictionary that is made from the tables of the kinds when the
 * packer is, so that names of fields and the usual words cost next to nothing in texts of a kilobyte. What was packed can
 * be read by this packer only. Packing is for one thread at a time, unpacking for all. */
#ifndef AGENT_KUBE_PACK_H
#define AGENT_KUBE_PACK_H

#include "base/span.h"
#include "crds/schema.h"

struct packer;
struct packer *packer_new(const struct kind *const *kinds); /* NULL-terminated */
void packer_free(struct packer *packer);

/* Lives until the next one is packed. */
struct span packer_pack(struct packer *packer, struct span text);
/* `len` bytes of text into `out`; false: it was not packed by this packer, or is damaged. */
bool packer_unpack(struct packer *packer, struct span packed, char *out, size_t len);

#endif
