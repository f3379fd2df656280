#include "agent/handlers/handlers.h"

const struct handler *const HANDLERS[] = {
	&HANDLER_EXPORT,
	&HANDLER_SYNC,
	NULL,
};

const struct handler *handler_of(const struct handler *const *handlers, const struct kind *kind)
{
	while (*handlers != NULL && (*handlers)->kind != kind)
		handlers++;
	return *handlers;
}
