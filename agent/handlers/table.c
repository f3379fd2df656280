#include "agent/handlers/handlers.h"

const struct handler *const HANDLERS[] = {
	&HANDLER_EXPORT,
	&HANDLER_SYNC,
	&HANDLER_RELEASE,
	NULL,
};
