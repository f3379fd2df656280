/* Events of Kubernetes from a change of status: what is worth telling people who look at the object. A pure function of
 * the status before and after, so that nothing is told twice and nothing that did not reach the status. */
#ifndef AGENT_REPORT_STATUS_EVENTS_H
#define AGENT_REPORT_STATUS_EVENTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

enum { STATUS_EVENT_NOTE = 1025, STATUS_EVENTS_MAX = 8 };

struct status_event {
	const char *type; /* "Normal", "Warning" */
	const char *reason, *action;
	char note[STATUS_EVENT_NOTE]; /* UTF-8, at most 1024 bytes */
};

/* kind: "OmniCluster". old: NULL: none. Returns how many. */
size_t status_events(const char *kind, const json_t *old, const json_t *now, struct status_event out[STATUS_EVENTS_MAX]);

/* The OmniCluster is about to lose its finalizer: its cluster in Omni is destroyed, or was let go. */
void status_event_gone(struct span cluster, bool is_orphan, struct status_event *out);

/* Cut between two code points, and made readable, whatever it is. */
void status_event_note(struct status_event *event, struct span note);

#endif
