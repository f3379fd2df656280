#include "agent/source/sandbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/source/channel.h"
#include "agent/source/confine.h"
#include "agent/source/wire.h"
#include "base/cleanup.h"
#include "base/clock.h"

enum { PROBE_TIMEOUT_MS = 10000, MAX_READS = 100000 };

bool sandbox_mode_parse(struct span text, enum sandbox_mode *out)
{
	static const char *const names[] = {"auto", "require", "off"};
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (span_is(text, names[i])) {
			*out = (enum sandbox_mode)i;
			return true;
		}
	return false;
}

static void describe_layers(struct sandbox *sandbox)
{
	char landlock[32];
	snprintf(landlock, sizeof landlock, ", landlock (ABI %d)", confine_landlock_abi());
	snprintf(sandbox->layers_text, sizeof sandbox->layers_text, "process%s%s%s%s",
		 sandbox->layers & SANDBOX_LIMITS ? ", limits" : "",
		 sandbox->layers & SANDBOX_NO_NEW_PRIVS ? ", no-new-privs" : "",
		 sandbox->layers & SANDBOX_LANDLOCK ? landlock : "",
		 sandbox->layers & SANDBOX_SECCOMP ? ", seccomp" : "");
}

/* A child builds the walls and says which of them stand. */
static bool probe(struct sandbox *sandbox, struct fail *fail)
{
	struct channel channel;
	struct arena arena;
	struct patience patience = {clock_monotonic_ms() + PROBE_TIMEOUT_MS, -1};
	uint8_t type;
	struct span answer;
	if (!channel_start(&channel, CHILD_ARGUMENT_PROBE, "the sandbox probe", fail))
		return false;
	arena_init(&arena, 1 << 20);
	bool ok = channel_send(&channel, MESSAGE_OPEN, SPAN(""), patience, fail) &&
		  channel_receive(&channel, &arena, 64, patience, &type, &answer, fail);
	struct wire wire;
	wire_init(&wire, &arena, ok ? answer : (struct span){NULL, 0}, 64);
	sandbox->layers = (unsigned)wire_int(&wire, 63);
	channel_stop(&channel);
	arena_done(&arena);
	return ok && !wire.bad;
}

bool sandbox_init(struct sandbox *sandbox, enum sandbox_mode mode, struct fail *fail)
{
	const unsigned wanted = SANDBOX_LANDLOCK | SANDBOX_SECCOMP | SANDBOX_NO_NEW_PRIVS | SANDBOX_LIMITS;
	struct fail why = {0};
	*sandbox = (struct sandbox){.mode = mode, .max_memory_bytes = (size_t)1 << 30,
				    .max_result_bytes = (size_t)256 << 20, .timeout_ms = 60000};
	sandbox->layers = SANDBOX_PROCESS;
	if (mode != SANDBOX_OFF && !probe(sandbox, &why)) {
		sandbox->layers = SANDBOX_PROCESS;
		if (mode != SANDBOX_REQUIRE)
			sandbox->mode = SANDBOX_OFF;
	}
	if (mode == SANDBOX_OFF)
		sandbox->layers = SANDBOX_PROCESS | SANDBOX_LIMITS | SANDBOX_NO_NEW_PRIVS;
	describe_layers(sandbox);
	if (mode == SANDBOX_REQUIRE && (sandbox->layers & wanted) != wanted)
		return fail_set(fail, FAIL_UNSUPPORTED,
				"this machine gives only these walls to the renderer: %s. Landlock needs Linux 5.13, "
				"and a container must allow seccomp; --sandbox=auto uses what there is%s%s",
				sandbox->layers_text, why.text[0] == '\0' ? "" : "; ", why.text);
	return true;
}

/* --- one rendering -------------------------------------------------------------------------------------------------- */

struct rendering {
	struct sandbox *sandbox;
	struct tree *tree;
	const struct fleet_options *options;
	const struct fleet_taker *taker;
	struct channel channel;
	struct patience patience;
};

static void put_request(struct text *out, const struct rendering *rendering)
{
	const struct sandbox *sandbox = rendering->sandbox;
	const struct fleet_options *options = rendering->options;
	const struct tree *tree = rendering->tree;
	int64_t left_ms = rendering->patience.deadline_ms - clock_monotonic_ms();
	wire_put_int(out, sandbox->max_memory_bytes);
	wire_put_int(out, sandbox->max_result_bytes);
	wire_put_int(out, left_ms < 0 ? 1 : (uint64_t)left_ms / 1000 + 2);
	wire_put_bool(out, sandbox->mode != SANDBOX_OFF);
	wire_put_int(out, options->rules);
	wire_put_bool(out, options->offline_schema);
	wire_put_bool(out, options->translate);
	wire_put_bool(out, options->render);
	wire_put_int(out, options->load_limits.max_documents);
	wire_put_int(out, options->load_limits.max_depth);
	wire_put_int(out, options->load_limits.max_nodes);
	wire_put_int(out, tree->limits.max_file_bytes);
	wire_put_int(out, tree->limits.max_total_bytes);
	wire_put_int(out, tree->limits.max_files);
	wire_put_span(out, tree->revision);
	wire_put_int(out, tree->input_count);
	for (size_t i = 0; i < tree->input_count; i++) {
		wire_put_span(out, tree->inputs[i].path);
		wire_put_span(out, tree->inputs[i].bytes);
	}
}

