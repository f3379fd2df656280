/* Between the files of records.h. */
#ifndef AGENT_HELM_RECORDS_INT_H
#define AGENT_HELM_RECORDS_INT_H

#include "agent/helm/records.h"
#include "base/text.h"

enum release_status release_status_of(struct span text);
/* Of a Secret's name: what stands behind the last ".v". False: it is no record of this release. */
bool record_revision_of(struct span secret, struct span release, int64_t *out);

/* The record's JSON out of its Secret, with everything in it. */
bool record_unpack(const json_t *secret, const struct record_limits *limits, struct text *out, struct fail *fail);
/* The other way: text of what stands in the Secret. */
bool record_pack(struct span json, const struct record_limits *limits, struct text *out, struct fail *fail);
void record_drop_json(json_t **json);

#endif
