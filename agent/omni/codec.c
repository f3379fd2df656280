#include "agent/omni/codec.h"

#include "agent/omni/compress.h"
#include "agent/omni/proto/specs.pb-c.h"
#include "agent/omni/proto/statuses.pb-c.h"
#include "base/cleanup.h"
#include "render/load.h"

const ProtobufCMessageDescriptor *codec_descriptor(const char *spec_name)
{
	static const ProtobufCMessageDescriptor *const all[] = {
		&specs__cluster_spec__descriptor,
		&specs__machine_set_spec__descriptor,
		&specs__machine_set_node_spec__descriptor,
		&specs__config_patch_spec__descriptor,
		&specs__kubernetes_manifest_group_spec__descriptor,
		&specs__kubernetes_health_check_spec__descriptor,
		&specs__extensions_configuration_spec__descriptor,
		&specs__kernel_args_spec__descriptor,
		&specs__machine_install_disk_config_spec__descriptor,
		&specs__machine_class_spec__descriptor,
		&specs__machine_request_set_spec__descriptor,
		&specs__machine_labels_spec__descriptor,
		&specs__etcd_manual_backup_spec__descriptor,
		&specs__siderolink_spec__descriptor,
		&specs__cluster_status_spec__descriptor,
		&specs__machine_status_spec__descriptor,
		&specs__machine_set_status_spec__descriptor,
		&specs__cluster_machine_status_spec__descriptor,
		&specs__control_plane_status_spec__descriptor,
		&specs__load_balancer_status_spec__descriptor,
		&specs__kubernetes_upgrade_status_spec__descriptor,
		&specs__talos_upgrade_status_spec__descriptor,
		&specs__kubernetes_health_check_status_spec__descriptor,
		&specs__kernel_args_status_spec__descriptor,
		&specs__machine_install_disk_status_spec__descriptor,
		&specs__talos_version_spec__descriptor,
		&specs__kubernetes_version_spec__descriptor,
		&specs__sys_version_spec__descriptor,
	};
	for (size_t i = 0; i < COUNT_OF(all); i++)
		if (strcmp(all[i]->short_name, spec_name) == 0)
			return all[i];
	return NULL;
}

static void *allocate(void *arena, size_t size)
{
	return arena_try_alloc(arena, size);
}

static void keep(void *arena, void *ptr)
{
	(void)arena;
	(void)ptr; /* it goes with the arena */
}

void *codec_unpack(struct arena *arena, const ProtobufCMessageDescriptor *descriptor, struct span bytes)
{
	ProtobufCAllocator allocator = {allocate, keep, arena};
	return protobuf_c_message_unpack(descriptor, &allocator, bytes.len, (const uint8_t *)bytes.ptr);
}

/* The place of a field in a message; nothing is cast to what it is not. */
static void *place(const ProtobufCMessage *message, unsigned offset)
{
	return (char *)(uintptr_t)message + offset;
}

static size_t item_size(enum spec_kind kind)
{
	switch (kind) {
	case SPEC_BOOL: return sizeof(protobuf_c_boolean);
	case SPEC_INT64:
	case SPEC_UINT64: return sizeof(int64_t);
	case SPEC_STRING:
	case SPEC_MESSAGE:
	case SPEC_MAP: return sizeof(void *);
	case SPEC_BYTES: return sizeof(ProtobufCBinaryData);
	default: return sizeof(int32_t);
	}
}

/* --- nodes to bytes ----------------------------------------------------------------------------------------------------- */

static ProtobufCMessage *build(struct arena *arena, const ProtobufCMessageDescriptor *descriptor,
			       const struct spec_message *table, const struct node *spec, const ProtobufCMessage *old);

