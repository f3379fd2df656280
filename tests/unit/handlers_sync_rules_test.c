/* What a Secret sync declares, and what follows: sums and marks as the Go operator writes them, and each step that there is. */
#include <stdlib.h>
#include <string.h>

#include "agent/handlers/secret_sync_int.h"
#include "tests/unit/test.h"

static struct arena arena;

static int set_up(void **state)
{
	(void)state;
	arena_init_wiping(&arena, ARENA_NO_LIMIT);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

static json_t *parse(const char *text)
{
	json_t *value = json_loads(text, 0, NULL);
	if (value == NULL)
		fail_msg("not JSON: %s", text);
	return mark_keep(&arena, value);
}

static const struct sync_owner owner = {SPAN("uid-of-sync"), SPAN("omni"), SPAN("pull"), SPAN("harbor")};

/* --- sums ---------------------------------------------------------------------------------------------------------------------- */

static void sums_are_those_of_the_go_operator(void **state)
{
	(void)state;
	static const struct {
		const char *type;
		struct secret_entry entries[3];
		size_t count;
		const char *hash;
	} rows[] = {
		{"Opaque", {{SPAN("a"), SPAN("1")}, {SPAN("b"), SPAN("")}}, 2, "c039a0d9c4704f8204e4ac84682f7176ad6d488ed5478b313ec3e71b0499be12"},
		{"Opaque", {{{0}, {0}}}, 0, "0414b13f5c6a6aaa228e7a59a8c43dbb12c1d698b8dfa2621883e4de82bbb867"},
		/* as it was seen of a running operator */
		{"Opaque", {{SPAN("empty"), SPAN("")}, {SPAN("user"), SPAN("alice")}}, 2,
		 "ca8a4667cfc1cb07723b82c3c0dcc236734372e6503a59bfaa5e6c0b70b10360"},
		{"Opaque", {{SPAN("user"), SPAN("bob")}}, 1, "ad4578b7aa4fb6b8d3f0c8d5d21c44282004d103baf242252b6c4c0a52321475"},
		{"Opaque", {{SPAN("user"), SPAN("carol")}}, 1, "5822f42fde5dfdf2207d1d89224a85a1061bcb2189d99c057bc09f8185ebd490"},
		/* {"version":"v1","type":"a\u003c\u0026\u003e\u2028é","data":{"k":"AAH/"}} */
		{"a<&>\xe2\x80\xa8\xc3\xa9", {{SPAN("k"), SPAN("\0\1\xff")}}, 1, "612194879105d72ceb38ee90833ac3a844cab750e806a0f4f810fe4975c1b327"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char hash[DIGEST_HEX_SIZE];
		sync_hash(span_of(rows[i].type), rows[i].entries, rows[i].count, hash);
		assert_string_equal(hash, rows[i].hash);
	}
}

/* --- what is declared ---------------------------------------------------------------------------------------------------------- */

#define GOOD "\"clusterRef\": {\"name\": \"c\"}, \"kubeconfigSecretRef\": {\"name\": \"k\"}, \"sourceSecretRef\": {\"name\": \"s\"}"
#define TARGET "\"targetSecretRef\": {\"name\": \"t\", \"namespace\": \"n\"}"
#define POLICY "\"deletionPolicy\": \"Delete\""

static void faults_are_told_one_by_one(void **state)
{
	(void)state;
	static const struct {
		const char *spec, *fault;
	} rows[] = {
		{"{" GOOD "," TARGET "," POLICY "}", NULL},
		{"{" GOOD "," TARGET "," POLICY ", \"type\": \"\"}", NULL},
		{"{}", "clusterRef.name is required"},
		{"{\"clusterRef\": {\"name\": \" \"}}", "clusterRef.name is required"},
		{"{\"clusterRef\": {\"name\": \"c\"}}", "kubeconfigSecretRef.name is required"},
		{"{\"clusterRef\": {\"name\": \"c\"}, \"kubeconfigSecretRef\": {\"name\": \"k\", \"key\": \"  \"}}",
		 "kubeconfigSecretRef.key must not be blank"},
		{"{\"clusterRef\": {\"name\": \"c\"}, \"kubeconfigSecretRef\": {\"name\": \"k\"}}", "sourceSecretRef.name is required"},
		{"{" GOOD "}", "targetSecretRef.name is required"},
		{"{" GOOD ", \"targetSecretRef\": {\"name\": \"t\"}}", "targetSecretRef.namespace is required"},
		{"{" GOOD "," TARGET ", \"type\": \" \"}", "type must not be blank"},
		{"{" GOOD "," TARGET "}", "deletionPolicy must be Delete or Orphan"},
		{"{" GOOD "," TARGET ", \"deletionPolicy\": \"delete\"}", "deletionPolicy must be Delete or Orphan"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct sync_spec spec;
		const struct handler_object object = {.spec = parse(rows[i].spec)};
		const char *fault = sync_spec_read(&object, &spec);
		if (rows[i].fault == NULL)
			assert_null(fault);
		else
			assert_string_equal(fault == NULL ? "none" : fault, rows[i].fault);
	}
}

static void every_field_is_read(void **state)
{
	(void)state;
	struct sync_spec spec;
	const struct handler_object object = {
		.spec = parse("{\"clusterRef\": {\"name\": \"c\"}, \"kubeconfigSecretRef\": {\"name\": \"k\", \"key\": \"y\"}, \"sourceSecretRef\":"
			      " {\"name\": \"s\"}," TARGET ", \"type\": \"x\", \"labels\": {\"l\": \"1\"}, \"annotations\": {\"a\": \"2\"},"
			      " \"createNamespace\": true, \"deletionPolicy\": \"Orphan\"}")};
	assert_null(sync_spec_read(&object, &spec));
	assert_span(spec.target.ns, "n");
	assert_span(spec.target.name, "t");
	assert_span(spec.source, "s");
	assert_span(spec.kubeconfig, "k");
	assert_span(spec.kubeconfig_key, "y");
	assert_span(spec.type, "x");
	assert_span(mark_text(spec.labels, "l"), "1");
	assert_span(mark_text(spec.annotations, "a"), "2");
	assert_true(spec.makes_namespace && spec.keeps);
}

/* --- the copy ------------------------------------------------------------------------------------------------------------------ */

static void assert_json(const json_t *value, const char *expected)
{
	char *text = json_dumps(value, JSON_SORT_KEYS | JSON_COMPACT);
	assert_string_equal(text, expected);
	free(text);
}

static void a_copy_bears_our_marks(void **state)
{
	(void)state;
	struct secret_entry entries[] = {{SPAN("empty"), SPAN("")}, {SPAN("user"), SPAN("alice")}};
	const struct stored_secret source = {
		.ns = SPAN("omni"), .name = SPAN("src"), .type = SPAN("t"), .entries = entries, .entry_count = 2, .is_immutable = true,
		.labels = parse("{\"theirs\": \"1\"}"), .annotations = parse("{\"theirs\": \"1\"}")};
	struct sync_spec spec = {
		.target = {SPAN("cargo"), SPAN("copied")}, .source = SPAN("src"), .type = SPAN("Opaque"),
		.labels = parse("{\"tier\": \"x\", \"app.kubernetes.io/managed-by\": \"me\", \"n\": 5}"), .annotations = parse("{\"why\": \"y\"}")};
	struct stored_secret copy;
	sync_shape(&arena, &owner, &spec, &source, &copy);
	assert_span(copy.ns, "cargo");
	assert_span(copy.name, "copied");
	assert_span(copy.type, "Opaque");
	assert_false(copy.is_immutable);
	assert_int_equal(copy.entry_count, 2);
	assert_json(copy.labels, "{\"app.kubernetes.io/managed-by\":\"omni-cluster-operator\",\"omni.texashpc.com/cluster\":\"harbor\","
				 "\"omni.texashpc.com/secret-sync-uid\":\"uid-of-sync\",\"tier\":\"x\"}");
	assert_json(copy.annotations,
		    "{\"omni.texashpc.com/secret-sync-content\":\"v1\","
		    "\"omni.texashpc.com/secret-sync-hash\":\"ca8a4667cfc1cb07723b82c3c0dcc236734372e6503a59bfaa5e6c0b70b10360\","
		    "\"omni.texashpc.com/secret-sync-name\":\"pull\",\"omni.texashpc.com/secret-sync-source\":\"omni/src\",\"why\":\"y\"}");
	spec.type = SPAN("");
	sync_shape(&arena, &owner, &spec, &source, &copy);
	assert_span(copy.type, "t");
}

static void names_of_clusters_become_labels(void **state)
{
	(void)state;
	static const struct {
		const char *name, *label;
	} rows[] = {
		{"edge-1.a_b", "edge-1.a_b"},
		{"_x", "x-"},
		{"x-", "x--"},
		{"", ""},
		{"0123456789012345678901234567890123456789012345678901234567890123456789", "0123456789012345678901234567890123456789012345678901-"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct span label = mark_cluster(&arena, span_of(rows[i].name));
		assert_true(span_starts(label, rows[i].label));
		assert_true(label.len > 0 && label.len <= 63);
	}
	assert_false(span_eq(mark_cluster(&arena, SPAN("_x")), mark_cluster(&arena, SPAN("x_"))));
}

static void whose_it_is(void **state)
{
	(void)state;
	static const struct {
		const char *uid, *labels, *annotations;
		bool is_ours;
	} rows[] = {
		{"uid-of-sync", "{\"omni.texashpc.com/secret-sync-uid\": \"uid-of-sync\"}", "{}", true},
		{"uid-of-sync", "{\"omni.texashpc.com/secret-sync-uid\": \"another\"}",
		 "{\"omni.texashpc.com/secret-sync-name\": \"pull\", \"omni.texashpc.com/secret-sync-source\": \"omni/src\"}", false},
		{"uid-of-sync", "{}", "{}", false},
		/* labels were taken off */
		{"uid-of-sync", "{}", "{\"omni.texashpc.com/secret-sync-name\": \"pull\", \"omni.texashpc.com/secret-sync-source\": \"omni/src\"}", true},
		{"uid-of-sync", "{}", "{\"omni.texashpc.com/secret-sync-name\": \"pull\", \"omni.texashpc.com/secret-sync-source\": \"other/src\"}", false},
		{"uid-of-sync", "{}", "{\"omni.texashpc.com/secret-sync-name\": \"pull\"}", false},
		{"uid-of-sync", "{}", "{\"omni.texashpc.com/secret-sync-name\": \"push\", \"omni.texashpc.com/secret-sync-source\": \"omni/src\"}", false},
		/* of no API server */
		{"", "{\"omni.texashpc.com/secret-sync-uid\": \"\"}",
		 "{\"omni.texashpc.com/secret-sync-name\": \"pull\", \"omni.texashpc.com/secret-sync-source\": \"omni/src\"}", true},
		{"", "{\"omni.texashpc.com/secret-sync-uid\": \"\"}", "{}", false},
		{"", "{\"omni.texashpc.com/secret-sync-uid\": \"another\"}", "{\"omni.texashpc.com/secret-sync-name\": \"pull\"}", false},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct sync_owner who = {span_of(rows[i].uid), owner.ns, owner.name, owner.cluster};
		const struct stored_secret secret = {.labels = parse(rows[i].labels), .annotations = parse(rows[i].annotations)};
		if (sync_is_ours(&who, &secret) != rows[i].is_ours)
			fail_msg("row %zu", i);
	}
}

/* --- steps --------------------------------------------------------------------------------------------------------------------- */

struct step_row {
	const char *type, *labels, *value, *own;
	bool is_immutable, is_deleted, is_ours;
	enum sync_step step;
};

static void each_step(void **state)
{
	(void)state;
	static const struct step_row rows[] = {
		{"Opaque", "{\"l\": \"1\"}", "v", "{}", false, false, true, SYNC_NOTHING},
		{"", "{\"l\": \"1\"}", "v", "{}", false, false, true, SYNC_NOTHING},
		{"Opaque", "{\"l\": \"1\", \"theirs\": \"x\"}", "v", "{}", false, false, true, SYNC_NOTHING},
		{"Opaque", "{\"l\": \"1\"}", "v", "{\"l\": true}", true, false, true, SYNC_NOTHING},
		{"Opaque", "{\"l\": \"1\", \"old\": \"x\"}", "v", "{\"old\": true}", false, false, true, SYNC_UPDATE},
		{"Opaque", "{\"l\": \"1\"}", "v", "{\"old\": true}", false, false, true, SYNC_NOTHING},
		{"Opaque", "{\"l\": \"2\"}", "v", "{}", false, false, true, SYNC_UPDATE},
		{"Opaque", "{}", "v", "{}", true, false, true, SYNC_UPDATE},
		{"Opaque", "{\"l\": \"1\"}", "w", "{}", false, false, true, SYNC_UPDATE},
		{"Opaque", "{\"l\": \"1\"}", "", "{}", false, false, true, SYNC_UPDATE},
		{"Opaque", "{\"l\": \"1\"}", "w", "{}", true, false, true, SYNC_REPLACE},
		{"other", "{\"l\": \"1\"}", "v", "{}", false, false, true, SYNC_REPLACE},
		{"Opaque", "{\"l\": \"1\"}", "v", "{}", false, true, true, SYNC_WAIT},
		{"Opaque", "{\"l\": \"1\"}", "v", "{}", false, true, false, SYNC_WAIT},
		{"Opaque", "{\"l\": \"1\"}", "v", "{}", false, false, false, SYNC_REFUSE},
		{"other", "{}", "w", "{}", true, false, false, SYNC_REFUSE},
	};
	struct secret_entry entry = {SPAN("k"), SPAN("v")};
	const struct stored_secret wanted = {.type = SPAN("Opaque"), .labels = parse("{\"l\": \"1\"}"), .annotations = parse("{}"), .entries = &entry,
					     .entry_count = 1};
	assert_int_equal(sync_decide(&wanted, NULL, false), SYNC_CREATE);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct secret_entry held = {SPAN("k"), span_of(rows[i].value)};
		const struct stored_secret there = {
			.type = span_of(rows[i].type), .labels = parse(rows[i].labels), .annotations = parse("{}"), .own_labels = parse(rows[i].own),
			.entries = &held, .entry_count = 1, .is_immutable = rows[i].is_immutable, .is_deleted = rows[i].is_deleted};
		if (sync_decide(&wanted, &there, rows[i].is_ours) != rows[i].step)
			fail_msg("row %zu", i);
	}
}

static void keys_are_exactly_those_of_the_source(void **state)
{
	(void)state;
	struct secret_entry two[] = {{SPAN("a"), SPAN("")}, {SPAN("b"), SPAN("x")}};
	struct secret_entry more[] = {{SPAN("a"), SPAN("")}, {SPAN("b"), SPAN("x")}, {SPAN("c"), SPAN("")}};
	struct secret_entry other[] = {{SPAN("a"), SPAN("")}, {SPAN("c"), SPAN("x")}};
	const struct stored_secret wanted = {.type = SPAN("Opaque"), .entries = two, .entry_count = 2};
	struct stored_secret there = {.type = SPAN("Opaque"), .entries = two, .entry_count = 2};
	assert_int_equal(sync_decide(&wanted, &there, true), SYNC_NOTHING); /* an empty value is equal to itself */
	there.entries = more;
	there.entry_count = 3;
	assert_int_equal(sync_decide(&wanted, &there, true), SYNC_UPDATE);
	there.entries = other;
	there.entry_count = 2;
	assert_int_equal(sync_decide(&wanted, &there, true), SYNC_UPDATE);
}

static void what_others_added_stays(void **state)
{
	(void)state;
	const struct stored_secret wanted = {.labels = parse("{\"l\": \"1\"}"), .annotations = parse("{\"a\": \"1\"}")};
	const struct stored_secret there = {
		.uid = SPAN("u"), .resource_version = SPAN("7"), .labels = parse("{\"l\": \"2\", \"theirs\": \"x\", \"old\": \"y\"}"),
		.own_labels = parse("{\"l\": true, \"old\": true}"), .annotations = parse("{\"theirs\": \"z\"}")};
	struct stored_secret merged;
	sync_merge(&arena, &wanted, &there, &merged);
	assert_json(merged.labels, "{\"l\":\"1\",\"theirs\":\"x\"}");
	assert_json(merged.annotations, "{\"a\":\"1\",\"theirs\":\"z\"}");
	assert_span(merged.uid, "u");
	assert_span(merged.resource_version, "7");
	assert_json(there.labels, "{\"l\":\"2\",\"old\":\"y\",\"theirs\":\"x\"}");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(sums_are_those_of_the_go_operator),
		CASE(faults_are_told_one_by_one),
		CASE(every_field_is_read),
		CASE(a_copy_bears_our_marks),
		CASE(names_of_clusters_become_labels),
		CASE(whose_it_is),
		CASE(each_step),
		CASE(keys_are_exactly_those_of_the_source),
		CASE(what_others_added_stays),
	};
	return RUN_TESTS(tests);
}
