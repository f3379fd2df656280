/* Where a connection leads to, in one spelling, and which key may go there. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/settings/secret_dir.h"
#include "base/files.h"

struct place {
	struct arena arena;
	char *dir;
};

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof *place);
	struct fail fail;
	const char *tmp = getenv("TMPDIR");
	arena_init(&place->arena, ARENA_NO_LIMIT);
	place->dir = arena_string(&place->arena, arena_spanf(&place->arena, "%s/target.XXXXXX", tmp ? tmp : "/tmp"));
	*state = place;
	if (mkdtemp(place->dir) == NULL)
		return 1;
	const char *secret = arena_spanf(&place->arena, "%s/omni-key", place->dir).ptr;
	return !files_make_dirs(secret, 0700, &fail);
}

static int tear_down(void **state)
{
	struct place *place = *state;
	const char *command = arena_spanf(&place->arena, "rm -rf '%s'", place->dir).ptr;
	int status = system(command);
	arena_done(&place->arena);
	free(place);
	return status;
}

static void write_file(struct place *place, const char *name, const char *content)
{
	struct fail fail;
	const char *path = arena_spanf(&place->arena, "%s/omni-key/%s", place->dir, name).ptr;
	assert_true(files_write(path, span_of(content), 0600, &fail));
}

static void one_omni_has_one_spelling(void **state)
{
	static const struct {
		const char *written, *address;
	} rows[] = {
		{"https://omni.example.org", "https://omni.example.org"},
		{"https://omni.example.org/", "https://omni.example.org"},
		{"https://omni.example.org///", "https://omni.example.org"},
		{"https://omni.example.org:443", "https://omni.example.org"},
		{"https://OMNI.Example.org:443/", "https://omni.example.org"},
		{"https://omni.example.org/path?query#fragment", "https://omni.example.org"},
		{"https://omni.example.org:0443", "https://omni.example.org"},
		{"https://omni.example.org:8443/", "https://omni.example.org:8443"},
		{"https://omni.example.org:80", "https://omni.example.org:80"},
		{"http://omni.example.org:80", "http://omni.example.org"},
		{"grpc://omni.example.org:8080", "http://omni.example.org:8080"},
		{"https://[2001:DB8::1]:443", "https://[2001:db8::1]"},
		{"https://[2001:db8::443]", "https://[2001:db8::443]"},
		{"dir:/Var/Omni/", "dir:/Var/Omni/"},
		{"omni.example.org/", "omni.example.org/"},
		{"https://user@Host/", "https://user@Host/"},
		{"", ""},
	};
	struct place *place = *state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_span(target_address(&place->arena, span_of(rows[i].written)), rows[i].address);
}

/* A fleet that declares one connection, "main". */
struct declared {
	struct connection connection, *list[1];
	struct fleet fleet;
};

static void declare(struct declared *out, const char *endpoint, const char *secret, const char *key)
{
	*out = (struct declared){.connection = {.name = SPAN("main"), .endpoint = span_of(endpoint), .secret_name = span_of(secret),
						.secret_key = span_of(key), .insecure_skip_tls_verify = true}};
	out->list[0] = &out->connection;
	out->fleet = (struct fleet){.connections = out->list, .connection_count = 1};
}

static struct target_way way_of(struct place *place, const struct settings *settings, const struct declared *declared)
{
	struct target_way way;
	const struct connection_name name = {.fleet = &declared->fleet, .name = SPAN("main")};
	assert_true(target_way(settings, &name, &place->arena, &way));
	return way;
}

static void flags_and_declarations_are_compared_in_one_spelling(void **state)
{
	struct place *place = *state;
	struct settings settings = {.connection = {{"other=https://OMNI.example.org:443/"}, 1}, .omni_key_file = "/key"};
	struct declared declared;
	declare(&declared, "https://omni.example.org", "omni-key", "key");
	struct target_way way = way_of(place, &settings, &declared);
	assert_true(way.is_named);
	assert_false(way.skip_verify);
	assert_int_equal(way.key_from, KEY_FILE);
	declare(&declared, "https://omni.example.org:8443", "omni-key", "key");
	way = way_of(place, &settings, &declared);
	assert_false(way.is_named);
	assert_int_equal(way.key_from, KEY_NOWHERE);
}

static void the_nearest_key_counts(void **state)
{
	struct place *place = *state;
	struct settings settings = {.omni = "https://omni.example.org", .omni_key_file = "/key", .secret_dir = place->dir};
	struct declared declared;
	declare(&declared, "https://omni.example.org", "omni-key", "key");
	struct target_way way = way_of(place, &settings, &declared);
	assert_int_equal(way.key_from, KEY_SECRET);
	assert_string_equal(way.key_file, arena_spanf(&place->arena, "%s/omni-key/key", place->dir).ptr);
	settings.connection_key = (struct string_list){{"main=/mine"}, 1};
	way = way_of(place, &settings, &declared);
	assert_int_equal(way.key_from, KEY_FILE);
	assert_string_equal(way.key_file, "/mine");
	const struct connection_name nobodys = {.name = SPAN("main2")};
	assert_true(target_way(&settings, &nobodys, &place->arena, &way)); /* nobody declares it */
	assert_string_equal(way.key_file, "/key");
}

