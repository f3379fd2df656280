/* State for machines and people: metrics as Prometheus reads them and as docs/metrics.md says, JSON, the status page. */
#include "tests/unit/test.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/report/handlers_report.h"
#include "agent/report/state.h"
#include "base/files.h"

#define NASTY "<b>\"x\\y\"&\n\x01'"

struct bench {
	struct unit_report units[3];
	struct source_state sources[2];
	struct omni_report omnis[2];
	struct handlers_report handlers;
	struct export_report exported;
	struct unmanaged_report unmanaged[1];
	struct agent_counters counters;
	struct agent_report report;
};

static struct bench *sample(void)
{
	struct bench *bench = test_calloc(1, sizeof *bench);
	struct unit_report *unit = &bench->units[0];
	snprintf(unit->name, sizeof unit->name, "prod");
	snprintf(unit->connection, sizeof unit->connection, "main");
	snprintf(unit->texts.message, sizeof unit->texts.message, NASTY);
	snprintf(unit->texts.revision, sizeof unit->texts.revision, "main@sha1:0123456789abcdef0123456789abcdef01234567");
	unit->state.phase = UNIT_HELD;
	unit->state.attempts = 7;
	unit->state.is_declared = unit->state.is_confirmed = true;
	unit->state.omni = (struct unit_health){.health = HEALTH_READY, .phase = "RUNNING", .machines_wanted = 5, .machines = 5};
	bench->units[1] = *unit;
	snprintf(bench->units[1].name, sizeof unit->name, NASTY);
	bench->units[1].state.phase = UNIT_IN_SYNC;
	snprintf(bench->units[1].source_error, sizeof unit->source_error, NASTY);
	bench->units[2].is_raws = true;
	snprintf(bench->sources[0].name, sizeof bench->sources[0].name, "https://git.example.com/" NASTY);
	snprintf(bench->sources[1].error, sizeof bench->sources[1].error, NASTY);
	snprintf(bench->omnis[0].url, sizeof bench->omnis[0].url, "dir:/x");
	snprintf(bench->omnis[1].error, sizeof bench->omnis[1].error, NASTY);
	struct omni_report *remote = &bench->omnis[0];
	remote->is_up = true;
	remote->key_expires_s = 1826810335;
	remote->since_wall_ms = 1795274469508;
	snprintf(remote->version, sizeof remote->version, "v1.9.3");
	snprintf(remote->identity, sizeof remote->identity, NASTY);
	snprintf(remote->instance, sizeof remote->instance, NASTY);
	snprintf(bench->omnis[1].trouble, sizeof bench->omnis[1].trouble, NASTY);
	remote->counts.items[remote->counts.count++] = (struct omni_method_count){"Get", "OK", 2, 10, 20, 500};
	remote->counts.items[remote->counts.count++] = (struct omni_method_count){"Get", "NOT_FOUND", 3, 40, 50, 1000};
	bench->counters.operations[2] = 5;
	bench->report = (struct agent_report){.units = bench->units, .unit_count = 3, .sources = bench->sources, .source_count = 2,
					      .omnis = bench->omnis, .omni_count = 2, .counters = &bench->counters,
					      .unmanaged = bench->unmanaged, .unmanaged_count = 1,
					      .leases = {{"leader", true}}, .lease_count = 1,
					      .handlers = &bench->handlers,
					      .kubernetes = {.is_used = true, .objects = 7, .requests = {[3] = 9}, .writes = {4}}};
	bench->handlers = (struct handlers_report){.kinds = {[1] = {.objects = 3, .ready = 2}}, .exports = &bench->exported,
						   .export_count = 1};
	bench->exported = (struct export_report){"fleet", "demo", 1826810335};
	snprintf(bench->unmanaged[0].id, sizeof bench->unmanaged[0].id, NASTY);
	snprintf(bench->unmanaged[0].type, sizeof bench->unmanaged[0].type, "MachineClasses.omni.sidero.dev");
	remote->unmanaged_resources = 1;
	return bench;
}