static void set_value(struct arena *arena, const ProtobufCFieldDescriptor *descriptor, const struct spec_field *field,
		      const struct node *value, const ProtobufCMessage *old, void *out)
{
	int64_t number = 0;
	struct span text = node_text(value);
	span_int(text, INT64_MIN, INT64_MAX, &number);
	switch (field->kind) {
	case SPEC_STRING: *(char **)out = arena_string(arena, text); break;
	case SPEC_BOOL: *(protobuf_c_boolean *)out = span_is(text, "true"); break;
	case SPEC_INT64:
	case SPEC_UINT64: *(int64_t *)out = number; break;
	case SPEC_BYTES: *(ProtobufCBinaryData *)out = (ProtobufCBinaryData){text.len, (uint8_t *)(uintptr_t)text.ptr}; break;
	case SPEC_MESSAGE: *(ProtobufCMessage **)out = build(arena, descriptor->descriptor, field->message, value, old); break;
	case SPEC_MAP: break;
	default: *(uint32_t *)out = (uint32_t)number; break;
	}
}

static void set_list(struct arena *arena, const ProtobufCFieldDescriptor *descriptor, const struct spec_field *field,
		     const struct node *list, const ProtobufCMessage *old, ProtobufCMessage *message)
{
	size_t size = item_size(field->kind);
	char *items = arena_alloc(arena, list->len * size);
	bool is_paired = old != NULL && field->kind == SPEC_MESSAGE &&
			 *(size_t *)place(old, descriptor->quantifier_offset) == list->len;
	for (size_t i = 0; i < list->len; i++) {
		const ProtobufCMessage *twin =
			is_paired ? (*(ProtobufCMessage ***)place(old, descriptor->offset))[i] : NULL;
		set_value(arena, descriptor, field, &list->items[i], twin, items + i * size);
	}
	*(size_t *)place(message, descriptor->quantifier_offset) = list->len;
	*(void **)place(message, descriptor->offset) = items;
}

/* A map is a list of messages {key, value} on the wire. */
static void set_map(struct arena *arena, const ProtobufCFieldDescriptor *descriptor, const struct node *map,
		    ProtobufCMessage *message)
{
	Specs__Label **items = ARENA_ARRAY(arena, Specs__Label *, map->len);
	for (size_t i = 0; i < map->len; i++) {
		items[i] = ARENA_NEW(arena, Specs__Label);
		specs__label__init(items[i]);
		items[i]->key = arena_string(arena, node_text(&map->pairs[i].key));
		items[i]->value = arena_string(arena, node_text(&map->pairs[i].value));
	}
	*(size_t *)place(message, descriptor->quantifier_offset) = map->len;
	*(void **)place(message, descriptor->offset) = items;
}

/* As deep as the tables are. */
static ProtobufCMessage *build(struct arena *arena, const ProtobufCMessageDescriptor *descriptor,
			       const struct spec_message *table, const struct node *spec, const ProtobufCMessage *old)
{
	ProtobufCMessage *message = arena_alloc(arena, descriptor->sizeof_message);
	descriptor->message_init(message);
	if (old != NULL) {
		message->n_unknown_fields = old->n_unknown_fields;
		message->unknown_fields = old->unknown_fields;
	}
	for (size_t i = 0; i < table->field_count; i++) {
		const struct spec_field *field = &table->fields[i];
		const ProtobufCFieldDescriptor *at = protobuf_c_message_descriptor_get_field(descriptor, field->number);
		const struct node *value = node_get(spec, field->key);
		if (!node_is_set(value))
			continue;
		const ProtobufCMessage *old_part = NULL;
		if (old != NULL && field->kind == SPEC_MESSAGE && !field->is_repeated)
			old_part = *(ProtobufCMessage **)place(old, at->offset);
		if (field->kind == SPEC_MAP)
			set_map(arena, at, value, message);
		else if (field->is_repeated)
			set_list(arena, at, field, value, old, message);
		else
			set_value(arena, at, field, value, old_part, place(message, at->offset));
	}
	return message;
}

