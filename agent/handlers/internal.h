/* The runner itself; only for the files of this room. One lock guards all of it, and is held neither while a handler runs nor
 * while a callback does. */
#ifndef AGENT_HANDLERS_INTERNAL_H
#define AGENT_HANDLERS_INTERNAL_H

#include <pthread.h>

#include "agent/handlers/handlers.h"
#include "base/queue.h"

/* An object as it was given: one piece of memory, never changed. */
struct declared {
	unsigned users;
	uint64_t digest; /* of all that is a reason to look */
	struct handler_object object; /* without spec, status and annotations, which are texts here */
	struct span spec, annotations;
	char texts[];
};

/* A Secret that somebody wants to know about. */
struct watched {
	struct watched *next;
	unsigned users;
	struct span ns, name;
	char texts[];
};

struct handler_waker {
	pthread_mutex_t lock;
	unsigned users;
	struct handled *handled; /* NULL: it is gone */
};

/* One object that is looked after. It stays until a worker has forgotten it. */
struct handled {
	struct queue_item item; /* first */
	struct handled *next_in_slot;
	struct handlers *handlers;
	const struct handler *handler;
	struct declared *declared; /* NULL: it is gone */
	char *status;		   /* JSON: as told, else as observed; NULL: none */
	bool is_told;		   /* what is observed is older */
	bool is_ready, is_suspended;
	int64_t expires_s;
	uint64_t tokens[2]; /* of requests */
	uint64_t asked_for[HANDLER_WATCHES]; /* digests of other objects whose status it used */
	size_t asked_count;
	struct watched *watches[HANDLER_WATCHES];
	size_t watch_count;
	/* only of the worker that has it */
	void *memory;
	char uid[40];		/* whose memory that is */
	struct handler_waker *waker;
	int64_t cut_off_since_ms; /* being deleted, and no way leads into its cluster; 0: not so */
	struct span ns, name; /* texts[] */
	char texts[];
};

struct handlers {
	struct handlers_options options;
	struct handler_env env; /* as handlers see it */
	struct queue *queue;
	pthread_mutex_t lock;
	pthread_mutex_t watching; /* held while the Secret store is told; before `lock` */
	struct handled **slots;
	size_t slot_count, count;
	struct watched *watched;
	uint64_t groups[QUEUE_GROUPS]; /* digest of the cluster that has the number; 0: free */
	unsigned group_users[QUEUE_GROUPS];
	uint64_t looks[HANDLER_KINDS], failures[HANDLER_KINDS];
};

/* table of objects (objects.c); the lock is held */
struct handled *handled_find(const struct handlers *handlers, const struct kind *kind, struct span ns, struct span name);
struct handled *handled_get(struct handlers *handlers, const struct handler *handler, const struct handler_object *object);
void handled_unlink(struct handled *handled); /* out of the table */
void handled_free(struct handled *handled);   /* its memory is forgotten already */
struct declared *declared_new(const struct handler_object *object);
void declared_drop(struct declared *declared);
uint64_t object_digest(const struct kind *kind, struct span ns, struct span name);
/* It has another status: of its own, and for those who asked. Takes the text. */
void handled_set_status(struct handled *handled, char *status);
int handler_number(const struct kind *kind); /* of counts; -1: of none */

/* watches.c; without the lock. True: one of them was not watched for this object before. */
bool watches_set(struct handled *handled, const struct secret_name *names, size_t count);
void watches_end(struct handlers *handlers); /* the Secret store does not call any more */

/* waker.c */
struct handler_waker *handler_waker_new(struct handled *handled);
void handler_waker_detach(struct handler_waker *waker); /* its object is gone; the owner's use ends */

/* look.c: the queue's work */
enum queue_result look_run(void *handlers, struct queue_item *item);
void look_forget(struct handled *handled); /* what the handler kept */
/* A look that is under way; handlers get its first member. */
struct look {
	struct handler_object object; /* first */
	struct handled *handled;
	struct declared *declared;
	struct arena arena;
	json_t *spec, *status, *annotations;
	struct handler_outcome *outcome;
	uint64_t asked_for[HANDLER_WATCHES];
	size_t asked_count;
};

/* env.c: what handlers may ask, by way of the runner */
void env_init(struct handlers *handlers);

#endif