/* name{label="value",…} number; returns where the name ends. */
static size_t check_sample(struct span line)
{
	size_t i = 0;
	while (i < line.len && (islower((unsigned char)line.ptr[i]) || line.ptr[i] == '_'))
		i++;
	size_t name = i;
	assert_true(name > 0);
	if (line.ptr[i] == '{') {
		do {
			i++;
			while (islower((unsigned char)line.ptr[i]) || line.ptr[i] == '_')
				i++;
			assert_memory_equal(line.ptr + i, "=\"", 2);
			for (i += 2; i < line.len && line.ptr[i] != '"'; i++)
				i += line.ptr[i] == '\\';
			i++;
		} while (i < line.len && line.ptr[i] == ',');
		assert_int_equal(line.ptr[i++], '}');
	}
	char *end;
	assert_int_equal(line.ptr[i], ' ');
	strtod(line.ptr + i + 1, &end);
	if (end != line.ptr + line.len)
		fail_msg("not a sample: %.*s", SPAN_ARG(line));
	return name;
}

static bool documents(struct span doc, struct span name)
{
	char row[160];
	snprintf(row, sizeof row, "| `%.*s", SPAN_ARG(name));
	const char *at = strstr(doc.ptr, row);
	while (at != NULL && at[strlen(row)] != '`' && at[strlen(row)] != '{')
		at = strstr(at + 1, row);
	return at != NULL;
}

static void metrics_are_well_formed_and_documented(void **state)
{
	(void)state;
	struct bench *bench = sample();
	struct text out;
	struct arena arena;
	struct span doc, line, family = {0};
	struct fail fail;
	arena_init(&arena, ARENA_NO_LIMIT);
	if (!files_read(&arena, "docs/metrics.md", 1 << 20, &doc, &fail))
		fail_msg("%s", fail.text);
	text_init(&out, TEXT_NO_LIMIT);
	report_metrics(&out, &bench->report);
	struct span rest = text_span(&out);
	while (span_next(&rest, '\n', &line)) {
		if (span_starts(line, "# TYPE ")) {
			family = span_before((struct span){line.ptr + 7, line.len - 7}, ' ');
			assert_int_equal(span_ends(line, " counter"), span_ends(family, "_total"));
			if (!documents(doc, family))
				fail_msg("docs/metrics.md does not name %.*s", SPAN_ARG(family));
		} else if (line.len > 0 && line.ptr[0] != '#') {
			struct span name = {line.ptr, check_sample(line)};
			assert_true(span_eq(name, family));
		}
	}
	assert_true(span_contains(text_span(&out), "omni_agent_operations_total{op=\"destroy\"} 5\n"));
	assert_true(span_contains(text_span(&out), "omni_agent_omni_requests_total{omni=\"dir:/x\",method=\"Get\",code=\"NOT_FOUND\"} 3\n"));
	assert_true(span_contains(text_span(&out), "omni_agent_omni_request_seconds_total{omni=\"dir:/x\",method=\"Get\"} 1.5\n"));
	assert_true(span_contains(text_span(&out), "omni_agent_kubernetes_objects 7\n"));
	assert_true(span_contains(text_span(&out), "omni_agent_handler_ready{kind=\"OmniSecretSync\"} 2\n"));
	assert_true(span_contains(text_span(&out), "expiry_timestamp_seconds{namespace=\"fleet\",name=\"demo\"} 1826810335\n"));
	assert_true(span_contains(text_span(&out), "omni_agent_kubernetes_requests_total{verb=\"patch\"} 9\n"));
	assert_true(span_contains(text_span(&out), "omni_agent_kubernetes_writes_total{what=\"status\"} 4\n"));
	assert_true(span_contains(text_span(&out), "omni_agent_clusters{state=\"Held\"} 1\n"));
	assert_true(span_contains(text_span(&out), "omni_agent_omni_unmanaged_resources{omni=\"dir:/x\"} 1\n"));
	assert_true(span_contains(text_span(&out), "omni_agent_cluster_healthy{connection=\"main\",name=\"prod\"} 1\n"));
	assert_true(span_contains(text_span(&out), "omni_agent_cluster_ready{connection=\"main\",name=\"prod\"} 0\n")); /* held */
	assert_true(span_contains(text_span(&out), "omni_agent_cluster_machines_wanted{connection=\"main\",name=\"prod\"} 5\n"));
	assert_true(span_contains(text_span(&out), "<b>\\\"x\\\\y\\\"&\\n"));
	/* and the other way round */
	for (const char *at = doc.ptr; (at = strstr(at, "| `")) != NULL; at += 3) {
		char type[200];
		size_t len = strcspn(at + 3, "`{");
		snprintf(type, sizeof type, "# TYPE %.*s ", (int)len, at + 3);
		if (!span_contains(text_span(&out), type))
			fail_msg("docs/metrics.md names %.*s, which does not exist", (int)len, at + 3);
	}
	text_done(&out);
	arena_done(&arena);
	test_free(bench);
}

