/* What is told of a Secret sync: conditions, fields of the status, Events. The target in the status is where the copy really is:
 * another one only once it has moved. Sum and times of a copy stay while there is trouble, and nothing is written twice: the same
 * trouble again has the time of its beginning. */
#ifndef AGENT_HANDLERS_SECRET_SYNC_TOLD_H
#define AGENT_HANDLERS_SECRET_SYNC_TOLD_H

#include "agent/handlers/secret_sync_int.h"

/* Of one look. */
struct sync_tale {
	const struct handler_call *call;
	struct handler_outcome *out;
	const struct sync_spec *spec;
	struct sync_owner owner;
};

/* Accepted. False: there is no cluster to write into, and that is told. */
bool sync_tell_cluster(const struct sync_tale *tale);
void sync_tell_trouble(const struct sync_tale *tale, const char *reason, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* What handler_way_in said goes into the fields, too. */
void sync_tell_no_way(const struct sync_tale *tale);
/* expires_s: of the credentials; 0: not known. */
void sync_tell_result(const struct sync_tale *tale, const struct sync_job *job, const struct sync_result *result, int64_t expires_s);
/* Of a deletion. */
void sync_tell_removed(const struct sync_tale *tale, const struct sync_result *result);

#endif
