/* The table of render/omni_types.h against the descriptors of the messages, and both against each other. */
#include <string.h>

#include "tests/unit/test.h"

#include "agent/omni/codec.h"
#include "base/cleanup.h"

static ProtobufCType wire_type(enum spec_kind kind)
{
	static const ProtobufCType types[] = {
		[SPEC_STRING] = PROTOBUF_C_TYPE_STRING, [SPEC_BOOL] = PROTOBUF_C_TYPE_BOOL,
		[SPEC_INT32] = PROTOBUF_C_TYPE_INT32,	[SPEC_UINT32] = PROTOBUF_C_TYPE_UINT32,
		[SPEC_INT64] = PROTOBUF_C_TYPE_INT64,	[SPEC_UINT64] = PROTOBUF_C_TYPE_UINT64,
		[SPEC_ENUM] = PROTOBUF_C_TYPE_ENUM,	[SPEC_BYTES] = PROTOBUF_C_TYPE_BYTES,
		[SPEC_MESSAGE] = PROTOBUF_C_TYPE_MESSAGE, [SPEC_MAP] = PROTOBUF_C_TYPE_MESSAGE,
	};
	return types[kind];
}

/* The key in YAML is the name without underscores, in lower case. */
static void check_key(const struct spec_field *field)
{
	size_t at = 0;
	for (const char *c = field->proto_name; *c != '\0'; c++)
		if (*c != '_')
			assert_int_equal(field->key[at++], *c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
	assert_int_equal(field->key[at], '\0');
}

static void check_message(const struct spec_message *table, const ProtobufCMessageDescriptor *descriptor)
{
	assert_non_null(descriptor);
	assert_string_equal(table->name, descriptor->short_name);
	assert_int_equal(table->field_count, descriptor->n_fields);
	for (size_t i = 0; i < table->field_count; i++) {
		const struct spec_field *field = &table->fields[i];
		const ProtobufCFieldDescriptor *at = protobuf_c_message_descriptor_get_field(descriptor, field->number);
		assert_non_null(at);
		assert_string_equal(at->name, field->proto_name);
		assert_int_equal(at->type, wire_type(field->kind));
		assert_int_equal(at->label == PROTOBUF_C_LABEL_REPEATED, field->is_repeated || field->kind == SPEC_MAP);
		check_key(field);
		if (field->kind == SPEC_MESSAGE)
			check_message(field->message, at->descriptor);
	}
}

static void test_table_agrees(void **state)
{
	(void)state;
	for (size_t i = 0; omni_type_at(i) != NULL; i++)
		check_message(omni_type_at(i)->spec, codec_descriptor(omni_type_at(i)->spec->name));
}

/* A message with every field set. */
static struct node full_value(struct arena *arena, const struct spec_field *field, unsigned salt);

static struct node full_message(struct arena *arena, const struct spec_message *table, unsigned salt)
{
	struct node out = node_map(arena, table->field_count);
	for (size_t i = 0; i < table->field_count; i++) {
		const struct spec_field *field = &table->fields[i];
		struct node value = full_value(arena, field, salt + (unsigned)i);
		if (field->is_repeated) {
			struct node list = node_seq(arena, 2);
			node_push(&list, value);
			node_push(&list, full_value(arena, field, salt + 100));
			value = list;
		}
		node_put(&out, field->key, value);
	}
	return out;
}

static struct node full_value(struct arena *arena, const struct spec_field *field, unsigned salt)
{
	struct node map = node_map(arena, 1);
	switch (field->kind) {
	case SPEC_STRING: return node_string(arena_spanf(arena, "%s ü %u", field->key, salt));
	case SPEC_BOOL: return node_bool(true);
	case SPEC_BYTES: return node_string((struct span){"\0\1\2", 3});
	case SPEC_MESSAGE: return full_message(arena, field->message, salt);
	case SPEC_MAP: node_put(&map, "some/key", node_string(SPAN(""))); return map;
	case SPEC_INT32:
	case SPEC_INT64: return node_int(arena, -1 - (int64_t)salt);
	default: return node_int(arena, 1 + (int64_t)salt);
	}
}

static void test_round_trip(void **state)
{
	(void)state;
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	for (size_t i = 0; omni_type_at(i) != NULL; i++) {
		const struct omni_type *type = omni_type_at(i);
		struct node back, spec = full_message(&arena, type->spec, 1), empty = node_map(&arena, 0);
		struct span bytes;
		struct fail fail;
		if ((type->flags & OMNI_CONTENT) != 0) {
			spec = node_map(&arena, 1);
			node_put(&spec, "data", node_string(SPAN("machine: {}\n")));
		}
		assert_true(codec_encode(&arena, type, &spec, (struct span){0}, &bytes, &fail));
		assert_true(codec_decode(&arena, type, bytes, NULL, &back, &fail));
		assert_true(node_equal(&spec, &back));
		assert_true(codec_encode(&arena, type, &empty, (struct span){0}, &bytes, &fail));
		assert_int_equal(bytes.len, 0);
		assert_true(codec_decode(&arena, type, bytes, NULL, &back, &fail));
		assert_true(node_equal(&empty, &back));
	}
	arena_done(&arena);
}

/* Field 3 of a cluster, field 15 (unknown, varint 7), and in the features (field 4) field 127 (unknown, varint 1). */
static const char with_unknown[] = "\x1a\x03" "1.1" "\x22\x05\x08\x01\xf8\x07\x01" "\x78\x07";

static void test_unknown_fields_stay(void **state)
{
	(void)state;
	struct arena arena;
	struct fail fail;
	struct node spec;
	struct span bytes, old = {with_unknown, sizeof with_unknown - 1};
	arena_init(&arena, ARENA_NO_LIMIT);
	assert_true(codec_decode(&arena, OMNI_CLUSTER, old, NULL, &spec, &fail));
	assert_span(node_text_at(&spec, "talosversion"), "1.1");
	assert_span(node_text_at(&spec, "features.enableworkloadproxy"), "true");
	assert_true(codec_encode(&arena, OMNI_CLUSTER, &spec, old, &bytes, &fail));
	assert_true(span_eq(bytes, old));
	arena_done(&arena);
}

static void test_unknown_fields_are_found(void **state)
{
	(void)state;
	static const char in_features[] = "\x22\x05\x08\x01\xf8\x07\x01", in_interval[] = "\x2a\x05\x0a\x03\xf8\x07\x01";
	static const char known[] = "\x1a\x03" "1.1" "\x22\x02\x08\x01" "\x2a\x06\x0a\x02\x08\x3c\x10\x01";
	assert_true(codec_has_unknown(OMNI_CLUSTER, (struct span){with_unknown, sizeof with_unknown - 1}));
	assert_true(codec_has_unknown(OMNI_CLUSTER, (struct span){in_features, sizeof in_features - 1}));
	assert_true(codec_has_unknown(OMNI_CLUSTER, (struct span){in_interval, sizeof in_interval - 1}));
	assert_false(codec_has_unknown(OMNI_CLUSTER, (struct span){known, sizeof known - 1}));
	assert_false(codec_has_unknown(OMNI_CLUSTER, SPAN("")));
	assert_false(codec_has_unknown(OMNI_CLUSTER, SPAN("\x1a\x7f" "1")));
	/* the second of two meta values in a machine class */
	static const char in_list[] = "\x12\x0a\x1a\x02\x08\x01\x1a\x04\x08\x01\x78\x07";
	assert_true(codec_has_unknown(OMNI_MACHINE_CLASS, (struct span){in_list, sizeof in_list - 1}));
	assert_false(codec_has_unknown(NULL, SPAN("x")));
}

static void test_damaged(void **state)
{
	(void)state;
	struct arena arena;
	struct fail fail;
	struct node spec;
	arena_init(&arena, ARENA_NO_LIMIT);
	assert_false(codec_decode(&arena, OMNI_CLUSTER, SPAN("\x1a\x7f" "1"), NULL, &spec, &fail));
	assert_int_equal(fail.code, FAIL_PROTOCOL);
	arena_done(&arena);
}

/* "machine: {}\n" as `zstd` writes it, without a dictionary and said to need the dictionary 1. */
static const char frame[] = "\x28\xb5\x2f\xfd\x20\x0c\x61\x00\x00machine: {}\n";
static const char frame_with_dictionary[] = "\x28\xb5\x2f\xfd\x21\x01\x0c\x61\x00\x00machine: {}\n";

static bool decode_patch(struct arena *arena, struct span compressed, struct node *out, struct fail *fail)
{
	struct span bytes = arena_spanf(arena, "\x12%c%.*s", (char)compressed.len, 0, "");
	char *all = arena_alloc(arena, bytes.len + compressed.len);
	memcpy(all, bytes.ptr, bytes.len);
	memcpy(all + bytes.len, compressed.ptr, compressed.len);
	return codec_decode(arena, OMNI_CONFIG_PATCH, (struct span){all, bytes.len + compressed.len}, NULL, out, fail);
}

static void test_compressed(void **state)
{
	(void)state;
	struct arena arena;
	struct fail fail;
	struct node spec;
	arena_init(&arena, ARENA_NO_LIMIT);
	assert_true(decode_patch(&arena, (struct span){frame, sizeof frame - 1}, &spec, &fail));
	assert_span(node_text_at(&spec, "data"), "machine: {}\n");
	assert_null(node_get(&spec, "compresseddata"));
	assert_false(decode_patch(&arena, (struct span){frame_with_dictionary, sizeof frame_with_dictionary - 1}, &spec, &fail));
	assert_int_equal(fail.code, FAIL_UNSUPPORTED);
	for (size_t cut = 1; cut < sizeof frame - 1; cut++)
		assert_false(decode_patch(&arena, (struct span){frame, cut}, &spec, &fail));
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table_agrees),  cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_unknown_fields_stay), cmocka_unit_test(test_unknown_fields_are_found),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_compressed),
	};
	return RUN_TESTS(tests);
}