bool codec_encode(struct arena *arena, const struct omni_type *type, const struct node *spec, struct span old,
		  struct span *out_bytes, struct fail *fail)
{
	const ProtobufCMessageDescriptor *descriptor = codec_descriptor(type->spec->name);
	ProtobufCMessage *before = old.len == 0 ? NULL : codec_unpack(arena, descriptor, old);
	if (old.len > 0 && before == NULL)
		return fail_set(fail, FAIL_PROTOCOL, "the stored spec of a %s cannot be decoded", type->name);
	ProtobufCMessage *message = build(arena, descriptor, type->spec, spec, before);
	size_t size = protobuf_c_message_get_packed_size(message);
	uint8_t *bytes = arena_alloc(arena, size + 1);
	protobuf_c_message_pack(message, bytes);
	*out_bytes = (struct span){(const char *)bytes, size};
	return true;
}

/* --- bytes to nodes ----------------------------------------------------------------------------------------------------- */

static struct node read_message(struct arena *arena, const struct spec_message *table, const ProtobufCMessage *message);

static struct node number_node(struct arena *arena, int64_t value)
{
	return value == 0 ? (struct node){0} : node_int(arena, value);
}

static struct node text_node(const char *text)
{
	return text == NULL || text[0] == '\0' ? (struct node){0} : node_string(span_of(text));
}

/* NODE_ABSENT is the zero value. */
static struct node read_value(struct arena *arena, const struct spec_field *field, const void *at)
{
	const ProtobufCBinaryData *bytes = at;
	const ProtobufCMessage *message;
	switch (field->kind) {
	case SPEC_STRING: return text_node(*(const char *const *)at);
	case SPEC_BOOL: return *(const protobuf_c_boolean *)at ? node_bool(true) : (struct node){0};
	case SPEC_INT64:
	case SPEC_UINT64: return number_node(arena, *(const int64_t *)at);
	case SPEC_UINT32: return number_node(arena, *(const uint32_t *)at);
	case SPEC_BYTES:
		return bytes->len == 0 ? (struct node){0} : node_string((struct span){(const char *)bytes->data, bytes->len});
	case SPEC_MESSAGE:
		message = *(const ProtobufCMessage *const *)at;
		return message == NULL ? (struct node){0} : read_message(arena, field->message, message);
	default: return number_node(arena, *(const int32_t *)at);
	}
}

static struct node read_list(struct arena *arena, const struct spec_field *field,
			     const ProtobufCFieldDescriptor *descriptor, const ProtobufCMessage *message)
{
	size_t count = *(const size_t *)place(message, descriptor->quantifier_offset);
	const char *items = *(const char *const *)place(message, descriptor->offset);
	struct node list = node_seq(arena, count);
	for (size_t i = 0; i < count; i++) {
		struct node item = read_value(arena, field, items + i * item_size(field->kind));
		node_push(&list, item.kind == NODE_ABSENT ? node_string(SPAN("")) : item);
	}
	return count == 0 ? (struct node){0} : list;
}

static struct node read_map(struct arena *arena, const ProtobufCFieldDescriptor *descriptor,
			    const ProtobufCMessage *message)
{
	size_t count = *(const size_t *)place(message, descriptor->quantifier_offset);
	Specs__Label *const *items = *(Specs__Label *const *const *)place(message, descriptor->offset);
	struct node map = node_map(arena, count);
	for (size_t i = 0; i < count; i++) { /* a small insertion sort: maps have no order on the wire */
		struct pair pair = {node_string(span_of(items[i]->key)), node_string(span_of(items[i]->value))};
		size_t at = map.len++;
		for (; at > 0 && strcmp(map.pairs[at - 1].key.text, pair.key.text) > 0; at--)
			map.pairs[at] = map.pairs[at - 1];
		map.pairs[at] = pair;
	}
	return count == 0 ? (struct node){0} : map;
}

