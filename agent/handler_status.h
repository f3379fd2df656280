/* Statuses of what is looked after, where no API server keeps them: STATUS_DIR/KIND.NAMESPACE.NAME.json, for people and for the next
 * start. Any thread. A directory of NULL: there is none. */
#ifndef AGENT_HANDLER_STATUS_H
#define AGENT_HANDLER_STATUS_H

#include "agent/handlers/handler.h"

/* The status as it was written last; a new reference, NULL: there is none. */
json_t *handler_status_read(const char *dir, const struct handler_object *object);
void handler_status_write(const char *dir, struct log *log, const struct handler_object *object, const json_t *status);
void handler_status_remove(const char *dir, const struct kind *kind, struct span ns, struct span name);

/* What happened, as lines of the log: events, and those of the change of the status. */
void handler_status_log(struct log *log, const struct handler_object *object, const json_t *status, const struct status_event *events,
			size_t event_count);

#endif
