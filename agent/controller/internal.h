/* The controller itself; only for the files of this room. One lock guards all of it. It is held neither while the cache is
 * asked nor while a callback runs. */
#ifndef AGENT_CONTROLLER_INTERNAL_H
#define AGENT_CONTROLLER_INTERNAL_H

#include <pthread.h>

#include "agent/controller/controller.h"
#include "agent/controller/event_book.h"
#include "agent/controller/step.h"
#include "agent/controller/subject.h"

enum { RESTRAINT_MS = 5000 }; /* between two writes of an object that is written all the time; the last one is before the end */

struct controller {
	struct controller_options options;
	char *instance;
	pthread_t writer;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	unsigned users; /* the owner, and every request that is under way */
	struct subjects subjects;
	struct turns turns;
	uint64_t fleet_number; /* 0: none was taken yet */
	struct event_book *book;
	struct post *posts, **posts_end; /* Events that wait for their turn */
	size_t post_count, posting;
	bool is_synced, is_ending;
	int64_t ends_ms; /* ending: the deadline */
	struct controller_counts counts;
};

/* The lock is held in all of these. */
void wake_subject(struct controller *controller, struct subject *subject, enum turn_class class, int64_t delay_ms);
void wake_children(struct controller *controller, struct subject *subject);
void wake_all(struct controller *controller);
enum turn_class usual_class(const struct subject *subject);
void release_user(struct controller *controller); /* unlocks, and frees with the last one */

/* listen.c: without the lock. */
void listen_begin(struct controller *controller);

/* writer.c: the thread. Ends when everything due is done, or the deadline has come. */
void *writer_run(void *controller);

/* look.c: what is known of one object; without the lock. */
struct look {
	struct arena arena;
	struct subject *subject;
	struct kube_object object;
	bool is_there;
	struct span key; /* for may_write */
	bool may_write;
	struct span uid;
	bool is_requested; /* somebody wants the Omni of this OmniCluster looked at */
};
void look_begin(struct controller *controller, struct subject *subject, struct look *look);
/* With the lock. */
void look_decide(struct controller *controller, struct look *look, struct step *out);
void look_done(struct look *look);

/* requests.c: with the lock. The token that is to be shown as handled; *out_asks: a new one came. */
struct span requests_take(const struct controller *controller, struct subject *subject, const struct seen *seen, bool *out_asks);

/* told.c; with the lock. NULL: nothing was told. free() it. */
struct unit_report *told_unpack(const struct cluster_life *life);

/* events.c: with the lock. */
void events_add(struct controller *controller, const struct event_about *about, const struct status_event *events, size_t count);
void events_send(struct controller *controller); /* unlocks meanwhile */
void events_drop(struct controller *controller);

#endif
