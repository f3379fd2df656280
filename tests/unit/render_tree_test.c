/* Trees: clean paths, files from directories in order, and that nothing outside of the root is ever read. */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "render/diag.h"
#include "render/tree.h"
#include "render/tree_open.h"

struct fixture {
	struct arena arena;
	struct diag_list diags;
	struct tree tree;
	struct fail fail;
	char outer[64], root[80];
};

static void put(const struct fixture *f, const char *path, const char *text)
{
	char name[200];
	snprintf(name, sizeof name, "%s/%s", f->root, path);
	FILE *file = fopen(name, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void make_dir(const struct fixture *f, const char *path)
{
	char name[200];
	snprintf(name, sizeof name, "%s/%s", f->root, path);
	assert_int_equal(mkdir(name, 0700), 0);
}

static void make_link(const struct fixture *f, const char *target, const char *path)
{
	char name[200];
	snprintf(name, sizeof name, "%s/%s", f->root, path);
	assert_int_equal(symlink(target, name), 0);
}

static void begin(struct fixture *f)
{
	*f = (struct fixture){.outer = "/tmp/render-tree-XXXXXX"};
	arena_init(&f->arena, ARENA_NO_LIMIT);
	diag_list_init(&f->diags, &f->arena);
	tree_init(&f->tree, &f->arena);
	assert_non_null(mkdtemp(f->outer));
	snprintf(f->root, sizeof f->root, "%s/root", f->outer);
	assert_int_equal(mkdir(f->root, 0700), 0);
	char secret[100];
	snprintf(secret, sizeof secret, "%s/secret.yaml", f->outer);
	FILE *file = fopen(secret, "w");
	fputs("secret: 1\n", file);
	fclose(file);
}

static void end(struct fixture *f)
{
	char command[] = "rm";
	pid_t child = fork();
	if (child == 0)
		execlp(command, command, "-rf", f->outer, (char *)NULL);
	arena_done(&f->arena);
}

static bool open_tree(struct fixture *f, const char *path)
{
	return tree_from_paths(&f->tree, f->root, &path, 1, &f->diags, &f->fail);
}

static void check_inputs(const struct fixture *f, const char *const *paths, size_t count)
{
	assert_int_equal(f->tree.input_count, count);
	for (size_t i = 0; i < count; i++)
		assert_span(f->tree.inputs[i].path, paths[i]);
}

static void resolving(void **state)
{
	(void)state;
	static const struct {
		const char *base, *file, *path;
	} cases[] = {
		{"", "a.yaml", "a.yaml"}, {"x/y", "a.yaml", "x/y/a.yaml"}, {"x", "../a", "a"}, {"x", "./b//c/./d", "x/b/c/d"},
		{"x", "../../a", NULL}, {"", "/etc/passwd", NULL}, {"", "..", NULL}, {"x", "..", NULL}, {"", "", NULL},
		{"", "a/../../b", NULL}, {"/", "a", NULL}, {"..", "a", NULL}, {"x/..", "a", "a"},
		{"", ".git/config", NULL}, {"x/.GIT", "config", NULL}, {"", ".github/a.yaml", ".github/a.yaml"},
	};
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct span path;
		bool is_inside = tree_resolve(&arena, span_of(cases[i].base), span_of(cases[i].file), &path);
		assert_int_equal(is_inside, cases[i].path != NULL);
		if (is_inside)
			assert_span(path, cases[i].path);
	}
	assert_false(tree_resolve(&arena, SPAN(""), SPAN("a\0b"), &(struct span){0}));
	arena_done(&arena);
}

static void directories_in_order(void **state)
{
	(void)state;
	struct fixture f;
	begin(&f);
	make_dir(&f, "b");
	make_dir(&f, ".git");
	put(&f, "b/z.yml", "z: 1\n");
	put(&f, "b-1.yaml", "x: 1\n");
	put(&f, "a.json", "{}");
	put(&f, "readme.md", "x");
	put(&f, ".hidden.yaml", "x");
	put(&f, ".git/config.yaml", "x");
	assert_true(open_tree(&f, "."));
	static const char *const paths[] = {"a.json", "b-1.yaml", "b/z.yml"};
	check_inputs(&f, paths, 3);
	assert_false(f.tree.is_incomplete);
	assert_true(tree_load(&f.tree, &f.tree.inputs[2], &f.fail));
	assert_span(f.tree.inputs[2].bytes, "z: 1\n");
	tree_drop(&f.tree, &f.tree.inputs[2]);
	assert_null(f.tree.inputs[2].bytes.ptr);
	struct span bytes;
	assert_true(f.tree.read(f.tree.ctx, SPAN("readme.md"), &bytes, &f.fail));
	assert_span(bytes, "x");
	assert_false(f.tree.read(f.tree.ctx, SPAN("none"), &bytes, &f.fail));
	assert_int_equal(f.fail.code, FAIL_NOT_FOUND);
	end(&f);
}

static void links_stay_inside(void **state)
{
	(void)state;
	struct fixture f;
	begin(&f);
	make_dir(&f, "d");
	put(&f, "d/real.yaml", "a: 1\n");
	make_link(&f, "d/real.yaml", "inside.yaml");
	make_link(&f, "d", "linked");
	make_link(&f, "../secret.yaml", "outside.yaml");
	make_link(&f, "/etc/hostname", "absolute.yaml");
	make_link(&f, "loop.yaml", "loop.yaml");
	make_link(&f, "..", "up");
	assert_true(open_tree(&f, "."));
	static const char *const paths[] = {"d/real.yaml", "inside.yaml"};
	check_inputs(&f, paths, 2);
	assert_true(f.tree.is_incomplete);
	assert_int_equal(f.diags.error_count, 3);
	static const char *const never[] = {"../secret.yaml", "up/secret.yaml", "outside.yaml", "absolute.yaml", "/etc/hostname",
					    "d/../../secret.yaml", "d/../d/real.yaml"};
	struct span bytes;
	for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
		assert_false(f.tree.read(f.tree.ctx, span_of(never[i]), &bytes, &f.fail));
	assert_true(f.tree.read(f.tree.ctx, SPAN("linked/real.yaml"), &bytes, &f.fail));
	end(&f);
}

static void walking_without_the_kernels_help(void **state)
{
	(void)state;
	struct fixture f;
	begin(&f);
	make_dir(&f, "d");
	put(&f, "d/real.yaml", "a: 1\n");
	make_link(&f, "../d/./real.yaml", "d/again.yaml");
	make_link(&f, "d/again.yaml", "twice.yaml");
	make_link(&f, "../../secret.yaml", "d/outside.yaml");
	make_link(&f, "loop.yaml", "loop.yaml");
	make_link(&f, "..", "up");
	int root = open(f.root, O_PATH | O_DIRECTORY);
	static const struct {
		const char *path;
		bool is_there;
	} cases[] = {
		{"d/real.yaml", true}, {"d/again.yaml", true}, {"twice.yaml", true}, {"d/../d/real.yaml", true}, {".", true},
		{"d", true}, {"d/outside.yaml", false}, {"loop.yaml", false}, {"up/secret.yaml", false}, {"up", false},
		{"../secret.yaml", false}, {"/etc/hostname", false}, {"none", false}, {"d/real.yaml/x", false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int walked = tree_open_walking(root, cases[i].path, O_RDONLY);
		int asked = tree_open_beneath(root, cases[i].path, O_RDONLY);
		if ((walked >= 0) != cases[i].is_there || (asked >= 0) != cases[i].is_there)
			fail_msg("%s: walked %d, asked %d", cases[i].path, walked, asked);
		if (walked >= 0)
			close(walked);
		if (asked >= 0)
			close(asked);
	}
	close(root);
	end(&f);
}

static void what_is_no_file_is_refused(void **state)
{
	(void)state;
	struct fixture f;
	char name[200];
	begin(&f);
	snprintf(name, sizeof name, "%s/pipe.yaml", f.root);
	assert_int_equal(mkfifo(name, 0600), 0);
	put(&f, "big.yaml", "0123456789012345678901234567890123456789");
	put(&f, "ok.yaml", "a: 1\n");
	f.tree.limits.max_file_bytes = 20;
	assert_true(open_tree(&f, "."));
	static const char *const paths[] = {"ok.yaml"};
	check_inputs(&f, paths, 1);
	assert_int_equal(f.diags.count, 2);
	assert_string_equal(f.diags.items[0].code, "TooBig");
	assert_string_equal(f.diags.items[1].code, "Unreadable");
	assert_true(f.tree.is_incomplete);
	end(&f);
}

static void too_many_files(void **state)
{
	(void)state;
	struct fixture f;
	begin(&f);
	put(&f, "a.yaml", "a");
	put(&f, "b.yaml", "a");
	put(&f, "c.yaml", "a");
	f.tree.limits.max_files = 2;
	assert_true(open_tree(&f, "."));
	assert_int_equal(f.tree.input_count, 2);
	assert_string_equal(f.diags.items[0].code, "TooManyFiles");
	assert_true(f.tree.is_incomplete);
	end(&f);
}

static void named_paths(void **state)
{
	(void)state;
	struct fixture f;
	begin(&f);
	make_dir(&f, "d");
	put(&f, "d/a.txt", "a: 1\n");
	const char *paths[] = {"d/a.txt", "d/./a.txt", "none.yaml"};
	assert_true(tree_from_paths(&f.tree, f.root, paths, 3, &f.diags, &f.fail));
	static const char *const expected[] = {"d/a.txt"};
	check_inputs(&f, expected, 1);
	assert_int_equal(f.diags.error_count, 1);
	assert_span(f.diags.items[0].file, "none.yaml");
	const char *outside = "../secret.yaml";
	assert_false(tree_from_paths(&f.tree, f.root, &outside, 1, &f.diags, &f.fail));
	char absolute[100];
	snprintf(absolute, sizeof absolute, "%s/d/a.txt", f.root);
	const char *one = absolute;
	struct tree other;
	tree_init(&other, &f.arena);
	assert_true(tree_from_paths(&other, NULL, &one, 1, &f.diags, &f.fail));
	assert_span(other.inputs[0].path, "a.txt");
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(resolving),
		cmocka_unit_test(directories_in_order),
		cmocka_unit_test(links_stay_inside),
		cmocka_unit_test(walking_without_the_kernels_help),
		cmocka_unit_test(what_is_no_file_is_refused),
		cmocka_unit_test(too_many_files),
		cmocka_unit_test(named_paths),
	};
	return RUN_TESTS(tests);
}
