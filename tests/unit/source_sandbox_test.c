/* The walls around the renderer. The children are this program: as the real renderer, or as one that was taken over and
 * tries to get out (the revision of the tree says what it does). */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/source/channel.h"
#include "agent/source/confine.h"
#include "agent/source/sandbox.h"
#include "base/clock.h"
#include "tests/unit/test.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER 1
#else
#define HAS_SANITIZER 0
#endif

/* --- children that were taken over ---------------------------------------------------------------------------------- */

static void try_open(void)
{
	(void)!open("/etc/passwd", O_RDONLY);
}

static void try_socket(void)
{
	(void)!socket(AF_INET, SOCK_STREAM, 0);
}

static void try_fork(void)
{
	(void)!fork();
}

static void try_code(void)
{
	mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void try_kill(void)
{
	kill(getppid(), 0);
}

static void loop_forever(void)
{
	for (volatile unsigned i = 0;; i++)
		;
}

static void eat_memory(void)
{
	while (!HAS_SANITIZER) {
		char *block = malloc(1 << 20);
		if (block == NULL)
			abort();
		memset(block, 1, 1 << 20);
	}
	abort();
}

static void crash(void)
{
	__builtin_trap();
}

static void send_garbage(void)
{
	child_send(MESSAGE_FLEET, SPAN("\0\1\377\377\377\377\17garbage"));
}

static void send_huge(void)
{
	char header[CHANNEL_HEADER] = {MESSAGE_FLEET, 0, 0, 0, 0, 0, 1};
	(void)!write(CHANNEL_FD, header, sizeof header);
	loop_forever();
}

static void send_wrong(void)
{
	child_send(MESSAGE_OPEN, SPAN("hello"));
	loop_forever();
}

static void ask_without_end(void)
{
	struct span answer;
	uint8_t type;
	while (child_send(MESSAGE_READ, SPAN("\5../x")) && child_receive(1 << 20, &type, &answer))
		free((char *)(uintptr_t)answer.ptr);
}

static const struct evil {
	const char *name;
	void (*act)(void);
	enum fail_code expected;
} evils[] = {
	{"evil:open", try_open, FAIL_DENIED},	{"evil:socket", try_socket, FAIL_DENIED},
	{"evil:fork", try_fork, FAIL_DENIED},	{"evil:code", try_code, FAIL_DENIED},
	{"evil:kill", try_kill, FAIL_DENIED},	{"evil:loop", loop_forever, FAIL_TIMEOUT},
	{"evil:memory", eat_memory, FAIL_TOO_BIG}, {"evil:crash", crash, FAIL_BUG},
	{"evil:garbage", send_garbage, FAIL_PROTOCOL}, {"evil:huge", send_huge, FAIL_TOO_BIG},
	{"evil:wrong", send_wrong, FAIL_PROTOCOL}, {"evil:ask", ask_without_end, FAIL_PROTOCOL},
};

static int evil_main(const struct evil *evil)
{
	const struct confinement walls = {.max_memory_bytes = 256 << 20, .cpu_seconds = 20, .kernel_layers = true};
	struct span request;
	uint8_t type;
	child_prepare();
	if (!child_receive(1 << 20, &type, &request))
		_exit(1);
	confine_self(&walls);
	evil->act();
	_exit(0);
}

static int child_main(int argc, char **argv)
{
	char peek[512] = "";
	ssize_t size = argc == 2 && strcmp(argv[1], CHILD_ARGUMENT_RENDER) == 0
			       ? recv(CHANNEL_FD, peek, sizeof peek, MSG_PEEK)
			       : -1;
	for (size_t i = 0; size > 0 && i < sizeof evils / sizeof *evils; i++)
		if (memmem(peek, (size_t)size, evils[i].name, strlen(evils[i].name)) != NULL)
			return evil_main(&evils[i]);
	return source_child_main(argc, argv);
}

/* --- the tests ------------------------------------------------------------------------------------------------------ */

struct scene {
	struct sandbox sandbox;
	struct arena arena;
	struct tree tree;
	struct fleet *fleet;
	struct fail fail;
	int64_t timeout_ms;
	enum fail_code read_fails;
};

static bool read_patch(void *ctx, struct span path, struct span *out_bytes, struct fail *fail)
{
	struct scene *scene = ctx;
	if (scene->read_fails != FAIL_NONE)
		return fail_set(fail, scene->read_fails, "no luck");
	if (!span_is(path, "patches/x.yaml"))
		return fail_set(fail, FAIL_NOT_FOUND, "no such file");
	*out_bytes = SPAN("machine:\n  network:\n    hostname: from-the-parent\n");
	return true;
}

static const char template[] = "kind: Cluster\nname: demo\nkubernetes:\n  version: v1.33.0\ntalos:\n  version: v1.11.0\n"
			       "patches:\n  - file: patches/x.yaml\n---\nkind: ControlPlane\nmachineClass:\n"
			       "  name: cp\n  size: 3\n";

static struct scene scene_new(const char *revision, const char *yaml)
{
	struct scene scene = {.timeout_ms = 20000};
	struct fail fail;
	assert_true(sandbox_init(&scene.sandbox, SANDBOX_AUTO, &fail));
	arena_init(&scene.arena, ARENA_NO_LIMIT);
	tree_init(&scene.tree, &scene.arena);
	tree_add_input(&scene.tree, SPAN("a.yaml"), span_of(yaml));
	scene.tree.revision = span_of(revision);
	scene.tree.read = read_patch;
	return scene;
}

static bool render(struct scene *scene)
{
	const struct fleet_options options = FLEET_OPTIONS_DEFAULT;
	scene->tree.ctx = scene;
	return sandbox_render(&scene->sandbox, &scene->tree, &options, NULL, &scene->arena, &scene->fleet,
			      clock_monotonic_ms() + scene->timeout_ms, &scene->fail);
}

static void renders_the_same_as_without_walls(void **state)
{
	(void)state;
	struct scene scene = scene_new("main@sha1:1", template);
	const struct fleet_options options = FLEET_OPTIONS_DEFAULT;
	struct fleet here;
	if (!render(&scene))
		fail_msg("%s", scene.fail.text);
	fleet_init(&here, &scene.arena, &options);
	assert_true(fleet_load(&here, &scene.tree, &scene.fail));
	assert_int_equal(scene.fleet->cluster_count, 1);
	assert_int_equal(scene.fleet->diags.error_count, here.diags.error_count);
	assert_int_equal(scene.fleet->document_count, here.document_count);
	const struct cluster *there = scene.fleet->clusters[0], *local = here.clusters[0];
	assert_string_equal(there->template_hash, local->template_hash);
	assert_true(span_eq(there->template_text, local->template_text));
	assert_int_equal(there->resources.count, local->resources.count);
	for (size_t i = 0; i < local->resources.count; i++) {
		const struct resource *a = there->resources.items[i], *b = local->resources.items[i];
		assert_ptr_equal(a->type, b->type);
		assert_true(span_eq(a->id, b->id) && labels_equal(&a->labels, &b->labels));
		assert_true(node_equal(&a->spec, &b->spec));
		assert_int_equal(a->content != NULL, b->content != NULL);
		assert_int_equal(a->line, b->line);
	}
	assert_true(there->head != NULL && there->document_count == local->document_count);
	arena_done(&scene.arena);
}

static void nothing_gets_out(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof evils / sizeof *evils; i++) {
		struct scene scene = scene_new(evils[i].name, template);
		bool is_memory = evils[i].act == eat_memory;
		if ((scene.sandbox.layers & SANDBOX_SECCOMP) == 0 && evils[i].expected == FAIL_DENIED)
			continue;
		scene.timeout_ms = evils[i].act == loop_forever ? 300 : 20000;
		if (render(&scene))
			fail_msg("%s succeeded", evils[i].name);
		if (scene.fail.code != evils[i].expected && !(HAS_SANITIZER && (is_memory || evils[i].act == crash)))
			fail_msg("%s: %s (%s)", evils[i].name, fail_name(scene.fail.code), scene.fail.text);
		arena_done(&scene.arena);
	}
}