static void json_is_json(void **state)
{
	(void)state;
	struct bench *bench = sample();
	struct text out;
	text_init(&out, TEXT_NO_LIMIT);
	report_json(&out, &bench->report);
	json_error_t error;
	json_t *json = json_loadb(out.ptr, out.len, JSON_REJECT_DUPLICATES, &error);
	if (json == NULL)
		fail_msg("%s: %s", error.text, out.ptr);
	const json_t *first = json_array_get(json_object_get(json, "clusters"), 0);
	assert_string_equal(json_string_value(json_object_get(first, "message")), NASTY);
	assert_string_equal(json_string_value(json_object_get(first, "state")), "Held");
	assert_null(json_object_get(first, "sourceError"));
	assert_true(json_is_false(json_object_get(first, "ready")));
	assert_string_equal(json_string_value(json_object_get(first, "health")), "Ready");
	const json_t *second = json_array_get(json_object_get(json, "clusters"), 1);
	assert_true(json_is_true(json_object_get(second, "ready")));
	assert_int_equal(json_integer_value(json_object_get(json_object_get(json_object_get(second, "omniStatus"), "machines"), "total")), 5);
	const json_t *unmanaged = json_array_get(json_object_get(json, "unmanaged"), 0);
	assert_string_equal(json_string_value(json_object_get(unmanaged, "id")), NASTY);
	const json_t *omni = json_array_get(json_object_get(json, "omnis"), 0);
	assert_int_equal(json_array_size(json_object_get(json, "omnis")), 2);
	assert_true(json_is_true(json_object_get(omni, "up")));
	assert_string_equal(json_string_value(json_object_get(omni, "keyExpiresAt")), "2027-11-21T15:18:55Z");
	assert_string_equal(json_string_value(json_object_get(omni, "identity")), NASTY);
	json_decref(json);
	text_reset(&out);
	report_unit_json(&out, &bench->units[1]);
	json = json_loadb(out.ptr, out.len, JSON_REJECT_DUPLICATES, &error);
	assert_non_null(json);
	assert_string_equal(json_string_value(json_object_get(json, "sourceError")), NASTY);
	json_decref(json);
	text_done(&out);
	test_free(bench);
}

static void the_page_escapes_everything(void **state)
{
	(void)state;
	struct bench *bench = sample();
	struct text out;
	text_init(&out, TEXT_NO_LIMIT);
	report_page(&out, &bench->report);
	assert_false(span_contains(text_span(&out), "<b>\"x"));
	assert_false(span_contains(text_span(&out), "<script"));
	assert_true(span_contains(text_span(&out), "&lt;b&gt;"));
	assert_true(span_contains(text_span(&out), "main@sha1:0123456789ab"));
	assert_true(span_contains(text_span(&out), "its source cannot be read now"));
	assert_true(span_ends(text_span(&out), "</html>\n"));
	text_done(&out);
	test_free(bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(metrics_are_well_formed_and_documented),
		cmocka_unit_test(json_is_json),
		cmocka_unit_test(the_page_escapes_everything),
	};
	return RUN_TESTS(tests);
}
