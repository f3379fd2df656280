/* Requests and answers of COSI's state service: against exchanges recorded from an Omni 1.9.3, byte for byte, and against
 * the rules that no request may break. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/test.h"

#include "agent/omni/cosi.h"
#include "agent/omni/proto/cosi.pb-c.h"
#include "base/cleanup.h"

struct bench {
	struct arena arena, scratch;
	struct fail fail;
};

static void begin(struct bench *b)
{
	*b = (struct bench){0};
	arena_init(&b->arena, ARENA_NO_LIMIT);
	arena_init(&b->scratch, ARENA_NO_LIMIT);
}

static void end(struct bench *b)
{
	arena_done(&b->arena);
	arena_done(&b->scratch);
}

static unsigned digit(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* Of a recording: without the five bytes of the frame. */
static struct span from_hex(struct bench *b, const char *hex)
{
	enum { FRAME = 5 };
	size_t len = strlen(hex) / 2;
	char *bytes = arena_alloc(&b->arena, len + 1);
	for (size_t i = 0; i < len; i++)
		bytes[i] = (char)(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
	size_t said = (size_t)(unsigned char)bytes[3] << 8 | (unsigned char)bytes[4];
	assert_int_equal(said, len - FRAME);
	return (struct span){bytes + FRAME, len - FRAME};
}

static void assert_bytes(struct span actual, struct span expected)
{
	assert_int_equal(actual.len, expected.len);
	assert_memory_equal(actual.ptr, expected.ptr, expected.len);
}

static const struct omni_type *type_named(const char *name)
{
	return omni_type_find(span_of(name));
}

#define MACHINE_LABELS type_named("MachineLabels.omni.sidero.dev")
#define SYS_VERSION type_named("SysVersions.system.sidero.dev")

static struct cosi_reader reader_of(struct bench *b, const struct omni_type *type)
{
	return (struct cosi_reader){.type = type, .scratch = &b->scratch};
}

/* --- recorded requests ------------------------------------------------------------------------------------------------- */

static void test_get_is_as_recorded(void **state)
{
	struct bench b;
	(void)state;
	begin(&b);
	assert_bytes(cosi_encode_get(&b.arena, SYS_VERSION, SPAN("current")),
		     from_hex(&b, "00000000350a09657068656d6572616c121d53797356657273696f6e732e73797374656d2e73696465726f2e6465"
				  "761a0763757272656e742200"));
	end(&b);
}

static void test_list_is_as_recorded(void **state)
{
	struct bench b;
	struct omni_query query = {0};
	struct span bytes;
	(void)state;
	begin(&b);
	omni_query_equal(&b.arena, &query, "a", SPAN("1"));
	struct cosi_filter filter = {.queries = &query, .query_count = 1};
	assert_true(cosi_encode_list(&b.arena, MACHINE_LABELS, &filter, &bytes, &b.fail));
	assert_bytes(bytes, from_hex(&b, "00000000360a0764656661756c74121d4d616368696e654c6162656c732e6f6d6e692e73696465726f2e"
					 "6465761a0c0a0a0a080a016110011a0131"));
	end(&b);
}

static void test_watch_is_as_recorded(void **state)
{
	struct bench b;
	struct span bytes;
	struct cosi_watch watch = {.bootstrap_contents = true, .aggregated = true, .filter = {.id_regexp = SPAN("^m2$")}};
	(void)state;
	begin(&b);
	assert_true(cosi_encode_watch(&b.arena, MACHINE_LABELS, &watch, &bytes, &b.fail));
	assert_bytes(bytes, from_hex(&b, "00000000380a0764656661756c74121d4d616368696e654c6162656c732e6f6d6e692e73696465726f2e"
					 "646576220c080122060a045e6d322428012801"));
	end(&b);
}

static void test_create_is_as_recorded(void **state)
{
	struct bench b;
	struct span bytes;
	(void)state;
	begin(&b);
	struct resource *class = resource_new(&b.arena, OMNI_MACHINE_CLASS, SPAN("x"));
	assert_true(cosi_encode_create(&b.arena, class, &bytes, &b.fail));
	assert_bytes(bytes, from_hex(&b, "00000000480a440a400a0764656661756c74121e4d616368696e65436c61737365732e6f6d6e692e7369"
					 "6465726f2e6465761a01782209756e646566696e6564320772756e6e696e6712001200"));
	end(&b);
}

/* The recorded one echoes dates and YAML, which a server does not look at: without them it is ours. */
static void test_update_is_as_recorded(void **state)
{
	struct bench b;
	struct span bytes, recorded;
	(void)state;
	begin(&b);
	recorded = from_hex(&b, "000000006612590a500a0764656661756c74121d4d616368696e654c6162656c732e6f6d6e692e73696465726f2e64"
				"65761a026d31220131320772756e6e696e673a0c08c48485d80610d3dedbb801420052060a01611201321205120"
				"37b7d0a1a09120772756e6e696e67");
	Cosi__Resource__UpdateRequest *request =
		cosi__resource__update_request__unpack(NULL, recorded.len, (const uint8_t *)recorded.ptr);
	assert_non_null(request);
	Cosi__Resource__Metadata *metadata = request->new_resource->metadata;
	cosi__resource__timestamp__free_unpacked(metadata->created, NULL);
	cosi__resource__timestamp__free_unpacked(metadata->updated, NULL);
	metadata->created = metadata->updated = NULL;
	free(request->new_resource->spec->yaml_spec);
	request->new_resource->spec->yaml_spec = (char *)(uintptr_t)protobuf_c_empty_string;
	uint8_t wanted[128];
	size_t len = cosi__resource__update_request__pack(request, wanted);
	cosi__resource__update_request__free_unpacked(request, NULL);
	struct resource *sent = resource_new(&b.arena, MACHINE_LABELS, SPAN("m1"));
	labels_set(&b.arena, &sent->labels, SPAN("a"), SPAN("2"));
	sent->version = 1;
	assert_true(cosi_encode_update(&b.arena, sent, COSI_RUNNING, &bytes, &b.fail));
	assert_bytes(bytes, (struct span){(const char *)wanted, len});
	end(&b);
}

/* --- recorded answers -------------------------------------------------------------------------------------------------- */

static void test_version_answer(void **state)
{
	struct bench b;
	struct resource *version = NULL;
	(void)state;
	begin(&b);
	struct cosi_reader reader = reader_of(&b, SYS_VERSION);
	struct span answer = from_hex(
		&b, "00000000b30ab0010a5b0a09657068656d6572616c121d53797356657273696f6e732e73797374656d2e73696465726f2e6465761a"
		    "0763757272656e74220131320772756e6e696e673a0c08888485d80610c3c8acff02420c08888485d80610c8bdabff0212510a0f"
		    "0a0676312e392e3312037269671802123e6261636b656e6476657273696f6e3a2076312e392e330a696e7374616e63656e616d65"
		    "3a207269670a6261636b656e6461706976657273696f6e3a20320a");
	assert_true(cosi_decode_resource(&reader, &b.arena, answer, &version, &b.fail));
	assert_span(version->id, "current");
	assert_int_equal(version->version, 1);
	assert_span(version->created, "2026-11-21T07:02:32Z");
	assert_span(node_text(node_get(&version->spec, "backendversion")), "v1.9.3");
	assert_span(node_text(node_get(&version->spec, "instancename")), "rig");
	assert_span(node_text(node_get(&version->spec, "backendapiversion")), "2");
	end(&b);
}

static void test_list_answer(void **state)
{
	struct bench b;
	struct resource *found = NULL;
	(void)state;
	begin(&b);
	struct cosi_reader reader = reader_of(&b, MACHINE_LABELS);
	struct span answer = from_hex(&b, "000000005b0a590a500a0764656661756c74121d4d616368696e654c6162656c732e6f6d6e692e7369"
					  "6465726f2e6465761a026d31220131320772756e6e696e673a0c08c48485d80610d3dedbb801420052060"
					  "a0161120131120512037b7d0a");
	assert_true(cosi_decode_resource(&reader, &b.arena, answer, &found, &b.fail));
	assert_span(found->id, "m1");
	assert_span(found->updated, "");
	assert_span(labels_get(&found->labels, "a")->value, "1");
	assert_int_equal(found->spec.len, 0);
	reader.type = OMNI_CLUSTER;
	assert_false(cosi_decode_resource(&reader, &b.arena, answer, &found, &b.fail));
	assert_int_equal(b.fail.code, FAIL_PROTOCOL);
	end(&b);
}

static const char *const watch_frames[] = {
	"0000000000",
	("00000000c80a5a0a580a4f0a0764656661756c74121d4d616368696e654c6162656c732e6f6d6e692e73696465726f2e6465761a026d32220131"
	 "320772756e6e696e673a0b08de8485d80610d0858243420052060a0161120131120512037b7d0a0a6a0a5c0a580a0764656661756c74121d4d6"
	 "16368696e654c6162656c732e6f6d6e692e73696465726f2e6465762209756e646566696e6564320772756e6e696e673a0c08de8485d80610e8"
	 "feced501420c08de8485d80610e8feced501120010032a0800000000000002be"),
	("00000000cf0acc010a640a5b0a0764656661756c74121d4d616368696e654c6162656c732e6f6d6e692e73696465726f2e6465761a026d322201"
	 "32320772756e6e696e673a0b08de8485d80610d0858243420c08de8485d80610b4c1b7970352060a0161120132120512037b7d0a10011a580a4"
	 "f0a0764656661756c74121d4d616368696e654c6162656c732e6f6d6e692e73696465726f2e6465761a026d32220131320772756e6e696e673a"
	 "0b08de8485d80610d0858243420052060a0161120131120512037b7d0a2a0800000000000002bf"),
	("00000000de0adb010a670a5e0a0764656661756c74121d4d616368696e654c6162656c732e6f6d6e692e73696465726f2e6465761a026d322201"
	 "33320b74656172696e67446f776e3a0b08de8485d80610d0858243420b08df8485d806109be5b11d52060a0161120132120512037b7d0a10011"
	 "a640a5b0a0764656661756c74121d4d616368696e654c6162656c732e6f6d6e692e73696465726f2e6465761a026d32220132320772756e6e69"
	 "6e673a0b08de8485d80610d0858243420c08de8485d80610b4c1b7970352060a0161120132120512037b7d0a2a0800000000000002c0"),
	("00000000770a750a670a5e0a0764656661756c74121d4d616368696e654c6162656c732e6f6d6e692e73696465726f2e6465761a026d32220133"
	 "320b74656172696e67446f776e3a0b08de8485d80610d0858243420b08df8485d806109be5b11d52060a0161120132120512037b7d0a10022a0"
	 "800000000000002c1"),
	("000000003c0a3a10042236657463647365727665723a206d7663633a207265717569726564207265766973696f6e20686173206265656e20636f6"
	 "d706163746564"),
};

static size_t take_events(struct bench *b, const char *hex, struct cosi_event *out, size_t max)
{
	struct cosi_reader reader = reader_of(b, MACHINE_LABELS);
	struct cosi_events events = {from_hex(b, hex)};
	struct span event;
	bool has = true;
	size_t count = 0;
	for (;;) {
		assert_true(cosi_events_next(&events, &event, &has, &b->fail));
		if (!has)
			return count;
		assert_true(count < max);
		assert_true(cosi_decode_event(&reader, &b->arena, event, true, &out[count++], &b->fail));
	}
}

static void test_watch_answers(void **state)
{
	struct bench b;
	struct cosi_event all[8];
	size_t count = 0;
	(void)state;
	begin(&b);
	for (size_t i = 0; i < COUNT_OF(watch_frames); i++)
		count += take_events(&b, watch_frames[i], all + count, COUNT_OF(all) - count);
	assert_int_equal(count, 6);
	assert_int_equal(all[0].kind, COSI_CREATED);
	assert_span(all[0].resource->id, "m2");
	assert_int_equal(all[0].bookmark.len, 0);
	assert_int_equal(all[1].kind, COSI_BOOTSTRAPPED);
	assert_null(all[1].resource);
	assert_bytes(all[1].bookmark, (struct span){"\0\0\0\0\0\0\2\xbe", 8});
	assert_int_equal(all[2].kind, COSI_UPDATED);
	assert_int_equal(all[2].resource->version, 2);
	assert_int_equal(all[2].old->version, 1);
	assert_span(labels_get(&all[2].old->labels, "a")->value, "1");
	assert_int_equal(all[3].resource->phase, RESOURCE_TEARING_DOWN);
	assert_int_equal(all[4].kind, COSI_DESTROYED);
	assert_int_equal(all[4].resource->version, 3);
	assert_int_equal(all[5].kind, COSI_ERRORED);
	assert_span(all[5].error, "etcdserver: mvcc: required revision has been compacted");
	end(&b);
}

static void test_broken_answers(void **state)
{
	static const struct span broken[] = {
		SPAN("\x0a"), SPAN("\x0a\x05"), SPAN("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), SPAN("\x0b"), SPAN("\x0d\1\2"),
	};
	struct bench b;
	struct span event;
	bool has;
	(void)state;
	begin(&b);
	for (size_t i = 0; i < COUNT_OF(broken); i++) {
		struct cosi_events events = {broken[i]};
		assert_false(cosi_events_next(&events, &event, &has, &b.fail));
		assert_int_equal(b.fail.code, FAIL_PROTOCOL);
	}
	struct cosi_events newer = {SPAN("\x10\x01\x1a\x02zz\x0a\x02\x10\x09")}; /* fields and kinds that nobody knows yet */
	struct cosi_reader reader = reader_of(&b, MACHINE_LABELS);
	struct cosi_event read;
	assert_true(cosi_events_next(&newer, &event, &has, &b.fail) && has);
	assert_true(cosi_decode_event(&reader, &b.arena, event, false, &read, &b.fail));
	assert_int_equal(read.kind, COSI_UNKNOWN);
	assert_true(cosi_events_next(&newer, &event, &has, &b.fail) && !has);
	end(&b);
}

/* --- rules ------------------------------------------------------------------------------------------------------------- */

static void test_an_update_always_has_options(void **state)
{
	struct bench b;
	struct span bytes;
	(void)state;
	begin(&b);
	for (int phase = COSI_ANY_PHASE; phase <= COSI_TEARING_DOWN; phase++) {
		struct resource *sent = resource_new(&b.arena, MACHINE_LABELS, SPAN("m"));
		sent->version = INT64_MAX;
		assert_true(cosi_encode_update(&b.arena, sent, (enum cosi_phase)phase, &bytes, &b.fail));
		Cosi__Resource__UpdateRequest *request =
			cosi__resource__update_request__unpack(NULL, bytes.len, (const uint8_t *)bytes.ptr);
		assert_non_null(request->options);
		assert_non_null(request->new_resource->metadata);
		assert_non_null(request->new_resource->spec);
		assert_string_equal(request->new_resource->metadata->version, "9223372036854775807");
		assert_int_equal(request->options->has_expected_phase_case != 0, phase != COSI_ANY_PHASE);
		cosi__resource__update_request__free_unpacked(request, NULL);
	}
	end(&b);
}

static void test_no_version_is_negative(void **state)
{
	static const uint64_t wrong[] = {0, (uint64_t)INT64_MAX + 1, UINT64_MAX};
	struct bench b;
	struct span bytes;
	(void)state;
	begin(&b);
	struct resource *sent = resource_new(&b.arena, MACHINE_LABELS, SPAN("m"));
	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		sent->version = wrong[i];
		assert_false(cosi_encode_update(&b.arena, sent, COSI_RUNNING, &bytes, &b.fail));
		assert_int_equal(b.fail.code, FAIL_INVALID);
		assert_true(cosi_encode_create(&b.arena, sent, &bytes, &b.fail));
		Cosi__Resource__CreateRequest *request =
			cosi__resource__create_request__unpack(NULL, bytes.len, (const uint8_t *)bytes.ptr);
		assert_string_equal(request->resource->metadata->version, "undefined");
		assert_non_null(request->resource->spec);
		assert_non_null(request->options);
		cosi__resource__create_request__free_unpacked(request, NULL);
	}
	end(&b);
}

static void test_what_compares_has_a_value(void **state)
{
	struct bench b;
	struct span bytes;
	(void)state;
	begin(&b);
	for (int op = OMNI_TERM_EXISTS; op <= OMNI_TERM_LTE_NUMERIC; op++) {
		struct omni_term term = {.key = SPAN("a"), .op = (enum omni_term_op)op};
		struct omni_query query = {&term, 1, 1};
		struct cosi_watch watch = {.filter = {.queries = &query, .query_count = 1}};
		bool may = op == OMNI_TERM_EXISTS || op == OMNI_TERM_IN;
		assert_int_equal(cosi_encode_list(&b.arena, MACHINE_LABELS, &watch.filter, &bytes, &b.fail), may);
		assert_int_equal(cosi_encode_watch(&b.arena, MACHINE_LABELS, &watch, &bytes, &b.fail), may);
	}
	end(&b);
}

static void test_a_bookmark_excludes_beginnings(void **state)
{
	struct bench b;
	struct span bytes;
	(void)state;
	begin(&b);
	for (unsigned bits = 0; bits < 16; bits++) {
		struct cosi_watch watch = {.scope = bits & 1 ? COSI_WATCH_ONE : COSI_WATCH_KIND,
					   .id = SPAN("m"),
					   .bootstrap_contents = true,
					   .bootstrap_bookmark = (bits & 2) != 0,
					   .tail_events = bits & 4 ? 3 : 0,
					   .aggregated = true,
					   .bookmark = bits & 8 ? SPAN("12345678") : SPAN("")};
		assert_true(cosi_encode_watch(&b.arena, MACHINE_LABELS, &watch, &bytes, &b.fail));
		Cosi__Resource__WatchRequest *request =
			cosi__resource__watch_request__unpack(NULL, bytes.len, (const uint8_t *)bytes.ptr);
		assert_int_equal(request->api_version, 1);
		assert_int_equal(request->has_id_case != 0, watch.scope == COSI_WATCH_ONE);
		bool resumes = request->options->has_start_from_bookmark_case != 0;
		assert_int_equal(resumes, watch.bookmark.len > 0);
		assert_false(resumes && (request->options->bootstrap_bookmark || request->options->bootstrap_contents ||
					 request->options->tail_events != 0));
		assert_false(watch.scope == COSI_WATCH_ONE && request->options->bootstrap_contents);
		cosi__resource__watch_request__free_unpacked(request, NULL);
	}
	end(&b);
}

static void test_no_text_is_cut_short(void **state)
{
	static const struct span odd[] = {{"a\0b", 3}, {"\xff", 1}, {"\xc3", 1}};
	struct bench b;
	struct span bytes;
	(void)state;
	begin(&b);
	for (size_t i = 0; i < COUNT_OF(odd); i++)
		for (int place = 0; place < 6; place++) {
			struct resource *sent = resource_new(&b.arena, MACHINE_LABELS, SPAN("m"));
			struct span finalizer = odd[i], fine = SPAN("fine\nhere");
			sent->version = 1;
			if (place == 0)
				sent->owner = odd[i];
			else if (place == 1)
				sent->finalizers = &finalizer, sent->finalizer_count = 1;
			else
				labels_set(&b.arena, place < 4 ? &sent->labels : &sent->annotations, place % 2 == 0 ? odd[i] : fine,
					   place % 2 == 0 ? fine : odd[i]);
			b.fail = (struct fail){0};
			assert_false(cosi_encode_update(&b.arena, sent, COSI_RUNNING, &bytes, &b.fail));
			assert_int_equal(b.fail.code, FAIL_INVALID);
			assert_false(cosi_encode_create(&b.arena, sent, &bytes, &b.fail));
			assert_false(cosi_check_id(odd[i], &b.fail));
		}
	struct resource *sent = resource_new(&b.arena, MACHINE_LABELS, SPAN("m"));
	labels_set(&b.arena, &sent->annotations, SPAN("text"), SPAN("two\nlines"));
	assert_true(cosi_encode_create(&b.arena, sent, &bytes, &b.fail));
	end(&b);
}

static void test_ids(void **state)
{
	struct bench b;
	struct span bytes;
	char longest[COSI_ID_MAX + 1];
	(void)state;
	begin(&b);
	memset(longest, 'l', sizeof longest);
	const struct span wrong[] = {SPAN(""), SPAN("a\nb"), SPAN("\xff"), {longest, sizeof longest}};
	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		struct resource *sent = resource_new(&b.arena, MACHINE_LABELS, wrong[i]);
		assert_false(cosi_encode_create(&b.arena, sent, &bytes, &b.fail));
		assert_int_equal(b.fail.code, FAIL_INVALID);
		sent->version = 1;
		assert_false(cosi_encode_update(&b.arena, sent, COSI_RUNNING, &bytes, &b.fail));
	}
	end(&b);
}