static void what_a_repository_says_about_tls_does_not_count_for_these_keys(void **state)
{
	struct place *place = *state;
	struct settings settings = {.secret_dir = place->dir};
	struct declared declared;
	declare(&declared, "https://omni.example.org", "omni-key", "key");
	assert_false(way_of(place, &settings, &declared).skip_verify);
	settings.insecure_skip_tls_verify = true;
	assert_true(way_of(place, &settings, &declared).skip_verify);
}

static void names_do_not_lead_out_of_the_directory(void **state)
{
	static const struct {
		const char *secret, *key;
	} rows[] = {{"..", "key"}, {".", "key"}, {"", "key"}, {"a/b", "key"}, {"omni-key", "../key"}, {"omni-key", ".."},
		    {"omni-key", ""}, {"/etc", "passwd"}, {"omni-key", "endpoint"}, {"omni key", "key"}, {"omni-key", "k\ney"}};
	struct place *place = *state;
	struct settings settings = {.omni = "https://omni.example.org", .secret_dir = place->dir};
	struct declared declared;
	struct fail fail;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		declare(&declared, "https://omni.example.org", rows[i].secret, rows[i].key);
		struct target_way way = way_of(place, &settings, &declared);
		assert_null(way.key_file);
		assert_false(secret_dir_allows(&way, &fail));
		assert_non_null(strstr(fail.text, "names the Secret"));
	}
}

static void a_key_goes_where_the_file_beside_it_says(void **state)
{
	struct place *place = *state;
	struct settings settings = {.secret_dir = place->dir};
	struct declared declared;
	struct fail fail;
	declare(&declared, "https://omni.example.org", "omni-key", "key");
	struct target_way way = way_of(place, &settings, &declared);
	assert_false(secret_dir_allows(&way, &fail));
	assert_int_equal(fail.code, FAIL_DENIED);
	assert_non_null(strstr(fail.text, "omni-key/endpoint does not say"));
	write_file(place, "endpoint", "https://Omni.example.org:443/\n");
	assert_true(secret_dir_allows(&way, &fail));
	write_file(place, "endpoint", "https://omni.example.org.evil.example");
	assert_false(secret_dir_allows(&way, &fail));
	assert_non_null(strstr(fail.text, "at \"https://omni.example.org.evil.example\" only"));
	write_file(place, "endpoint", "http://omni.example.org:443");
	assert_false(secret_dir_allows(&way, &fail));
	write_file(place, "endpoint", "");
	assert_false(secret_dir_allows(&way, &fail));
}

static void an_address_of_a_flag_needs_no_file_but_one_that_is_there_counts(void **state)
{
	struct place *place = *state;
	struct settings settings = {.omni = "https://omni.example.org", .secret_dir = place->dir};
	struct declared declared;
	struct fail fail;
	declare(&declared, "https://other.example.org", "omni-key", "key");
	struct target_way way = way_of(place, &settings, &declared);
	assert_true(secret_dir_allows(&way, &fail));
	write_file(place, "endpoint", "https://other.example.org");
	assert_false(secret_dir_allows(&way, &fail));
}

/* Of an API server a connection and its key are those of one namespace. */
static void objects_have_the_keys_of_their_namespace(void **state)
{
	struct place *place = *state;
	struct settings settings = {.secret_dir = place->dir};
	struct declared declared;
	struct target_way blue, green;
	declare(&declared, "https://omni.example.org", "omni-key", "key");
	declared.connection.ns = SPAN("blue");
	struct connection_name name = {&declared.fleet, SPAN("blue"), SPAN("main"), true};
	assert_true(target_way(&settings, &name, &place->arena, &blue));
	assert_int_equal(blue.key_from, KEY_OBJECT);
	assert_span(blue.secret_name, "omni-key");
	assert_true(blue.skip_verify); /* its own word counts for its own key */
	name.ns = SPAN("green");
	assert_false(target_way(&settings, &name, &place->arena, &green));
	name.is_object = false; /* in files another namespace's serves, too */
	assert_true(target_way(&settings, &name, &place->arena, &green));
	declared.connection.ns = name.ns;
	name.is_object = true;
	assert_true(target_way(&settings, &name, &place->arena, &green));
	assert_false(target_same_key(&blue, &green));
	assert_true(target_same_key(&green, &green));
	settings.connection = (struct string_list){{"blue/main=https://other.example.org", "main=https://third.example.org"}, 2};
	settings.omni_key_file = "/key";
	assert_true(target_way(&settings, &name, &place->arena, &green));
	assert_span(green.url, "https://third.example.org");
	assert_int_equal(green.key_from, KEY_FILE); /* a flag leads there, with a key for that */
}

#define IN_A_PLACE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_PLACE(objects_have_the_keys_of_their_namespace),
		IN_A_PLACE(one_omni_has_one_spelling),
		IN_A_PLACE(flags_and_declarations_are_compared_in_one_spelling),
		IN_A_PLACE(the_nearest_key_counts),
		IN_A_PLACE(what_a_repository_says_about_tls_does_not_count_for_these_keys),
		IN_A_PLACE(names_do_not_lead_out_of_the_directory),
		IN_A_PLACE(a_key_goes_where_the_file_beside_it_says),
		IN_A_PLACE(an_address_of_a_flag_needs_no_file_but_one_that_is_there_counts),
	};
	return RUN_TESTS(tests);
}
