/* A kubeconfig that came from somebody else, what a program wrote as credentials, and what a server answered: none of them
 * crashes, what is taken of a kubeconfig names no file and no program, and what is refused is told. The first byte chooses. */
#include <assert.h>
#include <stdint.h>

#include "agent/kube/config.h"
#include "agent/kube/exec.h"
#include "agent/kube/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_config(struct span yaml)
{
	struct arena arena;
	struct kube_config config;
	struct fail fail = {0};
	arena_init(&arena, ARENA_NO_LIMIT);
	if (!kube_config_foreign(&arena, yaml, &config, &fail)) {
		assert(fail.code != FAIL_NONE && fail.text[0] != '\0');
	} else {
		assert(config.server != NULL && config.exec == NULL && config.token_file == NULL);
		assert(config.ca_file == NULL && config.cert_file == NULL && config.key_file == NULL);
	}
	arena_done(&arena);
}

static void read_output(struct span json)
{
	static const struct kube_exec exec = {.api_version = "client.authentication.k8s.io/v1", .command = "login"};
	struct exec_result result = {0};
	struct fail fail = {0};
	if (exec_read_output(json, &exec, &result, &fail))
		assert(result.token.len > 0 || (result.cert.len > 0 && result.key.len > 0));
	else
		assert(fail.code == FAIL_UNAUTHENTICATED && result.token.ptr == NULL);
	exec_result_done(&result);
}

static void read_refusal(struct span body)
{
	struct fail fail = {0};
	assert(!answer_fail("GET", "/api", body.len > 0 && (body.ptr[0] & 1) != 0 ? 504 : 422, body, &fail));
	assert(fail.code != FAIL_NONE && strlen(fail.text) < 3 * 1024 + 200 && strchr(fail.text, '\n') == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const reads[])(struct span) = {read_config, read_output, read_refusal};
	if (size > 0)
		reads[data[0] % 3]((struct span){(const char *)data + 1, size - 1});
	return 0;
}