/* --- specs ------------------------------------------------------------------------------------------------------------- */

static struct span sent_spec(struct bench *b, const struct resource *resource)
{
	struct span bytes;
	assert_true(cosi_encode_update(&b->arena, resource, COSI_RUNNING, &bytes, &b->fail));
	Cosi__Resource__UpdateRequest *request =
		cosi__resource__update_request__unpack(NULL, bytes.len, (const uint8_t *)bytes.ptr);
	ProtobufCBinaryData spec = request->new_resource->spec->proto_spec;
	assert_string_equal(request->new_resource->spec->yaml_spec, "");
	struct span copy = arena_copy(&b->arena, (struct span){(const char *)spec.data, spec.len});
	cosi__resource__update_request__free_unpacked(request, NULL);
	return copy;
}

/* What a newer Omni put into a spec survives an update of it, and one of the labels leaves it as it is. */
static void test_unknown_fields_survive(void **state)
{
	static const struct span held = SPAN("\x12\x06" "1.34.1" "\x7a\x03new" "\xfa\x07\x03old"); /* fields 2, 15 and 127 */
	struct bench b;
	(void)state;
	begin(&b);
	struct resource *cluster = resource_new(&b.arena, OMNI_CLUSTER, SPAN("c"));
	cluster->version = 3;
	cluster->wire = held;
	assert_true(codec_decode(&b.arena, OMNI_CLUSTER, held, NULL, &cluster->spec, &b.fail));
	assert_bytes(sent_spec(&b, cluster), held);
	cluster->spec = node_map(&b.arena, 1);
	node_put(&cluster->spec, "kubernetesversion", node_string(SPAN("1.35.0")));
	struct span changed = sent_spec(&b, cluster);
	assert_true(memmem(changed.ptr, changed.len, "1.35.0", 6) != NULL);
	assert_null(memmem(changed.ptr, changed.len, "1.34.1", 6));
	assert_true(memmem(changed.ptr, changed.len, "\x7a\x03new", 5) != NULL);
	assert_true(memmem(changed.ptr, changed.len, "\xfa\x07\x03old", 6) != NULL);
	end(&b);
}

