/* Where an Omni listens: the URL that people write, checked, and taken apart. */
#ifndef AGENT_GRPC_ENDPOINT_H
#define AGENT_GRPC_ENDPOINT_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/fail.h"
#include "base/span.h"

struct endpoint {
	const char *url;  /* "https://omni.example.org:8443", without anything behind the port; cleartext: "http://…" */
	const char *host; /* without brackets */
	unsigned port;
	bool is_tls;
};

/* https://HOST[:PORT], and for tests and tunnels http:// or grpc:// (cleartext). INVALID says what to write for anything
 * else: no scheme, a user name, a host that is missing. A path, a query and a fragment are left out, as by Omni's own
 * client. */
bool endpoint_read(struct arena *arena, struct span url, struct endpoint *out, struct fail *fail)
	__attribute__((warn_unused_result));

#endif
