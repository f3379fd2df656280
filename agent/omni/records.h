/* Our marks on what Omni holds, kept beside it. `omnictl cluster template diff` shows every annotation of a cluster's
 * resources that the template does not have, and its sync takes them away; so marks of ours ("omni.texashpc.com/…": owner,
 * hash, what was locked by a declaration) stand in a record of their own, one per cluster: MachineLabels with the ID
 * "omniops:CLUSTER". That type carries nothing but labels and annotations, users may write it, neither omnictl's templates
 * nor Omni's controllers look at such an ID.
 *
 * The store that is wrapped looks as if the marks stood on the resources: reads show them there, writes take them apart.
 * Marks that do stand there (older versions, an approval made by hand) count, too, and move with the next write. The record
 * carries the cluster's label, so a watch tells whose it is; lists of MachineLabels leave it out. */
#ifndef AGENT_OMNI_RECORDS_H
#define AGENT_OMNI_RECORDS_H

#include "agent/omni/store.h"

#define RECORDS_PREFIX "omni.texashpc.com/"
#define RECORDS_LABEL "omni.texashpc.com/record" /* on the records: how they are found */
#define RECORDS_ID "omniops:"			 /* before the name of the cluster */

/* Takes `inner`. */
struct omni_store *records_wrap(struct omni_store *inner);
/* The record of a cluster goes, if that is not there: whoever made its name again would inherit approvals. */
void records_clear(struct omni_store *store, struct span cluster, int64_t deadline_ms);
/* The store as it is; `store` itself when it is not wrapped. */
struct omni_store *records_inner(struct omni_store *store);

#endif
