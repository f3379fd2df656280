#include "agent/handlers/handlers.h"

const struct handler *const HANDLERS[] = {
	&HANDLER_EXPORT,
	&HANDLER_SYNC,
	NULL,
};