/* As deep as the tables are. */
static struct node read_message(struct arena *arena, const struct spec_message *table, const ProtobufCMessage *message)
{
	struct node out = node_map(arena, table->field_count);
	for (size_t i = 0; i < table->field_count; i++) {
		const struct spec_field *field = &table->fields[i];
		const ProtobufCFieldDescriptor *at =
			protobuf_c_message_descriptor_get_field(message->descriptor, field->number);
		struct node value = field->kind == SPEC_MAP ? read_map(arena, at, message)
				    : field->is_repeated    ? read_list(arena, field, at, message)
							    : read_value(arena, field, place(message, at->offset));
		if (value.kind != NODE_ABSENT)
			node_put(&out, field->key, value);
	}
	return out;
}

/* Who lacks the dictionary takes the text from the YAML: the server that has it put it there. */
static bool read_content(struct arena *arena, struct span compressed, const struct codec_content *content,
			 struct span *out_text, struct fail *fail)
{
	struct fail local = {0};
	struct node yaml;
	if (content_expand(arena, compressed, content->dictionary, out_text, &local))
		return true;
	if (local.code == FAIL_UNSUPPORTED && content->yaml.len > 0 && load_one(arena, content->yaml, LOAD_OMNI, &yaml, NULL)) {
		const struct node *data = node_get(&yaml, "data");
		if (node_is(data, NODE_STRING)) {
			*out_text = node_text(data);
			return true;
		}
	}
	return fail_set(fail, local.code, "%s", local.text);
}

static bool expand_content(struct arena *arena, struct node *spec, const struct codec_content *content, struct fail *fail)
{
	const struct node *compressed = node_get(spec, "compresseddata");
	struct span text;
	if (compressed == NULL)
		return true;
	if (!read_content(arena, node_text(compressed), content, &text, fail))
		return false;
	struct node out = node_map(arena, spec->len);
	bool is_put = text.len == 0;
	for (uint32_t i = 0; i < spec->len; i++) {
		struct span key = node_text(&spec->pairs[i].key);
		bool is_content = span_is(key, "data") || span_is(key, "compresseddata");
		if (is_content && !is_put)
			node_put(&out, "data", node_string(text));
		else if (!is_content)
			node_put_span(&out, key, spec->pairs[i].value);
		is_put |= is_content;
	}
	*spec = out;
	return true;
}

bool codec_decode(struct arena *arena, const struct omni_type *type, struct span bytes,
		  const struct codec_content *content, struct node *out_spec, struct fail *fail)
{
	static const struct codec_content none;
	const ProtobufCMessage *message = codec_unpack(arena, codec_descriptor(type->spec->name), bytes);
	if (message == NULL)
		return fail_set(fail, FAIL_PROTOCOL, "the spec of a %s cannot be decoded", type->name);
	struct node spec = read_message(arena, type->spec, message);
	if ((type->flags & OMNI_CONTENT) != 0 && !expand_content(arena, &spec, content == NULL ? &none : content, fail))
		return false;
	*out_spec = spec;
	return true;
}

/* --- what is not known ------------------------------------------------------------------------------------------------ */

/* As deep as the descriptors are. */
static bool has_unknown(const ProtobufCMessage *message)
{
	if (message->n_unknown_fields > 0)
		return true;
	for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
		if (field->type != PROTOBUF_C_TYPE_MESSAGE)
			continue;
		bool is_list = field->label == PROTOBUF_C_LABEL_REPEATED;
		ProtobufCMessage *const *one = place(message, field->offset);
		ProtobufCMessage *const *items = is_list ? *(ProtobufCMessage ***)place(message, field->offset) : one;
		size_t count = is_list ? *(const size_t *)place(message, field->quantifier_offset) : *one != NULL;
		for (size_t j = 0; j < count; j++)
			if (has_unknown(items[j]))
				return true;
	}
	return false;
}

bool codec_has_unknown(const struct omni_type *type, struct span bytes)
{
	const ProtobufCMessageDescriptor *descriptor = type == NULL || type->spec == NULL ? NULL : codec_descriptor(type->spec->name);
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	const ProtobufCMessage *message = descriptor == NULL || bytes.len == 0 ? NULL : codec_unpack(&arena, descriptor, bytes);
	bool found = message != NULL && has_unknown(message);
	arena_done(&arena);
	return found;
}