static bool load_inputs(struct tree *tree, struct fail *fail)
{
	for (size_t i = 0; i < tree->input_count; i++)
		if (!tree_load(tree, &tree->inputs[i], fail))
			return fail_wrap(fail, "%.*s", SPAN_ARG(tree->inputs[i].path));
	return true;
}

static bool send_request(struct rendering *rendering, struct fail *fail)
{
	struct text request;
	if (!load_inputs(rendering->tree, fail))
		return false;
	text_init(&request, TEXT_NO_LIMIT);
	put_request(&request, rendering);
	bool ok = channel_send(&rendering->channel, MESSAGE_RENDER, text_span(&request), rendering->patience, fail);
	text_done(&request);
	return ok;
}

/* Absent, outside of the tree or too big is the document's fault and goes to the child; anything else says nothing
 * about the tree and ends the rendering. */
static bool is_fault_of_document(enum fail_code code)
{
	return code == FAIL_NOT_FOUND || code == FAIL_INVALID || code == FAIL_TOO_BIG;
}

static void tell_served(const struct rendering *rendering, struct span path, size_t bytes)
{
	const struct fleet_taker *taker = rendering->taker;
	const struct tree *tree = rendering->tree;
	struct span id = {NULL, 0};
	if (taker == NULL || taker->see_served == NULL)
		return;
	if (tree->identify == NULL || !tree->identify(tree->ctx, path, &id))
		id = SPAN("");
	taker->see_served(taker->ctx, path, id, bytes);
}

static bool answer_read(struct rendering *rendering, struct span request, struct fail *fail)
{
	struct tree *tree = rendering->tree;
	struct wire wire;
	struct span bytes = {NULL, 0};
	struct fail why = {.code = FAIL_INVALID};
	wire_init(&wire, tree->arena, request, 0);
	struct span path = wire_name(&wire);
	if (!wire_end(&wire) || path.ptr == NULL)
		return fail_set(fail, FAIL_PROTOCOL, "the renderer sent a malformed request");
	bool found = tree->read != NULL ? tree->read(tree->ctx, path, &bytes, &why)
					: fail_set(&why, FAIL_NOT_FOUND, "no such file");
	if (!found && !is_fault_of_document(why.code)) {
		if (fail != NULL)
			*fail = why;
		return fail_wrap(fail, "%.*s", SPAN_ARG(path));
	}
	if (found)
		tell_served(rendering, path, bytes.len);
	struct text answer;
	text_init(&answer, TEXT_NO_LIMIT);
	wire_put_bool(&answer, found);
	if (found)
		wire_put_span(&answer, bytes.ptr == NULL ? SPAN("") : bytes);
	else
		wire_put_fail(&answer, &why);
	bool ok = channel_send(&rendering->channel, MESSAGE_BYTES, text_span(&answer), rendering->patience, fail);
	text_done(&answer);
	return ok;
}

static bool take_fleet(const struct rendering *rendering, struct arena *arena, struct span message, struct fleet **out,
		       struct fail *fail)
{
	struct wire wire;
	wire_init(&wire, arena, message, rendering->sandbox->max_result_bytes * 2);
	wire.taker = rendering->taker;
	return wire_fleet(&wire, rendering->options, out, fail);
}

static bool take_failure(struct arena *arena, struct span message, struct fail *fail)
{
	struct wire wire;
	struct fail sent = {0};
	wire_init(&wire, arena, message, 0);
	wire_fail(&wire, &sent);
	if (!wire_end(&wire) || sent.code == FAIL_NONE)
		return fail_set(fail, FAIL_PROTOCOL, "the renderer failed without saying why");
	if (fail != NULL)
		*fail = sent;
	return false;
}