static void a_bomb_stays_in_its_box(void **state)
{
	(void)state;
	struct text bomb;
	text_init(&bomb, TEXT_NO_LIMIT);
	text_adds(&bomb, "kind: Cluster\nname: demo\nx0: &x0 [a,a,a,a,a,a,a,a,a,a]\n");
	for (int i = 1; i < 12; i++)
		text_addf(&bomb, "x%d: &x%d [*x%d,*x%d,*x%d,*x%d,*x%d,*x%d,*x%d,*x%d,*x%d,*x%d]\n", i, i, i - 1, i - 1,
			  i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
	struct scene scene = scene_new("bomb", bomb.ptr);
	if (render(&scene)) {
		assert_true(scene.fleet->diags.error_count > 0);
		assert_true(scene.fleet->is_incomplete);
	} else {
		assert_int_equal(scene.fail.code, FAIL_TOO_BIG);
	}
	arena_done(&scene.arena);
	text_done(&bomb);
}

static void a_limit_of_memory_is_a_failure_that_says_so(void **state)
{
	(void)state;
	struct text big;
	if (HAS_SANITIZER) /* their shadow memory knows no limits */
		return;
	struct scene scene = scene_new("small", template);
	text_init(&big, TEXT_NO_LIMIT);
	for (int i = 0; i < 100000; i++)
		text_addf(&big, "---\nkind: Cluster\nname: c%d\n", i);
	tree_add_input(&scene.tree, SPAN("b.yaml"), text_span(&big));
	scene.sandbox.max_memory_bytes = 48 << 20;
	assert_false(render(&scene));
	assert_int_equal(scene.fail.code, FAIL_TOO_BIG);
	assert_non_null(strstr(scene.fail.text, "memory"));
	arena_done(&scene.arena);
	text_done(&big);
}

static void a_read_that_fails_for_other_reasons_ends_the_rendering(void **state)
{
	(void)state;
	struct scene scene = scene_new("main", template);
	scene.read_fails = FAIL_UNAVAILABLE;
	assert_false(render(&scene));
	assert_int_equal(scene.fail.code, FAIL_UNAVAILABLE);
	arena_done(&scene.arena);
	scene = scene_new("main", template);
	scene.read_fails = FAIL_NOT_FOUND;
	assert_true(render(&scene));
	assert_true(scene.fleet->diags.error_count > 0);
	arena_done(&scene.arena);
}

/* Started before it is known what there is to render; used once, and no harm when it is not. */
static void a_renderer_may_be_started_ahead(void **state)
{
	(void)state;
	struct scene scene = scene_new("ahead", template);
	const struct fleet_options options = FLEET_OPTIONS_DEFAULT;
	struct sandbox_child *child = sandbox_child_start();
	scene.tree.ctx = &scene;
	assert_non_null(child);
	for (int i = 0; i < 2; i++) { /* the second time there is none */
		if (!sandbox_render_by(&scene.sandbox, &child, &scene.tree, &options, NULL, &scene.arena, &scene.fleet, 0, &scene.fail))
			fail_msg("%s", scene.fail.text);
		assert_null(child);
		assert_int_equal(scene.fleet->cluster_count, 1);
	}
	sandbox_child_stop(sandbox_child_start());
	sandbox_child_stop(NULL);
	arena_done(&scene.arena);
}

static void modes(void **state)
{
	(void)state;
	struct sandbox sandbox;
	struct fail fail;
	enum sandbox_mode mode;
	assert_true(sandbox_mode_parse(SPAN("require"), &mode) && mode == SANDBOX_REQUIRE);
	assert_false(sandbox_mode_parse(SPAN("maybe"), &mode));
	assert_true(sandbox_init(&sandbox, SANDBOX_OFF, &fail));
	assert_int_equal(sandbox.layers & (SANDBOX_SECCOMP | SANDBOX_LANDLOCK), 0);
	struct scene scene = scene_new("off", template);
	scene.sandbox = sandbox;
	assert_true(render(&scene));
	arena_done(&scene.arena);
	assert_int_equal(source_child_main(2, (char *[]){(char[]){"omniops"}, (char[]){"__render"}}), -1);
}

int main(int argc, char **argv)
{
	int status = child_main(argc, argv);
	if (status >= 0)
		return status;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(renders_the_same_as_without_walls),
		cmocka_unit_test(nothing_gets_out),
		cmocka_unit_test(a_bomb_stays_in_its_box),
		cmocka_unit_test(a_limit_of_memory_is_a_failure_that_says_so),
		cmocka_unit_test(a_read_that_fails_for_other_reasons_ends_the_rendering),
		cmocka_unit_test(a_renderer_may_be_started_ahead),
		cmocka_unit_test(modes),
	};
	return RUN_TESTS(tests);
}
