/* COSI's state service as its conformance checks use it: every request with all its options, by the channel of a store. */
#ifndef TESTS_UNIT_REMOTE_COSI_H
#define TESTS_UNIT_REMOTE_COSI_H

#include "agent/omni/remote_int.h"

struct cosi {
	struct arena arena, scratch;
	struct omni_store *store;
	const struct omni_type *type; /* MachineLabels */
	struct fail fail;
};

void cosi_begin(struct cosi *cosi); /* on an empty server; rig_clear is the caller's */
void cosi_end(struct cosi *cosi);

struct resource *cosi_new(struct cosi *cosi, const char *id);
void cosi_add_finalizer_to(struct cosi *cosi, struct resource *resource, const char *name);

/* Operations; the code of cosi->fail says why not. */
bool cosi_get(struct cosi *cosi, const char *id, struct resource **out);
bool cosi_list(struct cosi *cosi, const struct cosi_filter *filter, struct resource_list *out);
bool cosi_create(struct cosi *cosi, const struct resource *resource, struct resource **out);
bool cosi_update(struct cosi *cosi, const struct resource *resource, enum cosi_phase expected, struct resource **out);
bool cosi_teardown(struct cosi *cosi, const char *id, const char *owner, bool *out_ready);
bool cosi_destroy(struct cosi *cosi, const char *id, const char *owner);

/* Reads, changes and writes until nobody came in between; what did not change is not written. */
typedef bool (*cosi_change)(void *ctx, struct cosi *cosi, struct resource *resource);
bool cosi_update_with_conflicts(struct cosi *cosi, const char *id, enum cosi_phase expected, cosi_change change, void *ctx,
				struct resource **out);
/* With the owner that is stored, in any phase. */
bool cosi_add_finalizer(struct cosi *cosi, const char *id, const char *name);
bool cosi_remove_finalizer(struct cosi *cosi, const char *id, const char *name);
/* Creates what is not there. */
bool cosi_modify(struct cosi *cosi, const char *id, const char *owner, enum cosi_phase expected, cosi_change change,
		 void *ctx, struct resource **out);

struct cosi_stream {
	struct grpc_stream *stream;
	struct cosi_events events;
	size_t messages;
	enum grpc_code code; /* of the end */
};
void cosi_open(struct cosi *cosi, const struct cosi_watch *watch, struct cosi_stream *out);
/* False: the stream ended with stream->code. Fails the test when nothing comes for five seconds. */
bool cosi_next(struct cosi *cosi, struct cosi_stream *stream, struct cosi_event *out);
void cosi_close(struct cosi_stream *stream);

#endif