/* Serve reads until the fleet arrives. Requests live in `messages`, too: they are short and their number is bounded. */
static bool converse(struct rendering *rendering, struct arena *messages, struct arena *arena, struct fleet **out,
		     struct fail *fail)
{
	for (unsigned i = 0; i < MAX_READS; i++) {
		uint8_t type;
		struct span message;
		if (!channel_receive(&rendering->channel, messages, rendering->sandbox->max_result_bytes,
				     rendering->patience, &type, &message, fail))
			return false;
		if (type == MESSAGE_FLEET)
			return take_fleet(rendering, arena, message, out, fail);
		if (type == MESSAGE_FAILED)
			return take_failure(messages, message, fail);
		if (type != MESSAGE_READ || message.len > WIRE_NAME_MAX + 8)
			return fail_set(fail, FAIL_PROTOCOL, "the renderer sent something unexpected");
		if (!answer_read(rendering, message, fail))
			return false;
	}
	return fail_set(fail, FAIL_TOO_BIG, "the documents name more than %d files", MAX_READS);
}

struct sandbox_child {
	struct channel channel;
};

static bool start_renderer(struct channel *channel, struct fail *fail)
{
	return channel_start(channel, CHILD_ARGUMENT_RENDER, "the renderer", fail);
}

struct sandbox_child *sandbox_child_start(void)
{
	struct sandbox_child *child = calloc(1, sizeof *child);
	if (child == NULL || start_renderer(&child->channel, NULL))
		return child;
	free(child);
	return NULL;
}

void sandbox_child_stop(struct sandbox_child *child)
{
	if (child != NULL)
		channel_stop(&child->channel);
	free(child);
}

bool sandbox_render(struct sandbox *sandbox, struct tree *tree, const struct fleet_options *options, const struct fleet_taker *taker,
		    struct arena *arena, struct fleet **out, int64_t deadline_ms, struct fail *fail)
{
	struct sandbox_child *none = NULL;
	return sandbox_render_by(sandbox, &none, tree, options, taker, arena, out, deadline_ms, fail);
}

static bool take_child(struct sandbox_child **child, struct channel *channel, struct fail *fail)
{
	if (*child == NULL)
		return start_renderer(channel, fail);
	*channel = (*child)->channel;
	free(*child);
	*child = NULL;
	return true;
}

bool sandbox_render_by(struct sandbox *sandbox, struct sandbox_child **child, struct tree *tree, const struct fleet_options *options,
		       const struct fleet_taker *taker, struct arena *arena, struct fleet **out, int64_t deadline_ms, struct fail *fail)
{
	struct rendering rendering = {.sandbox = sandbox, .tree = tree, .options = options, .taker = taker};
	rendering.patience.cancel_fd = -1;
	rendering.patience.deadline_ms = deadline_ms != 0 ? deadline_ms : clock_monotonic_ms() + sandbox->timeout_ms;
	if (!take_child(child, &rendering.channel, fail))
		return false;
	struct arena messages;
	arena_init(&messages, ARENA_NO_LIMIT);
	/* what is not copied points into the message */
	bool ok = send_request(&rendering, fail) &&
		  converse(&rendering, taker == NULL ? arena : &messages, arena, out, fail);
	channel_stop(&rendering.channel);
	arena_done(&messages);
	return ok ? true : fail_wrap(fail, "rendering %.*s", SPAN_ARG(tree->revision));
}

/* What the source found goes first, the order is by file and line anyway. */
void source_tree_add_notes(const struct source_tree *tree, struct fleet *fleet)
{
	for (size_t i = 0; i < tree->diags.count; i++) {
		const struct diag *note = &tree->diags.items[i];
		struct diag_at at = {&fleet->diags, arena_copy(fleet->arena, note->file), {NULL, 0}};
		struct diag *added = diag_add(&at, note->severity, arena_string(fleet->arena, span_of(note->code)), NULL,
					      "", "%.*s", SPAN_ARG(note->message));
		if (note->hint.len > 0)
			diag_hint(&at, added, "%.*s", SPAN_ARG(note->hint));
		if (note->severity != DIAG_ERROR)
			continue;
		ARENA_PUSH(fleet->arena, fleet->broken_files, fleet->broken_count, fleet->broken_cap) = at.file;
		fleet->is_incomplete = true;
	}
	if (tree->diags.count > 0)
		diag_sort(&fleet->diags);
	fleet->is_incomplete = fleet->is_incomplete || tree->is_incomplete;
}

bool source_tree_render(struct sandbox *sandbox, struct source_tree *tree, const struct fleet_options *options,
			const struct fleet_taker *taker, struct arena *arena, struct fleet **out, int64_t deadline_ms,
			struct fail *fail)
{
	bool ok = sandbox_render(sandbox, &tree->tree, options, taker, arena, out, deadline_ms, fail);
	source_tree_rest(tree);
	if (!ok)
		return false;
	source_tree_add_notes(tree, *out);
	return true;
}
