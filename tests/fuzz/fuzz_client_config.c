/* A kubeconfig or talosconfig that somebody has: joining into it never crashes, gives what reads as such a file with the
 * new entries in it, and a second join has nothing to do. The first byte chooses the kind. */
#include <assert.h>
#include <stdint.h>

#include "agent/kube/client_config.h"
#include "render/load.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char kube[] = "kind: Config\nclusters:\n- name: c\n  cluster: {server: 'https://c'}\ncontexts:\n- name: x\n  context: "
			   "{cluster: c, user: u}\ncurrent-context: x\nusers:\n- name: u\n  user: {token: a.eyJleHAiOjF9.b}\n";
static const char talos[] = "context: x\ncontexts:\n  x: {endpoints: ['https://c'], auth: {siderov1: {identity: i}}, cluster: c}\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena;
	struct client_joined joined, again;
	struct kubeconfig facts;
	struct fail fail;
	if (size == 0)
		return 0;
	struct client_join how = {data[0] & 1 ? CLIENT_TALOSCONFIG : CLIENT_KUBECONFIG, data[0] & 2, data[0] & 4};
	struct span held = {(const char *)data + 1, size - 1}, added = span_of(how.kind == CLIENT_TALOSCONFIG ? talos : kube);
	arena_init(&arena, ARENA_NO_LIMIT);
	(void)!kubeconfig_read(&arena, held, &facts, &fail);
	if (client_join(&arena, &how, held, added, &joined, &fail)) {
		bool ok = client_join(&arena, &how, joined.text, added, &again, &fail);
		assert(ok && !again.is_changed);
		if (how.kind == CLIENT_KUBECONFIG && !how.keeps_context && span_starts(held, "kind: Config\n"))
			assert(kubeconfig_read(&arena, joined.text, &facts, &fail) && facts.expires_s == 1);
	}
	arena_done(&arena);
	return 0;
}
