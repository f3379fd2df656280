/* The renderer: reads the request, builds its walls, runs fleet_load, sends the fleet. Ends with _exit, because exit
 * handlers make calls that are forbidden by then. */
#include <stdlib.h>
#include <unistd.h>

#include "agent/source/channel.h"
#include "agent/source/confine.h"
#include "agent/source/sandbox.h"
#include "agent/source/wire.h"

/* The request is what the parent read from the tree plus a little. */
enum { MAX_REQUEST = 1 << 30 };

struct request {
	struct confinement confinement;
	size_t max_result_bytes;
	struct fleet_options options;
	struct tree tree;
};

static void __attribute__((noreturn)) leave(int status)
{
	_exit(status);
}

static void send_failure(const struct fail *fail)
{
	struct text message;
	text_init(&message, TEXT_NO_LIMIT);
	wire_put_fail(&message, fail);
	leave(child_send(MESSAGE_FAILED, text_span(&message)) ? 0 : 1);
}

/* tree->read in the child: ask the parent. */
static bool ask_parent(void *ctx, struct span path, struct span *out_bytes, struct fail *fail)
{
	struct arena *arena = ctx;
	struct text question;
	struct span answer;
	uint8_t type;
	text_init(&question, TEXT_NO_LIMIT);
	wire_put_span(&question, path);
	if (!child_send(MESSAGE_READ, text_span(&question)) || !child_receive(MAX_REQUEST, &type, &answer))
		leave(1);
	text_done(&question);
	arena_defer(arena, free, (char *)(uintptr_t)answer.ptr);
	struct wire wire;
	struct fail sent = {.code = FAIL_BUG};
	wire_init(&wire, arena, answer, 0);
	if (wire_bool(&wire)) {
		*out_bytes = wire_span(&wire);
		return true;
	}
	wire_fail(&wire, &sent);
	if (fail != NULL)
		*fail = sent;
	return false;
}

static void get_request(struct wire *wire, struct request *request)
{
	request->confinement.max_memory_bytes = (size_t)wire_int(wire, SIZE_MAX);
	request->max_result_bytes = (size_t)wire_int(wire, SIZE_MAX);
	request->confinement.cpu_seconds = (unsigned)wire_int(wire, UINT32_MAX);
	request->confinement.kernel_layers = wire_bool(wire);
	request->options = FLEET_OPTIONS_DEFAULT;
	request->options.rules = (enum omni_rules)wire_int(wire, OMNI_RULES_1_10);
	request->options.offline_schema = wire_bool(wire);
	request->options.translate = wire_bool(wire);
	request->options.render = wire_bool(wire);
	request->options.load_limits.max_documents = (size_t)wire_int(wire, SIZE_MAX);
	request->options.load_limits.max_depth = (size_t)wire_int(wire, SIZE_MAX);
	request->options.load_limits.max_nodes = (size_t)wire_int(wire, SIZE_MAX);
}

/* After the walls stand: everything that came from the repository. */
static void get_tree(struct wire *wire, struct tree *tree)
{
	tree_init(tree, wire->arena);
	tree->read = ask_parent;
	tree->ctx = wire->arena;
	tree->limits.max_file_bytes = (size_t)wire_int(wire, SIZE_MAX);
	tree->limits.max_total_bytes = (size_t)wire_int(wire, SIZE_MAX);
	tree->limits.max_files = (size_t)wire_int(wire, SIZE_MAX);
	tree->revision = wire_span(wire);
	size_t count = wire_count(wire);
	for (size_t i = 0; i < count && !wire->bad; i++) {
		struct span path = wire_span(wire), bytes = wire_span(wire);
		tree_add_input(tree, path, bytes);
	}
}

static void send_fleet(const struct fleet *fleet, size_t max_bytes)
{
	struct text message;
	struct fail fail;
	text_init(&message, max_bytes < TEXT_NO_LIMIT ? max_bytes : TEXT_NO_LIMIT);
	wire_put_fleet(&message, fleet);
	if (!text_ok(&message)) {
		fail_set(&fail, FAIL_TOO_BIG, "what the tree renders to is more than %zu bytes", max_bytes);
		send_failure(&fail);
	}
	leave(child_send(MESSAGE_FLEET, text_span(&message)) ? 0 : 1);
}

int child_render_main(void)
{
	struct request request = {0};
	struct arena arena;
	struct span message;
	struct wire wire;
	struct fleet fleet;
	struct fail fail = {.code = FAIL_BUG};
	uint8_t type;
	arena_init(&arena, ARENA_NO_LIMIT);
	if (!child_receive(MAX_REQUEST, &type, &message) || type != MESSAGE_RENDER)
		leave(1);
	wire_init(&wire, &arena, message, 0);
	get_request(&wire, &request);
	unsigned layers = confine_self(&request.confinement);
	if ((layers & SANDBOX_NO_NEW_PRIVS) == 0 || wire.bad)
		leave(1);
	get_tree(&wire, &request.tree);
	fleet_init(&fleet, &arena, &request.options);
	if (!wire_end(&wire))
		leave(1);
	if (!fleet_load(&fleet, &request.tree, &fail))
		send_failure(&fail);
	send_fleet(&fleet, request.max_result_bytes);
	return 0;
}

int child_probe_main(void)
{
	struct confinement confinement = {.max_memory_bytes = (size_t)1 << 30, .cpu_seconds = 10, .kernel_layers = true};
	struct text message;
	struct span request;
	uint8_t type;
	if (!child_receive(64, &type, &request))
		leave(1);
	text_init(&message, 64);
	wire_put_int(&message, confine_self(&confinement));
	leave(child_send(MESSAGE_RESULT, text_span(&message)) ? 0 : 1);
}
