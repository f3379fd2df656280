/* Which webhooks are believed, and which sources they concern. The sums were made with openssl dgst. */
#include "tests/unit/test.h"

#include "agent/webhook.h"

#define BODY "{\"ref\": \"refs/heads/main\"}"
#define SUM "0b73f95767616f2bc5f64e406f60acc56a2b962c202d5c7b12807ff54976d5d0"

struct given {
	const char *name, *value;
};

static const char *header(void *ctx, const char *name)
{
	for (const struct given *given = ctx; given->name != NULL; given++)
		if (strcmp(given->name, name) == 0)
			return given->value;
	return NULL;
}

static bool is_genuine(const char *name, const char *value, const char *secret, const char *body)
{
	struct given given[] = {{name, value}, {NULL, NULL}};
	return webhook_is_genuine(span_of(secret), header, given, span_of(body));
}

static void every_host_is_known(void **state)
{
	(void)state;
	assert_true(is_genuine("X-Hub-Signature-256", "sha256=" SUM, "s3cret", BODY));
	assert_true(is_genuine("X-Hub-Signature", "sha256=" SUM, "s3cret", BODY));
	assert_true(is_genuine("X-Gitea-Signature", SUM, "s3cret", BODY));
	assert_true(is_genuine("X-Gitlab-Token", "s3cret", "s3cret", BODY));
}

static void anything_else_is_refused(void **state)
{
	(void)state;
	static const char *const names[] = {"X-Hub-Signature-256", "X-Hub-Signature", "X-Gitea-Signature", "X-Gitlab-Token"};
	static const char *const values[] = {"", "sha256=", "sha1=" SUM, "s3cre", "s3cret ", "S3CRET",
					     "sha256=0" SUM, "0b73f95767616f2bc5f64e406f60acc56a2b962c202d5c7b12807ff54976d5d1"};
	for (size_t i = 0; i < 4; i++)
		for (size_t j = 0; j < sizeof values / sizeof *values; j++)
			assert_false(is_genuine(names[i], values[j], "s3cret", BODY));
	assert_false(is_genuine("X-Hub-Signature-256", "sha256=" SUM, "other", BODY));
	assert_false(is_genuine("X-Hub-Signature-256", "sha256=" SUM, "s3cret", BODY " "));
	assert_false(is_genuine("X-Hub-Signature-256", SUM, "s3cret", BODY));
	assert_false(is_genuine("X-Something", "s3cret", "s3cret", BODY));
}

/* A second header never helps a forged first one. */
static void the_first_header_decides(void **state)
{
	(void)state;
	struct given given[] = {{"X-Hub-Signature-256", "sha256=00"}, {"X-Gitlab-Token", "s3cret"}, {NULL, NULL}};
	assert_false(webhook_is_genuine(SPAN("s3cret"), header, given, SPAN(BODY)));
}

static struct source *open_source(const char *url)
{
	struct source_options options = {.cache_dir = "/nonexistent"};
	struct source *source;
	struct fail fail;
	if (!source_open(url, &options, &source, &fail))
		fail_msg("%s", fail.text);
	return source;
}

static void a_body_names_its_repository(void **state)
{
	(void)state;
	struct source *source = open_source("git+https://github.com/acme/fleet.git?ref=main");
	static const struct {
		const char *body;
		bool concerns;
	} cases[] = {
		{"{\"repository\": {\"clone_url\": \"https://github.com/acme/fleet.git\"}}", true},
		{"{\"repository\": {\"ssh_url\": \"git@github.com:acme/fleet.git\"}}", true},
		{"{\"project\": {\"git_http_url\": \"https://github.com/acme/fleet\"}}", true},
		{"{\"repository\": {\"clone_url\": \"https://github.com/acme/other.git\"}}", false},
		{"{\"project\": {\"url\": \"https://evil.example.com/acme/fleet.git\"}}", false},
		{"{\"ref\": \"refs/heads/main\"}", true}, /* names none: may be any */
		{"{\"repository\": 7, \"project\": []}", true},
		{"not json", true},
		{"", true},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (webhook_concerns(span_of(cases[i].body), source) != cases[i].concerns)
			fail_msg("%s", cases[i].body);
	source_free(source);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_host_is_known),
		cmocka_unit_test(anything_else_is_refused),
		cmocka_unit_test(the_first_header_decides),
		cmocka_unit_test(a_body_names_its_repository),
	};
	return RUN_TESTS(tests);
}