/* A frame that needs the dictionary 7, and the YAML of a server that has it. */
static void test_content_without_the_dictionary(void **state)
{
	static const char frame[] = "\x28\xb5\x2f\xfd\x21\x07\x02\x11\x00\x00hi"; /* magic, one segment, dictionary 7, two bytes */
	struct bench b;
	struct resource *patch = NULL;
	uint8_t bytes[512];
	(void)state;
	begin(&b);
	Cosi__Resource__Metadata metadata = COSI__RESOURCE__METADATA__INIT;
	Cosi__Resource__Spec spec = COSI__RESOURCE__SPEC__INIT;
	Cosi__Resource__Resource resource = COSI__RESOURCE__RESOURCE__INIT;
	Cosi__Resource__ResourceResponse response = COSI__RESOURCE__RESOURCE_RESPONSE__INIT;
	char wire[64] = {0x12, sizeof frame - 1};
	memcpy(wire + 2, frame, sizeof frame - 1);
	metadata.namespace_ = (char *)(uintptr_t) "default";
	metadata.type = (char *)(uintptr_t) "ConfigPatches.omni.sidero.dev";
	metadata.id = (char *)(uintptr_t) "p";
	metadata.version = (char *)(uintptr_t) "4";
	metadata.phase = (char *)(uintptr_t) "running";
	spec.proto_spec = (ProtobufCBinaryData){sizeof frame + 1, (uint8_t *)wire};
	spec.yaml_spec = (char *)(uintptr_t) "data: |\n    machine:\n        network: {}\ncompresseddata: []\n";
	resource.metadata = &metadata;
	resource.spec = &spec;
	response.resource = &resource;
	struct span answer = {(const char *)bytes, cosi__resource__resource_response__pack(&response, bytes)};
	struct cosi_reader reader = reader_of(&b, OMNI_CONFIG_PATCH);
	assert_true(cosi_decode_resource(&reader, &b.arena, answer, &patch, &b.fail));
	assert_span(node_text(node_get(&patch->spec, "data")), "machine:\n    network: {}\n");
	assert_null(node_get(&patch->spec, "compresseddata"));
	spec.yaml_spec = (char *)(uintptr_t) "";
	answer.len = cosi__resource__resource_response__pack(&response, bytes);
	assert_false(cosi_decode_resource(&reader, &b.arena, answer, &patch, &b.fail));
	assert_int_equal(b.fail.code, FAIL_UNSUPPORTED);
	assert_true(span_contains(span_of(b.fail.text), "ConfigPatches.omni.sidero.dev(p)"));
	end(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_get_is_as_recorded),
		cmocka_unit_test(test_list_is_as_recorded),
		cmocka_unit_test(test_watch_is_as_recorded),
		cmocka_unit_test(test_create_is_as_recorded),
		cmocka_unit_test(test_update_is_as_recorded),
		cmocka_unit_test(test_version_answer),
		cmocka_unit_test(test_list_answer),
		cmocka_unit_test(test_watch_answers),
		cmocka_unit_test(test_broken_answers),
		cmocka_unit_test(test_an_update_always_has_options),
		cmocka_unit_test(test_no_version_is_negative),
		cmocka_unit_test(test_what_compares_has_a_value),
		cmocka_unit_test(test_a_bookmark_excludes_beginnings),
		cmocka_unit_test(test_no_text_is_cut_short),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_unknown_fields_survive),
		cmocka_unit_test(test_content_without_the_dictionary),
	};
	return RUN_TESTS(tests);
}
